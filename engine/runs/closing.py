"""`finally`: the steps that a run does at its end, however it ended; the outcome stays that of what failed before.

A run that is cancelled has a bounded chance to do them: it was cancelled because nobody wanted it any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from engine.records import Drop, DueRecord, RunRecord
from engine.runs.course import Course, due_key
from engine.runs.frames import FINALLY
from engine.values import Json

CHANCE: Final = timedelta(minutes=5)
"""How long the `finally` steps of a run may take that was cancelled."""
CUT: Final = "finally"
"""Token and kind of the message that the chance is over."""

Ending = tuple[str, str]


def begins(course: Course, outcome: str, reason: str, failed: str | None) -> bool:
    """Goes on with the `finally` steps, if they are still to come; `failed` is the path of what went wrong, or None.

    The run's frames are gone by then. What a run did not begin, it does not end.
    """
    body = course.body
    if not course.program.get(FINALLY) or body.closing is not None:
        return False
    if course.run.state == "queued" or body.gathering is not None:
        return False
    body.closing = {"outcome": outcome, "reason": reason, "failed": failed is not None, "cut": False}
    if body.failure is None:
        error = {"message": reason, "step": failed, "outcome": outcome}
        body.variables["error"] = error if failed is not None else None
    body.enter(FINALLY)
    course.note(FINALLY, FINALLY, "begins", f"{outcome}: {reason}")
    if outcome == "cancelled":
        hurry(course)
    return True


def hurry(course: Course) -> None:
    """Bounds the time that the `finally` steps may take from now on."""
    assert course.body.closing is not None
    if not course.body.closing["cut"]:
        course.body.closing = {**course.body.closing, "cut": True}
        course.wake_after(CUT, CHANCE, CUT)


def concluded(closing: Mapping[str, Json], outcome: str, reason: str, *, is_failure: bool) -> Ending:
    """The run's outcome and reason once its `finally` steps have ended like this."""
    before, why = closing["outcome"], closing["reason"]
    if not is_failure:
        return before, why
    return before if closing["failed"] else outcome, f"{why}; then finally failed: {reason}"


def cut_off(closing: Mapping[str, Json]) -> Ending:
    """The run's outcome and reason when the chance of its `finally` steps is over."""
    minutes = int(CHANCE.total_seconds() // 60)
    return closing["outcome"], f"{closing['reason']}; then finally took longer than {minutes} minutes and was cut off"


def leave(course: Course) -> None:
    """What to write when the run has ended: nothing of the chance stays."""
    if course.body.closing is not None and course.body.closing["cut"]:
        course.changes.drop.append(Drop(DueRecord, (due_key(course.run.id, CUT),)))


def is_last_chance(run: RunRecord) -> bool:
    """Whether a run was cancelled already, and only its `finally` steps are still at work."""
    closing = (run.body or {}).get("closing") if run.state != "done" else None
    return bool(closing and closing["cut"])
