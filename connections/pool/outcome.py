"""The table of promise P10 as data, as far as an answer came: what surely happened, by status.

Only what surely did not happen is ever tried again by itself; in doubt the outcome is Unsure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from connections.pool.answer import Answer
from engine.plugin import Accepted, Outcome, Refused, Unsure, Waiting

LONGEST_WAIT: Final = timedelta(days=1)


def waiting(problem: str = "") -> Callable[[str], Outcome]:
    """What a row makes of a reason where surely nothing happened."""
    return lambda reason: Waiting(reason, problem=problem)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what it makes of a reason, and the words for it."""

    outcome: Callable[[str], Outcome]
    says: str


STATUSES: Final[tuple[tuple[range, Row], ...]] = (
    (range(200, 300), Row(Accepted, "")),
    (range(300, 400), Row(Refused, "the address has moved, and redirects are not followed")),
    (range(401, 402), Row(waiting("token-refused"), "the token was refused")),
    (range(403, 404), Row(waiting("token-refused"), "the token may not do this")),
    (range(408, 409), Row(Unsure, "the other side gave up waiting for the request")),
    (range(429, 430), Row(waiting("rate-limited"), "too many requests for now")),
    (range(400, 500), Row(Refused, "the request was refused")),
    (range(500, 600), Row(Unsure, "the other side failed")),
)
OTHER_STATUS: Final = Row(Unsure, "an answer without meaning")


def judge(answer: Answer, now: datetime) -> Outcome:
    """The outcome of a call that was answered, by its status alone; 429 waits as long as `Retry-After` says."""
    row = next((row for statuses, row in STATUSES if answer.status in statuses), OTHER_STATUS)
    outcome = row.outcome(f"{row.says} (status {answer.status})")
    if isinstance(outcome, Accepted):
        return Accepted(proof=f"status {answer.status}")
    if isinstance(outcome, Waiting) and answer.status == 429:
        return Waiting(outcome.reason, retry_after(answer, now), outcome.problem, answered=True)
    return replace(outcome, answered=True) if isinstance(outcome, Waiting | Unsure) else outcome


def repeatable(outcome: Outcome) -> Outcome:
    """The outcome of a request that may safely be made twice: unsure becomes waiting."""
    if not isinstance(outcome, Unsure):
        return outcome
    return Waiting(outcome.reason, problem="failing", answered=outcome.answered)


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
