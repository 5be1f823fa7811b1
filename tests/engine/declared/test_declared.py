"""What the kinds of entities say of keys that do not fit, and of states that nobody can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engine.declaration import Loading
from engine.declared import DECLARED, is_entity
from engine.declared.input_datetime import read_moment, read_time
from engine.declared.timer import Timer, spelled
from engine.field import FieldError
from engine.values import Json, Later, SetState, State

NOW = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
AT = Loading(NOW, ZoneInfo("Asia/Kolkata"))
RIGHT: dict[str, dict[str, Json]] = {
    "counter": {},
    "input_boolean": {},
    "input_number": {"min": 2, "max": 9},
    "input_text": {"max": 20},
    "input_datetime": {"has_date": True, "has_time": True},
    "timer": {"duration": 30},
    "sensor": {"state": "x"},
}


def loaded(kind: str, state: str, attributes: dict[str, Json] | None = None) -> list[SetState | Later]:
    before = State(f"{kind}.a", state, attributes or {}, NOW, NOW)
    return DECLARED[kind](RIGHT[kind]).loaded(f"{kind}.a", before, AT)


def test_every_kind_is_tried_here() -> None:
    assert set(RIGHT) == set(DECLARED)


@pytest.mark.parametrize(
    ("kind", "state", "becomes"),
    [
        ("counter", "many", "0"),
        ("counter", "4.0", "4"),
        ("counter", "1e400", "0"),
        ("input_boolean", "unavailable", "off"),
        ("input_boolean", "maybe", "off"),
        ("input_number", "many", "2.0"),
        ("input_number", "nan", "2.0"),
        ("input_number", "100", "9.0"),
        ("input_text", "unknown", "unknown"),
        ("input_datetime", "soon", "2026-03-03 00:00:00"),
        ("input_datetime", "2026-05-01 10:00:00", "2026-05-01 10:00:00"),
        ("timer", "running", "idle"),
        ("sensor", "7", "7"),
    ],
)
def test_a_state_that_makes_no_sense_begins_anew(kind: str, state: str, becomes: str) -> None:
    plan = loaded(kind, state)[0]
    assert isinstance(plan, SetState)
    assert plan.state == becomes


@pytest.mark.parametrize("attributes", [{}, {"finishes_at": "soon"}, {"finishes_at": None}])
def test_an_active_timer_of_which_nobody_knows_when_it_ends_is_idle(attributes: dict[str, Json]) -> None:
    (plan,) = loaded("timer", "active", attributes)
    assert isinstance(plan, SetState)
    assert plan.state == "idle"


@pytest.mark.parametrize(
    ("kind", "keys", "sentence"),
    [
        ("counter", {"minimum": 5, "maximum": 4}, "the maximum 4 is below the minimum 5"),
        ("counter", {"initial": -1}, "expected a whole number from 0"),
        ("counter", {"step": 1.5}, "expected a whole number"),
        ("input_number", {"min": 5, "max": 5}, "max must be the larger one"),
        ("input_number", {"min": 0, "max": 5, "step": 0}, "a step of 0 leads nowhere"),
        ("input_number", {"min": 0, "max": 5, "mode": "dial"}, "expected one of slider, box"),
        ("input_text", {"min": 9, "max": 5}, "max must be the larger one"),
        ("input_text", {"max": 256}, "expected a whole number from 0 to 255"),
        ("input_text", {"max": 3, "initial": "hello"}, "initial has 5 characters"),
        ("input_datetime", {}, "it holds neither a date nor a time"),
        ("input_datetime", {"has_time": True, "initial": "2026-03-31"}, 'such as "09:30:00"'),
        ("input_datetime", {"has_date": True, "initial": "09:30"}, 'such as "2026-03-31"'),
        ("timer", {"duration": -5}, "a duration cannot be negative"),
        ("sensor", {"state": "x", "poll": {"action": "y"}}, 'it has "state" and "poll"'),
        ("sensor", {"poll": {"action": "y"}, "value": "x", "every": 0.5}, "expected at least 1 second"),
    ],
)
def test_keys_that_do_not_fit_are_told(kind: str, keys: dict[str, Json], sentence: str) -> None:
    with pytest.raises(FieldError) as told:
        DECLARED[kind](keys)
    assert sentence in str(told.value)


@pytest.mark.parametrize("text", ["24:00", "9", "09:60", "09:30:61", "", "noon", "٠٩:٣٠"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time of day"):
        read_time(text)


def test_a_moment_is_meant_in_the_zone_of_the_settings_or_brought_into_it() -> None:
    assert read_moment("2026-03-31 09:30", AT.zone).isoformat() == "2026-03-31T09:30:00+05:30"
    assert read_moment("2026-03-31T09:30:00Z", AT.zone).isoformat() == "2026-03-31T15:00:00+05:30"


def test_spans_are_spelled_as_hours_minutes_and_seconds() -> None:
    assert [spelled(timedelta(seconds=each)) for each in (0, 59, 3600, 90_061, 0.9)] == [
        "0:00:00",
        "0:00:59",
        "1:00:00",
        "25:01:01",
        "0:00:00",
    ]


def test_names_of_entities_are_told_from_those_of_rules_and_scripts() -> None:
    assert [is_entity(name) for name in ("counter.a", "script.a", "counter", "a.b")] == [True, False, False, False]
    assert isinstance(DECLARED["timer"]({}), Timer)
