from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.records import DueRecord, EffectRecord, InboxRecord
from engine.runs.retry import LONGEST_WAIT, backoff, cancelled, settled
from engine.testing import CountedIds
from engine.values import Accepted, Outcome, Refused, Unsure, Waiting
from tests.engine.journal.records import effect
from tests.house import START


def written(outcome: Outcome, **fields: Any) -> tuple[dict[str, Any], list[Any]]:
    record: EffectRecord = effect("op", "intent")._replace(idempotent=False, **fields)
    changes = settled(record, outcome, START, CountedIds())
    assert changes.expect[0].values == {"state": "intent"}
    return dict(changes.update[0].values), changes.put


def test_waiting_gets_longer_up_to_five_minutes() -> None:
    assert [backoff(n).total_seconds() for n in (0, 1, 2, 3, 9)] == [1, 1, 2, 4, 256]
    assert backoff(10) == backoff(10_000) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Accepted({"a": 1}, "message id"), "accepted", "message id"),
        (Accepted(), "accepted", "accepted"),
        (Refused("no"), "refused", "no"),
        (Unsure("lost"), "unsure", "lost"),
    ],
)
def test_an_end_is_written_and_told(outcome: Outcome, state: str, reason: str) -> None:
    values, (message,) = written(outcome)
    assert (values["state"], values["reason"], values["ended"]) == (state, reason, START)
    assert isinstance(message, InboxRecord)
    assert (message.data["op_id"], message.data["state"]) == ("op", state)


def test_what_waits_is_due_when_the_outside_says_or_after_the_backoff() -> None:
    values, (due,) = written(Waiting("busy", timedelta(seconds=40)))
    assert (values["state"], values["due"]) == ("waiting", START + timedelta(seconds=40))
    assert due == DueRecord("effect/op", "effect", START + timedelta(seconds=40), {"op_id": "op"})
    values, _ = written(Waiting("busy"), attempts=3)
    assert values["due"] == START + timedelta(seconds=4)


def test_what_is_safe_to_repeat_waits_instead_of_being_unsure() -> None:
    changes = settled(effect("op", "intent"), Unsure("lost"), START, CountedIds())
    assert changes.update[0].values["state"] == "waiting"
    assert changes.update[0].values["reason"] == "lost; it is safe to repeat"


def test_nothing_is_due_after_the_end_of_its_worth() -> None:
    values, _ = written(Waiting("busy", timedelta(hours=1)), valid_until=START + timedelta(minutes=1))
    assert values["due"] == START + timedelta(minutes=1)
    values, _ = written(Waiting("busy"), valid_until=START)
    assert values["state"] == "expired"


@pytest.mark.parametrize(
    ("idempotent", "attempts", "state", "reason"),
    [
        (False, 0, "cancelled", "the rule was removed"),
        (False, 2, "cancelled", "the rule was removed"),
        (True, 0, "cancelled", "the rule was removed"),
        (True, 1, "dropped", "it may have arrived, and is not sent again: the rule was removed"),
    ],
)
def test_what_nobody_wants_any_more_is_cancelled_unless_it_may_have_arrived(
    idempotent: bool, attempts: int, state: str, reason: str
) -> None:
    waiting = effect("op", "waiting")._replace(idempotent=idempotent, attempts=attempts)
    values = cancelled(waiting, "the rule was removed", START).update[0].values
    assert (values["state"], values["reason"]) == (state, reason)
