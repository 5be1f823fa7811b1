"""What each kind of step does, one function a kind (semantics section 5).

A function returns whether the step is over: true moves on to the next step, false means that it waits or has entered a
sequence of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.conditions import check, check_all, enabled
from engine.plugin import BOOLEAN
from engine.runs import calls, loops, waits
from engine.runs.course import Course, RunEnded, SequenceEnded, StepFailed
from engine.runs.frames import Frame, Wait
from engine.scope import TemplateProblem
from engine.values import Json, duration

Step = Mapping[str, Json]


def begin_step(course: Course, frame: Frame, step: Step) -> bool:
    """Starts the step that the frame is at."""
    return _KINDS[step["do"]](course, frame, step)


def resume_step(course: Course, frame: Frame, step: Step, kind: str, data: Json) -> bool:
    """Hands a message to the step that waits for it."""
    if step["do"] == "action":
        return calls.answered(course, frame, step, kind, data)
    if step["do"] in waits.KINDS:
        return waits.resumed(course, frame, kind, data)
    frame.wait = None
    course.body.late += data.get("late", 0.0)
    course.note(frame.step_path, "delay", "done", "the time is up")
    return True


def left_sequence(
    course: Course, frame: Frame, step: Step, inner: Frame, trouble: StepFailed | RunEnded | None
) -> bool:
    """A sequence inside the step has ended, by itself or by `trouble`; whether the step is over."""
    if step["do"] == "parallel":
        return loops.left_branch(course, frame, inner, trouble)
    if trouble is not None:
        raise trouble
    return step["do"] != "repeat" or loops.next_round(course, frame, step, inner)


def _delay(course: Course, frame: Frame, step: Step) -> bool:
    try:
        wait = duration(course.scope().render(step["delay"], strict=True))
    except (TemplateProblem, ValueError) as problem:
        raise StepFailed(f"delay: {problem}", "aborted") from None
    token = f"{frame.id}.{course.body.fresh()}"
    frame.wait = Wait(token, "delay", {})
    course.wake_after(token, wait)
    until = course.view.after(wait).astimezone(course.view.zone)
    course.note(frame.step_path, "delay", "waiting", f"waits until {until:%Y-%m-%d %H:%M:%S}")
    return False


def _condition(course: Course, frame: Frame, step: Step) -> bool:
    answer = check(step["condition"], course.scope())
    course.note(frame.step_path, "condition", "holds" if answer.holds else "stops here", answer.reason)
    if not answer.holds:
        raise SequenceEnded(answer.reason)
    return True


def _if(course: Course, frame: Frame, step: Step) -> bool:
    answer = check_all(step["if"], course.scope())
    branch = "then" if answer.holds else "else"
    course.note(frame.step_path, "if", branch, answer.reason)
    if not step.get(branch):
        return True
    course.body.enter(f"{frame.step_path}/{branch}", frame)
    return False


def _choose(course: Course, frame: Frame, step: Step) -> bool:
    reasons = []
    for index, option in enumerate(step["choose"]):
        if not enabled(option, course.scope()):
            reasons.append(f"option {index + 1}: it is switched off")
            continue
        answer = check_all(option["conditions"], course.scope())
        if answer.holds:
            course.note(frame.step_path, "choose", f"option {index + 1}", option.get("alias") or answer.reason)
            course.body.enter(f"{frame.step_path}/choose/{index}/sequence", frame)
            return False
        reasons.append(f"option {index + 1}: {answer.reason}")
    chosen = "default" if step.get("default") else "none"
    course.note(frame.step_path, "choose", chosen, "; ".join(reasons))
    if chosen == "none":
        return True
    course.body.enter(f"{frame.step_path}/default", frame)
    return False


def _sequence(course: Course, frame: Frame, step: Step) -> bool:
    course.body.enter(f"{frame.step_path}/sequence", frame)
    return False


def _variables(course: Course, frame: Frame, step: Step) -> bool:
    set_now: dict[str, Json] = {}
    for name, value in step["variables"].items():
        scope = course.scope()
        try:
            course.body.variables[name] = set_now[name] = scope.render(value)
        except TemplateProblem as problem:
            raise StepFailed(f"variables: {name}: {problem}") from None
    course.note(frame.step_path, "variables", "set", ", ".join(set_now), set_now)
    return True


def _stop(course: Course, frame: Frame, step: Step) -> bool:
    try:
        found = course.scope().render(step["stop"])
    except TemplateProblem as problem:
        raise StepFailed(f"stop: {problem}") from None
    text = "" if found is None else str(found)
    if name := step.get("response_variable"):
        if name not in course.scope().variables:
            raise StepFailed(f"stop: there is no variable {name} to answer with", "aborted")
        course.body.response = course.scope().variables[name]
    is_error = course.setting("error", step.get("error", False), BOOLEAN)
    outcome = "aborted" if is_error else "finished"
    course.note(frame.step_path, "stop", outcome, text)
    raise RunEnded(outcome, text or "stopped")


def _event(course: Course, frame: Frame, step: Step) -> bool:
    scope = course.scope()
    data: dict[str, Json] = {}
    faults = []
    for name, value in (step.get("event_data") or {}).items():
        try:
            data[name] = scope.render(value)
        except TemplateProblem as problem:
            faults.append(f"{name}: {problem}")
    course.tell("event", step["event"], data)
    course.note(frame.step_path, "event", "fired", "; ".join([step["event"], *faults]), data)
    return True


_KINDS: dict[str, Callable[[Course, Frame, Step], bool]] = {
    "action": calls.call,
    "delay": _delay,
    "condition": _condition,
    "if": _if,
    "choose": _choose,
    "repeat": loops.repeat,
    "parallel": loops.parallel,
    "sequence": _sequence,
    "wait_template": waits.wait_template,
    "wait_for_trigger": waits.wait_for_trigger,
    "wait_for_reply": waits.wait_for_reply,
    "variables": _variables,
    "stop": _stop,
    "event": _event,
}
