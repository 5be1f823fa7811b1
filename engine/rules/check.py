"""Judges one file's rules and makes programs of those that are right.

The order in which a rule is looked at: its form, each value by its field, its templates and the names they read, its
secrets. A rule with an error yields no program; the other rules of the file do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import re2

from engine.field import Block, FieldError
from engine.judge import Fault, Path, block_faults, found, stands_for_any
from engine.plugin import Action, Trigger
from engine.problem import Place, Problem, near
from engine.registry import Registry
from engine.rules.model import Program
from engine.rules.names import Names
from engine.rules.normalise import Draft, normalised, rules_in
from engine.rules.program import body_of, plain, program, rendered
from engine.rules.schema import (
    CONDITION_KINDS,
    DEVICE_KINDS,
    LATER_CONDITIONS,
    LATER_TRIGGERS,
    STEP_KINDS,
    ActionStep,
    Branch,
    Retry,
    RuleKeys,
    TriggerKeys,
)
from engine.scalar import InputRef, SecretRef
from engine.settings import Settings
from engine.source import Source
from engine.template import Template, TemplateProblem, is_template
from engine.values import Json

_LONGEST_BLOCK = 60
_CLOCK = re.compile(r"\b(now|utcnow|today_at|relative_time|time_since|time_until)\s*\(")


@dataclass(frozen=True, slots=True)
class Known:
    """What rules may refer to: plugins, hosts and the names of secrets (None: not known, so not judged)."""

    registry: Registry
    hosts: Mapping[str, Mapping[str, Json]] | None = None
    secrets: frozenset[str] | None = None
    defaults: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Known:
        """What rules may refer to under these settings."""
        defaults: dict[str, Json] = {"mode": settings.defaults.mode}
        if settings.defaults.max is not None:
            defaults["max"] = settings.defaults.max
        if settings.defaults.valid_for is not None:
            defaults["valid_for"] = settings.defaults.valid_for.total_seconds()
        return cls(settings.registry, settings.hosts, settings.secrets.names, defaults)


@dataclass(frozen=True, slots=True)
class Checked:
    """What one file gave. `places` are where the ids of its rules stand; `broken` are the ids of rules in error, and
    `unnamed` says that a broken part of the file could be any rule."""

    programs: tuple[Program, ...] = ()
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    unnamed: bool = False


def check_file(source: Source, known: Known) -> Checked:
    """The programs and problems of one file; never raises for what is in it."""
    rules, faults = rules_in(source.value)
    problems = [*source.problems, *(problem_of(fault, source) for fault in faults)]
    unnamed = any(problem.severity == "error" for problem in problems)
    programs: dict[str, Program] = {}
    places: dict[str, Place] = {}
    broken: set[str] = set()
    for number, (path, raw) in enumerate(rules):
        rule = _Rule(normalised(raw, path), source, known)
        made = rule.program(_text_of(source, path, rules[number + 1][0] if number + 1 < len(rules) else None))
        problems += rule.problems
        place = source.places.value((*path, rule.named_by)) if rule.named_by else source.places.value(path)
        if rule.id and rule.id in places:
            problems.append(named_twice(rule.id, place, places[rule.id]))
            continue
        if rule.id:
            places[rule.id] = place
        if made is not None:
            programs[made.rule] = made
        elif rule.id:
            broken.add(rule.id)
        else:
            unnamed = True
    return Checked(tuple(programs.values()), _in_order(problems), places, frozenset(broken), unnamed)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once, from the top of the file to its end."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: _spot(problem.place)))


def _spot(place: Place | None) -> tuple[int, int]:
    return (place.line, place.column) if place else (0, 0)


def named_twice(rule: str, place: Place, first: Place) -> Problem:
    """The problem of two rules with one id."""
    return Problem(
        "rule-named-twice",
        f'a second rule with the id "{rule}"',
        place,
        expected="an id that no other rule has",
        remedy="give one of the two another id (an alias counts as the id where there is none)",
        also=((first, "the first is here"),),
    )


def problem_of(fault: Fault, source: Source) -> Problem:
    """The fault, whose paths are paths in the file, with its place."""
    return Problem(
        fault.code,
        fault.message,
        source.places.key(fault.path) if fault.at_key else source.places.value(fault.path),
        expected=fault.expected,
        remedy=fault.remedy,
        also=tuple((source.places.key(path), word) for path, word in fault.also),
    )


def _text_of(source: Source, path: Path, following: Path | None) -> str:
    lines = source.places.lines
    start = source.places.value(path).line - 1
    end = source.places.value(following).line - 1 if following is not None else len(lines)
    return "\n".join(lines[start : max(start + 1, end)]).rstrip()


def slug(alias: str) -> str:
    """An alias as an id: lower-case letters, digits and _."""
    return re.sub(r"[\W_]+", "_", alias.lower()).strip("_")


class _Rule:
    """One rule on its way from draft to program; what is wrong gathers in `problems`."""

    def __init__(self, draft: Draft, source: Source, known: Known) -> None:
        self.draft = draft
        self.source = source
        self.known = known
        self.lines = source.places.lines
        self.problems: list[Problem] = [problem_of(fault, source) for fault in draft.faults]
        self.id, self.named_by = self._identity()
        self.plugins: dict[int, Trigger] = {}

    def _identity(self) -> tuple[str, str]:
        """The rule's id and the key that gave it."""
        given = self.draft.body.get("id")
        if isinstance(given, str | int) and not isinstance(given, bool) and str(given).strip():
            return str(given).strip(), "id"
        alias = self.draft.body.get("alias")
        made = slug(alias) if isinstance(alias, str) else ""
        return made, "alias" if made else ""

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def program(self, text: str) -> Program | None:
        """The program, or None where something is wrong."""
        if self.draft.body or not self.draft.faults:
            self._judge()
        if self.failed:
            return None
        body = body_of(self.draft.body, self.id, self.known.registry, self.known.defaults)
        line = self.source.places.value(self.draft.path).line
        return program(body, self.plugins, self.source.file, line, text)

    # Judging

    def _judge(self) -> None:
        body = self.draft.body
        if not self.id:
            remedy = 'write "id:" and a short name of letters, digits and _'
            self._fault(Fault((), "rule-without-name", "this rule has neither id nor alias", remedy=remedy))
        self._block(RuleKeys, body, ())
        names = Names.of_triggers(self._triggers(body.get("triggers")))
        self._variables(body.get("variables"), ("variables",), names)
        self._templates(body.get("per"), ("per",), names)
        self._templates(body.get("valid_for"), ("valid_for",), names)
        self._conditions(body.get("conditions"), ("conditions",), names)
        self._steps(body.get("actions"), ("actions",), names)
        self._steps(body.get("on_error"), ("on_error",), names.with_names("error"))

    def _triggers(self, triggers: Json) -> Iterator[type[Trigger]]:
        trigger_ids = Names()
        for index, trigger in _elements(triggers):
            at: Path = ("triggers", index)
            self._block(TriggerKeys, {key: value for key, value in trigger.items() if key != "with"}, at)
            plugin = self._plugin_of(trigger["trigger"], at)
            if plugin is None:
                continue
            yield plugin
            self._variables(trigger.get("variables"), (*at, "variables"), trigger_ids.lenient())
            self._templates(trigger.get("enabled"), (*at, "enabled"), trigger_ids.limited())
            self._trigger(index, plugin, trigger["with"], (*at, "with"))

    def _plugin_of(self, name: Json, at: Path) -> type[Trigger] | None:
        plugin = self.known.registry.triggers.get(name) if isinstance(name, str) else None
        if plugin is None and isinstance(name, str) and not is_template(name):
            self._unknown("trigger", name, (*at, "trigger"), self.known.registry.triggers, LATER_TRIGGERS)
        return plugin

    def _trigger(self, index: int, plugin: type[Trigger], values: dict[str, Json], at: Path) -> None:
        """A trigger's own fields; its templates are worked out now, once."""
        before = len(self.problems)
        self._block(plugin, values, at, beside=TriggerKeys)
        self._templates(values, at, Names().limited())
        if len(self.problems) > before:
            return
        try:
            self.plugins[index] = plugin(rendered(plain(values)))
        except FieldError as error:
            for key, sentence in error.faults:
                self._fault(Fault((*at, key), "wrong-value", f'"{key}" cannot be used: {sentence}'))
        except TemplateProblem as error:
            self._fault(Fault(at, "template-fails", error.message, error.expected, error.remedy))
        except Exception as error:  # a plugin's mistake must not stop the other rules
            self._fault(Fault(at, "plugin-broken", f'the trigger "{plugin.name}" cannot be made: {error}'))

    def _conditions(self, conditions: Json, at: Path, names: Names) -> None:
        for index, condition in _elements(conditions):
            self._condition(condition, (*at, index), names)

    def _condition(self, condition: dict[str, Json], at: Path, names: Names) -> None:
        name = condition["condition"]
        kind = CONDITION_KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self._unknown("condition", name, (*at, "condition"), CONDITION_KINDS, LATER_CONDITIONS)
            return
        self._block(kind, condition, at)
        if name == "trigger":
            self._trigger_ids(condition.get("id"), (*at, "id"))
        if name == "compare":
            self._expression(condition.get("matches"), (*at, "matches"))
        self._conditions(condition.get("conditions"), (*at, "conditions"), names)
        rest = {key: value for key, value in condition.items() if key != "conditions"}
        self._templates(rest, at, names)

    def _trigger_ids(self, ids: Json, at: Path) -> None:
        triggers = list(_elements(self.draft.body.get("triggers")))
        known = {str(trigger.get("id", index)) for index, trigger in triggers}
        for index, name in enumerate(ids if isinstance(ids, list) else []):
            if isinstance(name, str) and name not in known:
                named = sorted(str(trigger["id"]) for _, trigger in triggers if "id" in trigger)
                expected = f"one of {', '.join(named)}" if named else 'a trigger of this rule with "id:"'
                message = f'no trigger of this rule has the id "{name}"'
                self._fault(Fault((*at, index), "unknown-trigger-id", message, expected, near(name, named)))

    def _expression(self, pattern: Json, at: Path) -> None:
        if not isinstance(pattern, str) or stands_for_any(pattern):
            return
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            said = error.args[0] if error.args else ""
            said = said.decode() if isinstance(said, bytes) else str(said)
            message = f'"matches" is {found(pattern)}, which is not a regular expression: {said}'
            remedy = "look-around and back-references do not exist here; a plain word is found as it stands"
            self._fault(Fault(at, "bad-expression", message, remedy=remedy))

    def _steps(self, steps: Json, at: Path, names: Names) -> None:
        for index, step in _elements(steps):
            self._step(step, (*at, index), names)

    def _step(self, step: dict[str, Json], at: Path, names: Names) -> None:
        kind = step["do"]
        given = {key: value for key, value in step.items() if key != "do"}
        self._block(STEP_KINDS[kind], given, at)
        nested = {"if": self._if, "choose": self._choose, "condition": self._condition_step}.get(kind)
        if nested is not None:
            nested(step, at, names)
            self._templates(step.get("enabled"), (*at, "enabled"), names)
        elif kind == "variables":
            self._variables(step["variables"], (*at, "variables"), names)
            self._templates(step.get("enabled"), (*at, "enabled"), names)
        else:
            self._templates(given, at, names)
        if kind == "action":
            self._action(step, at)
        if isinstance(step.get("response_variable"), str) and kind == "action":
            names.add(step["response_variable"])

    def _if(self, step: dict[str, Json], at: Path, names: Names) -> None:
        self._conditions(step["if"], (*at, "if"), names)
        self._steps(step.get("then"), (*at, "then"), names)
        self._steps(step.get("else"), (*at, "else"), names)

    def _choose(self, step: dict[str, Json], at: Path, names: Names) -> None:
        for index, branch in _elements(step["choose"]):
            here = (*at, "choose", index)
            self._block(Branch, branch, here)
            self._conditions(branch.get("conditions"), (*here, "conditions"), names)
            self._steps(branch.get("sequence"), (*here, "sequence"), names)
        self._steps(step.get("default"), (*at, "default"), names)

    def _condition_step(self, step: dict[str, Json], at: Path, names: Names) -> None:
        if isinstance(step["condition"], dict):
            self._condition(step["condition"], (*at, "condition"), names)

    def _action(self, step: dict[str, Json], at: Path) -> None:
        if isinstance(step.get("retry"), dict):
            self._block(Retry, step["retry"], (*at, "retry"))
        name = step["action"]
        plugin = self.known.registry.actions.get(name) if isinstance(name, str) else None
        if plugin is None:
            if isinstance(name, str) and not is_template(name):
                self._unknown("action", name, (*at, "action"), self.known.registry.actions, frozenset())
            return
        if "response_variable" in step and not plugin.responds:
            message = f'"{plugin.name}" gives no answer to keep'
            remedy = "take response_variable out"
            self._fault(Fault((*at, "response_variable"), "no-answer", message, remedy=remedy, at_key=True))
        data = step.get("data", {})
        if isinstance(data, dict) and self._block(plugin, data, (*at, "data")):
            self._allowed(plugin, data, (*at, "data"))

    def _allowed(self, plugin: type[Action], data: dict[str, Json], at: Path) -> None:
        if self.known.hosts is None:
            return
        for key, sentence in plugin.forbidden(plain(data), self.known.hosts):
            message, _, remedy = sentence.partition("; ")
            self._fault(Fault((*at, key), "not-permitted", message, remedy=remedy))

    def _unknown(self, what: str, name: Json, at: Path, known: Mapping[str, Any], later: frozenset[str]) -> None:
        if name in later if isinstance(name, str) else False:
            message = f'the {what} "{name}" comes with a later release of rulewheel'
            self._fault(Fault(at, "not-yet", message, f"one of {', '.join(sorted(known))}"))
        elif isinstance(name, str) and name in DEVICE_KINDS:
            self._fault(Fault(at, "needs-devices", f'the {what} "{name}" needs devices of Home Assistant'))
        else:
            message = f'there is no {what} "{name}"' if isinstance(name, str) else f"the {what} is {found(name)}"
            hint = near(name, known) if isinstance(name, str) else ""
            self._fault(Fault(at, f"unknown-{what}", message, f"one of {', '.join(sorted(known))}", hint))

    # Values, templates, secrets

    def _block(self, block: type[Block], values: Json, at: Path, beside: type[Block] | None = None) -> bool:
        """Judges a mapping by a block; whether it is right. `beside` are keys that stand in the same mapping."""
        if not isinstance(values, dict):
            return False
        faults = block_faults(block, values)
        for fault in faults:
            if beside is not None and fault.code == "unknown-key":
                fault = _with_keys(fault, block, beside)
            self._fault(replace(fault, path=(*at, *fault.path)))
        self._secrets(block, values, at)
        return not faults

    def _secrets(self, block: type[Block], values: dict[str, Json], at: Path) -> None:
        fields = block.fields()
        for key, value in values.items():
            if key not in fields or "of" in fields[key].kind.schema or fields[key] is ActionStep.data:
                continue  # judged on their own
            for path, reference in _references(value, (*at, key)):
                self._reference(reference, path, fields[key].secret)

    def _reference(self, reference: SecretRef | InputRef, path: Path, welcome: bool) -> None:
        if isinstance(reference, InputRef):
            message = f'"!input {reference.name}" stands outside a blueprint'
            self._fault(Fault(path, "input-not-here", message, remedy="write the value itself here"))
        elif not welcome:
            remedy = "secrets go only into headers of http.request and into the settings"
            self._fault(Fault(path, "secret-not-here", f'the secret "{reference.name}" may not go here', remedy=remedy))
        elif self.known.secrets is not None and reference.name not in self.known.secrets:
            message = f'there is no secret "{reference.name}"'
            remedy = near(reference.name, self.known.secrets) or f'add a line "{reference.name}: …" to secrets.yaml'
            self._fault(Fault(path, "unknown-secret", message, remedy=remedy))

    def _variables(self, variables: Json, at: Path, names: Names) -> None:
        """Values in order; each may read those before it."""
        for name, value in variables.items() if isinstance(variables, dict) else ():
            self._templates(value, (*at, name), names)
            names.add(name)

    def _templates(self, value: Json, at: Path, names: Names) -> None:
        if isinstance(value, str):
            if is_template(value):
                self._template(value, at, names)
        elif isinstance(value, dict):
            for key, part in value.items():
                self._templates(key, (*at, key), names)
                self._templates(part, (*at, key), names)
        elif isinstance(value, list):
            for index, part in enumerate(value):
                self._templates(part, (*at, index), names)

    def _template(self, text: str, at: Path, names: Names) -> None:
        try:
            template = Template.parse(text)
        except TemplateProblem as error:
            place = self._place_in(text, at, error.line, error.column, error.subject)
            self.problems.append(
                Problem("bad-template", error.message, place, expected=error.expected, remedy=error.remedy)
            )
            return
        if names.is_limited and (clock := _CLOCK.search(text)):
            message = f"`{clock[1]}` cannot be asked here"
            remedy = "a template of a trigger is worked out once, when the rule is read; write a fixed value"
            self._fault(Fault(at, "no-clock-here", message, remedy=remedy))
        for read in template.reads:
            complaint = None if read.optional else names.complaint(read.path)
            if complaint is not None:
                place = self._place_in(text, at, read.line, read.column, read.path)
                self.problems.append(replace(complaint, place=place))

    def _place_in(self, text: str, at: Path, line: int, column: int, subject: str) -> Place:
        """Where a spot inside a template stands in the file; the template itself where that cannot be told."""
        value = self.source.places.value(self.draft.written_at(at))
        lines = text.split("\n")
        whole = lines[line - 1] if 0 < line <= len(lines) and column > 0 else ""
        for words, offset in ((whole, column), (subject, 1)):
            spot = self._written_from(value, words) if words else None
            if spot is not None:
                return Place(value.file, spot[0], spot[1] + offset, max(1, len(subject)))
        return value

    def _written_from(self, value: Place, words: str) -> tuple[int, int] | None:
        """The line (from 1) and column (from 0) where these words next stand, from the value's place on."""
        for number, here in enumerate(self.lines[value.line - 1 : value.line + _LONGEST_BLOCK], value.line):
            start = here.find(words, value.column - 1 if number == value.line else 0)
            if start >= 0:
                return number, start
        return None

    def _fault(self, fault: Fault) -> None:
        written = self.draft.written_at(fault.path)
        also = tuple((self.draft.written_at(path), word) for path, word in fault.also)
        self.problems.append(problem_of(replace(fault, path=written, also=also), self.source))


def _elements(values: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    """The elements that could be understood, with their index."""
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield index, value


def _with_keys(fault: Fault, block: type[Block], beside: type[Block]) -> Fault:
    known = [*block.fields(), *beside.fields()]
    return replace(
        fault, expected=f"one of {', '.join(known)}", remedy=fault.remedy or near(str(fault.path[-1]), known)
    )


def _references(value: Json, path: Path) -> Iterator[tuple[Path, SecretRef | InputRef]]:
    if isinstance(value, SecretRef | InputRef):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _references(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _references(part, (*path, index))
