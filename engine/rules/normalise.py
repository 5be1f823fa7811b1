"""From what people write to the canonical form of `engine.rules.model`: older spellings, short forms, single values.

Nothing is judged here that the judge can see. Each rule becomes a `Draft`, which knows for every canonical path where
the author wrote it, so that a complaint names the author's line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from engine.declared import DECLARED
from engine.judge import MOST_FAULTS, Fault, Path, found, shown, unknown_key
from engine.problem import near
from engine.rules.schema import DEVICE_KINDS, LATER_STEPS, STEP_KINDS, RuleKeys, ScriptKeys, TriggerKeys
from engine.source.scalar import InputRef
from engine.template import is_template
from engine.values import Json

PLURALS = {"trigger": "triggers", "condition": "conditions", "action": "actions"}
_RULE_LISTS = ("rules", "automation")
_NAME = re.compile(r"[a-z0-9_]+")
_SCRIPT_LISTS = ("scripts", "script")
_SENSORS = "sensors"
_TEMPLATES = "template"
_ENTITIES = frozenset(DECLARED) - {"sensor"}
_LATER_FILE_KEYS = frozenset({"variables", "input_select"})
_FILE_KEYS = frozenset({*_RULE_LISTS, *_SCRIPT_LISTS, *_ENTITIES, _SENSORS, _TEMPLATES})
_LOGIC = ("and", "or", "not")
_TRIGGER_KEYS = frozenset(TriggerKeys.fields())
_OLD_STEP_KEYS = {
    "service": "action",
    "service_template": "action",
    "data_template": "data",
    "event_data_template": "event_data",
}
NO_DEVICES = "rulewheel has no devices, rooms or scenes; it works with messages, jobs, webhooks and times"


Sort: TypeAlias = Literal["rule", "script", "entity"]


class Written(NamedTuple):
    """One thing that a file says, where it stands, and its name if that stands in front of it.

    An entity's name is whole: "counter.orders".
    """

    path: Path
    raw: Json
    sort: Sort = "rule"
    name: str = ""


@dataclass(slots=True)
class Draft:
    """One rule in canonical form, not judged yet. An element that could not be understood is None.

    `origins` leads from canonical paths to paths in the file wherever the two part; `faults` have paths in the file.
    A draft that is not whole lacks what its blueprint should give, and only its name can be told.
    """

    path: Path
    body: dict[str, Json] = field(default_factory=dict)
    origins: dict[Path, Path] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    is_whole: bool = True

    def written_at(self, path: Path) -> Path:
        """Where the author wrote the value at a canonical path."""
        for length in range(len(path), 0, -1):
            origin = self.origins.get(path[:length])
            if origin is not None:
                return origin + path[length:]
        return self.path + path


def rules_in(value: Json) -> tuple[list[Written], list[Fault]]:
    """The rules, scripts and entities of a file's value, and what is wrong with the file around them."""
    if value is None:
        return [], []
    if isinstance(value, list):
        return [Written((index,), rule) for index, rule in enumerate(value)], []
    if not isinstance(value, dict):
        expected = 'a list of rules, or a mapping with the key "rules"'
        remedy = 'begin a rule with "- id: a_name", and below it "triggers:" and "actions:"'
        return [], [Fault((), "wrong-type", f"the file holds {found(value)}", expected, remedy)]
    if "blueprint" in value and not set(value) & _FILE_KEYS:
        return [], [_file_key("blueprint")]
    if _looks_like_a_rule(value):
        return [Written((), value)], []
    rules: list[Written] = []
    faults: list[Fault] = []
    for key, below in value.items():
        if key in _RULE_LISTS or key.startswith("automation "):
            rules += [Written((key, *path), rule) for path, rule in _listed(below)]
        elif key in _SCRIPT_LISTS or key.startswith("script "):
            rules += _named(key, below, "script", faults)
        elif key in _ENTITIES:
            found_here = _named(key, below, "entity", faults, word=key)
            rules += [each._replace(name=f"{key}.{each.name}", raw=each.raw or {}) for each in found_here]
        elif key == _SENSORS:
            rules += _sensors(key, below, faults)
        elif key == _TEMPLATES:
            rules += _templates(key, below, faults)
        else:
            faults.append(_file_key(key))
    return rules, faults


def _named(key: str, below: Json, sort: Sort, faults: list[Fault], word: str = "script") -> list[Written]:
    """The elements of a mapping from names to what they name; `word` is what people call one."""
    if below is not None and not isinstance(below, dict):
        expected = f"a mapping from the names of {word}s to what they {'do' if sort == 'script' else 'are'}"
        remedy = f'write the name of each {word}, with ":" behind it, and its keys below it, indented'
        faults.append(Fault((key,), "wrong-type", f'"{key}" is {found(below)}', expected, remedy))
        return []
    wrong = [name for name in below or {} if not _NAME.fullmatch(name)]
    for name in wrong:
        expected = "a name of lower-case letters, digits and _"
        what = f"the name of a {word}" if sort == "script" else f'a name below "{key}"'
        message = f'"{shown(name)}" cannot be {what}'
        remedy = f'write "{slug(name)}"' if slug(name) else "give it another name"
        faults.append(Fault((key, name), "bad-name", message, expected, remedy, at_key=True))
    return [Written((key, name), raw, sort, name) for name, raw in (below or {}).items() if name not in wrong]


def _sensors(key: str, below: Json, faults: list[Fault]) -> list[Written]:
    """Sensors by name, or as a list in which each says its name."""
    if not isinstance(below, list):
        found_here = _named(key, below, "entity", faults, word="sensor")
        return [each._replace(name=f"sensor.{each.name}", raw=each.raw or {}) for each in found_here]
    return _named_inside(below, (key,), faults)


def _named_inside(sensors: Json, path: Path, faults: list[Fault]) -> list[Written]:
    """Sensors whose names stand inside them, as Home Assistant writes them."""
    written = []
    for below, raw in _listed(sensors):
        where = (*path, *below)
        name = raw.get("name") if isinstance(raw, dict) else None
        if isinstance(raw, dict) and not (isinstance(name, str) and slug(name)):
            remedy = 'add "name: …"; from it the name of the entity is made'
            faults.append(Fault(where, "missing-key", "this sensor has no name", "name: text", remedy))
        else:
            written.append(Written(where, raw, "entity", f"sensor.{slug(str(name))}"))
    return written


def _templates(key: str, below: Json, faults: list[Fault]) -> list[Written]:
    """The sensors that Home Assistant's `template:` declares."""
    written = []
    for path, block in _listed(below):
        where: Path = (key, *path)
        if not isinstance(block, dict):
            faults.append(Fault(where, "wrong-type", f"this is {found(block)}", 'a mapping with "sensor"'))
            continue
        for name, sensors in block.items():
            if name == "sensor":
                written += _named_inside(sensors, (*where, name), faults)
            elif name in ("triggers", "trigger", "conditions", "actions", "action", "binary_sensor", "variables"):
                faults.append(_later((*where, name), f'"{name}" of a template'))
            else:
                faults.append(_no_devices((*where, name), f'"{name}" of a template'))
    return written


def declared_in(value: Json) -> frozenset[str]:
    """The names of what a file's value declares, as rules know them: "script.greet", "counter.orders"."""
    named = [each for each in rules_in(value)[0] if each.sort != "rule"]
    return frozenset(f"script.{each.name}" if each.sort == "script" else each.name for each in named)


def slug(text: str) -> str:
    """A text as a name: lower-case letters, digits and _."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


def _looks_like_a_rule(value: dict[str, Json]) -> bool:
    return not set(value) & _FILE_KEYS and bool(
        {"triggers", "trigger", "actions", "action", "use_blueprint"} & set(value)
    )


def _file_key(key: str) -> Fault:
    if key == "blueprint":
        remedy = 'move the file into the folder "blueprints" of the rules folder; a rule uses it with use_blueprint'
        return Fault((key,), "blueprint-elsewhere", "a blueprint stands among the rules", remedy=remedy, at_key=True)
    if key in _LATER_FILE_KEYS:
        return _later((key,), f'"{key}"')
    return unknown_key((key,), ["rules", "scripts", _SENSORS, *sorted(_ENTITIES)])


def _later(path: Path, what: str) -> Fault:
    return Fault(path, "not-yet", f"{what} comes with a later release of rulewheel", remedy="take it out", at_key=True)


def _no_devices(path: Path, what: str) -> Fault:
    return Fault(path, "needs-devices", f"{what} needs devices of Home Assistant", remedy=NO_DEVICES, at_key=True)


def _listed(value: Json) -> Iterator[tuple[Path, Json]]:
    """The elements of a list with their paths; one value alone is a list of one; nothing is an empty list."""
    if isinstance(value, list):
        yield from (((index,), each) for index, each in enumerate(value))
    elif value is not None:
        yield (), value


def normalised(raw: Json, path: Path) -> Draft:
    """The draft of one rule that stands at `path` in its file."""
    draft = Draft(path)
    if isinstance(raw, dict):
        _Normaliser(draft).rule(raw)
    else:
        draft.faults.append(
            Fault(
                path,
                "wrong-type",
                f"the rule is {found(raw)}",
                expected="a mapping of keys to values",
                remedy='begin it with "- id: a_name", and below it "triggers:" and "actions:"',
            )
        )
    return draft


def normalised_script(raw: Json, path: Path) -> Draft:
    """The draft of one script that stands at `path` in its file: a rule without triggers, whose steps are `actions`."""
    draft = Draft(path)
    if isinstance(raw, dict):
        _Normaliser(draft).script(raw)
    else:
        message = f"the script is {found(raw)}"
        remedy = 'write its steps below "sequence:", each with "- " in front'
        draft.faults.append(Fault(path, "wrong-type", message, "a mapping of keys to values", remedy))
    return draft


def normalised_entity(raw: Json, path: Path) -> Draft:
    """The draft of one declaration that stands at `path` in its file; what is empty counts as left out."""
    draft = Draft(path)
    if isinstance(raw, dict):
        draft.body = {key: value for key, value in raw.items() if value is not None}
    else:
        message = f"the declaration is {found(raw)}"
        remedy = "write its keys below its name, indented"
        draft.faults.append(Fault(path, "wrong-type", message, "a mapping of keys to values", remedy))
    return draft


class _Normaliser:
    """Writes one draft; `at` is always the canonical path, `path` the author's."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def rule(self, raw: dict[str, Json]) -> None:
        body, path = self.draft.body, self.draft.path
        for key, value in self._renamed(raw, PLURALS, path):
            written = (*path, key)
            name = PLURALS.get(key, key)
            if name != key:
                self.draft.origins[(name,)] = written
            if name in _RULE_PARTS:
                body[name] = self._each(value, (name,), written, _RULE_PARTS[name])
            elif value is not None or name not in RuleKeys.fields():
                body[name] = value
        for name, what in (("triggers", "the rule never runs"), ("actions", "the rule does nothing")):
            if None in (raw.get(name, 0), raw.get(name[:-1], 0)):
                remedy = f'write at least one below it, with "- " in front; without one {what}'
                at = self.draft.written_at((name,))
                self._fault(
                    Fault(at, "nothing-below", f'"{at[-1]}" is empty', remedy=remedy, at_key=True, severity="warning")
                )

    def script(self, raw: dict[str, Json]) -> None:
        body, path = self.draft.body, self.draft.path
        for key, value in raw.items():
            written = (*path, key)
            if key == "sequence":
                self.draft.origins[("actions",)] = written
                body["actions"] = self._each(value, ("actions",), written, _Normaliser._step)
            elif key in ("on_error", "finally"):
                body[key] = self._each(value, (key,), written, _Normaliser._step)
            elif value is not None or key not in ScriptKeys.fields():
                body[key] = value

    def _renamed(self, raw: dict[str, Json], names: dict[str, str], path: Path) -> Iterator[tuple[str, Json]]:
        """The pairs of a mapping but for those whose key is given in its older spelling as well as its newer."""
        for key, value in raw.items():
            if key in names and names[key] in raw:
                also = (((*path, names[key]), "and here"),)
                message = f'"{key}" is the older spelling of "{names[key]}", and both are given'
                remedy = f'keep one of them, best "{names[key]}"'
                self._fault(Fault((*path, key), "given-twice", message, remedy=remedy, at_key=True, also=also))
            else:
                yield key, value

    def _each(self, value: Json, at: Path, path: Path, one: Callable[..., Json]) -> Json:
        """Every element in canonical form; a value that cannot be a list is left for the judge."""
        if value is not None and not isinstance(value, list | dict | str):
            return value
        elements: list[Json] = []
        for below, element in _listed(value):
            if len(self.draft.faults) > MOST_FAULTS:
                break
            here = (*at, len(elements))
            if isinstance(element, InputRef):
                elements.append(None)  # a blueprint that is looked at for itself: what it will be is not known
                continue
            if one is _Normaliser._trigger and _is_group(element):
                elements += self._group(element["triggers"], at, (*path, *below, "triggers"), len(elements))
                continue
            if one is _Normaliser._step and elements and _is_stray_data(element, elements[-1]):
                self._adopt_data(element["data"], elements[-1], (*at, len(elements) - 1), (*path, *below))
                continue
            self.draft.origins[here] = (*path, *below)
            elements.append(one(self, element, here, (*path, *below)))
        return elements

    def _adopt_data(self, data: Json, action: dict[str, Json], at: Path, path: Path) -> None:
        """`- data:` below `- action:` is one step with a dash too many."""
        remedy = 'take the "- " away and write two spaces instead'
        message = '"data" begins a step of its own, and the action above it has none'
        where = (*path, "data")
        self._fault(Fault(where, "dash-too-many", message, '"data" below the "action" it is for', remedy, at_key=True))
        self.draft.origins[(*at, "data")] = where
        action["data"] = data

    def _group(self, value: Json, at: Path, path: Path, count: int) -> list[Json]:
        """A list of triggers inside the list of triggers, as a blueprint makes them."""
        elements = []
        for index, (below, element) in enumerate(_listed(value), count):
            self.draft.origins[(*at, index)] = (*path, *below)
            known = not isinstance(element, InputRef)
            elements.append(self._trigger(element, (*at, index), (*path, *below)) if known else None)
        return elements

    def _trigger(self, raw: Json, at: Path, path: Path) -> Json:
        if not isinstance(raw, dict):
            expected = 'a mapping such as "trigger: time" with "at: 09:00"'
            return self._misunderstood(path, f"the trigger is {found(raw)}", expected, _with_word(raw, "trigger"))
        trigger: dict[str, Json] = {}
        own: dict[str, Json] = {}
        for key, value in self._renamed(raw, {"platform": "trigger"}, path):
            if key == "platform":
                self.draft.origins[(*at, "trigger")] = (*path, key)
                trigger["trigger"] = value
            elif key not in _TRIGGER_KEYS:
                own[key] = value
            elif value is not None or key == "trigger":
                trigger[key] = value
        if "trigger" not in trigger:
            if "device_id" in own:
                self._fault(_no_devices((*path, "device_id"), "this trigger"))
                return None
            near_key = next((key for key in own if near(key, ["trigger"])), "")
            return self._without_kind(path, "trigger", near_key)
        self.draft.origins[(*at, "with")] = path
        if "of" in own:
            own["of"] = self._each(own["of"], (*at, "with", "of"), (*path, "of"), _Normaliser._trigger)
        return {**trigger, "with": own}

    def _condition(self, raw: Json, at: Path, path: Path) -> Json:
        if isinstance(raw, str) and is_template(raw):
            self.draft.origins[(*at, "value_template")] = path
            return {"condition": "template", "value_template": raw}
        if not isinstance(raw, dict):
            expected = 'a mapping such as "condition: template", or a template such as "{{ trigger.count > 5 }}"'
            text = isinstance(raw, str) and len(raw) <= 60 and raw.isprintable()
            remedy = f'write it as a template: "{{{{ {raw} }}}}"' if text else ""
            return self._misunderstood(path, f"the condition is {found(raw)}", expected, remedy)
        if "condition" not in raw:
            return self._short_condition(raw, at, path)
        kind = raw["condition"]
        condition = {key: value for key, value in raw.items() if value is not None or key not in _EMPTY_MEANS_ABSENT}
        if isinstance(kind, str) and is_template(kind):
            self.draft.origins[(*at, "value_template")] = (*path, "condition")
            return {**condition, "condition": "template", "value_template": kind}
        if kind in _LOGIC and "conditions" in raw:
            below = (*at, "conditions")
            condition["conditions"] = self._each(
                raw["conditions"], below, (*path, "conditions"), _Normaliser._condition
            )
        if kind == "trigger" and "id" in raw:
            self._ids(condition, at, path)
        return condition

    def _ids(self, condition: dict[str, Json], at: Path, path: Path) -> None:
        given = condition["id"]
        if not isinstance(given, list):
            self.draft.origins[(*at, "id", 0)] = (*path, "id")
        condition["id"] = [
            str(each) if isinstance(each, int) and not isinstance(each, bool) else each for _, each in _listed(given)
        ]

    def _short_condition(self, raw: dict[str, Json], at: Path, path: Path) -> Json:
        words = [word for word in _LOGIC if word in raw]
        if len(words) != 1:
            if "device_id" in raw:
                self._fault(_no_devices((*path, "device_id"), "this condition"))
                return None
            return self._without_kind(path, "condition", next((key for key in raw if near(key, ["condition"])), ""))
        word = words[0]
        self.draft.origins[(*at, "conditions")] = (*path, word)
        self.draft.origins[(*at, "condition")] = (*path, word)
        members = self._each(raw[word], (*at, "conditions"), (*path, word), _Normaliser._condition)
        return {**{key: value for key, value in raw.items() if key != word}, "condition": word, "conditions": members}

    def _without_kind(self, path: Path, key: str, misspelt: str) -> None:
        if misspelt:
            fault = unknown_key((*path, misspelt), [key])
        else:
            example = {"trigger": "job.entries", "condition": "template"}[key]
            expected = f"{key}: and which kind of {key} it is"
            remedy = f'add "{key}: …" as its first line, such as "{key}: {example}"'
            if path and isinstance(path[-1], int) and path[-1] > 0:
                remedy += f'; if it belongs to the {key} above, take the "- " away'
            fault = Fault(path, "missing-key", f'the key "{key}" is missing', expected, remedy)
        self._fault(fault)

    def _step(self, raw: Json, at: Path, path: Path) -> Json:
        if isinstance(raw, str) and is_template(raw):
            self.draft.origins[(*at, "condition")] = path
            return {"do": "condition", "condition": self._condition(raw, (*at, "condition"), path)}
        if not isinstance(raw, dict):
            expected = 'a mapping such as "action: log.write" with "data"'
            return self._misunderstood(path, f"the step is {found(raw)}", expected, _with_word(raw, "action"))
        step: dict[str, Json] = {}
        for key, value in self._renamed(raw, _OLD_STEP_KEYS, path):
            name = _OLD_STEP_KEYS.get(key, key)
            if name != key:
                self.draft.origins[(*at, name)] = (*path, key)
            step[name] = value
        kind = self._kind_of_step(step, path)
        if kind is None:
            return None
        if kind == "condition":
            return self._condition_step(step, at, path)
        return {"do": kind, **self._parts(kind, step, at, path)}

    def _kind_of_step(self, step: dict[str, Json], path: Path) -> str | None:
        kinds = [kind for kind in STEP_KINDS if kind in step]
        foreign = [key for key in step if key in LATER_STEPS or key in DEVICE_KINDS]
        if foreign:
            later = foreign[0] in LATER_STEPS
            where = (*path, foreign[0])
            self._fault(_later(where, f'"{foreign[0]}"') if later else _no_devices(where, f'"{foreign[0]}"'))
            return None
        if not kinds and any(word in step for word in _LOGIC):
            return "condition"
        if len(kinds) == 1:
            return kinds[0]
        written = [key for key in step if key in kinds]
        self._fault(_too_many_kinds(written, path) if kinds else _no_kind(step, path))
        return None

    def _condition_step(self, step: dict[str, Json], at: Path, path: Path) -> Json:
        """A condition among the steps: `enabled` and `alias` belong to the step, the rest to the condition."""
        below = (*at, "condition")
        self.draft.origins[below] = path
        own = {key: step[key] for key in ("alias", "enabled", "continue_on_error") if key in step}
        rest = {key: value for key, value in step.items() if key not in own and key != "note"}
        return {"do": "condition", **own, "condition": self._condition(rest, below, path)}

    def _parts(self, kind: str, step: dict[str, Json], at: Path, path: Path) -> dict[str, Json]:
        parts = {key: value for key, value in step.items() if value is not None or key == kind}
        if "target" in parts and kind == "action":
            self._target(parts, parts.pop("target"), at, path)
        if "entity_id" in parts and kind == "action":
            self._entities(parts, parts.pop("entity_id"), at, (*path, "entity_id"))
        if isinstance(parts.get("retry"), int | float) and not isinstance(parts["retry"], bool):
            self.draft.origins[(*at, "retry", "attempts")] = (*path, "retry")
            parts["retry"] = {"attempts": parts["retry"]}
        if kind == "stop" and parts["stop"] is None:
            parts["stop"] = ""
        if kind == "wait_for_reply":
            parts = self._reply(parts, at, path)
        if kind == "repeat":
            parts["repeat"] = self._repeat(parts["repeat"], (*at, "repeat"), (*path, "repeat"))
        for key, one in _STEP_PARTS.get(kind, {}).items():
            if key in step:
                parts[key] = self._each(step[key], (*at, key), (*path, key), one)
        return parts

    def _reply(self, parts: dict[str, Json], at: Path, path: Path) -> dict[str, Json]:
        """`wait_for_reply` stands alone, with its keys beside it; they may stand below it, or only the number."""
        below = parts["wait_for_reply"]
        if below is None or isinstance(below, InputRef):
            return parts
        given = below if isinstance(below, dict) else {"from": below}
        for key in given.keys() - parts.keys():
            self.draft.origins[(*at, key)] = (*path, "wait_for_reply", *([key] if given is below else []))
        return {**given, **parts, "wait_for_reply": None}

    def _target(self, parts: dict[str, Json], target: Json, at: Path, path: Path) -> None:
        """`target` names the entities of an action; they belong to its data."""
        where = (*path, "target")
        if isinstance(target, InputRef):
            target = {"entity_id": target}  # a gap that a rule will fill with a mapping
        if not isinstance(target, dict):
            expected = "a mapping with entity_id"
            self._fault(Fault(where, "wrong-type", f'"target" is {found(target)}', expected))
            return
        for key in target:
            if key != "entity_id":
                self._fault(_no_devices((*where, key), f'"{key}" of a target'))
        if "entity_id" in target:
            self._entities(parts, target["entity_id"], at, (*where, "entity_id"))

    def _entities(self, parts: dict[str, Json], entities: Json, at: Path, where: Path) -> None:
        """Whatever spelling names them, the entities belong to the data of an action."""
        data = parts.get("data") or {}
        if isinstance(data, dict) and "entity_id" not in data:
            self.draft.origins[(*at, "data", "entity_id")] = where
            parts["data"] = {**data, "entity_id": entities}

    def _branch(self, raw: Json, at: Path, path: Path) -> Json:
        if not isinstance(raw, dict):
            return self._misunderstood(path, f"the branch is {found(raw)}", "a mapping with conditions and sequence")
        branch = dict(raw)
        for key, one in (("conditions", _Normaliser._condition), ("sequence", _Normaliser._step)):
            if key in branch:
                branch[key] = self._each(branch[key], (*at, key), (*path, key), one)
        return branch

    def _repeat(self, raw: Json, at: Path, path: Path) -> Json:
        if not isinstance(raw, dict):
            return raw
        repeat = {key: value for key, value in raw.items() if value is not None}
        for key, one in (
            ("while", _Normaliser._condition),
            ("until", _Normaliser._condition),
            ("sequence", _Normaliser._step),
        ):
            if key in repeat:
                repeat[key] = self._each(repeat[key], (*at, key), (*path, key), one)
        return repeat

    def _parallel_branch(self, raw: Json, at: Path, path: Path) -> Json:
        """A branch of parallel is a sequence; a step alone, or a list of steps, is one as well."""
        is_sequence = isinstance(raw, dict) and "sequence" in raw and not set(raw) - _BRANCH_KEYS
        branch = dict(raw) if is_sequence else {"sequence": raw}
        written = (*path, "sequence") if is_sequence else path
        if not is_sequence:
            self.draft.origins[(*at, "sequence")] = path
        branch["sequence"] = self._each(branch["sequence"], (*at, "sequence"), written, _Normaliser._step)
        return branch

    def _misunderstood(self, path: Path, message: str, expected: str, remedy: str = "") -> None:
        self._fault(Fault(path, "wrong-type", message, expected, remedy))

    def _fault(self, fault: Fault) -> None:
        self.draft.faults.append(fault)


_BRANCH_KEYS = frozenset(("sequence", "alias", "enabled", "note"))
_EMPTY_MEANS_ABSENT = frozenset({"alias", "enabled", "note"})
_One = Callable[[_Normaliser, Any, Path, Path], Json]
_RULE_PARTS: dict[str, _One] = {
    "triggers": _Normaliser._trigger,
    "conditions": _Normaliser._condition,
    "actions": _Normaliser._step,
    "on_error": _Normaliser._step,
    "finally": _Normaliser._step,
    "resolved": _Normaliser._step,
}
_STEP_PARTS: dict[str, dict[str, _One]] = {
    "if": {"if": _Normaliser._condition, "then": _Normaliser._step, "else": _Normaliser._step},
    "choose": {"choose": _Normaliser._branch, "default": _Normaliser._step},
    "parallel": {"parallel": _Normaliser._parallel_branch},
    "sequence": {"sequence": _Normaliser._step},
    "wait_for_trigger": {"wait_for_trigger": _Normaliser._trigger},
}


def _with_word(raw: Json, word: str) -> str:
    """The remedy where only the name of a trigger or action was written."""
    return f'write "{word}: {raw}"' if isinstance(raw, str) and re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", raw) else ""


def _is_stray_data(element: Json, before: Json) -> bool:
    alone = isinstance(element, dict) and set(element) == {"data"}
    return alone and isinstance(before, dict) and before["do"] == "action" and "data" not in before


def _is_group(element: Json) -> bool:
    return isinstance(element, dict) and set(element) == {"triggers"}


def _too_many_kinds(kinds: list[str], path: Path) -> Fault:
    message = f"one step has {' and '.join(kinds)}"
    remedy = 'make each a step of its own, with its own "-"'
    if kinds[0] == "if":
        remedy = f'put "then:" below the if, and {kinds[1]} below it as a step, with a "-" in front'
    also = (((*path, kinds[0]), f'"{kinds[0]}" is here'),)
    return Fault((*path, kinds[1]), "two-steps-in-one", message, remedy=remedy, at_key=True, also=also)


def _no_kind(step: dict[str, Json], path: Path) -> Fault:
    kinds = [*STEP_KINDS, *_LOGIC]
    for key in step:
        if near(key, kinds):
            return unknown_key((*path, key), kinds)
    remedy = 'add "action: …", such as "action: log.write"' if "data" in step else 'add what to do, such as "delay: 5"'
    expected = f"one of the keys {', '.join(kinds)}"
    return Fault(path, "unknown-step", "this step does not say what to do", expected, remedy)
