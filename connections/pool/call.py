"""What a pool is asked: one request to one host."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from connections.pool.address import Host
from connections.pool.head import Head


class Call(NamedTuple):
    """One request. `head` is what `encoded` made; `timeout` is seconds for all.

    After `send_by` it does not leave, nor when `is_stopped` says so right before its first byte.
    """

    host: Host
    method: str
    target: str
    head: Head = ()
    body: bytes = b""
    send_by: datetime | None = None
    timeout: float | None = None
    is_stopped: Callable[[], Awaitable[bool]] | None = None
