"""What every plugin owes its readers, as checks: words for all it has, and examples that come true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime

from jsonschema import Draft202012Validator

from engine.plugin import (
    Action,
    Combined,
    Example,
    Fact,
    Facts,
    Fire,
    Hold,
    Inner,
    Json,
    Plan,
    Poll,
    Reads,
    Request,
    Schedule,
    States,
    Trigger,
    Watch,
    Webhook,
)
from engine.source import read
from engine.values import moved
from tests.snapshot import NOW, Snapshot

FEWEST = 2
STATES = ("from_state", "to_state")


def undocumented(plugin: type[Action | Trigger]) -> Iterator[str]:
    """What a plugin leaves unsaid, one sentence each."""
    if len((plugin.__doc__ or "").split()) < 3:
        yield f"{plugin.__name__} has no docstring"
    if len(plugin.examples) < FEWEST:
        yield f"{plugin.__name__} has fewer than {FEWEST} examples"
    for key, field in plugin.fields().items():
        if not field.says:
            yield f"the field {key} does not say what it is for"
    if issubclass(plugin, Trigger) and not (plugin.gives and all(plugin.gives.values())):
        yield f"{plugin.__name__} does not say what it gives"


def values(example: Example) -> dict[str, Json]:
    """The example's YAML as the engine reads it."""
    source = read(example.yaml, "example.yaml")
    assert not source.problems, source.problems
    assert isinstance(source.value, dict)
    return source.value


def come_true(plugin: type[Action | Trigger], example: Example) -> None:
    """Fails unless the example fits the plugin's schema and gives what it says."""
    given = values(example)
    Draft202012Validator(plugin.schema()).validate(given)
    view = Snapshot(example.known).declaring(example.declared)
    if issubclass(plugin, Action):
        planned = [_planned(plan) for plan in plugin(given).plan(view)]
        assert planned == list(example.gives), f"it plans {planned}"
    else:
        _fires(plugin(given), example, view)


def _planned(plan: Plan) -> Json:
    planned = plan.body if isinstance(plan, Request) else asdict(plan)
    return json.loads(json.dumps(planned, default=_as_text))


def _as_text(value: datetime) -> str:
    return value.isoformat()


def _fires(trigger: Trigger, example: Example, view: Snapshot) -> None:
    assert example.gives, "the example says nothing of what it gives"
    watch = trigger.watches(view)[0]
    memories = dict(trigger.attach(view))
    for data, wanted in example.gives:
        fact = _fact(watch, data, view)
        if isinstance(trigger, Combined):
            fact = replace(fact, subject=trigger.key_of(data, view))
        if isinstance(watch, States | Reads):
            view = view.with_states(data)
        memory = memories.get(trigger.subject_of(fact))
        decision = trigger.decide(memory, fact, view)
        assert decision.reason
        memories[trigger.subject_of(fact)] = json.loads(json.dumps(decision.memory))  # as the journal keeps it
        told = _told(decision.verdict)
        assert told == wanted, f"it gives {told}, because {decision.reason}"
        unsaid = list(_unsaid(trigger, wanted or {}))
        assert not unsaid, f"`gives` does not document {unsaid}"


def _told(verdict: object) -> Json:
    fire = verdict.fire if isinstance(verdict, Hold) else verdict
    if not isinstance(fire, Fire):
        return None
    told = json.loads(json.dumps(fire.data))
    return {key: value["state"] if key in STATES and value else value for key, value in told.items()}


def _fact(watch: Watch, data: Json, view: Snapshot) -> Fact:
    """A fact as the engine makes it of what the trigger watches."""
    match watch:
        case Poll():
            return Fact("poll", watch.subject, data, NOW)
        case Schedule():
            return Fact("due", watch.key, data, datetime.fromisoformat(data["at"]))
        case Webhook():
            return Fact("webhook", watch.id, data, NOW)
        case Inner():
            return Fact("trigger", "", data, NOW)
        case Facts():
            return Fact(watch.kind, watch.subject, data, NOW)
        case States() | Reads():
            (entity,) = data
            return moved(view.state(entity), view.with_states(data).state(entity), NOW)


def _unsaid(trigger: Trigger, told: Json, above: str = "") -> Iterator[str]:
    """Dotted names that are given and not documented."""
    for key, value in told.items():
        name = f"{above}{key}"
        if name in trigger.gives:
            continue
        if isinstance(value, dict) and any(known.startswith(f"{name}.") for known in trigger.gives):
            yield from _unsaid(trigger, value, f"{name}.")
        else:
            yield name
