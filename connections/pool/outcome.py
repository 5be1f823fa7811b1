"""The table of promise P10 as data: what surely happened, by exception and by status.

Only what surely did not happen is ever tried again by itself; in doubt the outcome is Unsure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore

from connections.pool.address import AddressForbidden
from connections.pool.answer import Answer
from connections.pool.wire import SendByPassed
from engine.plugin import Accepted, Outcome, Refused, Unsure, Waiting

LONGEST_WAIT: Final = timedelta(days=1)


def _waiting(problem: str = "") -> Callable[[str], Outcome]:
    return lambda reason: Waiting(reason, problem=problem)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what it makes of a reason, and the words when the exception brings none."""

    outcome: Callable[[str], Outcome]
    says: str


EXCEPTIONS: Final[tuple[tuple[type[Exception], Row], ...]] = (
    (SendByPassed, Row(_waiting(), "not sent: it was too late to send it safely")),
    (AddressForbidden, Row(_waiting("address-not-allowed"), "not sent: the address is not allowed")),
    (httpcore.ConnectError, Row(_waiting("unreachable"), "cannot connect")),
    (httpcore.ConnectTimeout, Row(_waiting("unreachable"), "connecting took too long")),
    (httpcore.PoolTimeout, Row(_waiting(), "not sent: all connections are busy")),
    (httpcore.UnsupportedProtocol, Row(_waiting(), "not sent: neither http nor https")),
    (httpcore.ReadTimeout, Row(Unsure, "sent, but no answer came in time")),
    (httpcore.WriteTimeout, Row(Unsure, "sending took too long")),
    (httpcore.ReadError, Row(Unsure, "sent, but the connection broke before the answer")),
    (httpcore.WriteError, Row(Unsure, "the connection broke while sending")),
    (httpcore.RemoteProtocolError, Row(Unsure, "sent, but the answer was not HTTP")),
)
OTHER_EXCEPTION: Final = Row(Unsure, "something went wrong while sending")

STATUSES: Final[tuple[tuple[range, Row], ...]] = (
    (range(200, 300), Row(Accepted, "")),
    (range(300, 400), Row(Refused, "the address has moved, and redirects are not followed")),
    (range(401, 402), Row(_waiting("token-refused"), "the token was refused")),
    (range(403, 404), Row(_waiting("token-refused"), "the token may not do this")),
    (range(408, 409), Row(Unsure, "the other side gave up waiting for the request")),
    (range(429, 430), Row(_waiting("rate-limited"), "too many requests for now")),
    (range(400, 500), Row(Refused, "the request was refused")),
    (range(500, 600), Row(Unsure, "the other side failed")),
)
OTHER_STATUS: Final = Row(Unsure, "an answer without meaning")


def classify(error: Exception) -> Outcome:
    """The outcome of a call that raised; its reason is the exception's own words where they are ours."""
    for kind, row in EXCEPTIONS:
        if isinstance(error, kind):
            return row.outcome(str(error) or row.says)
    return OTHER_EXCEPTION.outcome(f"{OTHER_EXCEPTION.says} ({type(error).__name__})")


def judge(answer: Answer, now: datetime) -> Outcome:
    """The outcome of a call that was answered, by its status alone; 429 waits as long as `Retry-After` says."""
    row = next((row for statuses, row in STATUSES if answer.status in statuses), OTHER_STATUS)
    outcome = row.outcome(f"{row.says} (status {answer.status})")
    if isinstance(outcome, Accepted):
        return Accepted(proof=f"status {answer.status}")
    if isinstance(outcome, Waiting) and answer.status == 429:
        return Waiting(outcome.reason, retry_after(answer, now), outcome.problem)
    return outcome


def repeatable(outcome: Outcome) -> Outcome:
    """The outcome of a request that may safely be made twice: unsure becomes waiting."""
    return Waiting(outcome.reason, problem="failing") if isinstance(outcome, Unsure) else outcome


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """How long `Retry-After` asks to wait (seconds or an HTTP date), at most a day; None if it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
