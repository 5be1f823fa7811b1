"""The action on dates and times of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from engine.declared.input_datetime import read_date, read_moment, read_time
from engine.plugin import (
    NUMBER,
    Action,
    Example,
    InputDatetime,
    Json,
    Kind,
    Plan,
    State,
    View,
    declared,
    entities_of,
    optional,
    required,
)

_ALARM = {"input_datetime.alarm": {"has_time": True}}
_BEGIN = {"input_datetime.begin": {"has_date": True, "has_time": True}}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _date(value: Json) -> date:
    try:
        return read_date(str(value))
    except ValueError:
        raise ValueError('expected a date such as "2026-03-31"') from None


def _time(value: Json) -> time:
    try:
        return read_time(str(value))
    except ValueError:
        raise ValueError('expected a time of day such as "09:30:00"') from None


def _moment(value: Json) -> str:
    try:
        read_moment(str(value), UTC)
    except ValueError:
        raise ValueError('expected a date with a time of day, such as "2026-03-31 09:30:00"') from None
    return str(value)


_DATE = Kind('a date such as "2026-03-31"', {"type": "string"}, _date)
_TIME = Kind('a time of day such as "09:30:00"', {"type": "string"}, _time)
_MOMENT = Kind('a date with a time of day, such as "2026-03-31 09:30:00"', {"type": "string"}, _moment)


class InputDatetimeSetDatetime(Action):
    """Sets a date, a time of day, or both; what is not given stays as it is."""

    name = "input_datetime.set_datetime"
    entity_id = required(entities_of(InputDatetime.domain), "The date or time, or several")
    date = optional(_DATE, "The new date")
    time = optional(_TIME, "The new time of day")
    datetime = optional(_MOMENT, "The new date with its time of day")
    timestamp = optional(NUMBER, "The new date with its time of day, in seconds since 1970 in UTC")
    examples = (
        Example(
            "A time of day",
            'entity_id: input_datetime.alarm\ntime: "06:45:00"\n',
            known={"input_datetime.alarm": "07:00:00"},
            declared=_ALARM,
            gives=[
                {
                    "entity": "input_datetime.alarm",
                    "state": "06:45:00",
                    "attributes": {
                        "editable": False,
                        "has_date": False,
                        "has_time": True,
                        "hour": 6,
                        "minute": 45,
                        "second": 0,
                        "timestamp": 24300,
                    },
                }
            ],
        ),
        Example(
            "A moment, given in seconds",
            "entity_id: input_datetime.begin\ntimestamp: 1772425800\n",
            known={"input_datetime.begin": "2026-01-01 00:00:00"},
            declared=_BEGIN,
            gives=[
                {
                    "entity": "input_datetime.begin",
                    "state": "2026-03-02 10:00:00",
                    "attributes": {
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
                    },
                }
            ],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        parts = [key for key in ("date", "time") if getattr(self, key) is not None]
        wholes = [key for key in ("datetime", "timestamp") if getattr(self, key) is not None]
        if not parts and not wholes:
            return [("", "there is nothing to set; add date, time, datetime or timestamp")]
        if len(wholes) > 1 or (parts and wholes):
            return [(wholes[-1], f'"{wholes[-1]}" is given beside "{[*parts, *wholes][0]}"; keep one of them')]
        return []

    def plan(self, view: View) -> list[Plan]:
        given = _given(vars(self), view.zone)
        found = declared(view, self.entity_id, InputDatetime)
        return [kept.at(name, _moment_of(name, kept, state, given, view)) for name, kept, state in found]


def _given(fields: Mapping[str, Any], zone: tzinfo) -> tuple[date | None, time | None]:
    """The date and the time of day that are to be set, as far as they are given."""
    seconds: float | None = fields["timestamp"]
    if seconds is not None:
        try:
            whole = (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
        except OverflowError:
            raise ValueError(f"the timestamp {seconds} is no time that a calendar knows") from None
        return whole.date(), whole.time()
    if fields["datetime"] is not None:
        whole = read_moment(fields["datetime"], zone)
        return whole.date(), whole.time()
    return fields["date"], fields["time"]


def _moment_of(
    name: str, kept: InputDatetime, state: State | None, given: tuple[date | None, time | None], view: View
) -> datetime:
    day, clock = given[0] if kept.has_date else None, given[1] if kept.has_time else None
    if day is None and clock is None:
        raise ValueError(f"{name} holds {kept.holds}, and none was given")
    before = kept.moment(state, view.now, view.zone)
    return datetime.combine(day or before.date(), before.time() if clock is None else clock, view.zone)
