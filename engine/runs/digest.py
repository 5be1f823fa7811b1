"""`digest`: events are gathered as they come, and one run handles them all when it is time.

The run is there from its first event on: it waits, gathers the events as `trigger.events`, and begins when its time
has come or it is full. Its key says that it gathers, so that no mode counts it among the runs at work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.calendar import at_time
from engine.plugin import DURATION, TIME_OF_DAY, integer, many
from engine.records import Drop, DueRecord, EventRecord, Expect, InboxRecord, RunRecord, StepRecord
from engine.runs.advance import close
from engine.runs.course import Course, Means, StepFailed, due_key
from engine.runs.frames import GATHERING, unpacked
from engine.states import Snapshot
from engine.values import Json

MOST: Final = 100
"""How many events a digest holds where its rule does not say."""
LARGEST: Final = 512 * 1024
"""How much text the events of a digest may hold together before it is full."""
_KEY = "gathering/"


def lane_of(rule: str, key: str) -> tuple[str, str]:
    """Where the run stands that gathers for this key of the rule."""
    return rule, f"{_KEY}{key}"


def is_gathering(run: RunRecord) -> bool:
    """Whether the run has not begun, and still gathers events."""
    return run.state != "done" and bool((run.body or {}).get("gathering"))


def gathered(course: Course, event: EventRecord, before: RunRecord | None) -> Course:
    """The run that gathers, with one event more; `course` is a new run of this event alone, whose conditions hold.

    Without a run `before` it is the first one, and its time begins. Ends it where that time cannot be worked out.
    """
    into = course if before is None else _joined(course, event, before)
    events = [*(into.body.trigger["events"] if before is not None else ()), event.data]
    into.body.trigger = _trigger(events)
    size = (into.body.gathering or {"size": 0})["size"] + len(json.dumps(event.data, default=str))
    into.body.gathering = {"size": size, "key": course.run.key}
    if before is None:
        into.run = into.run._replace(key=lane_of(course.run.rule, course.run.key)[1])
        until = _until(course)
        into.wake_after(GATHERING, until - course.view.now)
        into.note(GATHERING, "digest", "waiting", f"gathers until {_shown(until, course.view)}")
    into.note(GATHERING, "digest", "gathered", f"event {len(events)}{_conditions(course)}", event.data)
    close(into)
    return into


def is_full(course: Course) -> bool:
    """Whether the run that gathers takes no more events."""
    most = course.setting("digest max", course.program["digest"].get("max", MOST), integer(1, 1_000_000))
    return len(course.body.trigger["events"]) >= most or (course.body.gathering or {})["size"] >= LARGEST


def opened(
    program: Mapping[str, Json], run: RunRecord, inbox: Iterable[InboxRecord], view: Snapshot, means: Means
) -> Course:
    """The run when its time has come: it is to be admitted, and then begins."""
    course = Course(program, run, unpacked(run.body), view, means)
    course.changes.expect.append(Expect(RunRecord, (run.id,), {"version": run.version}))
    for message in inbox:
        course.changes.drop.append(Drop(InboxRecord, (message.id,)))
        if message.token == GATHERING:
            course.body.late += message.data.get("late", 0.0)
    open_now(course, "the time is up")
    return course


def open_now(course: Course, reason: str) -> None:
    """The run gathers no more."""
    assert course.body.gathering is not None
    count = len(course.body.trigger["events"])
    course.note(GATHERING, "digest", "begins", f"{reason}; {count} event{'s' * (count != 1)}")
    course.run = course.run._replace(key=course.body.gathering["key"])
    course.body.gathering = None
    key = due_key(course.run.id, GATHERING)
    course.changes.put = [each for each in course.changes.put if not (isinstance(each, DueRecord) and each.key == key)]
    course.changes.drop.append(Drop(DueRecord, (key,)))
    close(course)


def _joined(course: Course, event: EventRecord, before: RunRecord) -> Course:
    """The run that gathers already, in place of the new one; the event's row is no longer needed."""
    into = Course(course.program, before, unpacked(before.body), course.view, course.means)
    into.body.variables = course.body.variables
    into.changes.expect.append(Expect(RunRecord, (before.id,), {"version": before.version}))
    into.changes.expect.append(Expect(EventRecord, (event.id,), {"state": "new"}))
    into.changes.drop.append(Drop(EventRecord, (event.id,)))
    into.says += course.says
    return into


def _trigger(events: list[Json]) -> dict[str, Json]:
    count = len(events)
    told = {"id": None, "idx": None, "alias": None, "platform": "digest"}
    told["description"] = f"a digest of {count} event{'s' * (count != 1)}"
    return {**told, "events": events, "count": count}


def _until(course: Course) -> datetime:
    """When a digest that begins now is handled. Raises StepFailed."""
    given, view = course.program["digest"], course.view
    if "for" in given:
        return view.now + _positive(course, "for", given["for"])
    zone = view.zone
    if "at" in given:
        times = course.setting("digest at", given["at"], many(TIME_OF_DAY))
        found = [at_time(at.hour, at.minute, at.second, None, zone).next_after(view.now) for at in times]
    else:
        step = _positive(course, "every", given["every"])
        midnight = view.now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        found = [midnight + ((view.now - midnight) // step + 1) * step]
        found.append(at_time(0, 0, 0, None, zone).next_after(view.now))
    return min(at for at in found if at is not None)


def _positive(course: Course, key: str, given: Json) -> timedelta:
    found = course.setting(f"digest {key}", given, DURATION)
    if found <= timedelta(0):
        raise StepFailed(f"digest {key}: it must be longer than nothing")
    return found


def _shown(at: datetime, view: Snapshot) -> str:
    return f"{at.astimezone(view.zone):%Y-%m-%d %H:%M:%S}"


def _conditions(course: Course) -> str:
    """Why the conditions of the event held, if it has any."""
    steps = (each for each in course.changes.put if isinstance(each, StepRecord) and each.path == "conditions")
    return "".join(f"; {step.reason}" for step in steps)
