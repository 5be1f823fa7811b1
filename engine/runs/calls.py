"""The step `action`: plan it, commit its effects, wait for their outcomes, try again what was refused if asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from engine.conditions import check_all
from engine.entity import change
from engine.later import put_off
from engine.plugin import DURATION, Action, Impossible, Plan, Request, integer
from engine.records import CommandRecord, Drop, DueRecord, EffectRecord, InboxRecord
from engine.rules.model import is_script
from engine.runs import quiet
from engine.runs.called import called
from engine.runs.course import MESSAGE_VALID, REQUEST_VALID, Course, StepFailed, due_key
from engine.runs.frames import Frame, Wait
from engine.runs.limits import kept as kept_limits
from engine.runs.limits import limits_of
from engine.scope import TemplateProblem
from engine.values import Call, FireEvent, Json, Later, Limit, Say, SetState, Switch


def call(course: Course, frame: Frame, step: Mapping[str, Json], before: Mapping[str, Json] | None = None) -> bool:
    """Plans the action and asks for what it plans; true when the step is over, false when it waits for outcomes.

    `before` is what came of the attempt before, where the step called a script.
    """
    name, plans = _planned(course, step)
    try:
        requests = [course.means.outward(plan) for plan in plans if isinstance(plan, Request)]
    except ValueError as problem:
        raise StepFailed(f"{name}: {problem}") from None
    for plan in plans:
        if not isinstance(plan, Request | Call | Switch):
            _change(course, plan)
    waited = [plan for plan in plans if isinstance(plan, Call | Switch)]
    if not requests and not waited:
        course.note(frame.step_path, name, "done", "done")
        return True
    _ask(course, frame, step, name, requests, before["attempt"] + 1 if before else 1, before, waited)
    return False


def answered(course: Course, frame: Frame, step: Mapping[str, Json], kind: str, data: Json) -> bool:
    """Takes a message for the waiting step; true when the step is over."""
    wait = frame.wait
    assert wait is not None
    name = str(wait.data.get("action", step["action"]))
    if kind == "timeout":
        frame.wait = None
        last = f"; last: {data['last']}" if data.get("last") else ""
        reason = f"{name} took longer than its timeout{last}"
        abandon(course, wait, reason)
        raise StepFailed(reason, soft=True)
    if kind == "due":
        frame.wait = None
        course.body.late += data.get("late", 0.0)
        if wait.data.get("calls"):
            return call(course, frame, step, wait.data)
        _ask(course, frame, step, name, _repeated(wait.data["requests"]), wait.data["attempt"] + 1, wait.data)
        return False
    if data["op_id"] not in wait.data["pending"]:
        course.released += [data["op_id"]] * (kind == quiet.AGAIN)
        return False
    if kind == quiet.AGAIN:
        data = _look_again(course, frame, step, data["op_id"])
        if data is None:
            return False
    _take(course, frame, wait, name, data)
    return not wait.data["pending"] and _concluded(course, frame, step, name, wait)


def _look_again(course: Course, frame: Frame, step: Mapping[str, Json], op_id: str) -> Json:
    """Quiet hours that held an effect are over: None if it may leave, else what is told of it."""
    answer = check_all(course.program["conditions"], course.scope())
    if answer.holds:
        course.released.append(op_id)
        course.note(
            frame.step_path, step["action"], "goes on", f"quiet hours are over; {answer.reason}", {"op_id": op_id}
        )
        return None
    reason = f"not sent: when quiet hours were over, the conditions did not hold any more: {answer.reason}"
    course.abandoned[op_id] = reason
    return {"op_id": op_id, "state": "cancelled", "reason": reason, "answer": None}


def abandon(course: Course, wait: Wait, reason: str) -> None:
    """Nobody waits any more for what a step waits for: what has not left is dropped, called runs are cancelled."""
    course.abandoned |= dict.fromkeys(wait.data.get("pending", ()), reason)
    for run in wait.data.get("called", ()):
        if run in wait.data["pending"]:
            row = course.view.ids.row_id()
            course.changes.put.append(InboxRecord(row, run, "", "cancel", {"reason": f"its caller: {reason}"}))


def _planned(course: Course, step: Mapping[str, Json]) -> tuple[str, list[Plan]]:
    """The name of the action, which may be a template, and what it plans."""
    name = step["action"]
    scope = replace(course.scope(), warnings=[])
    try:
        name = str(course.scope().render(name, strict=True))
        data = scope.render(step.get("data") or {})
        kind = course.means.actions.get(name)
        if kind is not None:
            plans = list(kind(data).plan(course.view))
            _must_be_defined(name, kind, plans, scope.warnings)
            course.warnings += scope.warnings
            return name, plans
    except TemplateProblem as problem:
        raise StepFailed(f"{name}: a template failed: {problem}") from None
    except ValueError as problem:
        why = f"a template failed: {scope.warnings[0]}" if scope.warnings else str(problem)
        raise StepFailed(f"{name}: {why}", soft=isinstance(problem, Impossible)) from None
    course.warnings += scope.warnings
    if is_script(name):
        return name, [Call(name, data)]
    raise StepFailed(f"there is no action {name}; was a plugin removed?")


def _must_be_defined(name: str, kind: type[Action], plans: list[Plan], undefined: list[TemplateProblem]) -> None:
    """A step that changes the world does not go on with a name that is not defined (design decision 12)."""
    changes = any(isinstance(plan, Request) and plan.changes_world for plan in plans)
    if undefined and changes and not kind.lenient:
        raise undefined[0]


def _call(course: Course, frame: Frame, plan: Call, token: str) -> str:
    """Asks for a run of another rule or script, for whose end, or only for whose beginning, the step waits."""
    program = course.means.program(plan.name)
    if program is None:
        raise StepFailed(f"there is no {'script' if is_script(plan.name) else 'rule'} {plan.name}")
    event = called(
        program,
        plan.variables,
        course.view.ids.row_id(),
        course.view.now,
        skip_conditions=plan.skip_conditions,
        caller=(course.run.id, token),
        waits=plan.waits,
        stack=_stack(course, plan),
        depth=course.run.depth,
        cause=course.run.id,
    )
    if bounds := _bounds(course):
        event = event._replace(data={**event.data, "call": {**event.data["call"], "bounds": bounds}})
    course.changes.put.append(event)
    course.note(frame.step_path, plan.name, "called", "waits for its end" if plan.waits else "runs by itself")
    return event.id


def _bounds(course: Course) -> dict[str, Json]:
    """What the run says of the messages of those whom it calls, where they say nothing of their own."""
    found: dict[str, Json] = {**course.inherited(), **quiet.kept(course)}
    if "valid_for" in course.program:
        found["valid_for"] = course.setting("valid_for", course.program["valid_for"], DURATION).total_seconds()
    if "if_unsure" in course.program:
        found["if_unsure"] = course.program["if_unsure"]
    return found


def _stack(course: Course, plan: Call) -> list[str]:
    """Who called whom until now; what a run starts later, and does not wait for, begins anew (scripts in rounds)."""
    if not plan.waits and course.run.started < course.view.now:
        return []
    return [*((course.body.call or {}).get("stack", ())), course.run.rule]


def _switch(course: Course, frame: Frame, plan: Switch, token: str) -> str:
    """Asks for a rule to be switched; gives the id of the command, after which the step goes on."""
    data = {"rule": plan.rule, "stops": plan.stops, "run": course.run.id, "token": token}
    kind = "turn-on" if plan.on else "turn-off"
    command = CommandRecord(course.view.ids.row_id(), kind, data, course.view.now)
    course.changes.put.append(command)
    course.note(frame.step_path, kind, "asked", f"switches {plan.rule} {'on' if plan.on else 'off'}")
    return command.id


def _change(course: Course, plan: SetState | Later | Say | FireEvent) -> None:
    if isinstance(plan, Say):
        course.says.append(plan)
    elif isinstance(plan, FireEvent):
        course.tell("event", plan.event_type, dict(plan.data))
    elif isinstance(plan, Later):
        put_off(plan, course.changes)
    else:
        moved = change(plan, course.view, course.changes, course.run.depth + 1, course.run.id)
        if moved is not None:
            course.facts.append(moved)


def _ask(
    course: Course,
    frame: Frame,
    step: Mapping[str, Json],
    name: str,
    requests: list[Request],
    attempt: int = 1,
    before: Mapping[str, Json] | None = None,
    waited: Sequence[Call | Switch] = (),
) -> None:
    """Waits for these requests and calls; `name` is that of the action, as it was worked out.

    `before` is what came of the attempt before, whose refused requests they repeat.
    """
    until = before.get("until") if before is not None else _until(course, step)
    token = f"{frame.id}.{course.body.fresh()}"
    effects = [_effect(course, token, name, request) for request in requests]
    calls = [each for each in waited if isinstance(each, Call)]
    runs = [_call(course, frame, each, token) for each in calls]
    switches = [_switch(course, frame, each, token) for each in waited if isinstance(each, Switch)]
    pending = [*(effect.op_id for effect in effects), *runs, *switches]
    data: dict[str, Json] = {"action": name, "pending": pending, "asked": pending, "order": pending, "answers": {}}
    data |= {"failed": {}, "attempt": attempt, "until": until}
    data["called"] = [run for run, each in zip(runs, calls, strict=True) if each.waits]
    if before is not None and not waited:
        again = dict(zip(before["failed"], pending, strict=True))
        data["order"] = [again.get(op_id, op_id) for op_id in before["order"]]
        data["answers"] = before["answers"]
    if step.get("retry") and runs:
        data["calls"] = True
    elif step.get("retry") and not waited:
        data["requests"] = [_kept(request) for request in requests]
    frame.wait = Wait(token, "outcome", data)
    course.effects += effects
    course.body.contacts = (
        list(dict.fromkeys(each.recipient for each in effects if each.recipient)) or course.body.contacts
    )
    if until is not None:
        course.wake_after(token, _left(course, until), "timeout")
    for effect in effects:
        asked = {"op_id": effect.op_id, **effect.shown}
        course.note(frame.step_path, name, "asked", f"asks {effect.connection}: {effect.operation}", asked)


def _until(course: Course, step: Mapping[str, Json]) -> str | None:
    """When the step's timeout is over, all attempts together."""
    if "timeout" not in step:
        return None
    return course.view.after(course.setting("timeout", step["timeout"], DURATION)).isoformat()


def _left(course: Course, until: str) -> timedelta:
    return max(timedelta(0), datetime.fromisoformat(until) - course.view.now)


def _effect(course: Course, token: str, action: str, request: Request) -> EffectRecord:
    now = course.view.now
    return EffectRecord(
        op_id=course.view.ids.op_id(),
        run=course.run.id,
        token=token,
        rule=course.run.rule,
        connection=request.connection,
        operation=request.operation,
        body=dict(request.body),
        shown=dict(request.shown),
        recipient=request.recipient or "",
        idempotent=request.idempotent,
        reads=not request.changes_world,
        timeout=request.timeout.total_seconds() if request.timeout else None,
        state="queued",
        created=now,
        send_by=None,
        due=None,
        valid_until=course.view.after(_valid_for(course, action, request) - timedelta(seconds=course.body.late)),
        attempts=0,
        reason="",
        answer=None,
        ended=None,
        limits=kept_limits(request.limits),
        caps=_caps(course, request),
        if_unsure=course.program.get("if_unsure") or course.inherited().get("if_unsure", "hold"),
    )


def _caps(course: Course, request: Request) -> Json:
    """How much the rule may send, and when; None where it says nothing of it."""
    if not request.changes_world:
        return None
    return {**(course.program.get("max_sends") or {}), **(quiet.kept(course) if request.recipient else {})} or None


def _valid_for(course: Course, action: str, request: Request) -> timedelta:
    given = course.program.get("valid_for", course.inherited().get("valid_for"))
    if given is not None:
        return course.setting("valid_for", given, DURATION)
    own = course.means.actions[action].valid_for
    return own or (MESSAGE_VALID if request.recipient else REQUEST_VALID)


def _take(course: Course, frame: Frame, wait: Wait, action: str, data: Json) -> None:
    op_id, state = data["op_id"], data["state"]
    wait.data["pending"] = [other for other in wait.data["pending"] if other != op_id]
    if state in ("accepted", "cancelled"):
        wait.data["answers"] = {**wait.data["answers"], op_id: data["answer"]}
    else:
        wait.data["failed"] = {**wait.data["failed"], op_id: [state, data["reason"]]}
    course.note(frame.step_path, action, state, data["reason"], {"op_id": op_id})


def _concluded(course: Course, frame: Frame, step: Mapping[str, Json], name: str, wait: Wait) -> bool:
    frame.wait = None
    if "timeout" in step:
        course.changes.drop.append(Drop(DueRecord, (due_key(course.run.id, wait.token),)))
    failed: dict[str, list[str]] = wait.data["failed"]
    if not failed:
        _respond(course, step, wait)
        return True
    states = {state for state, _ in failed.values()}
    if states == {"refused"} and _retries(course, frame, step, name, wait):
        return False
    reasons = "; ".join(dict.fromkeys(f"{state}: {reason}" for state, reason in failed.values()))
    count = f"{len(failed)} of {len(wait.data['order'])} " if len(wait.data["order"]) > 1 else ""
    outcome = "unsure" if states & {"unsure", "dropped"} else "expired" if states == {"expired"} else "error"
    raise StepFailed(f"{name}: {count}{reasons}", outcome, soft=True)


def _retries(course: Course, frame: Frame, step: Mapping[str, Json], name: str, wait: Wait) -> bool:
    retry = step.get("retry")
    if (
        not retry
        or ("requests" not in wait.data and not wait.data.get("calls"))
        or wait.data["attempt"] >= course.setting("retry attempts", retry["attempts"], integer(1, 1000))
    ):
        return False
    pause = course.setting("retry wait", retry.get("wait", 10), DURATION)
    token = f"{frame.id}.{course.body.fresh()}"
    kept = {"action": name, **{key: wait.data.get(key) for key in ("attempt", "order", "answers", "until", "calls")}}
    left = None if kept["until"] is None else _left(course, kept["until"])
    if not wait.data.get("calls"):
        asked = dict(zip(wait.data["asked"], wait.data["requests"], strict=True))
        failed = [op_id for op_id in wait.data["asked"] if op_id in wait.data["failed"]]
        kept |= {"failed": failed, "requests": [asked[op_id] for op_id in failed]}
    frame.wait = Wait(token, "retry", kept)
    if left is not None and left <= pause:
        course.wake_after(token, left, "timeout")
    else:
        course.wake_after(token, pause)
    course.note(frame.step_path, name, "waiting", f"tries again in {pause.total_seconds():g} s")
    return True


def _respond(course: Course, step: Mapping[str, Json], wait: Wait) -> None:
    name = step.get("response_variable")
    if name:
        answers = [wait.data["answers"].get(op_id) for op_id in wait.data["order"]]
        course.body.variables[name] = answers[0] if len(answers) == 1 else answers


_KEPT = ("connection", "operation", "body", "changes_world", "shown", "recipient", "idempotent")


def _kept(request: Request) -> Json:
    timeout = request.timeout.total_seconds() if request.timeout else None
    limits = kept_limits(request.limits)
    return {**{name: getattr(request, name) for name in _KEPT}, "timeout": timeout, "limits": limits}


def _repeated(kept: list[dict[str, Any]]) -> list[Request]:
    return [Request(**{**data, **_typed(data)}) for data in kept]


def _typed(data: Mapping[str, Json]) -> dict[str, Any]:
    timeout = timedelta(seconds=data["timeout"]) if data["timeout"] is not None else None
    limits: tuple[Limit, ...] = tuple(limits_of(data.get("limits")))
    return {"timeout": timeout, "limits": limits}
