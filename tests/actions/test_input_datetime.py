from __future__ import annotations

import pytest

from engine.values import Json
from tests.living import do, state, world

KEPT = """
input_datetime:
  day: {has_date: true, initial: "2026-03-31"}
  alarm: {has_time: true, initial: "07:15"}
  begin: {has_date: true, has_time: true, initial: "2026-03-31 07:15:30"}
"""
SET = "input_datetime.set_datetime"


@pytest.mark.parametrize(
    ("entity", "data", "becomes"),
    [
        ("day", {"date": "2026-05-01"}, "2026-05-01"),
        ("day", {"datetime": "2026-05-01 10:00:00"}, "2026-05-01"),
        ("day", {"date": "2026-05-01", "time": "10:00"}, "2026-05-01"),
        ("alarm", {"time": "6:30"}, "06:30:00"),
        ("alarm", {"time": "00:00:00"}, "00:00:00"),
        ("alarm", {"timestamp": 1772425800}, "10:00:00"),
        ("begin", {"date": "2026-05-01"}, "2026-05-01 07:15:30"),
        ("begin", {"time": "10:00:05"}, "2026-03-31 10:00:05"),
        ("begin", {"date": "2026-05-01", "time": "10:00"}, "2026-05-01 10:00:00"),
        ("begin", {"datetime": "2026-05-01T10:00:00+00:00"}, "2026-05-01 15:30:00"),
        ("begin", {"timestamp": "1772425800"}, "2026-03-02 10:00:00"),
    ],
)
async def test_what_is_given_is_set_and_the_rest_stays(entity: str, data: dict[str, Json], becomes: str) -> None:
    async with world(KEPT, SET, time_zone="Asia/Kolkata") as w:
        outcome, reason = await do(w, SET, {"entity_id": f"input_datetime.{entity}", **data})
        assert (outcome, state(w, f"input_datetime.{entity}")) == ("finished", becomes), reason


@pytest.mark.parametrize(
    ("entity", "data", "reason"),
    [
        ("day", {"time": "10:00"}, 'input_datetime.day holds a date, such as "2026-03-31", and none was given'),
        ("alarm", {"date": "2026-05-01"}, "and none was given"),
        ("alarm", {}, "there is nothing to set; add date, time, datetime or timestamp"),
        ("begin", {"date": "2026-05-01", "timestamp": 5}, '"timestamp" is given beside "date"; keep one of them'),
        ("begin", {"datetime": "2026-05-01 10:00", "timestamp": 5}, "keep one of them"),
        ("begin", {"date": "2026-02-30"}, "date: expected a date such as"),
        ("alarm", {"time": "25:00"}, "time: expected a time of day such as"),
        ("begin", {"datetime": "soon"}, "datetime: expected a date with a time of day"),
        ("begin", {"timestamp": 1e15}, "is no time that a calendar knows"),
    ],
)
async def test_what_cannot_be_set_fails_the_step(entity: str, data: dict[str, Json], reason: str) -> None:
    async with world(KEPT, SET) as w:
        before = state(w, f"input_datetime.{entity}")
        outcome, why = await do(w, SET, {"entity_id": f"input_datetime.{entity}", **data})
        assert (outcome, reason in why) == ("error", True), why
        assert state(w, f"input_datetime.{entity}") == before


async def test_the_parts_are_attributes() -> None:
    async with world(KEPT, SET, time_zone="Asia/Kolkata") as w:
        await do(w, SET, {"entity_id": "input_datetime.begin", "timestamp": 1772425800})
        found = [w.state(f"input_datetime.{name}") for name in ("begin", "alarm", "day")]
        begin, alarm, day = (stands.attributes if stands else {} for stands in found)
        assert begin == {
            "editable": False,
            "has_date": True,
            "has_time": True,
            "year": 2026,
            "month": 3,
            "day": 2,
            "hour": 10,
            "minute": 0,
            "second": 0,
            "timestamp": 1772425800.0,
        }
        assert alarm["timestamp"] == 7 * 3600 + 15 * 60
        assert (day["timestamp"], "hour" in day) == (1774895400.0, False)
