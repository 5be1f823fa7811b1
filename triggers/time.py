"""Triggers by the clock: times of day, crontab lines, and patterns of the clock's hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from engine.plugin import (
    ENTITY,
    TEXT,
    TIME_OR_ENTITY,
    WEEKDAY,
    WEEKDAYS,
    Calendar,
    Decision,
    Example,
    Fact,
    Fire,
    Json,
    Kind,
    Misread,
    Schedule,
    Trigger,
    View,
    Watch,
    calendar,
    duration,
    inside,
    many,
    optional,
    required,
)

_NOW = {"now": "The time at which it was due, in your time zone; text shows it as 2026-03-01 09:00:00+05:30"}


@dataclass(frozen=True, slots=True)
class ByEntity:
    """The time that an entity holds, so much later (or, below 0, earlier)."""

    entity: str
    offset: timedelta = timedelta(0)

    def __str__(self) -> str:
        return f"{self.entity}{self.offset.total_seconds():+g}" if self.offset else self.entity

    def calendar(self, days: frozenset[int] | None, view: View) -> Calendar | None:
        """When it is due; None while the entity holds no time."""
        state = view.state(self.entity)
        told = calendar.told(state.state) if state is not None else None
        if told is None:
            return None
        if isinstance(told, time):
            daily = (datetime.combine(date(2000, 1, 2), told) + self.offset).time()
            return calendar.at_time(daily.hour, daily.minute, daily.second, days, view.zone)
        at = told + self.offset
        local = at.astimezone(view.zone) if at.tzinfo else at
        return calendar.once(at, view.zone) if days is None or local.weekday() in days else None


def _offset(value: Json) -> timedelta:
    """A duration that may be negative."""
    if isinstance(value, str) and value.strip().startswith("-"):
        return -duration(value.strip()[1:])
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return -duration(-value)
    if isinstance(value, dict) and all(isinstance(each, int | float) and each <= 0 for each in value.values()):
        return -duration({unit: -amount for unit, amount in value.items()})
    return duration(value)


OFFSET = Kind('a duration; with a minus it is earlier: "-00:15:00"', {"type": ["number", "string", "object"]}, _offset)


def _at(value: Json) -> time | ByEntity:
    if isinstance(value, dict):
        if unknown := [key for key in value if key not in ("entity_id", "offset")]:
            raise Misread("expected entity_id and offset", (unknown[0],), value[unknown[0]], at_key=True)
        if "entity_id" not in value:
            raise ValueError('expected entity_id and offset; add "entity_id: …"')
        offset = inside("offset", OFFSET, value["offset"]) if "offset" in value else timedelta(0)
        return ByEntity(inside("entity_id", ENTITY, value["entity_id"]), offset)
    found = TIME_OR_ENTITY.read(value)
    return ByEntity(found) if isinstance(found, str) else found


AT = Kind(
    TIME_OR_ENTITY.says,
    {
        **TIME_OR_ENTITY.schema,
        "type": ["string", "object"],
        "properties": {"entity_id": ENTITY.schema, "offset": OFFSET.schema},
        "required": ["entity_id"],
        "additionalProperties": False,
    },
    _at,
)


def _hand(value: Json) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('expected a number, "*", or "/n" for every n')
    return value


HAND = Kind('a number, "*", or "/n" for every n', {"type": ["string", "integer"]}, _hand)


def _with_remedy(sentence: str, remedy: str) -> str:
    """The sentence with what to do, where it does not say so itself."""
    return sentence if "; did you mean" in sentence else f"{sentence}; {remedy}"


class Clocked(Trigger):
    """What all triggers by the clock share: whatever is due fires."""

    gives = _NOW
    keeps_time = True

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        now = _local(fact, view)
        return Decision(memory, Fire({"now": now}), f"it was due at {now}")


def _local(fact: Fact, view: View) -> str:
    return fact.at.astimezone(view.zone).isoformat()


class Time(Clocked):
    """Fires at a time of day, in your time zone; on all days, or on some days of the week.

    The time may be that of an entity, such as an `input_datetime`, and then follows it; with
    `{entity_id: …, offset: "-00:15:00"}` so much earlier or later. Where clocks change it still fires once that day: at
    the first of two such hours, or right after a skipped one.
    """

    name = "time"
    gives = {**_NOW, "entity_id": "The entity that held the time; null where the rule names the time itself"}
    at = required(many(AT), "The time of day, or an entity that holds a time, or a list of them")
    weekday = optional(many(WEEKDAY), "Only on these days of the week")
    examples = (
        Example(
            "Every morning at nine",
            'at: "09:00"\n',
            gives=[({"at": "2026-03-02T03:30:00+00:00"}, {"now": "2026-03-02T09:00:00+05:30", "entity_id": None})],
        ),
        Example(
            "Twice on working days",
            'at: ["09:00", "17:30:00"]\nweekday: [mon, tue, wed, thu, fri]\n',
            gives=[({"at": "2026-03-02T03:30:00+00:00"}, {"now": "2026-03-02T09:00:00+05:30", "entity_id": None})],
        ),
        Example(
            "A quarter of an hour before the time that somebody has set",
            'at: {entity_id: input_datetime.closing, offset: "-00:15:00"}\n',
            known={"input_datetime.closing": "18:00:00"},
            gives=[
                (
                    {"at": "2026-03-02T12:15:00+00:00"},
                    {"now": "2026-03-02T17:45:00+05:30", "entity_id": "input_datetime.closing"},
                ),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        days = frozenset(map(WEEKDAYS.index, self.weekday)) if self.weekday else None
        found: list[Watch] = []
        for at in dict.fromkeys(self.at):
            if isinstance(at, time):
                found.append(Schedule(calendar.at_time(at.hour, at.minute, at.second, days, view.zone), str(at)))
            elif (when := at.calendar(days, view)) is not None:
                found.append(Schedule(when, str(at)))
        return found

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        due = super().decide(memory, fact, view)
        entity = next((at.entity for at in self.at if isinstance(at, ByEntity) and str(at) == fact.subject), None)
        return replace(due, verdict=Fire({"now": _local(fact, view), "entity_id": entity}))

    def describe(self, told: Mapping[str, Json]) -> str:
        return f"time set in {told['entity_id']}" if told["entity_id"] else "time"


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
            return [
                (
                    "expression",
                    _with_remedy(str(fault), 'write it like "30 9 * * mon-fri": half past nine, Monday to Friday'),
                )
            ]
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
                says = str(fault).removeprefix(f"{hand}: ")
                faults.append((hand, _with_remedy(says, 'write "/5" for every fifth one, a number for that one alone')))
        return faults

    def watches(self, view: View) -> list[Watch]:
        return [Schedule(calendar.pattern(self.hours, self.minutes, self.seconds, view.zone))]
