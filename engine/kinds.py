"""Kinds of values that triggers and conditions share: entities, wanted states, bounds, times of day, weekdays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Final, TypeAlias

from engine.field import NUMBER, Kind, choice, many
from engine.values import Json

_ENTITY_ID = re.compile(r"[a-z][a-z0-9_]*\.[A-Za-z0-9_.-]+", re.ASCII)
_EXPECTED_ENTITY = 'expected the name of an entity such as "input_boolean.holidays"'
IS_ENTITY: Final = "entity"
"""Marks, in a schema, where an entity is named."""


def is_entity(value: Json) -> bool:
    """Whether a value is written as an entity is: its kind, a dot, its name."""
    return isinstance(value, str) and _ENTITY_ID.fullmatch(value) is not None


def _entity(value: Json) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if is_entity(text):
        return text
    meant = re.sub(r"[^a-z0-9_.]+", "_", text.lower())
    if is_entity(meant):
        raise ValueError(f'{_EXPECTED_ENTITY}; write "{meant}"')
    raise ValueError(f"{_EXPECTED_ENTITY}; in front of the dot stands which kind of entity it is")


def _entities(value: Json) -> list[str]:
    found = [ENTITY.read(each) for each in value.split(",")] if isinstance(value, str) else many(ENTITY).read(value)
    return list(dict.fromkeys(found))


def _bound(value: Json) -> float | str:
    if is_entity(value):
        return str(value)
    try:
        return NUMBER.read(value)
    except ValueError:
        number = re.match(r"\s*(-?[0-9.]+)\s*\D*$", value) if isinstance(value, str) else None
        remedy = f"; write the number alone: {number[1]}" if number else ""
        raise ValueError("expected a number, or an entity that holds one" + remedy) from None


ENTITY: Final = Kind('an entity such as "input_boolean.holidays"', {"type": "string", IS_ENTITY: True}, _entity)
ENTITIES: Final = Kind(f"{ENTITY.says}, or several", many(ENTITY).schema, _entities)
BOUND: Final[Kind[float | str]] = Kind(
    "a number, or an entity that holds one", {"type": ["number", "string"], IS_ENTITY: True}, _bound, NUMBER.remedy
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The states that are asked for; without `values` any will do."""

    values: tuple[Json, ...] | None = None

    def __contains__(self, value: Json) -> bool:
        return self.values is None or any(same(value, each) for each in self.values)

    def as_text(self) -> Wanted:
        """The same as the text that states are, however it was written."""
        return self if self.values is None else Wanted(tuple(str(value) for value in self.values))

    def __str__(self) -> str:
        return (
            "anything"
            if self.values is None
            else " or ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in self.values)
        )


def same(one: Json, other: Json) -> bool:
    """Equal as people read them: true is not 1, and 200 is not "200"."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


_PLAIN = ["string", "number", "boolean"]


def _wanted(value: Json) -> Wanted:
    if value is None:
        return Wanted()
    values = value if isinstance(value, list) else [value]
    if not values or any(not isinstance(each, str | int | float) for each in values):
        raise ValueError("expected a state, a list of states, or null for any")
    return Wanted(tuple(values))


WANTED: Final = Kind(
    "a state, a list of states, or null for any",
    {
        "anyOf": [
            {"type": [*_PLAIN, "null"]},
            {"type": "array", "minItems": 1, "items": {"type": _PLAIN, "title": "a state"}},
        ]
    },
    _wanted,
)

_ONE_OR_MORE: Final = {
    "anyOf": [{"type": _PLAIN}, {"type": "array", "minItems": 1, "items": {"type": _PLAIN, "title": "a state"}}]
}


def _states(value: Json) -> Wanted:
    if value is None:
        raise ValueError("expected a state, or a list of states")
    return _wanted(value)


STATES: Final = Kind("a state, or a list of states", _ONE_OR_MORE, _states)


def truth_as_state(wanted: Json) -> str:
    """What is wrong with asking for truth where a state is text; empty where nothing is."""
    if isinstance(wanted, Wanted) and any(isinstance(value, bool) for value in wanted.values or ()):
        return 'a state is text, not true or false; write "on" or "off", or true and false in quotes'
    return ""


WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MEANT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), "[mon, tue, wed, thu, fri]"),
    **dict.fromkeys(("weekend", "weekends"), "[sat, sun]"),
    "wednesday": "wed",
}
WEEKDAY: Final = choice(*WEEKDAYS, meant=_MEANT)


def _time_of_day(value: Json) -> time:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", str(value), re.ASCII)
    if found is None:
        raise ValueError('expected a time of day such as "09:30"; hours go from 00 to 23, minutes from 00 to 59')
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


TIME_OF_DAY: Final = Kind(
    'a time of day such as "09:30"',
    {"type": "string", "help": "write hours and minutes, in quotes"},
    _time_of_day,
)
EntityId: TypeAlias = str


def _time_or_entity(value: Json) -> time | EntityId:
    text = value.strip() if isinstance(value, str) else value
    if is_entity(text):
        return str(text)
    return _time_of_day(text)


TIME_OR_ENTITY: Final[Kind[time | EntityId]] = Kind(
    'a time of day such as "09:30", or an entity that holds a time',
    {"type": "string", IS_ENTITY: True, "help": "write hours and minutes, in quotes"},
    _time_or_entity,
)


def _country(value: Json) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError('expected the code of a country, of two letters, such as "IN"')
    return value.strip()


COUNTRY: Final = Kind(
    'the code of a country, of two letters, such as "IN"',
    {"type": "string"},
    _country,
    "write its two letters of ISO 3166, in quotes",
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as it was given: a date, or a moment, which is a day only where somebody is."""

    given: date | datetime

    def on(self, zone: tzinfo) -> date:
        """The date in this zone."""
        if not isinstance(self.given, datetime):
            return self.given
        return (self.given.astimezone(zone) if self.given.tzinfo else self.given).date()


def _day(value: Json) -> Day:
    if isinstance(value, date):
        return Day(value)
    text = value.strip() if isinstance(value, str) else ""
    try:
        return Day(date.fromisoformat(text) if len(text) <= len("2026-01-26") else datetime.fromisoformat(text))
    except ValueError:
        raise ValueError('expected a date such as "2026-01-26"; the year comes first') from None


DAY: Final = Kind(
    'a date such as "2026-01-26"', {"type": "string"}, _day, "write the year first, then month and day, in quotes"
)
