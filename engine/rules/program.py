"""From a rule that was found right to its program, and from a kept record back to the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from engine.declared import DECLARED
from engine.declared.sensor import Sensor
from engine.field import Block, FieldError
from engine.plugin import Combined, Trigger
from engine.problem import Problem, ProblemError
from engine.records import ProgramRecord
from engine.registry import Registry
from engine.rules.model import Program, TriggerUse, content_hash
from engine.rules.sensors import Actions, sensed
from engine.source.scalar import SecretRef
from engine.template import Template, TemplateProblem, is_template
from engine.values import Json

Trail: TypeAlias = tuple[int, ...]
"""Where a trigger stands: its index, below those of the triggers that it stands inside of."""

INSIDE = "/of/"
SECRET_KEY = "!secret"
SENSOR = "sensor"
STEP_KEYS = ("on_error", "finally", "resolved")
"""The keys of a rule, beside `actions`, that hold steps."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REMARKS = frozenset({"note", "metadata", "trace"})
_FALSE = frozenset({"false", "no", "off", "0", "none", "disable", ""})
_STEP_LISTS = frozenset({"then", "else", "default", "sequence", "choose", "parallel"})
_CONDITION_LISTS = frozenset({"if", "conditions", "while", "until"})


def plain(value: Json) -> Json:
    """Plain data, with a secret as `{"!secret": name}`."""
    if isinstance(value, SecretRef):
        return {SECRET_KEY: value.name}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def rendered(value: Json, variables: Mapping[str, Json] | None = None) -> Json:
    """Templates of a trigger, worked out once: no states, no clock. Raises TemplateProblem."""
    if isinstance(value, str):
        if not is_template(value):
            return value
        return Template.parse(value).render(variables or {}, now=_EPOCH, zone=UTC, strict=True)
    if isinstance(value, dict):
        return {rendered(key, variables): rendered(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [rendered(part, variables) for part in value]
    return value


def fields_of(kind: type[Block], values: Mapping[str, Json], variables: Mapping[str, Json]) -> dict[str, Json]:
    """A trigger's fields with their templates worked out, but for those that it works out itself when it decides."""
    fields = kind.fields()
    return {
        key: value if key in fields and fields[key].is_late else rendered(value, variables)
        for key, value in values.items()
    }


def trigger_variables(body: Mapping[str, Json]) -> dict[str, Json]:
    """What the templates of a rule's triggers may read; each may read those before it. Raises TemplateProblem."""
    found: dict[str, Json] = {}
    for name, value in (body.get("trigger_variables") or {}).items():
        found[name] = rendered(value, found)
    return found


def body_of(rule: Mapping[str, Json], name: str, registry: Registry, defaults: Mapping[str, Json]) -> dict[str, Json]:
    """The canonical body of a rule that was found right: without remarks, plugins by their present names."""
    given = {**defaults, **{key: value for key, value in rule.items() if key not in _REMARKS}}
    body = {key: plain(value) for key, value in given.items() if key not in ("triggers", "conditions", "actions")}
    body |= {"id": name, "alias": str(given.get("alias", name)), "mode": given.get("mode", "queued")}
    body["variables"] = body.get("variables", {})
    body["triggers"] = _with_keys([_trigger(each, registry) for each in given.get("triggers", [])])
    body["conditions"] = [_condition(each) for each in given.get("conditions", [])]
    body["actions"] = [_step(each, registry) for each in given["actions"]]
    body |= {key: [_step(each, registry) for each in given[key]] for key in STEP_KEYS if key in given}
    return body


def _trigger(trigger: Mapping[str, Json], registry: Registry) -> dict[str, Json]:
    kept: dict[str, Json] = {key: plain(value) for key, value in trigger.items() if key not in _REMARKS}
    kind = registry.triggers[trigger["trigger"]]
    if inner := inner_of(kind, trigger):
        kept["with"]["of"] = [_trigger(each, registry) for each in inner]
    return {**kept, "trigger": kind.name}


def inner_of(kind: type[Trigger], trigger: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The triggers inside a trigger in canonical form; most have none."""
    of = trigger["with"].get("of") if issubclass(kind, Combined) else None
    return of if isinstance(of, list) else []


def _condition(condition: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: plain(value) for key, value in condition.items() if key not in _REMARKS}
    if "conditions" in kept:
        kept["conditions"] = [_condition(each) for each in condition["conditions"]]
    return kept


def _step(step: Mapping[str, Json], registry: Registry) -> dict[str, Json]:
    kept = {key: _part(step, key, registry) for key in step if key not in _REMARKS}
    if kept.get("do") == "action":
        plugin = registry.actions.get(kept["action"])  # none for a script, and for a name that is a template
        kept |= {"action": plugin.name if plugin else kept["action"], "data": kept.get("data", {})}
    return kept


def _part(step: Mapping[str, Json], key: str, registry: Registry) -> Json:
    value = step[key]
    if key in _STEP_LISTS:
        return [_step(each, registry) for each in value]
    if key in _CONDITION_LISTS:
        return [_condition(each) for each in value]
    if key == "wait_for_trigger":
        return _with_keys([_trigger(each, registry) for each in value])
    if key == "repeat":
        return _step(value, registry)
    return _condition(value) if key == "condition" else plain(value)


def _with_keys(triggers: list[dict[str, Json]], above: str = "") -> list[dict[str, Json]]:
    """Each trigger with its key: its id, else the hash of its content; equal ones are told apart by their order.

    The key of one inside another begins with that of the outer one, and `/of/`.
    """
    ids = [str(trigger["id"]) for trigger in triggers if "id" in trigger]
    keyed: list[dict[str, Json]] = []
    taken: dict[str, int] = {}
    for trigger in triggers:
        content = content_hash({"trigger": trigger["trigger"], "with": trigger["with"]})
        name = str(trigger["id"]) if "id" in trigger else content
        key = f"{name}.{content}" if ids.count(name) > 1 else name
        taken[key] = taken.get(key, 0) + 1
        key = above + (key if taken[key] == 1 else f"{key}.{taken[key]}")
        inner = trigger["with"].get("of")
        below = {"of": _with_keys(inner, f"{key}{INSIDE}")} if _are_triggers(inner) else {}
        keyed.append({**trigger, "with": {**trigger["with"], **below}, "key": key})
    return keyed


def _are_triggers(value: Json) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and {"trigger", "with"} <= set(each) for each in value
    )


def all_of(triggers: Sequence[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    """The triggers of a program's canonical list, and those inside them."""
    for trigger in triggers:
        yield trigger
        if _are_triggers(inner := trigger["with"].get("of")):
            yield from all_of(inner)


def program(body: dict[str, Json], plugins: Mapping[Trail, Trigger], file: str, line: int, text: str) -> Program:
    """The program of a body; `plugins` are its triggers by where they stand."""
    uses = uses_of(body["triggers"], plugins, trigger_variables(body))
    return Program(content_hash(body), body["id"], body["alias"], body, uses, file, line, text)


def declared_program(
    entity: str, keys: Mapping[str, Json], actions: Actions, file: str, line: int, text: str
) -> Program:
    """The program of an entity with these keys, which were found right. Raises FieldError where they are not."""
    declares = DECLARED[entity.partition(".")[0]](keys)
    listens = [{"trigger": SENSOR, "key": SENSOR, "with": keys}] if isinstance(declares, Sensor) else []
    body: dict[str, Json] = {"id": entity, "alias": declares.name or entity, "mode": "queued", "variables": {}}
    body |= {"declares": keys, "triggers": listens, "conditions": [], "actions": []}
    uses: tuple[TriggerUse, ...] = ()
    if isinstance(declares, Sensor):
        uses = (TriggerUse(SENSOR, 0, "", "", SENSOR, sensed(entity, declares, actions), {}),)
    return Program(content_hash(body), entity, body["alias"], body, uses, file, line, text, declares)


def starts_on(body: Mapping[str, Json]) -> bool | None:
    """Whether its file says that the rule is on, or off, at every start; None where it says nothing of it."""
    return None if "initial_state" not in body else str(body["initial_state"]).strip().lower() not in _FALSE


def made(
    triggers: Sequence[Mapping[str, Json]],
    kinds: Mapping[str, type[Trigger]],
    given: Mapping[str, Json] | None,
    above: Trail = (),
) -> dict[Trail, Trigger]:
    """The triggers of a canonical list, and those inside them, by where they stand.

    `given` is what their templates may read; None where they are worked out already. Raises KeyError, FieldError and
    TemplateProblem where one cannot be made.
    """
    plugins: dict[Trail, Trigger] = {}
    for index, trigger in enumerate(triggers):
        kind, here = kinds[trigger["trigger"]], (*above, index)
        plugins[here] = kind(trigger["with"] if given is None else fields_of(kind, trigger["with"], given))
        plugins |= made(inner_of(kind, trigger), kinds, given, here)
    return plugins


def uses_of(
    triggers: Sequence[Mapping[str, Json]],
    plugins: Mapping[Trail, Trigger],
    given: Mapping[str, Json],
    above: Trail = (),
    outer: str = "",
) -> tuple[TriggerUse, ...]:
    """The triggers that are on, each with those inside it behind it; each keeps the index at which it is written."""
    found: list[TriggerUse] = []
    for index, trigger in enumerate(triggers):
        if str(rendered(trigger.get("enabled", True), given)).strip().lower() in _FALSE:
            continue
        plugin, here = plugins[(*above, index)], (*above, index)
        found.append(_use(trigger, index, plugin, given, outer))
        found += uses_of(inner_of(type(plugin), trigger), plugins, given, here, trigger["key"])
    return tuple(found)


def _use(trigger: Mapping[str, Json], index: int, plugin: Trigger, given: Mapping[str, Json], outer: str) -> TriggerUse:
    return TriggerUse(
        key=trigger["key"],
        index=index,
        id=str(trigger.get("id", index)),
        alias=str(trigger.get("alias", "")),
        name=trigger["trigger"],
        plugin=plugin,
        variables=trigger.get("variables", {}),
        given=given,
        dedupe=trigger.get("dedupe"),
        outer=outer,
    )


def program_from_record(record: ProgramRecord, registry: Registry) -> Program:
    """The program that a record keeps. Raises ProblemError when a plugin that it needs is gone or has changed."""
    body = record.body
    try:
        if "declares" in body:
            own = body["declares"]
            return declared_program(record.rule, own, registry.actions, record.file, record.line, record.text)
        given = trigger_variables(body)
        plugins = made(body["triggers"], registry.triggers, given)
        triggers = uses_of(body["triggers"], plugins, given)
    except (KeyError, FieldError, TemplateProblem) as error:
        raise ProblemError(
            Problem(
                "program-outdated",
                f'the kept version of the rule "{record.rule}" cannot be used any more: {error}',
                remedy="mend the rule in its file, or install the plugin that it needs",
            )
        ) from None
    return Program(record.hash, record.rule, body["alias"], body, triggers, record.file, record.line, record.text)
