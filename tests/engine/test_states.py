from __future__ import annotations

from datetime import UTC, timedelta

from engine.records import EntityRecord
from engine.states import END_OF_TIME, Overlay, Snapshot, States
from engine.testing import CountedIds
from tests.house import START

LATER = START + timedelta(minutes=5)


def test_a_state_that_stays_keeps_since_when_it_is_so() -> None:
    states = States([EntityRecord("job.a", "running", {"n": 1}, START, START)])
    changed = states.changed("job.a", "running", {"n": 2}, LATER)
    assert changed == EntityRecord("job.a", "running", {"n": 2}, START, LATER)
    assert states.changed("job.a", "finished", {"n": 1}, LATER) == EntityRecord(
        "job.a", "finished", {"n": 1}, LATER, LATER
    )


def test_what_stands_so_already_is_no_change() -> None:
    states = States([EntityRecord("job.a", "running", {"n": 1}, START, START)])
    assert states.changed("job.a", "running", {"n": 1}, LATER) is None


def test_asking_changes_nothing_and_taking_does() -> None:
    states = States()
    record = states.changed("job.a", "running", {}, START)
    assert states.get("job.a") is None
    assert record is not None
    states.take(record)
    found = states.get("job.a")
    assert found is not None
    assert found.state == "running"
    states.load([])
    assert states.get("job.a") is None


def test_entities_below_a_prefix_come_by_name() -> None:
    states = States(EntityRecord(name, "x", {}, START, START) for name in ("job.b", "sensor.a", "job.a"))
    view = Snapshot(START, UTC, CountedIds(), Overlay(states))
    assert [state.entity for state in view.entities("job.")] == ["job.a", "job.b"]
    assert view.state("job.c") is None


def test_no_wait_lasts_longer_than_time() -> None:
    view = Snapshot(START, UTC, CountedIds())
    assert view.after(timedelta(minutes=5)) == LATER
    assert view.after(timedelta.max) == END_OF_TIME
