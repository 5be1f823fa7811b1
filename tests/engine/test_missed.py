from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from engine.calendar import at_time, pattern
from engine.missed import LATE, MOST, turn
from engine.testing import World

RULE = """
- id: report
  missed: {missed}
  triggers: [{{trigger: {trigger}}}]
  actions:
    - action: test.act
      data: {{at: "{{{{ trigger.now }}}}"}}
"""
DAILY = 'time, at: "09:30"'
DAY = 86_400.0
EVERY_MINUTE = pattern(None, "*", 0, UTC)
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


async def fired(missed: str, down: float, trigger: str = DAILY) -> list[str]:
    """When the rule fired, in UTC, with so many seconds of downtime from 09:00 on, and 10 minutes after it."""
    async with World(start=datetime(2026, 3, 1, 9, tzinfo=UTC), time_zone="UTC") as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(missed=missed, trigger=trigger)})
        world.clock.move(timedelta(seconds=down))
        await world.restart()
        await world.advance(600)
        return [call.data["at"][5:16] for call in world.calls]


@pytest.mark.parametrize(
    ("missed", "found"),
    [
        ("once", ["03-01 09:30"]),
        ("skip", []),
        ("each", ["03-01 09:30", "03-02 09:30", "03-03 09:30"]),
    ],
)
async def test_what_was_missed_in_three_days_of_downtime_fires_as_the_rule_says(missed: str, found: list[str]) -> None:
    assert await fired(missed, 3 * DAY) == found


@pytest.mark.parametrize("missed", ["once", "skip", "each"])
async def test_what_comes_less_than_a_minute_late_is_not_missed(missed: str) -> None:
    assert await fired(missed, 1800 + 59) == ["03-01 09:30"]


async def test_skip_fires_for_the_last_of_the_times_if_that_is_hardly_over() -> None:
    assert await fired("skip", 3 * 3600 + 30, "time_pattern, hours: '*'") == ["03-01 12:00"]


async def test_each_fires_for_the_newest_hundred_and_says_so() -> None:
    found = await fired("each", 5 * 3600, "time_pattern, minutes: '*'")
    assert len(found) == MOST + 10
    assert (found[0], found[-1]) == ("03-01 12:21", "03-01 14:10")


@pytest.mark.parametrize("missed", ["skip", "each"])
async def test_a_restart_in_the_midst_of_it_changes_nothing(missed: str) -> None:
    async with World(start=datetime(2026, 3, 1, 9, tzinfo=UTC), time_zone="UTC") as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(missed=missed, trigger=DAILY)})
        for _ in range(3):
            world.clock.move(timedelta(days=1))
            await world.restart()
            await world.restart()
        found = [call.data["at"][5:16] for call in world.calls]
        assert found == (["03-01 09:30", "03-02 09:30", "03-03 09:30"] if missed == "each" else [])


async def test_a_trigger_that_a_run_waits_for_fires_once_whatever_the_rule_says() -> None:
    async with World(start=datetime(2026, 3, 1, 9, tzinfo=UTC), time_zone="UTC") as world:
        rule = """
        - id: r
          missed: skip
          triggers: [{trigger: time, at: "09:10"}]
          actions:
            - wait_for_trigger: [{trigger: time, at: "09:30"}]
            - action: test.act
        """
        world.stub("test.act")
        await world.load({"rules.yaml": rule})
        await world.advance(1200)
        world.clock.move(timedelta(days=1))
        await world.restart()
        assert len(world.calls) == 1


@pytest.mark.parametrize("hours", [1, 2, 24, 24 * 366])
def test_the_newest_hundred_are_found_after_any_absence(hours: int) -> None:
    now = AT + timedelta(hours=hours, seconds=7)
    first = turn(EVERY_MINUTE, AT, now, "each").following
    assert first is not None
    expected = max(AT + timedelta(minutes=1), now.replace(second=0) - timedelta(minutes=MOST - 1))
    assert first == expected


def test_each_takes_every_instant_once_and_in_order() -> None:
    calendar, at, fires = at_time(9, 30, 0, None, UTC), AT, []
    now = AT + timedelta(days=20)
    while at <= now:
        found = turn(calendar, at, now, "each")
        fires += [at] if found.fires else []
        assert found.following is not None
        at = found.following
    assert len(fires) == 21
    assert all(after - before == timedelta(days=1) for before, after in pairwise(fires))


def test_a_minute_is_what_counts_as_on_time() -> None:
    calendar = at_time(9, 30, 0, None, UTC)
    assert turn(calendar, AT, AT + LATE, "skip").fires
    assert not turn(calendar, AT, AT + LATE + timedelta(seconds=1), "skip").fires
