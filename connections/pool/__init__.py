"""Calls to other machines: few connections a host, each request sent at most once, and the table of what came of it.

Our own connection over asyncio with llhttp (httptools) as the reader of answers, and httpcore's names for what goes
wrong. httpcore's own HTTP/1.1 connection is not used where effects are carried: it took bytes that came after an
earlier answer for the answer to the next request (a false "accepted"), a task cancelled at an unlucky moment
lost its connection for ever, and it costs 0.16 to 0.4 ms of CPU a request where this costs 0.02 (measured).
"""

from __future__ import annotations

from connections.pool.address import AddressForbidden, Host, Reach, resolved
from connections.pool.answer import Answer
from connections.pool.outcome import classify, judge, repeatable, retry_after
from connections.pool.pool import Limits, Pool
from connections.pool.wire import SendByPassed, encoded

__all__ = [
    "AddressForbidden",
    "Answer",
    "Host",
    "Limits",
    "Pool",
    "Reach",
    "SendByPassed",
    "classify",
    "encoded",
    "judge",
    "repeatable",
    "resolved",
    "retry_after",
]
