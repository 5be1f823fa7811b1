"""Triggers by the clock: times of day, crontab lines, and patterns of the clock's hands."""

from __future__ import annotations

import re
from datetime import UTC, time

from engine.plugin import (
    TEXT,
    Decision,
    Example,
    Fact,
    Fire,
    Json,
    Kind,
    Schedule,
    Trigger,
    View,
    Watch,
    calendar,
    choice,
    many,
    optional,
    required,
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MEANT = {
    **dict.fromkeys(("weekday", "weekdays", "workday", "workdays"), "[mon, tue, wed, thu, fri]"),
    **dict.fromkeys(("weekend", "weekends"), "[sat, sun]"),
    "wednesday": "wed",
}
_NOW = {"now": "The time at which it was due, in your time zone, such as 2026-03-01T09:00:00+05:30"}


def _time_of_day(value: Json) -> time:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", str(value), re.ASCII)
    if found is None:
        raise ValueError('expected a time of day such as "09:30"; hours go from 00 to 23, minutes from 00 to 59')
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


TIME_OF_DAY = Kind(
    'a time of day such as "09:30"',
    {"type": "string", "help": "write hours and minutes, in quotes"},
    _time_of_day,
)


def _hand(value: Json) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('expected a number, "*", or "/n" for every n')
    return value


HAND = Kind('a number, "*", or "/n" for every n', {"type": ["string", "integer"]}, _hand)


class Clocked(Trigger):
    """What all triggers by the clock share: whatever is due fires."""

    gives = _NOW

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        now = fact.at.astimezone(view.zone).isoformat()
        return Decision(memory, Fire({"now": now}), f"it was due at {now}")


class Time(Clocked):
    """Fires at a time of day, in your time zone; on all days, or on some days of the week.

    Where clocks change it still fires once that day: at the first of two such hours, or right after a skipped one.
    """

    name = "time"
    at = required(many(TIME_OF_DAY), "The time of day, or a list of them")
    weekday = optional(many(choice(*WEEKDAYS, meant=MEANT)), "Only on these days of the week")
    examples = (
        Example(
            "Every morning at nine",
            'at: "09:00"\n',
            gives=[({"at": "2026-03-02T03:30:00+00:00"}, {"now": "2026-03-02T09:00:00+05:30"})],
        ),
        Example(
            "Twice on working days",
            'at: ["09:00", "17:30:00"]\nweekday: [mon, tue, wed, thu, fri]\n',
            gives=[({"at": "2026-03-02T03:30:00+00:00"}, {"now": "2026-03-02T09:00:00+05:30"})],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        days = frozenset(map(WEEKDAYS.index, self.weekday)) if self.weekday else None
        return [
            Schedule(calendar.at_time(at.hour, at.minute, at.second, days, view.zone), key=at.isoformat())
            for at in dict.fromkeys(self.at)
        ]


class Cron(Clocked):
    """Fires at the times that a crontab line names, in your time zone.

    The five fields are minute, hour, day of month, month and day of week, as crontab knows them.
    """

    name = "cron"
    expression = required(TEXT, "Minute, hour, day of month, month, day of week")
    examples = (
        Example(
            "At half past nine on working days",
            'expression: "30 9 * * mon-fri"\n',
            gives=[({"at": "2026-03-02T04:00:00+00:00"}, {"now": "2026-03-02T09:30:00+05:30"})],
        ),
        Example(
            "Every 15 minutes",
            'expression: "*/15 * * * *"\n',
            gives=[({"at": "2026-03-02T04:15:00+00:00"}, {"now": "2026-03-02T09:45:00+05:30"})],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        try:
            calendar.cron(self.expression, UTC)
        except ValueError as fault:
            return [("expression", str(fault))]
        return []

    def watches(self, view: View) -> list[Watch]:
        return [Schedule(calendar.cron(self.expression, view.zone))]


class TimePattern(Clocked):
    """Fires whenever the clock shows a pattern, such as every five minutes.

    `"/5"` means every value that 5 divides. What is smaller than the given parts counts as 0, what is larger as any.
    """

    name = "time_pattern"
    hours = optional(HAND, 'The hour: 0 to 23, "*" for any, "/2" for every second one')
    minutes = optional(HAND, 'The minute: 0 to 59, "*" for any, "/5" for every fifth one')
    seconds = optional(HAND, 'The second: 0 to 59, "*" for any, "/10" for every tenth one')
    examples = (
        Example(
            "Every five minutes",
            'minutes: "/5"\n',
            gives=[({"at": "2026-03-02T04:05:00+00:00"}, {"now": "2026-03-02T09:35:00+05:30"})],
        ),
        Example(
            "Every hour, a quarter past",
            "minutes: 15\n",
            gives=[({"at": "2026-03-02T04:45:00+00:00"}, {"now": "2026-03-02T10:15:00+05:30"})],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        hands = {"hours": self.hours, "minutes": self.minutes, "seconds": self.seconds}
        if not any(value is not None for value in hands.values()):
            return [("", 'none of hours, minutes and seconds is given; add one, such as minutes: "/5"')]
        faults = []
        for hand, value in hands.items():
            try:
                calendar.pattern(**{**dict.fromkeys(hands, "*"), hand: "*" if value is None else value}, zone=UTC)
            except ValueError as fault:
                faults.append((hand, str(fault).removeprefix(f"{hand}: ")))
        return faults

    def watches(self, view: View) -> list[Watch]:
        return [Schedule(calendar.pattern(self.hours, self.minutes, self.seconds, view.zone))]
