"""Actions on timers; each tells what happened by an event, in the same commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from engine.declared.timer import ACTIVE, IDLE, PAUSED, finished, finishes, key_of, remaining, running
from engine.plugin import (
    DURATION,
    Action,
    Example,
    FireEvent,
    Impossible,
    Json,
    Kind,
    Later,
    Plan,
    State,
    Timer,
    View,
    declared,
    duration,
    entities_of,
    optional,
    required,
)

_CALL = {"timer.call_back": {"duration": "00:30:00"}}
_IDLE = {"entity": "timer.call_back", "state": "idle", "attributes": {"editable": False, "duration": "0:30:00"}}
_ENTITY = {"entity_id": "timer.call_back"}
_NOTHING_LATER: Json = {"key": "timer/timer.call_back", "at": None, "then": []}


def _told(what: str, entity: str) -> FireEvent:
    return FireEvent(f"timer.{what}", {"entity_id": entity})


def _second(view: View) -> datetime:
    return view.now.replace(microsecond=0)


def _end(state: State | None) -> datetime | None:
    """When an active timer is over; None of one that is not active."""
    return finishes(state) if state is not None and state.state == ACTIVE else None


class TimerStart(Action):
    """Starts a timer, from the beginning or, where it was paused, with what was left."""

    name = "timer.start"
    entity_id = required(entities_of(Timer.domain), "The timer, or several")
    duration = optional(DURATION, "How long it runs, instead of what its declaration says")
    examples = (
        Example(
            "As long as it is declared",
            "entity_id: timer.call_back\n",
            known={"timer.call_back": "idle"},
            declared=_CALL,
            gives=[
                {
                    "entity": "timer.call_back",
                    "state": "active",
                    "attributes": {
                        "editable": False,
                        "duration": "0:30:00",
                        "remaining": "0:30:00",
                        "finishes_at": "2026-03-02T05:00:00+00:00",
                    },
                },
                {"event_type": "timer.started", "data": _ENTITY},
                {
                    "key": "timer/timer.call_back",
                    "at": "2026-03-02T05:00:00+00:00",
                    "then": [
                        _IDLE,
                        {
                            "event_type": "timer.finished",
                            "data": {**_ENTITY, "finished_at": "2026-03-02T05:00:00+00:00"},
                        },
                    ],
                },
            ],
        ),
        Example(
            "For ten seconds",
            "entity_id: timer.call_back\nduration: 10\n",
            known={"timer.call_back": "active"},
            declared=_CALL,
            gives=[
                {
                    "entity": "timer.call_back",
                    "state": "active",
                    "attributes": {
                        "editable": False,
                        "duration": "0:00:10",
                        "remaining": "0:00:10",
                        "finishes_at": "2026-03-02T04:30:10+00:00",
                    },
                },
                {"event_type": "timer.restarted", "data": _ENTITY},
                {
                    "key": "timer/timer.call_back",
                    "at": "2026-03-02T04:30:10+00:00",
                    "then": [
                        _IDLE,
                        {
                            "event_type": "timer.finished",
                            "data": {**_ENTITY, "finished_at": "2026-03-02T04:30:10+00:00"},
                        },
                    ],
                },
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Timer)
        return [plan for name, timer, state in found for plan in self._started(name, timer, state, view)]

    def _started(self, name: str, timer: Timer, state: State | None, view: View) -> Iterator[Plan]:
        under_way = state is not None and state.state in (ACTIVE, PAUSED)
        whole = left = timer.duration
        if self.duration:
            whole = left = self.duration
        elif state is not None and under_way:
            whole = running(state, timer)
            left = remaining(state) or whole
        moved, later = timer.active(name, _second(view) + left, left, whole)
        yield moved
        yield _told("restarted" if under_way else "started", name)
        yield later


class TimerPause(Action):
    """Holds an active timer; the next start goes on with what was left."""

    name = "timer.pause"
    entity_id = required(entities_of(Timer.domain), "The timer, or several")
    examples = (
        Example("One that is idle stays so", "entity_id: timer.call_back\n", declared=_CALL, gives=[]),
        Example("All timers, of which none runs", "entity_id: all\n", declared=_CALL, gives=[]),
    )

    def plan(self, view: View) -> list[Plan]:
        plans: list[Plan] = []
        for name, timer, state in declared(view, self.entity_id, Timer):
            end = _end(state)
            if state is not None and end is not None:
                plans += [timer.paused(name, end - _second(view), running(state, timer)), _told("paused", name)]
                plans.append(Later(key_of(name), None))
        return plans


class TimerCancel(Action):
    """Ends a timer without its being finished."""

    name = "timer.cancel"
    entity_id = required(entities_of(Timer.domain), "The timer, or several")
    examples = (
        Example(
            "The customer called first",
            "entity_id: timer.call_back\n",
            known={"timer.call_back": "active"},
            declared=_CALL,
            gives=[_IDLE, {"event_type": "timer.cancelled", "data": _ENTITY}, _NOTHING_LATER],
        ),
        Example(
            "One that is paused",
            "entity_id: timer.call_back\n",
            known={"timer.call_back": "paused"},
            declared=_CALL,
            gives=[_IDLE, {"event_type": "timer.cancelled", "data": _ENTITY}, _NOTHING_LATER],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Timer)
        return [
            plan
            for name, timer, _ in found
            for plan in (timer.idle(name), _told("cancelled", name), Later(key_of(name), None))
        ]


class TimerFinish(Action):
    """Finishes an active timer before its time."""

    name = "timer.finish"
    entity_id = required(entities_of(Timer.domain), "The timer, or several")
    examples = (
        Example("One that is idle stays so", "entity_id: timer.call_back\n", declared=_CALL, gives=[]),
        Example("All timers, of which none runs", "entity_id: all\n", declared=_CALL, gives=[]),
    )

    def plan(self, view: View) -> list[Plan]:
        plans: list[Plan] = []
        for name, timer, state in declared(view, self.entity_id, Timer):
            end = _end(state)
            if end is not None:
                plans += [timer.idle(name), finished(name, end), Later(key_of(name), None)]
        return plans


def _longer_or_shorter(value: Json) -> timedelta:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    text = str(value).strip() if isinstance(value, str) else ""
    return -duration(text[1:]) if text.startswith("-") else duration(value)


_SHIFT = Kind(
    'a duration such as "00:05:00", with a minus in front to make it shorter',
    {"type": ["number", "string", "object"]},
    _longer_or_shorter,
)


class TimerChange(Action):
    """Makes an active timer run longer or shorter, but never longer than it was started for."""

    name = "timer.change"
    entity_id = required(entities_of(Timer.domain), "The timer, or several")
    duration = required(_SHIFT, 'How much longer, or with a minus how much shorter: "-00:05:00"')
    examples = (
        Example("All timers, of which none is declared", 'entity_id: all\nduration: "-00:05:00"\n', gives=[]),
        Example("In seconds", "entity_id: all\nduration: 30\n", gives=[]),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Timer)
        return [plan for name, timer, state in found for plan in self._changed(name, timer, state, view)]

    def _changed(self, name: str, timer: Timer, state: State | None, view: View) -> Iterator[Plan]:
        end = _end(state)
        if state is None or end is None:
            stands = IDLE if state is None else state.state
            raise Impossible(f"{name} is {stands}; only an active timer can be changed")
        whole = running(state, timer)
        left = end + self.duration - _second(view)
        if left > whole:
            raise Impossible(f"{name} runs {whole} at most; start it with a longer duration instead")
        if left < timedelta(0):
            raise Impossible(f"{name} has only {end - _second(view)} left; finish it instead")
        moved, later = timer.active(name, end + self.duration, left, whole)
        yield moved
        yield _told("changed", name)
        yield later
