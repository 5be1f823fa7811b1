"""How much a rule may send in an hour and a day."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from engine.runs.caps import Caps, clock_time
from tests.engine.journal.records import NOON, effect


def made(op_id: str, caps: Any) -> Any:
    record: Any = effect(op_id, "queued")
    return record._replace(rule="r", caps=caps)


def test_windows_roll_on_with_the_clock() -> None:
    caps = Caps(UTC)
    for minute in (0, 10, 20):
        caps.take(made(f"op{minute}", {"hour": 3, "day": 4}), NOON + timedelta(minutes=minute))
    assert "in this hour" in caps.over(made("x", {"hour": 3, "day": 4}), NOON + timedelta(minutes=59))
    assert caps.over(made("x", {"hour": 3, "day": 4}), NOON + timedelta(minutes=60)) == ""
    caps.take(made("x", {"hour": 3, "day": 4}), NOON + timedelta(minutes=60))
    later = NOON + timedelta(hours=5)
    assert "in this day" in caps.over(made("y", {"hour": 3, "day": 4}), later)
    assert caps.over(made("y", {"hour": 3, "day": 4}), NOON + timedelta(days=1)) == ""


def test_a_smaller_cap_counts_what_was_sent_before_and_names_when_there_is_a_place() -> None:
    caps = Caps(UTC)
    for minute in (0, 10, 20):
        caps.take(made(f"op{minute}", {"hour": 3}), NOON + timedelta(minutes=minute))
    reason = caps.over(made("x", {"hour": 2}), NOON + timedelta(minutes=30))
    assert reason == "the rule has sent 3 messages in this hour, max_sends allows 2; the next is possible at 13:10"


def test_a_time_of_another_day_is_told_with_its_day() -> None:
    assert clock_time(NOON + timedelta(days=1), NOON, UTC) == "2026-03-30 12:00"
    assert clock_time(NOON, NOON, UTC) == "12:00"
