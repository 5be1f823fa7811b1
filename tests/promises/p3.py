"""P3, schedules fire once each: every change of the clocks of ten years in every zone, and kills around due times."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from engine.calendar import Calendar, ElapsedTimes, at_time, cron, pattern
from engine.journal.sqlite import SqliteJournal
from engine.testing import World
from tests.engine.test_calendar import Fits, changes, due, fitting, once_each
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.ticks import ticks

YEARS = range(2016, 2026)
SHORT_ZONES = 4
SHORT_KILLS = 20
LONG_KILLS = 200
"""Deaths of an engine in virtual time."""
SHORT_REAL_KILLS = 3
LONG_REAL_KILLS = 60
"""kill -9 of a daemon; 200 would take some five minutes."""
BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
"""A few hours before the clocks of Berlin go forward."""
RULES = """\
- id: daily
  triggers: [{trigger: time, at: ["01:30", "02:30"]}]
  actions: [{action: test.fired, data: {due: "{{ trigger.now.isoformat() }}"}}]
- id: often
  triggers: [{trigger: time_pattern, minutes: "/5"}]
  actions: [{action: test.fired, data: {due: "{{ trigger.now.isoformat() }}"}}]
"""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Instants at which a calendar and the independent calculation differ, doubles, and dues that never fired."""
    watch = Stopwatch()
    seed = new_seed()
    random = Random(seed)
    zones = sorted(available_timezones())
    chosen = zones if long else ["Europe/Berlin", *random.sample(zones, SHORT_ZONES)]
    differences, cases = _all_zones(chosen, YEARS if long else (2024, 2025), defended)
    kills = LONG_KILLS if long else SHORT_KILLS
    wrong, fired = asyncio.run(_kills(random, kills))
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        real = asyncio.run(ticks(Path(folder) / "house", LONG_REAL_KILLS if long else SHORT_REAL_KILLS, seed))
    note = (
        f"differences, doubles and dues not fired; {len(chosen)} zones, {kills} deaths in virtual time around {fired} "
        f"due times, {real.kills} kill -9 of the daemon around {real.fired}"
    )
    broken = differences + wrong + real.broken
    return Figure("P3", cases + fired + real.fired, broken, watch.seconds, seed, note)


def _all_zones(names: list[str], years: range | tuple[int, ...], defended: bool) -> tuple[int, int]:
    differences = cases = 0
    judged: dict[tuple[object, ...], tuple[int, int]] = {}
    for name in names:
        zone = ZoneInfo(name)
        for change in (change for year in years for change in changes(zone, year)):
            around = _clock_around(change, zone)
            if around not in judged:
                judged[around] = _around(change, zone, defended)
            differences += judged[around][0]
            cases += judged[around][1]
    return differences, cases


def _clock_around(change: datetime, zone: tzinfo) -> tuple[object, ...]:
    """What a zone's clock shows around a change: zones that show the same are calculated once."""
    hours = (change + timedelta(minutes=30 * half) for half in range(-80, 128))
    return (change, *(hour.astimezone(zone).utcoffset() for hour in hours))


def _around(change: datetime, zone: tzinfo, defended: bool) -> tuple[int, int]:
    """How many instants differ, and how many were looked at."""
    start, end = change - timedelta(hours=24), change + timedelta(hours=48)
    differences = cases = 0
    for calendar, expected in _calendars(zone, start, end, defended):
        found = due(calendar, start, end)
        differences += sum(((Counter(found) - Counter(expected)) + (Counter(expected) - Counter(found))).values())
        cases += len(expected)
    return differences, cases


def _at(hour: int) -> Fits:
    return lambda wall: (wall.hour, wall.minute) == (hour, 30)


def _calendars(
    zone: tzinfo, start: datetime, end: datetime, defended: bool
) -> Iterator[tuple[Calendar, list[datetime]]]:
    for hour in (1, 2):
        daily = at_time(hour, 30, 0, None, zone)
        if not defended:
            daily = ElapsedTimes(daily.walls, zone)  # type: ignore[attr-defined]
        yield daily, once_each(_at(hour), zone, start, end)
    yield cron("0 * * * *", zone), fitting(lambda wall: wall.minute == 0, zone, start, end)
    yield pattern(None, "/5", None, zone), fitting(lambda wall: wall.minute % 5 == 0, zone, start, end)
    monthly = once_each(lambda wall: (wall.day, wall.hour, wall.minute) == (31, 2, 30), zone, start, end)
    yield cron("30 2 31 * *", zone), monthly


async def _kills(random: Random, kills: int) -> tuple[int, int]:
    """Kills around due times: what is due fires once, and what passed several times meanwhile fires once, too."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        journal = SqliteJournal.open(Path(folder) / "state.db", owner="test")
        async with World(start=BEGIN, time_zone="Europe/Berlin", journal=journal) as world:
            world.stub("test.fired")
            await world.load({"rules.yaml": RULES})
            expected: Counter[str] = Counter()
            for _ in range(kills):
                began = world.now
                await world.advance(random.choice((299.9, 300, 300.1, random.uniform(1, 900))))
                expected.update(each for series in _instants(began, world.now) for each in series)
                began = world.now
                if random.random() < 0.5:
                    world.clock.move(timedelta(seconds=random.uniform(0, 1500)))
                await world.restart()
                expected.update(series[0] for series in _instants(began, world.now) if series)
            got = Counter(str(call.data["due"]) for call in world.calls)
        await journal.close()
    wrong = (got - expected) + (expected - got)
    return sum(wrong.values()), sum(got.values())


def _instants(began: datetime, end: datetime) -> list[list[str]]:
    """What each schedule of the rules has after `began` until `end`, looked at minute by minute."""
    first, last = began.replace(second=0, microsecond=0) - timedelta(days=1), end + timedelta(minutes=2)
    series = [fitting(lambda wall: wall.minute % 5 == 0, BERLIN, first, last)]
    series += [once_each(_at(hour), BERLIN, first, last) for hour in (1, 2)]
    return [[each.astimezone(BERLIN).isoformat() for each in one if began < each <= end] for one in series]
