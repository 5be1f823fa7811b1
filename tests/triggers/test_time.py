from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.plugin import Fact, FieldError, Fire, Json, Schedule, Trigger
from tests.snapshot import NOW, Snapshot
from triggers.time import Cron, Time, TimePattern

BERLIN = Snapshot(zone=ZoneInfo("Europe/Berlin"))


def due(trigger: Trigger, view: Snapshot = BERLIN, count: int = 1) -> dict[str, list[str]]:
    """The next local times by key, after Monday 2 March 2026, 05:30 in Berlin."""
    found = {}
    for watch in trigger.watches(view):
        assert isinstance(watch, Schedule)
        at: datetime | None = NOW
        times = []
        for _ in range(count):
            assert at is not None
            at = watch.calendar.next_after(at)
            assert at is not None
            times.append(f"{at.astimezone(view.zone):%a %H:%M:%S}")
        found[watch.key] = times
    return found


def test_a_time_of_day_is_local_and_each_has_a_key_of_its_own() -> None:
    assert due(Time({"at": ["9:00", "17:30:15", "09:00"]})) == {
        "09:00:00": ["Mon 09:00:00"],
        "17:30:15": ["Mon 17:30:15"],
    }


def test_days_of_the_week_narrow_a_time_down() -> None:
    assert due(Time({"at": "04:00", "weekday": ["sun", "wed"]}), count=3) == {
        "04:00:00": ["Wed 04:00:00", "Sun 04:00:00", "Wed 04:00:00"]
    }
    assert due(Time({"at": "04:00", "weekday": "mon"}), count=1) == {"04:00:00": ["Mon 04:00:00"]}


def test_a_crontab_line_is_local() -> None:
    assert due(Cron({"expression": "30 9 * * tue-fri"}), count=2) == {"": ["Tue 09:30:00", "Wed 09:30:00"]}


def test_a_pattern_fills_in_what_is_smaller_with_0_and_what_is_larger_with_any() -> None:
    assert due(TimePattern({"minutes": "/25"}), count=3) == {"": ["Mon 05:50:00", "Mon 06:00:00", "Mon 06:25:00"]}
    assert due(TimePattern({"hours": 7, "minutes": "15"})) == {"": ["Mon 07:15:00"]}
    assert due(TimePattern({"seconds": "/30"}), count=2) == {"": ["Mon 05:30:30", "Mon 05:31:00"]}


@pytest.mark.parametrize(
    "trigger", [Time({"at": "9:00"}), Cron({"expression": "0 9 * * *"}), TimePattern({"hours": 9})]
)
def test_whatever_is_due_fires_with_the_local_time(trigger: Trigger) -> None:
    at = datetime(2026, 7, 1, 7, tzinfo=UTC)
    decision = trigger.decide(None, Fact("due", "", {"at": at.isoformat()}, at), BERLIN)
    assert isinstance(decision.verdict, Fire)
    assert decision.verdict.data["now"] == "2026-07-01T09:00:00+02:00"
    assert decision.reason == "it was due at 2026-07-01T09:00:00+02:00"


@pytest.mark.parametrize(
    ("trigger", "fields", "sentence"),
    [
        (
            Time,
            {"at": "24:00"},
            'at: expected a time of day such as "09:30"; hours go from 00 to 23, minutes from 00 to 59',
        ),
        (
            Time,
            {"at": ["9:00", "noon"]},
            'at: expected a time of day such as "09:30"; hours go from 00 to 23, minutes from 00 to 59 (at item 2)',
        ),
        (
            Time,
            {"at": 900},
            'at: expected a time of day such as "09:30"; hours go from 00 to 23, minutes from 00 to 59',
        ),
        (Time, {"at": "9:00", "weekday": "Mon"}, 'did you mean "mon"?'),
        (Cron, {"expression": "0 9 * *"}, 'expression: "0 9 * *" has 4 fields; expected five: minute, hour'),
        (Cron, {"expression": "0 25 * * *"}, 'expression: "25" is no hour; expected 0-23'),
        (TimePattern, {}, "none of hours, minutes and seconds is given; add one, such as minutes"),
        (
            TimePattern,
            {"minutes": "*/5"},
            'minutes: "*/5" is no pattern; expected 0-59, "*", or "/n" with n from 1 to 59',
        ),
        (TimePattern, {"hours": "/0", "seconds": 60}, 'hours: "/0" is no pattern; '),
        (TimePattern, {"hours": "/0", "seconds": 60}, 'seconds: "60" is no pattern; '),
        (TimePattern, {"minutes": True}, 'minutes: expected a number, "*", or "/n" for every n'),
        (TimePattern, {"minutes": [5]}, 'minutes: expected a number, "*", or "/n" for every n'),
    ],
)
def test_a_time_that_makes_no_sense_is_refused_in_words(
    trigger: type[Trigger], fields: dict[str, Json], sentence: str
) -> None:
    with pytest.raises(FieldError) as refused:
        trigger(fields)
    assert sentence in str(refused.value)
