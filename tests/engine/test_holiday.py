"""Public holidays: which days, where, and what is said of places that there are not."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from engine.holiday import country_fault, name_of, subdivision_fault
from engine.testing import World
from engine.values import Json


@pytest.mark.parametrize(
    ("day", "country", "subdivision", "name"),
    [
        (date(2026, 1, 26), "IN", None, "Republic Day"),
        (date(2026, 1, 26), "in", None, "Republic Day"),
        (date(2026, 1, 27), "IN", None, ""),
        (date(2026, 1, 6), "DE", None, ""),
        (date(2026, 1, 6), "DE", "by", "Epiphany"),
        (date(1900, 1, 27), "IN", None, ""),
    ],
)
def test_what_is_celebrated(day: date, country: str, subdivision: str | None, name: str) -> None:
    assert name_of(day, country, subdivision) == name


@pytest.mark.parametrize(
    ("country", "remedy"),
    [("India", 'write "IN"'), ("united kingdom", 'write "GB"'), ("I", 'did you mean "')],
)
def test_a_country_that_is_none_is_told_with_what_may_be_meant(country: str, remedy: str) -> None:
    assert remedy in country_fault(country)


def test_a_part_of_a_country_is_told_by_its_code() -> None:
    assert subdivision_fault("IN", "KA") == ""
    assert subdivision_fault("IN", "Karnataka").endswith('write "KA"')
    assert subdivision_fault("IN", "KX").startswith("expected one of AN, AP")
    assert "take subdivision out" in subdivision_fault("VA", "X")


def test_where_there_is_no_such_place_nothing_is_known() -> None:
    with pytest.raises(ValueError, match="code of a country"):
        name_of(date(2026, 1, 1), "XX", None)
    with pytest.raises(ValueError, match="expected one of"):
        name_of(date(2026, 1, 1), "IN", "XX")


RULE = """
- id: r
  triggers: {trigger: event, event_type: go}
  conditions: §
  actions: [{stop: done}]
"""


async def answer(condition: str, start: datetime, zone: str = "Asia/Kolkata", **data: Json) -> tuple[str, str]:
    """How a run ends that has this condition, and why."""
    async with World(start=start, time_zone=zone) as w:
        await w.load({"a.yaml": RULE.replace("§", condition)})
        assert "r" in w.engine.programs, w.problems
        await w.fire("go", data)
        (run,) = w.runs("r")
        return run.outcome, run.reason


@pytest.mark.parametrize(
    ("hour", "zone", "outcome"),
    [
        (datetime(2026, 1, 25, 18, 29, tzinfo=UTC), "Asia/Kolkata", "failed_conditions"),
        (datetime(2026, 1, 25, 18, 30, tzinfo=UTC), "Asia/Kolkata", "finished"),
        (datetime(2026, 1, 26, 18, 29, tzinfo=UTC), "Asia/Kolkata", "finished"),
        (datetime(2026, 1, 26, 18, 30, tzinfo=UTC), "Asia/Kolkata", "failed_conditions"),
        (datetime(2026, 1, 25, 18, 30, tzinfo=UTC), "UTC", "failed_conditions"),
    ],
)
async def test_today_is_that_of_the_rules_zone(hour: datetime, zone: str, outcome: str) -> None:
    assert (await answer("{condition: holiday, country: IN}", hour, zone))[0] == outcome


async def test_the_reason_names_the_holiday_or_the_day() -> None:
    workday = "{not: {condition: holiday, country: IN}}"
    outcome, reason = await answer(workday, datetime(2026, 1, 26, 9, tzinfo=UTC))
    assert (outcome, "2026-01-26 is a holiday in IN: Republic Day" in reason) == ("failed_conditions", True)
    outcome, reason = await answer("{condition: holiday, country: IN}", datetime(2026, 1, 27, 9, tzinfo=UTC))
    assert (outcome, "Tuesday, 2026-01-27, is no holiday in IN" in reason) == ("failed_conditions", True)


@pytest.mark.parametrize(
    ("date", "outcome"),
    [
        ('"2026-01-26"', "finished"),
        ("2026-01-26", "finished"),
        ('"2026-01-25T20:00:00+00:00"', "finished"),
        ('"{{ (now() + timedelta(days=1)).date() }}"', "finished"),
        ('"{{ now() + timedelta(days=1) }}"', "finished"),
        ('"{{ trigger.event.data.day }}"', "failed_conditions"),
    ],
)
async def test_the_day_may_be_another(date: str, outcome: str) -> None:
    condition = f"{{condition: holiday, country: IN, date: {date}}}"
    assert (await answer(condition, datetime(2026, 1, 25, 9, tzinfo=UTC), day="soon"))[0] == outcome


async def test_a_day_that_is_none_counts_as_not_holding_also_with_not() -> None:
    condition = '{not: {condition: holiday, country: IN, date: "{{ trigger.event.data.day }}"}}'
    outcome, reason = await answer(condition, datetime(2026, 1, 25, 9, tzinfo=UTC), day="soon")
    assert outcome == "failed_conditions"
    assert 'expected a date such as "2026-01-26"' in reason
