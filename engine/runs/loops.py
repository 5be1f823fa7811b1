"""The steps that run sequences more than once or side by side: `repeat` and `parallel` (semantics section 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.conditions import Holds, check_all, enabled
from engine.plugin import NUMBER
from engine.runs.course import Course, RunEnded, StepFailed
from engine.runs.frames import Frame
from engine.scope import TemplateProblem
from engine.values import Json, Say

WARNS_AFTER = 5_000
MOST_ROUNDS = 10_000

_BRANCH = re.compile(r"/parallel/(\d+)/sequence$")

Step = Mapping[str, Json]


def repeat(course: Course, frame: Frame, step: Step) -> bool:
    """Begins the first round."""
    given = step["repeat"]
    frame.step = {"index": 0}
    if "count" in given:
        frame.step["count"] = _count(course, given["count"])
    elif "for_each" in given:
        frame.step["items"] = _items(course, given["for_each"])
        frame.step["count"] = len(frame.step["items"])
    rounds = f"{frame.step['count']} rounds" if "count" in frame.step else "while" if "while" in given else "until"
    course.note(frame.step_path, "repeat", "begins", rounds)
    return next_round(course, frame, step, None)


def next_round(course: Course, frame: Frame, step: Step, before: Frame | None) -> bool:
    """Begins another round, if there is to be one; `before` is the sequence of the round that has ended."""
    given, state = step["repeat"], frame.step or {}
    if before is not None and "until" in given:
        answer = _asked(course, before, given["until"])
        if answer.holds or answer.failed:
            return _over(course, frame, state["index"], answer.reason)
    index, count = state["index"] + 1, state.get("count")
    if count is not None and index > count:
        return _over(course, frame, count, "all rounds done")
    if count is None:
        _guard(course, index - 1)
    inner = course.body.enter(f"{frame.step_path}/repeat/sequence", frame, {"repeat": _repeat(state, index)})
    if "while" in given:
        answer = _asked(course, inner, given["while"])
        if not answer.holds:
            course.body.frames.remove(inner)
            return _over(course, frame, index - 1, answer.reason)
    state["index"] = index
    return False


def parallel(course: Course, frame: Frame, step: Step) -> bool:
    """Begins all branches."""
    scope = course.scope()
    branches = [index for index, branch in enumerate(step["parallel"]) if enabled(branch, scope)]
    frame.step = {"left": len(branches), "troubles": {}}
    for index in branches:
        course.body.enter(f"{frame.step_path}/parallel/{index}/sequence", frame)
    course.note(frame.step_path, "parallel", "begins", f"{len(branches)} branches")
    return not branches


def left_branch(course: Course, frame: Frame, inner: Frame, trouble: StepFailed | RunEnded | None) -> bool:
    """One branch has ended; the step is over with the last of them, and raises what the first of them raised."""
    state = frame.step
    assert state is not None
    state["left"] -= 1
    if trouble is not None:
        state["troubles"] = {**state["troubles"], _index(inner): _kept(trouble)}
    if state["left"]:
        return False
    if state["troubles"]:
        raise _raised(state["troubles"][min(state["troubles"], key=int)])
    return True


def branch_of(course: Course, frame: Frame) -> Frame | None:
    """The innermost branch of a `parallel` in which a frame is; None where it is in none."""
    above = course.body.above(frame)
    return next((each for each in reversed(above) if _BRANCH.search(each.path)), None)


def _count(course: Course, given: Json) -> int:
    try:
        return max(0, int(course.setting("repeat count", given, NUMBER)))
    except StepFailed as failure:
        raise StepFailed(failure.reason, "aborted") from None


def _items(course: Course, given: Json) -> list[Json]:
    try:
        items = course.scope().render(given, strict=True)
    except TemplateProblem as problem:
        raise StepFailed(f"for_each: {problem}", "aborted") from None
    if not isinstance(items, list):
        raise StepFailed(f"for_each: expected a list, this is {type(items).__name__}", "aborted")
    return items


def _asked(course: Course, inner: Frame, conditions: list[Json]) -> Holds:
    """Whether conditions hold that see the variables of a round."""
    course.at = inner
    answer = check_all(conditions, course.scope())
    if answer.failed:
        course.says.append(Say(f"repeat ends: {answer.reason}", "warning"))
    return answer


def _guard(course: Course, done: int) -> None:
    if done == WARNS_AFTER:
        course.says.append(Say(f"a repeat has gone through {done} rounds; at {MOST_ROUNDS} it is ended", "warning"))
    if done >= MOST_ROUNDS:
        raise StepFailed(f"repeat: more than {MOST_ROUNDS} rounds; its while or until never ends it", "aborted")


def _repeat(state: Mapping[str, Json], index: int) -> dict[str, Json]:
    found: dict[str, Json] = {"index": index, "first": index == 1}
    if "count" in state:
        found["last"] = index == state["count"]
    if "items" in state:
        found["item"] = state["items"][index - 1]
    return found


def _over(course: Course, frame: Frame, rounds: int, reason: str) -> bool:
    course.note(frame.step_path, "repeat", "done", f"{rounds} rounds; {reason}")
    return True


def _index(inner: Frame) -> str:
    found = _BRANCH.search(inner.path)
    assert found is not None
    return found[1]


def _kept(trouble: StepFailed | RunEnded) -> dict[str, Json]:
    if isinstance(trouble, RunEnded):
        return {"ends": True, "outcome": trouble.outcome, "reason": trouble.reason}
    return {"outcome": trouble.outcome, "reason": trouble.reason, "soft": trouble.soft, "path": trouble.path}


def _raised(kept: Mapping[str, Json]) -> StepFailed | RunEnded:
    if "ends" in kept:
        return RunEnded(kept["outcome"], kept["reason"])
    failure = StepFailed(kept["reason"], kept["outcome"], soft=kept["soft"])
    failure.path = kept["path"]
    return failure
