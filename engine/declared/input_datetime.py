"""A date, a time of day, or both, that people and rules set; in the time zone of the settings."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo

from engine.declaration import WORDS, Declaration, Loading, literal, stood_as, with_state
from engine.field import BOOLEAN, default, optional
from engine.values import Json, Later, SetState, State

MIDNIGHT = time(0, 0)
_FLAG = literal(BOOLEAN)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d)(?:\.\d+)?)?", re.ASCII)


def read_date(text: str) -> date:
    """A date such as 2026-03-31. Raises ValueError."""
    return date.fromisoformat(text.strip())


def read_time(text: str) -> time:
    """A time of day such as 09:30 or 09:30:15. Raises ValueError."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("expected a time of day such as 09:30")
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


def read_moment(text: str, zone: tzinfo) -> datetime:
    """A date with its time of day; one without a zone of its own is meant in `zone`. Raises ValueError."""
    found = datetime.fromisoformat(text.strip())
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)


class InputDatetime(Declaration):
    """A date, a time of day, or both, that people and rules set."""

    domain = "input_datetime"

    has_date = default(_FLAG, False, "Whether it holds a date")
    has_time = default(_FLAG, False, "Whether it holds a time of day")
    initial = optional(WORDS, "What it is whenever rulewheel starts; without it, what it was before")

    def check(self) -> list[tuple[str, str]]:
        if not self.has_date and not self.has_time:
            return [("", "it holds neither a date nor a time; add has_date: true, has_time: true or both")]
        if self.initial is not None:
            try:
                self._read(self.initial, UTC)
            except ValueError:
                expected = f"expected {self.holds}, in quotes; write it like that, or leave it out"
                return [("initial", f'"initial" is not what it holds; {expected}')]
        return []

    @property
    def holds(self) -> str:
        """What it holds, in words with an example."""
        if self.has_date and self.has_time:
            return 'a date with a time of day, such as "2026-03-31 09:30:00"'
        return 'a date, such as "2026-03-31"' if self.has_date else 'a time of day, such as "09:30:00"'

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        if self.initial is not None and (stood_as(before) is None or at.is_start):
            return [self.at(entity, self._read(self.initial, at.zone))]
        return [self.at(entity, self.moment(before, at.now, at.zone))]

    def moment(self, state: State | None, now: datetime, zone: tzinfo) -> datetime:
        """What it holds, with today or midnight for what it does not hold, or where nothing can be read."""
        try:
            return self._read(stood_as(state) or "", zone, now)
        except ValueError:
            return datetime.combine(now.astimezone(zone).date(), MIDNIGHT, zone)

    def _read(self, text: str, zone: tzinfo, now: datetime | None = None) -> datetime:
        if self.has_date and self.has_time:
            return read_moment(text, zone)
        if self.has_date:
            return datetime.combine(read_date(text), MIDNIGHT, zone)
        today = now.astimezone(zone).date() if now is not None else date(1970, 1, 1)
        return datetime.combine(today, read_time(text), zone)

    def at(self, entity: str, moment: datetime) -> SetState:
        """The entity with this date and time, which are in the zone that people mean."""
        return with_state(entity, self._written(moment), self.attributes(), self._parts(moment))

    def _written(self, moment: datetime) -> str:
        day, clock = moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S")
        return f"{day} {clock}" if self.has_date and self.has_time else day if self.has_date else clock

    def attributes(self) -> dict[str, Json]:
        return {**super().attributes(), "has_date": self.has_date, "has_time": self.has_time}

    def _parts(self, moment: datetime) -> dict[str, Json]:
        parts: dict[str, Json] = {}
        if self.has_date:
            parts |= {"year": moment.year, "month": moment.month, "day": moment.day}
        if self.has_time:
            parts |= {"hour": moment.hour, "minute": moment.minute, "second": moment.second}
        if not self.has_date:
            return {**parts, "timestamp": moment.hour * 3600 + moment.minute * 60 + moment.second}
        whole = moment if self.has_time else moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return {**parts, "timestamp": whole.timestamp()}
