"""The steps that wait for something to happen: `wait_template`, `wait_for_trigger` (semantics section 5), and ours,
`wait_for_reply`.

A wait is a row: the triggers with their templates worked out, and what those templates read that are worked out later.
So a run goes on waiting over a restart, for what it began to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from engine.plugin import (
    BOOLEAN,
    DURATION,
    PHONE,
    TEXT,
    Decision,
    Fact,
    Facts,
    FieldError,
    Fire,
    Nothing,
    Reads,
    Trigger,
    View,
    Watch,
    late,
    many,
    masked,
    required,
)
from engine.records import Drop, DueRecord, WaitRecord
from engine.rules.model import Program
from engine.rules.program import inner_of, made, uses_of
from engine.runs.course import Course, NewWait, StepFailed, due_key
from engine.runs.frames import Frame, Wait
from engine.runs.loops import branch_of
from engine.scope import TemplateProblem
from engine.template import Template, is_template
from engine.values import Json, is_true
from engine.watches import Waiting, Watcher

Step = Mapping[str, Json]


class Until(Trigger):
    """Fires as soon as a template is true: what `wait_template` waits for."""

    name = "wait_template"
    value_template = required(late(TEXT), "The template")

    def watches(self, view: View) -> list[Watch]:
        return [Reads(str(self.value_template.written))]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        found = view.render(self.value_template.written)
        return Decision(None, Fire({}) if is_true(found) else Nothing(), f"the template gives {found}")


class Reply(Trigger):
    """Fires when one of these contacts writes to us: what `wait_for_reply` waits for."""

    name = "wait_for_reply"
    from_ = required(many(PHONE), "The numbers")

    def watches(self, view: View) -> list[Watch]:
        return [Facts("message", number) for number in dict.fromkeys(self.from_)]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(None, Fire({"reply": fact.data}), f"{masked(fact.subject)} has written")


_OWN: Mapping[str, type[Trigger]] = {Until.name: Until, Reply.name: Reply}
KINDS = ("wait_for_trigger", *_OWN)


def wait_template(course: Course, frame: Frame, step: Step) -> bool:
    """Goes on at once if the template is true, else when it becomes true."""
    timeout = _timeout(course, step)
    found = course.scope().render(step["wait_template"])
    if is_true(found):
        _assign(course, frame, {"completed": True, "remaining": _seconds(timeout)})
        course.note(frame.step_path, "wait_template", "done", f"the template gives {found} already")
        return True
    waited = {"trigger": Until.name, "key": "0", "with": {"value_template": step["wait_template"]}}
    return _wait(course, frame, step, [waited], timeout)


def wait_for_trigger(course: Course, frame: Frame, step: Step) -> bool:
    """Waits for one of its triggers to fire anew."""
    timeout = _timeout(course, step)
    return _wait(course, frame, step, [_worked_out(course, each) for each in step["wait_for_trigger"]], timeout)


def wait_for_reply(course: Course, frame: Frame, step: Step) -> bool:
    """Waits for a message of a contact, by default of those to whom the run's last message went."""
    timeout = _timeout(course, step)
    if "from" in step:
        numbers = [course.means.reached(number) for number in course.setting("from", step["from"], many(PHONE))]
    else:
        numbers = course.body.contacts
    if not numbers:
        raise StepFailed("wait_for_reply: the run has sent no message yet, and from: does not say whose reply is meant")
    waited = {"trigger": Reply.name, "key": "0", "with": {"from": list(dict.fromkeys(numbers))}}
    return _wait(course, frame, step, [waited], timeout)


def resumed(course: Course, frame: Frame, kind: str, data: Json) -> bool:
    """What was waited for has happened, or the time is up; true, for the step is over, unless the run ends."""
    wait = frame.wait
    assert wait is not None
    frame.wait = None
    step = wait.data["step"]
    course.left.append(Waiting(course.run.id, wait.token))
    if kind == "timeout":
        course.body.late += data.get("late", 0.0)
        return _timed_out(course, frame, step, wait.data["continues"])
    until = wait.data["until"]
    if until is not None:
        course.changes.drop.append(Drop(DueRecord, (due_key(course.run.id, wait.token),)))
    left = None if until is None else max(0.0, (datetime.fromisoformat(until) - course.view.now).total_seconds())
    _assign(course, frame, {"completed": True, "remaining": left, **_happened(step, data)})
    course.note(frame.step_path, step, "done", _why(step, data))
    return True


def watchers_of(record: WaitRecord, program: Program, kinds: Mapping[str, type[Trigger]]) -> tuple[Watcher, ...]:
    """The triggers that a run waits for. Raises KeyError and FieldError where one cannot be made any more."""
    plugins = made(record.triggers, {**kinds, **_OWN}, None)
    waiting = Waiting(record.run, record.token)
    return tuple(Watcher(program, use, waiting) for use in uses_of(record.triggers, plugins, record.variables))


def _wait(course: Course, frame: Frame, step: Step, triggers: list[Json], timeout: timedelta | None) -> bool:
    continues = course.setting("continue_on_timeout", step.get("continue_on_timeout", True), BOOLEAN)
    if timeout is not None and not timeout:
        return _timed_out(course, frame, step["do"], continues)
    token = f"{frame.id}.{course.body.fresh()}"
    variables = _read_by(course, triggers)
    record = WaitRecord(course.run.id, token, course.run.rule, course.run.program, triggers, variables)
    try:
        watchers = watchers_of(record, _program(course), course.means.triggers)
    except FieldError as problem:
        raise StepFailed(f"{step['do']}: {problem}") from None
    course.waits.append(NewWait(record, watchers))
    until = course.view.after(timeout) if timeout is not None else None
    data = {"step": step["do"], "until": until.isoformat() if until else None, "continues": continues}
    frame.wait = Wait(token, "trigger", data)
    if timeout is not None:
        course.wake_after(token, timeout, "timeout")
    shown = f" until {until.astimezone(course.view.zone):%Y-%m-%d %H:%M:%S}" if until else ""
    course.note(frame.step_path, step["do"], "waiting", f"waits{shown}")
    return False


def _program(course: Course) -> Program:
    """The run's program as its waits name it; the rule's own triggers are no affair of a wait."""
    return Program(course.run.program, course.run.rule, str(course.program.get("alias", "")), course.program, ())


def _timed_out(course: Course, frame: Frame, step: str, continues: bool) -> bool:
    _assign(course, frame, {"completed": False, "remaining": 0.0, **_happened(step, None)})
    if not continues:
        raise StepFailed(f"{step}: the time is up and continue_on_timeout is false", "aborted")
    course.note(frame.step_path, step, "timed out", "the time is up")
    return True


def _happened(step: str, data: Json) -> dict[str, Json]:
    """What `wait` says of what was waited for, besides whether it came."""
    if step == Until.name:
        return {}
    if step == Reply.name:
        return {"reply": data["reply"] if data is not None else None}
    return {"trigger": data}


def _assign(course: Course, frame: Frame, told: Json) -> None:
    """Sets `wait`: for the run, or inside a `parallel` for the branch alone (semantics section 6)."""
    branch = branch_of(course, frame)
    if branch is None:
        course.body.variables["wait"] = told
    else:
        branch.own["wait"] = told


def _timeout(course: Course, step: Step) -> timedelta | None:
    if "timeout" not in step:
        return None
    try:
        return course.setting("timeout", step["timeout"], DURATION)
    except StepFailed as failure:
        raise StepFailed(failure.reason, "aborted") from None


def _seconds(timeout: timedelta | None) -> float | None:
    return None if timeout is None else timeout.total_seconds()


def _worked_out(course: Course, trigger: Mapping[str, Json]) -> dict[str, Json]:
    """A trigger with its templates worked out, but for those that it works out itself when it decides."""
    scope = course.scope()
    kind = course.means.triggers.get(trigger["trigger"])
    if kind is None:
        raise StepFailed(f"there is no trigger {trigger['trigger']}; was a plugin removed?")
    fields = kind.fields()
    inner = [_worked_out(course, each) for each in inner_of(kind, trigger)]
    try:
        return {
            **{key: value for key, value in trigger.items() if key != "variables"},
            "enabled": scope.render(trigger.get("enabled", True)),
            "with": {
                **{
                    key: value if key in fields and fields[key].is_late else scope.render(value, strict=True)
                    for key, value in trigger["with"].items()
                },
                **({"of": inner} if inner else {}),
            },
        }
    except TemplateProblem as problem:
        raise StepFailed(f"wait_for_trigger: {problem}") from None


def _read_by(course: Course, triggers: list[Json]) -> dict[str, Json]:
    """The variables that templates of these triggers read."""
    known = course.scope().variables
    texts = (text for trigger in triggers for text in _templates(_late(course, trigger)))
    words = {word for text in texts for word in Template.parse(text).words}
    return {name: known[name] for name in sorted(words) if name in known}


def _late(course: Course, trigger: Mapping[str, Json]) -> list[Json]:
    """The values of a trigger that it works out when it decides; in the others a template is only text by now."""
    kind = _OWN.get(trigger["trigger"]) or course.means.triggers[trigger["trigger"]]
    fields = kind.fields()
    inner = inner_of(kind, trigger)
    own = {key: value for key, value in trigger["with"].items() if not inner or key != "of"}
    found = [value for key, value in own.items() if key in fields and fields[key].is_late]
    return [*found, *(value for each in inner for value in _late(course, each))]


def _templates(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _templates(part)
    elif isinstance(value, list):
        for part in value:
            yield from _templates(part)
    elif isinstance(value, str) and is_template(value):
        yield value


def _why(step: str, data: Json) -> str:
    if step == Until.name:
        return "the template is true now"
    if step == Reply.name:
        return f"{masked(data['reply']['from'])} has written"
    return f"the trigger {data.get('alias') or data.get('id')} fired"
