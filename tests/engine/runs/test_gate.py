"""The last look before an intent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine.runs.gate import SEND_BY, STOPPED, Gate, Held, Over
from engine.runs.limits import kept
from engine.values import Limit
from tests.engine.journal.records import NOON, effect

PAIR = Limit("pair", 1 / 6, 2, "1 message in 6 s to this contact")


def made(op_id: str = "op", **values: Any) -> Any:
    record: Any = effect(op_id, "queued")
    return record._replace(**{"limits": None, "caps": None, "rule": "r", **values})


def test_what_has_no_bounds_passes_while_there_is_room() -> None:
    gate = Gate(places=1)
    assert gate.passes(made("a"), NOON)
    assert not gate.passes(made("b"), NOON)


def test_nothing_passes_while_sending_is_stopped() -> None:
    gate = Gate()
    gate.stopped = True
    assert not gate.passes(made(), NOON)
    assert gate.look(made(), NOON) == Held(STOPPED)
    assert gate.room.taken == 0


def test_over_a_limit_it_is_held_and_the_reason_names_limit_and_time() -> None:
    gate = Gate()
    limits = kept([PAIR])
    assert gate.passes(made("a", limits=limits), NOON)
    assert gate.passes(made("b", limits=limits), NOON)
    assert not gate.passes(made("c", limits=limits), NOON)
    assert gate.room.taken == 2
    six = timedelta(seconds=6)
    assert gate.look(made("c", limits=limits), NOON) == Held(
        "1 message in 6 s to this contact, until 12:00:06", NOON + six
    )
    assert gate.look(made("c", limits=limits), NOON + six) is None


def test_over_its_cap_a_rule_is_refused_with_the_time_of_the_next() -> None:
    gate = Gate()
    assert gate.look(made("a", caps={"hour": 1}), NOON) is None
    found = gate.look(made("b", caps={"hour": 1}), NOON + timedelta(minutes=5))
    reason = "the rule has sent 1 message in this hour, max_sends allows 1; the next is possible at 13:00"
    assert found == Over(reason)
    assert gate.look(made("b", caps={"hour": 1}), NOON + timedelta(hours=1)) is None


def test_what_did_not_leave_does_not_count() -> None:
    gate = Gate()
    first = made("a", caps={"day": 1})
    assert gate.look(first, NOON) is None
    gate.undo(first)
    assert gate.look(made("b", caps={"day": 1}), NOON) is None


def test_what_the_other_side_says_was_overrun_closes_for_everybody() -> None:
    gate = Gate()
    sent, limits = made("a", limits=kept([PAIR])), kept([PAIR])
    assert gate.passes(sent, NOON)
    gate.overrun(sent, "pair", NOON + timedelta(minutes=1))
    held = gate.look(made("b", limits=limits), NOON)
    assert isinstance(held, Held)
    assert held.until == NOON + timedelta(minutes=1)


def test_after_a_restart_what_has_left_counts() -> None:
    gate = Gate()
    left = made("a", caps={"hour": 1}, limits=kept([PAIR]), send_by=NOON + SEND_BY)
    gate.load([left], [left, left._replace(op_id="b")], is_all=True)
    assert isinstance(gate.look(made("c", caps={"hour": 1}), NOON), Over)
    assert isinstance(gate.look(made("d", limits=kept([PAIR])), NOON), Held)


def test_where_not_all_is_known_buckets_were_empty_before() -> None:
    gate = Gate()
    gate.load([], [made("a", created=NOON)], is_all=False)
    assert not gate.passes(made("b", limits=kept([Limit("other", 1, 5)])), NOON - timedelta(seconds=1))
    assert gate.passes(made("b", limits=kept([Limit("other", 1, 5)])), NOON)
