from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connections.pool.answer import Answer
from connections.pool.outcome import judge, repeatable, retry_after
from engine.plugin import Accepted, Outcome, Refused, Unsure, Waiting

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind", "problem"),
    [
        (200, Accepted, None),
        (299, Accepted, None),
        (302, Refused, None),
        (404, Refused, None),
        (401, Waiting, "token-refused"),
        (403, Waiting, "token-refused"),
        (408, Unsure, None),
        (429, Waiting, "rate-limited"),
        (500, Unsure, None),
        (101, Unsure, None),
        (999, Unsure, None),
    ],
)
def test_a_status_has_the_outcome_of_the_table(status: int, kind: type, problem: str | None) -> None:
    outcome = judge(Answer(status, {}, b""), NOW)
    assert type(outcome) is kind
    assert getattr(outcome, "problem", None) == problem
    assert getattr(outcome, "answered", True), "every status proves that the other side can be reached"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("7", timedelta(seconds=7)),
        ("999999999999", timedelta(days=1)),
        ("Mon, 02 Mar 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 02 Mar 2026 08:00:00 GMT", timedelta(0)),
        ("Mon, 02 Mar 2099 08:00:00 -0000", timedelta(days=1)),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(text: str, wait: timedelta | None) -> None:
    answer = Answer(429, {"retry-after": text}, b"")
    assert retry_after(answer, NOW) == wait
    assert judge(answer, NOW) == Waiting("too many requests for now (status 429)", wait, "rate-limited")


def test_what_may_be_repeated_waits_instead_of_being_unsure() -> None:
    assert repeatable(Unsure("cut")) == Waiting("cut", problem="failing")
    assert [_is_answered(repeatable(Unsure("cut", answered=each))) for each in (False, True)] == [False, True]
    assert repeatable(Refused("no")) == Refused("no")


def _is_answered(outcome: Outcome) -> bool:
    return isinstance(outcome, Waiting) and outcome.answered
