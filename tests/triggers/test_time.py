from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.plugin import Fact, FieldError, Fire, Json, Schedule, Trigger
from engine.testing import World
from tests.snapshot import NOW, Snapshot
from tests.triggers.listening import heard, listening
from triggers.time import Cron, Time, TimePattern

DT = "input_datetime.e"
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
        (Time, {"at": {"offset": 5}}, 'expected entity_id and offset; add "entity_id: …"'),
        (Time, {"at": {"entity_id": DT, "ofset": 5}}, 'expected entity_id and offset (at "ofset")'),
        (Time, {"at": {"entity_id": DT, "offset": "late"}}, "expected a duration"),
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


BERLIN_ZONE = "Europe/Berlin"
MONDAY = datetime(2026, 3, 2, 5, tzinfo=UTC)


def nows(w: World) -> list[str]:
    return [told["now"][5:16] for told in heard(w)]


async def test_a_time_of_day_comes_every_day_in_the_zone_of_the_settings() -> None:
    async with listening("{trigger: time, at: '09:00'}", start=MONDAY, time_zone=BERLIN_ZONE) as w:
        await w.advance(2 * 86_400)
        assert nows(w) == ["03-02T09:00", "03-03T09:00"]
        assert [told["entity_id"] for told in heard(w)] == [None, None]


async def test_several_times_and_days_of_the_week() -> None:
    trigger = "{trigger: time, at: ['09:00', '17:30'], weekday: [mon, wed]}"
    async with listening(trigger, start=MONDAY) as w:
        await w.advance(3 * 86_400)
        assert nows(w) == ["03-02T09:00", "03-02T17:30", "03-04T09:00", "03-04T17:30"]


async def test_a_limited_template_may_give_the_time() -> None:
    async with listening("{trigger: time, at: '{{ 9 }}:15'}", start=MONDAY) as w:
        await w.advance(86_400)
        assert nows(w) == ["03-02T09:15"]


@pytest.mark.parametrize(
    ("entity", "state"),
    [
        (DT, "2026-03-02 09:00:00"),
        ("sensor.e", "2026-03-02T08:00:00+00:00"),
        ("sensor.e", "2026-03-02T09:00:00+01:00"),
    ],
)
async def test_the_instant_of_an_entity_comes_once(entity: str, state: str) -> None:
    trigger = f"{{trigger: time, at: {entity}}}"
    known = {entity: (state, {"device_class": "timestamp"})}
    async with listening(trigger, known, start=MONDAY, time_zone=BERLIN_ZONE) as w:
        await w.advance(3 * 86_400)
        assert nows(w) == ["03-02T09:00"]
        assert heard(w)[0]["entity_id"] == entity


async def test_an_entity_with_a_date_alone_means_its_midnight() -> None:
    async with listening(f"{{trigger: time, at: {DT}}}", {DT: "2026-03-03"}, start=MONDAY) as w:
        await w.advance(3 * 86_400)
        assert nows(w) == ["03-03T00:00"]


async def test_an_entity_with_a_time_of_day_comes_every_day() -> None:
    async with listening(f"{{trigger: time, at: {DT}, weekday: [mon, wed]}}", {DT: "09:00:00"}, start=MONDAY) as w:
        await w.advance(3 * 86_400)
        assert nows(w) == ["03-02T09:00", "03-04T09:00"]


@pytest.mark.parametrize(("weekday", "due"), [("mon", ["03-02T09:00"]), ("[tue, sun]", [])])
async def test_a_day_of_the_week_holds_for_an_instant_of_an_entity_too(weekday: str, due: list[str]) -> None:
    trigger = f"{{trigger: time, at: {DT}, weekday: {weekday}}}"
    async with listening(trigger, {DT: "2026-03-02 09:00:00"}, start=MONDAY) as w:
        await w.advance(3 * 86_400)
        assert nows(w) == due


async def test_the_time_follows_the_entity() -> None:
    async with listening(f"{{trigger: time, at: {DT}}}", {DT: "09:00:00"}, start=MONDAY) as w:
        await w.set_state(DT, "10:00:00")
        await w.advance(6 * 3600)
        assert nows(w) == ["03-02T10:00"]
        await w.set_state(DT, "2026-03-02 20:00:00")
        await w.advance(10 * 3600)
        assert nows(w) == ["03-02T10:00", "03-02T20:00"]


@pytest.mark.parametrize("state", ["2026-03-01 09:00:00", "unknown", "unavailable", None, "soon"])
async def test_a_time_in_the_past_or_none_sets_nothing(state: str | None) -> None:
    async with listening(f"{{trigger: time, at: {DT}}}", {DT: "09:00:00"}, start=MONDAY) as w:
        await w.set_state(DT, state)
        assert await w.journal.dues("schedule/") == []
        await w.advance(86_400)
        assert heard(w) == []
        await w.set_state(DT, "11:00:00")
        await w.advance(86_400)
        assert nows(w) == ["03-03T11:00"]


@pytest.mark.parametrize(
    ("offset", "due"),
    [
        ('"-00:15:00"', "08:45"),
        ("{minutes: 30}", "09:30"),
        ("{minutes: -30}", "08:30"),
        ("-60", "08:59"),
        ("0", "09:00"),
    ],
)
@pytest.mark.parametrize("state", ["09:00:00", "2026-03-02 09:00:00", "2026-03-02T09:00:00+00:00"])
async def test_an_offset_moves_the_time_of_an_entity(offset: str, due: str, state: str) -> None:
    at = f"{{entity_id: {DT}, offset: {offset}}}"
    async with listening(f"{{trigger: time, at: {at}}}", {DT: state}, start=MONDAY) as w:
        await w.advance(12 * 3600)
        assert nows(w) == [f"03-02T{due}"]
        assert heard(w)[0]["entity_id"] == DT


async def test_an_instant_of_an_entity_that_passed_while_rulewheel_was_down_comes_at_the_start() -> None:
    async with listening(f"{{trigger: time, at: {DT}}}", {DT: "2026-03-02 09:00:00"}, start=MONDAY) as w:
        journal = w.journal
        w.clock.move(timedelta(hours=5))
        await w.restart(journal)
        await w.advance(1)
        assert nows(w) == ["03-02T09:00"]


SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)


async def test_a_time_that_the_clocks_skip_comes_right_after_the_gap_also_by_an_entity() -> None:
    trigger = f"[{{trigger: time, at: '02:30'}}, {{trigger: time, at: {DT}}}]"
    async with listening(trigger, {DT: "2026-03-29 02:30:00"}, start=SPRING, time_zone=BERLIN_ZONE) as w:
        await w.advance(86_400)
        assert nows(w) == ["03-29T03:00", "03-29T03:00"]


async def test_a_time_that_comes_twice_on_the_day_clocks_go_back_fires_once() -> None:
    trigger = f"[{{trigger: time, at: '02:30'}}, {{trigger: time, at: {DT}}}]"
    async with listening(trigger, {DT: "02:30:00"}, start=AUTUMN, time_zone=BERLIN_ZONE) as w:
        await w.advance(86_400)
        assert nows(w) == ["10-25T02:30", "10-25T02:30"]


async def test_what_was_due_is_a_time_in_templates() -> None:
    more = '  conditions: "{{ trigger.now.weekday() == 0 and trigger.now < now() + timedelta(hours=1) }}"\n'
    async with listening("{trigger: time, at: '09:00'}", start=MONDAY, more=more) as w:
        await w.advance(2 * 86_400)
        assert nows(w) == ["03-02T09:00"]


@pytest.mark.parametrize(
    ("pattern", "due"),
    [
        ("minutes: '/20'", ["00:20:00", "00:40:00", "01:00:00"]),
        ("hours: '/2'", ["02:00:00", "04:00:00", "06:00:00"]),
        ("minutes: 15", ["00:15:00", "01:15:00", "02:15:00"]),
        ("seconds: '/25'", ["00:00:25", "00:00:50", "00:01:00", "00:01:25"]),
        ("hours: '*', minutes: 5, seconds: 3", ["00:05:03", "01:05:03"]),
    ],
)
async def test_a_pattern_comes_whenever_the_clock_shows_it(pattern: str, due: list[str]) -> None:
    async with listening(f"{{trigger: time_pattern, {pattern}}}", start=datetime(2026, 3, 2, tzinfo=UTC)) as w:
        while len(heard(w)) < len(due):
            await w.advance(((w.next() or w.now) - w.now).total_seconds())
        assert [told["now"][11:19] for told in heard(w)] == due
