"""A timer: it runs down, and says so when it is over, also over a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from engine.declaration import Declaration, Loading, literal, with_state
from engine.field import BOOLEAN, DURATION, default
from engine.values import FireEvent, Json, Later, SetState, State, duration

IDLE = "idle"
ACTIVE = "active"
PAUSED = "paused"


class Timer(Declaration):
    """A stretch of time that rules start, pause and cancel; what happens is told by events."""

    domain = "timer"

    duration = default(literal(DURATION), timedelta(0), "How long it runs when the start does not say otherwise")
    restore = default(literal(BOOLEAN), False, "Taken along from Home Assistant; a timer always outlives a restart")

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        if before is not None and before.state == PAUSED:
            return [self.paused(entity, remaining(before), running(before, self))]
        if before is not None and before.state == ACTIVE and (end := finishes(before)) is not None:
            return list(self.active(entity, end, remaining(before), running(before, self)))
        return [self.idle(entity)]

    def idle(self, entity: str) -> SetState:
        """The timer when nothing runs."""
        return with_state(entity, IDLE, self.attributes(), self._spans(self.duration))

    def paused(self, entity: str, left: timedelta, whole: timedelta) -> SetState:
        """The timer held with so much left of the whole."""
        return with_state(entity, PAUSED, self.attributes(), self._spans(whole, left))

    def active(self, entity: str, end: datetime, left: timedelta, whole: timedelta) -> tuple[SetState, Later]:
        """The timer running to its end, and what happens then."""
        told = {"finishes_at": end.isoformat()}
        state = with_state(entity, ACTIVE, self.attributes(), self._spans(whole, left), told)
        return state, Later(key_of(entity), end, (self.idle(entity), finished(entity, end)))

    def _spans(self, whole: timedelta, left: timedelta | None = None) -> Mapping[str, Json]:
        spans: dict[str, Json] = {"duration": spelled(whole)}
        if left is not None:
            spans["remaining"] = spelled(left)
        return spans | ({"restore": True} if self.restore else {})


def key_of(entity: str) -> str:
    """The name of what happens when the timer is over."""
    return f"timer/{entity}"


def finished(entity: str, end: datetime) -> FireEvent:
    """The event of a timer that is over."""
    return FireEvent("timer.finished", {"entity_id": entity, "finished_at": end.isoformat()})


def spelled(span: timedelta) -> str:
    """A span as the timer shows it: hours, minutes and seconds, "0:05:00"."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def remaining(state: State) -> timedelta:
    """What is left of a timer that is paused, and what was left of an active one when it was started."""
    return _span(state, "remaining") or timedelta(0)


def running(state: State, timer: Timer) -> timedelta:
    """The whole stretch of which a part is left."""
    found = _span(state, "duration")
    return timer.duration if found is None or state.state == IDLE else found


def finishes(state: State) -> datetime | None:
    """When an active timer is over."""
    try:
        return datetime.fromisoformat(str(state.attributes.get("finishes_at"))).astimezone(UTC)
    except ValueError:
        return None


def _span(state: State, name: str) -> timedelta | None:
    try:
        return duration(state.attributes.get(name))
    except ValueError:
        return None
