"""The heart of the engine: from an event to a run, and from a run and its inbox to the next state of it.

`begin`, `advance` and `cancel` are pure: no clock, no disk, no network; what they read comes in as a snapshot, what
they want comes out as changes, effects, facts and log lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from engine.conditions import check_all, enabled
from engine.plugin import BOOLEAN, DURATION, integer
from engine.predicates import leading, ruled_out
from engine.records import Drop, DueRecord, EventRecord, Expect, InboxRecord, RunRecord, Update
from engine.resolved import RESOLVED
from engine.runs import closing
from engine.runs.called import answer
from engine.runs.called import begun as has_begun
from engine.runs.calls import abandon
from engine.runs.course import Course, Means, RunEnded, SequenceEnded, StepFailed, due_key
from engine.runs.frames import GATHERING, ON_ERROR, Body, Frame, begun, packed, shown_path, steps_at, unpacked
from engine.runs.modes import admit
from engine.runs.quiet import AGAIN
from engine.runs.steps import begin_step, left_sequence, resume_step
from engine.scope import TemplateProblem
from engine.states import Snapshot
from engine.values import Json, Say
from engine.watches import Waiting

LARGEST_RUN = 1024 * 1024
AT_ONCE = 1_000
"""Steps that a run may do before others have their turn."""

Program = Mapping[str, Json]


def begin(
    program: Program, event: EventRecord, view: Snapshot, means: Means, over: Mapping[str, Json] | None = None
) -> Course:
    """Makes the run of an event and looks at its variables, `per` and conditions; `admitted` is to follow.

    The run has ended already when a condition does not hold. The event is marked as done in the same changes. With
    `over` (what templates see as `resolved`) the event is one that has been handled before, and is over now.
    """
    course = _made(program, event, view, means)
    if over is not None:
        course.body.frames.clear()
        course.body.enter(RESOLVED)
        course.is_over = True
        course.body.variables[RESOLVED] = over
    _prepare(course, event)
    close(course)
    return course


def cooldown(course: Course) -> timedelta | None:
    """How long the rule rests after a start, by its key, or None. Ends the run where that cannot be told."""
    given = course.program.get("cooldown")
    try:
        return None if given is None else course.setting("cooldown", given, DURATION)
    except StepFailed as failure:
        turned_away(course, failure.outcome, failure.reason)
        return None


def turned_away(course: Course, outcome: str, reason: str) -> None:
    """Ends a new run before its first step."""
    _end(course, outcome, reason)
    close(course)


def admitted(course: Course, others: Sequence[RunRecord]) -> None:
    """Lets a new run start, queues or refuses it, by its rule's mode; then it is advanced as far as it goes.

    `others` are the open runs of the rule with the same key, oldest first. The caller cancels those in `replaces`.
    """
    try:
        mode, most = course.program.get("mode", "queued"), _most(course)
        admission = admit("queued", None, others) if course.is_over else admit(mode, most, others)
    except StepFailed as failure:
        turned_away(course, failure.outcome, failure.reason)
        return
    course.replaces = admission.replaces
    course.is_admitted = admission.verdict != "refuse"
    if admission.verdict == "refuse":
        _end(course, admission.outcome, admission.reason)
    elif admission.verdict == "queue":
        course.run = course.run._replace(state="queued", reason=admission.reason)
    else:
        _go_on(course)
    close(course)


def advance(program: Program, run: RunRecord, inbox: Iterable[InboxRecord], view: Snapshot, means: Means) -> Course:
    """Takes the messages for a run and goes on as far as it can; messages with a stale token change nothing."""
    course = Course(program, run, unpacked(run.body), view, means)
    course.changes.expect.append(Expect(RunRecord, (run.id,), {"version": run.version}))
    for message in inbox:
        course.changes.drop.append(Drop(InboxRecord, (message.id,)))
        _receive(course, message)
    if course.run.state == "queued":
        course.run = course.run._replace(state="running")
    _go_on(course)
    close(course)
    return course


def refused(event: EventRecord, reason: str, view: Snapshot, means: Means, outcome: str = "error") -> Course:
    """The run of an event that is not handled at all: it ends before its first step."""
    course = _made({}, event, view, means)
    _end(course, outcome, reason)
    close(course)
    return course


def cancel(
    program: Program, run: RunRecord, reason: str, view: Snapshot, means: Means, outcome: str = "cancelled"
) -> Course:
    """Ends a run at its present wait, but for its `finally` steps; an effect under way goes on to its own outcome."""
    course = Course(program, run, unpacked(run.body), view, means)
    course.changes.expect.append(Expect(RunRecord, (run.id,), {"version": run.version}))
    _cancel(course, outcome, reason)
    _go_on(course)
    close(course)
    return course


def _made(program: Program, event: EventRecord, view: Snapshot, means: Means) -> Course:
    call = event.data.get("call") if event.trigger == "" else None
    run = RunRecord(
        id=event.id if call or program.get(RESOLVED) else view.ids.row_id(),
        event=event.id,
        rule=event.rule,
        program=event.program,
        key=event.key,
        state="running",
        outcome="",
        reason="",
        started=view.now,
        ended=None,
        version=0,
        body=None,
        depth=event.depth,
    )
    course = Course(program, run, begun(event.data, {}), view, means)
    course.body.call = call
    course.body.late = max(0.0, (view.now - event.at).total_seconds())
    if call and "begins" in call:
        course.changes.put.append(has_begun(call, run.id, view.ids.row_id()))
    course.this()
    course.changes.expect.append(Expect(EventRecord, (event.id,), {"state": "new"}))
    course.changes.update.append(Update(EventRecord, (event.id,), {"state": "done"}))
    return course


def _most(course: Course) -> int | None:
    given = course.program.get("max")
    return None if given is None else course.setting("max", given, integer(1, 1_000_000))


def _prepare(course: Course, event: EventRecord) -> None:
    own = _trigger_of(course, event)
    try:
        _set_variables(course, event)
        # Not where the conditions do not hold anyway: where many rules listen, such a rule is not even asked.
        if "per" in course.program and not (own and ruled_out(leading(course.program, own), event.data)):
            course.run = course.run._replace(key=str(course.scope().render(course.program["per"], strict=True)))
    except TemplateProblem as problem:
        _end(course, "error", f"variables: {problem}")
        return
    if course.is_over:
        after = course.body.variables[RESOLVED]["after"]
        course.note(RESOLVED, RESOLVED, "begins", f"what the trigger fired for is over, after {after:g} s")
    elif course.program["conditions"] and by_hand(event) and event.data["skip_conditions"]:
        course.note("condition", "condition", "skipped", "the rule was called by name")
    elif course.program["conditions"]:
        answer = check_all(course.program["conditions"], course.scope())
        course.note("condition", "condition", "hold" if answer.holds else "do not hold", answer.reason)
        if answer.failed:
            course.says.append(Say(f"a condition cannot be worked out: {answer.reason}", "warning"))
        if not answer.holds:
            _end(course, "failed_conditions", answer.reason)


def _set_variables(course: Course, event: EventRecord) -> None:
    """What was handed in stands, then what the trigger says; the rule's own come last and override nothing.

    Only `trigger_variables` are lower (semantics section 6). Raises TemplateProblem.
    """
    program, known = course.program, course.body.variables
    known |= event.data.get("variables", {}) if by_hand(event) else {}
    trigger = _trigger_of(course, event)
    of_rule = {**(program.get("trigger_variables") or {}), **program["variables"]}
    for name, value in [*(trigger.get("variables") or {}).items(), *of_rule.items()]:
        if name not in known:
            known[name] = course.scope().render(value)


def _trigger_of(course: Course, event: EventRecord) -> Json:
    """The trigger that fired as the program has it; empty where nobody's did."""
    return next((use for use in course.program["triggers"] if use["key"] == event.trigger), {})


def by_hand(event: EventRecord) -> bool:
    """Whether somebody runs the rule by its name, without any of its triggers."""
    return event.trigger == "" and event.data.get("platform") is None and "skip_conditions" in event.data


def _receive(course: Course, message: InboxRecord) -> None:
    if message.kind == "cancel" and course.run.state != "done":
        _cancel(course, "cancelled", message.data["reason"])
        return
    if message.kind == closing.CUT and course.body.closing is not None:
        _end(course, *closing.cut_off(course.body.closing))
        return
    frame = course.body.waiting(message.token)
    if frame is None and message.kind == AGAIN:
        course.released.append(message.data["op_id"])
    if frame is None or course.run.state == "done":
        return
    step = steps_at(course.program, frame.path)[frame.at]
    _guarded(course, frame, step, partial(resume_step, course, frame, step, message.kind, message.data))


def _go_on(course: Course) -> None:
    """Does steps until every leaf waits; a run that never waits lets others have their turn now and then."""
    if course.body.gathering is not None:
        return
    for _ in range(AT_ONCE):
        if course.run.state == "done" or (frame := course.body.ready()) is None:
            return
        if course.waits:
            break  # it listens before the other branches go on: what they do may be what it waits for
        steps = steps_at(course.program, frame.path)
        if frame.at >= len(steps):
            _leave(course, frame)
            continue
        step = steps[frame.at]
        _guarded(course, frame, step, partial(_begin, course, frame, step))
    course.changes.put.append(InboxRecord(course.view.ids.row_id(), course.run.id, "", "go-on", {}))


def _begin(course: Course, frame: Frame, step: Mapping[str, Json]) -> bool:
    if "enabled" in step and not enabled(step, course.scope()):
        course.note(frame.step_path, step["do"], "skipped", "it is switched off (enabled: false)")
        return True
    return begin_step(course, frame, step)


def _guarded(course: Course, frame: Frame, step: Mapping[str, Json], act: Callable[[], bool]) -> None:
    """Does a part of a step; when the step is over, its sequence goes on with the next one."""
    course.at = frame
    trouble: StepFailed | RunEnded
    try:
        if act():
            _past(frame)
        return
    except SequenceEnded as ended:
        if frame.parent is None:
            _finish(course, "aborted", ended.reason)
        else:
            _leave(course, frame)
        return
    except (StepFailed, RunEnded) as raised:
        trouble = raised
    except TemplateProblem as problem:
        trouble = StepFailed(f"{step['do']}: {problem}")
    except Exception as error:  # a plugin's mistake is this run's failure, not the daemon's
        trouble = StepFailed(f"{step.get('action', step['do'])} failed unexpectedly: {type(error).__name__}: {error}")
    _troubled(course, frame, step, trouble)


def _troubled(course: Course, frame: Frame, step: Mapping[str, Json], trouble: StepFailed | RunEnded) -> None:
    """Hands what a step raised to the step that holds its sequence, unless it goes on in spite of it."""
    if isinstance(trouble, StepFailed):
        goes_on = trouble.soft and _continues(course, step)
        if goes_on or not trouble.path:
            why = f"{trouble.reason}; goes on (continue_on_error)" if goes_on else trouble.reason
            course.note(frame.step_path, step["do"], "failed", why)
        trouble.path = trouble.path or shown_path(frame.step_path)
        if goes_on:
            _past(frame)
            return
    if frame.parent is not None:
        _leave(course, frame, trouble)
    elif isinstance(trouble, RunEnded):
        _finish(course, trouble.outcome, trouble.reason, is_failure=trouble.outcome != "finished")
    else:
        _fail(course, trouble)


def _past(frame: Frame) -> None:
    frame.at += 1
    frame.step = None


def _continues(course: Course, step: Mapping[str, Json]) -> bool:
    try:
        return course.setting("continue_on_error", step.get("continue_on_error", False), BOOLEAN)
    except StepFailed:
        return False


def _leave(course: Course, frame: Frame, trouble: StepFailed | RunEnded | None = None) -> None:
    """Ends a sequence; the step that holds it says what becomes of that."""
    course.body.frames.remove(frame)
    parent = course.body.parent(frame)
    if parent is None:
        _finish(course, "finished", "all steps done")
        return
    step = steps_at(course.program, parent.path)[parent.at]
    _guarded(course, parent, step, partial(left_sequence, course, parent, step, frame, trouble))


def _finish(course: Course, outcome: str, reason: str, *, is_failure: bool = False) -> None:
    """Ends a run by itself; however `on_error` ends, the outcome is that of what failed before."""
    body = course.body
    if body.closing is not None:
        _end(course, *closing.concluded(body.closing, outcome, reason, is_failure=is_failure))
    elif body.failure is not None:
        _conclude(course, body.failure["outcome"], f"{body.failure['reason']}; then on_error: {reason}", "")
    else:
        _conclude(course, outcome, reason, "" if is_failure else None)


def _fail(course: Course, failure: StepFailed) -> None:
    """Goes to the rule's `on_error` steps, or ends the run."""
    body = course.body
    if body.closing is not None:
        _end(course, *closing.concluded(body.closing, failure.outcome, failure.reason, is_failure=True))
    elif body.failure is not None:
        why = f"{body.failure['reason']}; then on_error failed: {failure.reason}"
        _conclude(course, body.failure["outcome"], why, "")
    elif course.program.get(ON_ERROR):
        _drop_waits(course, f"the run went on with on_error: {failure.reason}")
        body.frames.clear()
        body.failure = {"outcome": failure.outcome, "reason": failure.reason}
        body.variables["error"] = {"message": failure.reason, "step": failure.path, "outcome": failure.outcome}
        body.enter(ON_ERROR)
    else:
        _conclude(course, failure.outcome, failure.reason, failure.path)


def _cancel(course: Course, outcome: str, reason: str) -> None:
    """Ends a run because nobody wants it any more; its `finally` steps have a bounded chance, once."""
    if course.body.closing is not None:
        closing.hurry(course)
    else:
        _conclude(course, outcome, reason, "")


def _conclude(course: Course, outcome: str, reason: str, failed: str | None = None) -> None:
    """Ends a run once its `finally` steps are done; `failed` is the path of what went wrong, None where nothing did."""
    _drop_waits(course, f"the run ended: {reason}")
    course.body.frames.clear()
    if not closing.begins(course, outcome, reason, failed):
        _end(course, outcome, reason)


def _end(course: Course, outcome: str, reason: str) -> None:
    _drop_waits(course, f"the run ended: {reason}")
    course.body.frames.clear()
    closing.leave(course)
    if course.body.gathering is not None:
        course.changes.drop.append(Drop(DueRecord, (due_key(course.run.id, GATHERING),)))
    course.run = course.run._replace(state="done", outcome=outcome, reason=reason, ended=course.view.now)
    if course.body.call is not None and course.body.call["run"]:
        row, response = course.view.ids.row_id(), course.body.response
        course.changes.put.append(answer(course.body.call, course.run, response, row))


def _drop_waits(course: Course, reason: str) -> None:
    """Nobody waits any more for what the run's leaves wait for."""
    for frame in course.body.frames:
        if frame.wait is not None:
            abandon(course, frame.wait, reason)
            if frame.wait.kind == "trigger":
                course.left.append(Waiting(course.run.id, frame.wait.token))
    course.changes.drop += [Drop(DueRecord, (due_key(course.run.id, token),)) for token in course.body.tokens()]


def close(course: Course) -> None:
    """Brings the run's record up to date with where it stands, bounded in size."""
    if course.run.state != "done" and _too_large(course.body):
        _end(course, "error", "the run holds more than 1 MiB; keep less in its variables")
        course.effects.clear()
    course.says += [Say(text, "warning") for text in dict.fromkeys(map(str, course.warnings))]
    course.warnings.clear()
    body = {"response": course.body.response} if course.run.state == "done" else packed(course.body)
    course.run = course.run._replace(version=course.version + 1, body=body)
    course.changes.put = [record for record in course.changes.put if not isinstance(record, RunRecord)]
    course.changes.put.append(course.run)


def _too_large(body: Body) -> bool:
    kept = [value for value in body.variables.values() if isinstance(value, str | list | dict)]
    try:
        return bool(kept) and len(json.dumps(kept)) > LARGEST_RUN
    except (RecursionError, TypeError, ValueError):  # the journal says what is wrong with it
        return False
