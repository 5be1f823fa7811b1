"""`resolved`: what a rule does when that is over for which one of its triggers fired, once for all that it fired.

Beside each trigger of such a rule stands a memory of the events that it fired and that are not over yet, for each
subject. It is written with the event, and gone with the event that says that it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.records import EventRecord
from engine.states import Snapshot
from engine.values import Fact, Json
from engine.watches import Place, Watcher

RESOLVED: Final = "resolved"
MOST: Final = 10
"""Of so many events that are not over is known what they were, the newest."""
_FIRED = "/fired"
_NEVER_RAN = frozenset(
    ("failed_conditions", "failed_single", "failed_max_runs", "failed_cooldown", "disallowed_recursion_detected")
)


@dataclass(frozen=True, slots=True)
class Firing:
    """An event that a trigger fired: its id, which is its run's as well, when it came, and what `trigger` held."""

    event: str
    at: datetime
    data: Mapping[str, Json]


def fired_place(place: Place) -> Place:
    """Where the memory of what a trigger fired is kept."""
    return place[0], f"{place[1]}{_FIRED}"


def is_asked(watcher: Watcher) -> bool:
    """Whether the rule does something when that is over for which this trigger fires."""
    return watcher.waiting is None and bool(watcher.program.body.get(RESOLVED))


def with_event(memory: Json, event: EventRecord) -> Json:
    """The memory of what was fired, with one event more."""
    before = memory["fired"] if memory else []
    return {"fired": [*before[1 - MOST :], [event.id, event.at.isoformat(), event.data]], "key": event.key}


def over(memory: Json, watcher: Watcher, fact: Fact, view: Snapshot) -> EventRecord:
    """The event that all that was fired is over."""
    data = {RESOLVED: {"at": view.now.isoformat(), "fired": memory["fired"]}}
    program, row = watcher.program, view.ids.row_id()
    key, trigger = memory["key"], watcher.use.key
    return EventRecord(row, program.rule, program.hash, trigger, key, data, view.now, "new", fact.depth, fact.cause)


def is_over(event: EventRecord) -> bool:
    """Whether the event says that something is over."""
    return event.trigger != "" and RESOLVED in event.data


def firings(event: EventRecord) -> list[Firing]:
    """What is over, the newest first."""
    fired = event.data[RESOLVED]["fired"]
    return [Firing(row, datetime.fromisoformat(at), data) for row, at, data in reversed(fired)]


def variables(event: EventRecord, firing: Firing) -> dict[str, Json]:
    """What the steps see as `resolved`."""
    at = event.data[RESOLVED]["at"]
    return {"at": at, "after": (datetime.fromisoformat(at) - firing.at).total_seconds()}


def has_run(outcome: str) -> bool:
    """Whether a run with this outcome (none while it is open) did what its rule says, or began to."""
    return outcome not in _NEVER_RAN
