"""When something is due: APScheduler's cron trigger as calendars that are right where clocks change (promise P3).

The trigger only ever counts wall-clock times, as on a clock that never changes; at which instant such a time lies is
decided here. A fixed time fires once where the hour repeats, and at the first valid minute after the gap where it is
skipped. With a free hour every instant fires whose wall-clock time fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol

from apscheduler.triggers.cron import CronTrigger

from engine.problem import near

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS = {name: number for number, name in enumerate(_MONTHS, 1)}
WEEKDAYS = {name: number for number, name in enumerate(_WEEKDAYS)}
LONGEST = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class Calendar(Protocol):
    """A series of instants, without end or with one."""

    def next_after(self, when: datetime) -> datetime | None:
        """The first instant later than `when`, or None; both aware and in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Walls:
    """Wall-clock times, as naive datetimes in whole seconds: those that fit any of the triggers."""

    triggers: tuple[CronTrigger, ...]

    def from_(self, wall: datetime) -> datetime | None:
        """The first of them at or after `wall`."""
        start = wall.replace(tzinfo=UTC)
        found = (trigger.get_next_fire_time(None, start) for trigger in self.triggers)
        return min((each.replace(tzinfo=None) for each in found if each is not None), default=None)


@dataclass(frozen=True, slots=True)
class FixedTimes:
    """Each wall-clock time is due once: at its first occurrence, or right after the gap that it falls into."""

    walls: Walls
    zone: tzinfo

    def next_after(self, when: datetime) -> datetime | None:
        wall = self.walls.from_(_wall(when, self.zone) + TICK)
        while wall is not None:
            instant = _first_valid(wall, self.zone)
            if instant > when:
                return instant
            wall = self.walls.from_(wall + SECOND)
        return None


@dataclass(frozen=True, slots=True)
class ElapsedTimes:
    """Every instant is due whose wall-clock time fits, also in an hour that repeats; a skipped one never comes."""

    walls: Walls
    zone: tzinfo

    def next_after(self, when: datetime) -> datetime | None:
        reached = when + TICK
        while (wall := self.walls.from_(_wall(reached, self.zone))) is not None:
            offset = _offset(reached, self.zone)
            instant = wall.replace(tzinfo=UTC) - offset
            end = reached + DAY
            if _offset(end, self.zone) != offset:
                end = _change(reached, end, self.zone)
            elif instant >= end:
                # Far away, and clocks may change before it: look again from the day before.
                end = max(end, instant - DAY)
            if instant < end:
                return instant
            reached = end
        return None


@dataclass(frozen=True, slots=True)
class Every:
    """Equal steps from `anchor` on, the anchor included."""

    step: timedelta
    anchor: datetime

    def next_after(self, when: datetime) -> datetime | None:
        return self.anchor + max(0, (when - self.anchor) // self.step + 1) * self.step


@dataclass(frozen=True, slots=True)
class Once:
    """One instant and no other."""

    at: datetime

    def next_after(self, when: datetime) -> datetime | None:
        return self.at if self.at > when else None


def once(at: datetime, zone: tzinfo) -> Calendar:
    """One instant; without an offset it is a time on the wall, right after the gap if it is skipped."""
    return Once(at.astimezone(UTC) if at.tzinfo else _first_valid(at, zone))


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """When a wall clock in this zone shows this time first, in UTC; right after the gap if it never does."""
    return _first_valid(wall, zone)


def told(text: str) -> time | datetime | None:
    """The time that an entity tells: a time of day, a date, or both, on the wall or as an instant; else None."""
    try:
        return time.fromisoformat(text).replace(tzinfo=None) if ":" in text[:3] else datetime.fromisoformat(text)
    except ValueError:
        return None


def at_time(hour: int, minute: int, second: int, weekdays: frozenset[int] | None, zone: tzinfo) -> Calendar:
    """A time of day, on all days or on `weekdays` (0 is Monday)."""
    days = "*" if weekdays is None else _joined(weekdays)
    return FixedTimes(Walls((_trigger(hour=hour, minute=minute, second=second, day_of_week=days),)), zone)


def every(seconds: float, anchor: datetime) -> Calendar:
    """Steps of `seconds` from `anchor` on. Raises ValueError unless they are more than 0."""
    if seconds <= 0:
        raise ValueError(f"every {seconds:g} s is no pace; expected more than 0 seconds")
    return Every(timedelta(seconds=seconds), anchor)


def pattern(hours: str | int | None, minutes: str | int | None, seconds: str | int | None, zone: tzinfo) -> Calendar:
    """Home Assistant's `time_pattern`: each a number, "*", or "/n" for the values that n divides.

    A smaller unit left out below a given one is 0, a larger one left out is "*". Raises ValueError.
    """
    if hours is None and minutes is None and seconds is None:
        raise ValueError("a time pattern needs at least one of hours, minutes and seconds")
    if minutes is None and hours is not None:
        minutes = 0
    if seconds is None and minutes is not None:
        seconds = 0
    hour = _pattern_field("hours", hours, 23)
    trigger = _trigger(
        hour=hour, minute=_pattern_field("minutes", minutes, 59), second=_pattern_field("seconds", seconds, 59)
    )
    return _calendar((trigger,), free="*" in hour, zone=zone)


def cron(expression: str, zone: tzinfo) -> Calendar:
    """Five crontab fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday; names allowed).

    As in crontab, when both days are given, either is enough. Raises ValueError.
    """
    words = expression.split()
    if len(words) != len(FIELDS):
        raise ValueError(
            f'"{expression}" has {len(words)} fields; expected five: minute, hour, day of month, month, day of week '
            '(for example "30 9 * * mon-fri")'
        )
    minute, hour, day, month, weekday = (field.read(word) for field, word in zip(FIELDS, words, strict=True))
    either = not words[2].startswith("*") and not words[4].startswith("*")
    comes = min(day) <= max(LONGEST.get(number, 31) for number in month)
    if not comes and not either:
        raise ValueError(f'"{expression}" never comes: no month that it names has a day {min(day)}')
    by_day = {"day": _joined(day)}
    by_weekday = {"day_of_week": _joined({(number - 1) % 7 for number in weekday})}
    choices = [by_weekday, *([by_day] if comes else [])] if either else [by_day | by_weekday]
    times = {"second": "0", "minute": _joined(minute), "hour": _joined(hour), "month": _joined(month)}
    triggers = tuple(_trigger(**times, **choice) for choice in choices)
    return _calendar(triggers, free="*" in words[1] or len(hour) == 24, zone=zone)


@dataclass(frozen=True, slots=True)
class CronField:
    """One field of a crontab line: `*`, numbers, names and ranges of them, each with a step if wanted, as a list."""

    name: str
    low: int
    high: int
    names: Mapping[str, int]

    def read(self, text: str) -> frozenset[int]:
        """The numbers that it stands for. Raises ValueError."""
        return frozenset(number for part in text.split(",") for number in self._part(part))

    def _part(self, part: str) -> range:
        found = re.fullmatch(r"(?:(\*)|(\w{1,9})(?:-(\w{1,9}))?)(?:/(\d{1,4}))?", part, re.ASCII)
        if found is None:
            raise ValueError(self._refusal(part))
        star, first, last, step = found.groups()
        if star:
            low, high = self.low, self.high
        else:
            low = self._number(first)
            high = self._number(last) if last else self.high if step else low
        if self.names is WEEKDAYS and high == 0 < low:
            high = 7  # "fri-sun": the week ends on a Sunday as well as it begins with one
        if high < low or (step and int(step) == 0):
            raise ValueError(self._refusal(part))
        return range(low, high + 1, int(step or 1))

    def _number(self, word: str) -> int:
        number = self.names.get(word.lower()) if not word.isdigit() else int(word)
        if number is None or not self.low <= number <= self.high:
            raise ValueError(self._refusal(word))
        return number

    def _refusal(self, part: str) -> str:
        named = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        guess = near(part, self.names)
        return f'"{part}" is no {self.name}; expected {self.low}-{self.high}{named}, a range a-b, "*" or "*/n"' + (
            f"; {guess}" if guess else ""
        )


FIELDS = (
    CronField("minute", 0, 59, {}),
    CronField("hour", 0, 23, {}),
    CronField("day of month", 1, 31, {}),
    CronField("month", 1, 12, MONTHS),
    CronField("day of week", 0, 7, WEEKDAYS),
)


def _pattern_field(name: str, value: str | int | None, high: int) -> str:
    """As APScheduler writes it."""
    text = "*" if value is None else str(value)
    found = re.fullmatch(r"(/)?0*(\d{1,4})", text, re.ASCII)
    if text == "*":
        return text
    if found is None or not (1 if found[1] else 0) <= int(found[2]) <= high:
        raise ValueError(f'{name}: "{text}" is no pattern; expected 0-{high}, "*", or "/n" with n from 1 to {high}')
    return f"*/{found[2]}" if found[1] else found[2]


def _calendar(triggers: tuple[CronTrigger, ...], *, free: bool, zone: tzinfo) -> Calendar:
    return ElapsedTimes(Walls(triggers), zone) if free else FixedTimes(Walls(triggers), zone)


def _trigger(**fields: str | int) -> CronTrigger:
    return CronTrigger(timezone=UTC, **fields)


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def _wall(instant: datetime, zone: tzinfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _offset(instant: datetime, zone: tzinfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _first_valid(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant that shows `wall`, or the one at which the gap around it ends."""
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if _wall(early, zone) == wall:
        return early
    return _change(early, late, zone)


def _change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The instant in (before, after], in whole seconds, from which on the offset of `before` is no longer kept."""
    offset = _offset(before, zone)
    low, high = before.replace(microsecond=0), after.replace(microsecond=0)
    while high - low > SECOND:
        middle = low + (high - low) // SECOND // 2 * SECOND
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high
