from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import pytest

from engine.calendar import TICK, Calendar, at_time, cron, every, once, pattern, told

Fits = Callable[[datetime], bool]

FIVE = (
    '"1 2 3" has 3 fields; expected five: minute, hour, day of month, month, day of week '
    '(for example "30 9 * * mon-fri")'
)
BERLIN = ZoneInfo("Europe/Berlin")
SAMPLES = int(os.environ.get("RULEWHEEL_CALENDAR_SAMPLES", "30"))
YEARS = range(2016, 2027)
# Half an hour, two hours, at midnight, around Ramadan, a whole day left out.
ODD = [
    ("Australia/Lord_Howe", 2025),
    ("Antarctica/Troll", 2025),
    ("America/Havana", 2025),
    ("Africa/Cairo", 2025),
    ("Asia/Beirut", 2025),
    ("America/Nuuk", 2024),
    ("Africa/Casablanca", 2026),
    ("Pacific/Apia", 2011),
]


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    seed = int(os.environ.get("RULEWHEEL_SEED", random.randrange(2**32)))
    print(f"{request.node.name}: seed {seed}")
    return random.Random(seed)


def changes(zone: tzinfo, year: int) -> Iterator[datetime]:
    """The midnights (UTC) before the days of a year on which the clocks of a zone change."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        following = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
            yield day
        day = following


def minutes(start: datetime, end: datetime, step: int = 1) -> Iterator[datetime]:
    count = (end - start) // timedelta(minutes=step)
    return (start + timedelta(minutes=step * number) for number in range(count))


def fitting(fits: Fits, zone: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    """Every instant of the window whose wall-clock time fits, found by looking at each minute."""
    return [instant for instant in minutes(start, end) if fits(instant.astimezone(zone).replace(tzinfo=None))]


def once_each(fits: Fits, zone: tzinfo, start: datetime, end: datetime, step: int = 1) -> list[datetime]:
    """For each wall-clock time that fits, the first minute at which the clock shows it or has passed it."""
    instants = list(minutes(start, end, step))
    clock = [instant.astimezone(zone).replace(tzinfo=None) for instant in instants]
    found = []
    at = 0
    for wall in filter(fits, minutes(clock[0], clock[-1] + timedelta(minutes=1), step)):
        while at < len(clock) and clock[at] < wall:
            at += 1
        if at < len(clock):
            found.append(instants[at])
    return sorted(set(found))


def due(calendar: Calendar, start: datetime, end: datetime) -> list[datetime]:
    """What a calendar gives from `start` (included) to `end` (excluded)."""
    found = []
    instant = calendar.next_after(start - timedelta(microseconds=1))
    while instant is not None and instant < end:
        found.append(instant)
        later = calendar.next_after(instant)
        assert later is None or later > instant
        instant = later
    return found


def compare_around(change: datetime, zone: tzinfo, why: str) -> None:
    start, end = change - timedelta(hours=36), change + timedelta(hours=60)
    for hour in (1, 2):
        expected = once_each(lambda wall, hour=hour: (wall.hour, wall.minute) == (hour, 30), zone, start, end)  # type: ignore[misc]
        assert due(at_time(hour, 30, 0, None, zone), start, end) == expected, why
        assert due(cron(f"30 {hour} * * *", zone), start, end) == expected, why
    hourly = fitting(lambda wall: wall.minute == 0, zone, start, end)
    assert due(cron("0 * * * *", zone), start, end) == hourly, why
    assert due(pattern("*", 0, None, zone), start, end) == hourly, why
    near = (change - timedelta(hours=2), change + timedelta(hours=26))
    often = fitting(lambda wall: wall.minute % 5 == 0, zone, *near)
    assert due(pattern(None, "/5", None, zone), *near) == often, why


def test_calendars_agree_with_looking_at_every_minute_around_changes_of_the_clocks(dice: random.Random) -> None:
    zones = sorted(available_timezones())
    places = [*ODD, *((dice.choice(zones), dice.choice(YEARS)) for _ in range(SAMPLES))]
    cases = 0
    for name, year in places:
        zone = ZoneInfo(name)
        for change in changes(zone, year):
            compare_around(change, zone, f"{name} around {change:%F}")
            cases += 1
    print(f"{cases} changes of the clocks, 0 differences")
    assert cases > len(ODD)


def test_the_31st_of_each_month_agrees_with_looking_at_every_quarter_of_an_hour_of_a_year(dice: random.Random) -> None:
    for name in ["Europe/Berlin", "Pacific/Apia", *dice.sample(sorted(available_timezones()), 3)]:
        zone = ZoneInfo(name)
        start, end = datetime(2011, 1, 1, tzinfo=UTC), datetime(2012, 1, 20, tzinfo=UTC)
        expected = once_each(lambda wall: (wall.day, wall.hour, wall.minute) == (31, 0, 30), zone, start, end, step=15)
        assert due(cron("30 0 31 * *", zone), start, end) == expected, name


def test_cron_agrees_with_the_rules_of_crontab_looked_at_by_the_minute(dice: random.Random) -> None:
    for _ in range(60):
        zone = ZoneInfo(dice.choice(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]))
        line = [
            dice.choice(["*", "*/7", "0", "5,35", "10-20/5"]),
            dice.choice(["*", "*/3", "1", "2", "0-23", "1-3"]),
            dice.choice(["*", "*", "29", "1-15/3", "*/2"]),
            dice.choice(["*", "mar", "3,10"]),
            dice.choice(["*", "*", "0", "7", "sat-sun", "1-5", "*/2"]),
        ]
        change = dice.choice([*changes(zone, dice.choice(YEARS)), datetime(2025, 3, 30, tzinfo=UTC)])
        start, end = change - timedelta(hours=12), change + timedelta(hours=30)
        judge = fitting if "*" in line[1] or line[1] == "0-23" else once_each
        expected = judge(crontab(line), zone, start, end)
        assert due(cron(" ".join(line), zone), start, end) == expected, f"{line} in {zone} around {change:%F}"


def crontab(line: list[str]) -> Fits:
    minute, hour, day, month, weekday = line

    def fits(wall: datetime) -> bool:
        days = (stands_for(day, wall.day, 1), stands_for(weekday, wall.isoweekday() % 7))
        either = not day.startswith("*") and not weekday.startswith("*")
        return (
            stands_for(minute, wall.minute)
            and stands_for(hour, wall.hour)
            and stands_for(month, wall.month)
            and (any(days) if either else all(days))
        )

    return fits


def stands_for(text: str, value: int, low: int = 0) -> bool:
    """The few forms that the test above writes."""
    if text == "sat-sun":
        return value in (6, 0)
    if text == "7":
        return value == 0
    if text.startswith("*/"):
        return (value - low) % int(text[2:]) == 0
    if "-" in text:
        first, _, rest = text.partition("-")
        last, _, step = rest.partition("/")
        return value in range(int(first), int(last) + 1, int(step or 1))
    return text == "*" or str(value) in text.replace("mar", "3").split(",")


def test_the_next_instant_is_later_and_the_same_from_any_moment_before_it(dice: random.Random) -> None:
    zones = sorted(available_timezones())
    for _ in range(150):
        zone = ZoneInfo(dice.choice(zones))
        calendar = dice.choice(
            [
                at_time(dice.randrange(24), dice.randrange(60), dice.randrange(60), frozenset({1, 6}), zone),
                cron("15 */4 1-7 * *", zone),
                cron("0 0 29 2 *", zone),
                cron("0 * 31 12 *", zone),
                pattern("/2", None, None, zone),
                pattern(None, None, "/25", zone),
                every(dice.choice([0.25, 30, 86_401]), datetime(2020, 1, 1, 0, 0, 7, tzinfo=UTC)),
            ]
        )
        when = datetime(2012, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.uniform(0, 5e8))
        instant = calendar.next_after(when)
        assert instant is not None
        assert instant > when
        assert instant.tzinfo is UTC
        assert calendar.next_after(when + dice.random() * (instant - when - timedelta(microseconds=1))) == instant


def local(calendar: Calendar, start: str, count: int = 3, zone: tzinfo = BERLIN) -> list[str]:
    when: datetime | None = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    found = []
    for _ in range(count):
        assert when is not None
        when = calendar.next_after(when)
        found.append("never" if when is None else when.astimezone(zone).strftime("%a %d %H:%M:%S"))
    return found


def test_a_time_that_is_skipped_is_due_at_the_first_valid_minute_after_the_gap() -> None:
    calendar = at_time(2, 30, 0, None, BERLIN)
    assert local(calendar, "2026-03-28T12:00") == ["Sun 29 03:00:00", "Mon 30 02:30:00", "Tue 31 02:30:00"]


def test_two_skipped_times_and_the_one_after_the_gap_are_due_once_together() -> None:
    calendar = cron("0,30 2,3 * * *", BERLIN)
    assert local(calendar, "2026-03-29T00:00") == ["Sun 29 03:00:00", "Sun 29 03:30:00", "Mon 30 02:00:00"]


def test_a_time_that_comes_twice_is_due_the_first_time_only() -> None:
    calendar = at_time(2, 30, 0, None, BERLIN)
    assert calendar.next_after(datetime(2026, 10, 25, 0, 0, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for later in (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 15, tzinfo=UTC)):
        assert calendar.next_after(later) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_pattern_goes_on_through_the_hour_that_comes_twice() -> None:
    calendar = pattern(None, "/30", None, BERLIN)
    start, end = datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert due(calendar, start, end) == list(minutes(start, end, 30))


def test_a_pattern_that_is_months_away_is_found_with_the_offset_of_its_own_season() -> None:
    calendar = cron("0 * 15 7 *", BERLIN)
    assert local(calendar, "2026-01-20T00:00", 2) == ["Wed 15 00:00:00", "Wed 15 01:00:00"]


def test_weekdays_of_a_time_count_from_monday() -> None:
    calendar = at_time(9, 0, 30, frozenset({0, 6}), BERLIN)
    assert local(calendar, "2026-05-01T00:00") == ["Sun 03 09:00:30", "Mon 04 09:00:30", "Sun 10 09:00:30"]


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 9 * * 0", ["Sun 03", "Sun 10", "Sun 17"]),
        ("0 9 * * 7", ["Sun 03", "Sun 10", "Sun 17"]),
        ("0 9 * * MON", ["Mon 04", "Mon 11", "Mon 18"]),
        ("0 9 * * fri-sun", ["Fri 01", "Sat 02", "Sun 03"]),
        ("0 9 * * 6-7", ["Sat 02", "Sun 03", "Sat 09"]),
        ("0 9 20 * sun", ["Sun 03", "Sun 10", "Sun 17"]),
        ("0 9 4 * sun", ["Sun 03", "Mon 04", "Sun 10"]),
        ("0 9 30 2,6 *", ["Tue 30", "Wed 30", "Fri 30"]),
        ("0 9 10/7 5 *", ["Sun 10", "Sun 17", "Sun 24"]),
    ],
)
def test_days_of_a_cron_expression_are_those_that_users_of_crontab_expect(expression: str, days: list[str]) -> None:
    assert [text[:6] for text in local(cron(expression, BERLIN), "2026-05-01T00:00")] == days


def test_a_day_that_no_month_has_leaves_the_weekday_to_decide() -> None:
    calendar = cron("0 9 30 2 mon", BERLIN)
    assert local(calendar, "2026-01-01T00:00", 2) == ["Mon 02 09:00:00", "Mon 09 09:00:00"]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("1 2 3", FIVE),
        ("60 * * * *", '"60" is no minute; expected 0-59, a range a-b, "*" or "*/n"'),
        ("*/0 * * * *", '"*/0" is no minute; expected 0-59, a range a-b, "*" or "*/n"'),
        ("0 5-1 * * *", '"5-1" is no hour; expected 0-23, a range a-b, "*" or "*/n"'),
        ("0 0 ? * *", '"?" is no day of month; expected 1-31, a range a-b, "*" or "*/n"'),
        ("0 0 0 * *", '"0" is no day of month; expected 1-31, a range a-b, "*" or "*/n"'),
        ("0 0 * ja *", '"ja" is no month; expected 1-12 or jan-dec, a range a-b, "*" or "*/n"; did you mean "jan"?'),
        ("0 0 * * 8", '"8" is no day of week; expected 0-7 or sun-sat, a range a-b, "*" or "*/n"'),
        ("0 0 * * \u0661", '"\u0661" is no day of week; expected 0-7 or sun-sat, a range a-b, "*" or "*/n"'),
        ("0 0 30 2 *", '"0 0 30 2 *" never comes: no month that it names has a day 30'),
        ("0 0 31 4,6 *", '"0 0 31 4,6 *" never comes: no month that it names has a day 31'),
    ],
)  # fmt: skip
def test_a_cron_expression_that_cannot_be_is_refused_in_words(expression: str, text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        cron(expression, BERLIN)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((None, "/5", None), ["Fri 01 00:05:00", "Fri 01 00:10:00", "Fri 01 00:15:00"]),
        (("/2", None, None), ["Fri 01 02:00:00", "Fri 01 04:00:00", "Fri 01 06:00:00"]),
        ((None, 15, None), ["Fri 01 00:15:00", "Fri 01 01:15:00", "Fri 01 02:15:00"]),
        ((None, None, "/25"), ["Fri 01 00:00:25", "Fri 01 00:00:50", "Fri 01 00:01:00"]),
        ((None, "*", None), ["Fri 01 00:01:00", "Fri 01 00:02:00", "Fri 01 00:03:00"]),
        (("05", None, 10), ["Fri 01 05:00:10", "Sat 02 05:00:10", "Sun 03 05:00:10"]),
        ((None, None, 0), ["Fri 01 00:01:00", "Fri 01 00:02:00", "Fri 01 00:03:00"]),
    ],
)
def test_a_pattern_fills_in_the_units_left_out(fields: tuple[str | int | None, ...], expected: list[str]) -> None:
    assert local(pattern(*fields, BERLIN), "2026-05-01T00:00") == expected  # type: ignore[arg-type, call-arg]


def test_a_pattern_with_a_plain_hour_is_a_fixed_time() -> None:
    assert local(pattern(2, 30, None, BERLIN), "2026-03-28T12:00", 2) == ["Sun 29 03:00:00", "Mon 30 02:30:00"]


@pytest.mark.parametrize("minutes", ["*/5", "/0", "/60", "60", -1, True, "", "5,10", "1-5", "/", "five", "\u0663"])
def test_a_pattern_in_another_form_is_refused_with_the_forms_that_are_right(minutes: str | int) -> None:
    with pytest.raises(ValueError) as refusal:
        pattern(None, minutes, None, BERLIN)
    assert str(refusal.value) == f'minutes: "{minutes}" is no pattern; expected 0-59, "*", or "/n" with n from 1 to 59'


def test_a_pattern_every_24_hours_is_refused() -> None:
    with pytest.raises(ValueError, match='hours: "/24" is no pattern'):
        pattern("/24", None, None, BERLIN)


def test_a_pattern_without_any_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one of hours, minutes and seconds"):
        pattern(None, None, None, BERLIN)


def test_steps_start_at_their_anchor_and_keep_its_phase() -> None:
    anchor = datetime(2026, 5, 1, 0, 0, 7, tzinfo=UTC)
    calendar = every(30, anchor)
    assert calendar.next_after(anchor - timedelta(days=3)) == anchor
    assert calendar.next_after(anchor) == anchor + timedelta(seconds=30)
    assert calendar.next_after(anchor + timedelta(seconds=89)) == anchor + timedelta(seconds=90)


@pytest.mark.parametrize("seconds", [0, -1])
def test_steps_that_do_not_go_forward_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0 seconds"):
        every(seconds, datetime(2026, 5, 1, tzinfo=UTC))


def test_calendars_end_with_the_last_year_that_can_be_written() -> None:
    late = datetime(9999, 12, 31, 23, 59, tzinfo=UTC) - timedelta(hours=6)
    for calendar in (cron("0 12 1 1 *", BERLIN), cron("0 * 1 1 *", BERLIN)):
        assert calendar.next_after(late) is None


def test_an_instant_comes_once() -> None:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert once(at, UTC).next_after(at - TICK) == at
    assert once(at, UTC).next_after(at) is None


def test_a_wall_clock_instant_that_is_skipped_comes_right_after_the_gap() -> None:
    skipped = once(datetime(2026, 3, 29, 2, 30), BERLIN)
    assert skipped.next_after(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("09:30", time(9, 30)),
        ("09:30:15", time(9, 30, 15)),
        ("2026-03-02", datetime(2026, 3, 2)),
        ("2026-03-02 09:30:00", datetime(2026, 3, 2, 9, 30)),
        ("2026-03-02T09:30:00+00:00", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("unknown", None),
        ("25:00", None),
        ("", None),
    ],
)
def test_what_time_a_text_tells(text: str, found: time | datetime | None) -> None:
    assert told(text) == found
