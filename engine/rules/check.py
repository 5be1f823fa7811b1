"""Judges one file's rules and makes programs of those that are right.

The order in which a rule is looked at: its form, each value by its field, its templates and the names they read, its
secrets. A rule with an error yields no program; the other rules of the file do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.field import FieldError
from engine.judge import Fault, Path, found
from engine.plugin import Action, Trigger
from engine.problem import Place, Problem, near
from engine.rules.complaints import Complaints, problem_of, too_many
from engine.rules.known import Known
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
    Branch,
    Retry,
    RuleKeys,
    TriggerKeys,
)
from engine.source import Source
from engine.template import TemplateProblem, is_template
from engine.values import Json

MOST_BROKEN = 500


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
    file = _File(source, known)
    file.problems += [problem_of(fault, source) for fault in faults]
    file.unnamed = any(problem.severity == "error" for problem in file.problems)
    following: list[Path | None] = [*(path for path, _ in rules[1:]), None]
    for (path, raw), end in zip(rules, following, strict=False):
        if file.broken_rules > MOST_BROKEN:
            file.give_up(path)
            break
        file.take(path, raw, end)
    return file.checked()


class _File:
    """What one file has given so far."""

    def __init__(self, source: Source, known: Known) -> None:
        self.source = source
        self.known = known
        self.problems = list(source.problems)
        self.programs: dict[str, Program] = {}
        self.places: dict[str, Place] = {}
        self.broken: set[str] = set()
        self.unnamed = False
        self.broken_rules = 0

    def take(self, path: Path, raw: Json, following: Path | None) -> None:
        """Looks at one rule; `following` is where the next one begins."""
        rule = _Rule(normalised(raw, path), self.source, self.known)
        made = rule.program(_text_of(self.source, path, following))
        self.problems += rule.told.problems
        self.broken_rules += made is None
        place = self.source.places.value((*path, rule.named_by) if rule.named_by else path)
        if rule.id in self.places:
            self.problems.append(named_twice(rule.id, place, self.places[rule.id]))
            self.broken_rules += 1
        elif not rule.id:
            self.unnamed = True
        else:
            self.places[rule.id] = place
            if made is None:
                self.broken.add(rule.id)
            else:
                self.programs[rule.id] = made

    def give_up(self, path: Path) -> None:
        """There are so many broken rules that the rest is not looked at; it may hold any rule."""
        self.unnamed = True
        message = f"more than {MOST_BROKEN} broken rules in one file"
        self.problems.append(too_many(message, self.source.places.value(path)))

    def checked(self) -> Checked:
        """All of it, the problems in the order of the file."""
        programs = tuple(self.programs.values())
        return Checked(programs, _in_order(self.problems), self.places, frozenset(self.broken), self.unnamed)


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


def _text_of(source: Source, path: Path, following: Path | None) -> str:
    lines = source.places.lines
    start = source.places.value(path).line - 1
    end = source.places.value(following).line - 1 if following is not None else len(lines)
    return "\n".join(lines[start : max(start + 1, end)]).rstrip()


def slug(alias: str) -> str:
    """An alias as an id: lower-case letters, digits and _."""
    return re.sub(r"[\W_]+", "_", alias.lower()).strip("_")


class _Rule:
    """One rule on its way from draft to program; what is wrong gathers in `told`."""

    def __init__(self, draft: Draft, source: Source, known: Known) -> None:
        self.draft = draft
        self.source = source
        self.known = known
        self.told = Complaints(draft, source, known)
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

    def program(self, text: str) -> Program | None:
        """The program, or None where something is wrong."""
        if self.draft.body or not self.draft.faults:
            self._judge()
        if self.told.fatal:
            return None
        body = body_of(self.draft.body, self.id, self.known.registry, self.known.defaults)
        line = self.source.places.value(self.draft.path).line
        return program(body, self.plugins, self.source.file, line, text)

    def _judge(self) -> None:
        body = self.draft.body
        if not self.id:
            remedy = 'write "id:" and a short name of letters, digits and _'
            self.told.fault(Fault((), "rule-without-name", "this rule has neither id nor alias", remedy=remedy))
        self.told.block(RuleKeys, body, ())
        names = self._triggers(body.get("triggers"))
        self.told.variables(body.get("variables"), ("variables",), names)
        self.told.templates(body.get("per"), ("per",), names)
        self.told.templates(body.get("valid_for"), ("valid_for",), names)
        self._conditions(body.get("conditions"), ("conditions",), names)
        self._steps(body.get("actions"), ("actions",), names)
        self._steps(body.get("on_error"), ("on_error",), names.with_names("error"))

    def _triggers(self, triggers: Json) -> Names:
        """Judges the triggers; the names that they give to the rest of the rule."""
        plugins = []
        own: set[str] = set()
        for index, trigger in _elements(triggers):
            at: Path = ("triggers", index)
            self.told.block(TriggerKeys, {key: value for key, value in trigger.items() if key != "with"}, at)
            plugin = self._plugin_of(trigger["trigger"], at)
            if plugin is None:
                continue
            plugins.append(plugin)
            names = Names.of_triggers([plugin])
            self.told.variables(trigger.get("variables"), (*at, "variables"), names)
            self.told.templates(trigger.get("dedupe"), (*at, "dedupe"), names)
            own |= names.roots
            self._switch(trigger.get("enabled"), (*at, "enabled"))
            self._trigger(index, plugin, trigger["with"], (*at, "with"))
        return Names.of_triggers(plugins).with_names(*own)

    def _switch(self, enabled: Json, at: Path) -> None:
        """Whether a trigger is on is worked out once, when the rule is read."""
        before = len(self.told.problems)
        self.told.templates(enabled, at, Names().limited())
        if len(self.told.problems) == before:
            try:
                rendered(enabled)
            except TemplateProblem as error:
                self.told.fault(Fault(at, "template-fails", error.message, error.expected, error.remedy))

    def _plugin_of(self, name: Json, at: Path) -> type[Trigger] | None:
        plugin = self.known.registry.triggers.get(name) if isinstance(name, str) else None
        if plugin is None and isinstance(name, str) and not is_template(name):
            self._unknown("trigger", name, (*at, "trigger"), self.known.registry.triggers, LATER_TRIGGERS)
        return plugin

    def _trigger(self, index: int, plugin: type[Trigger], values: dict[str, Json], at: Path) -> None:
        """A trigger's own fields; its templates are worked out now, once."""
        before = len(self.told.problems)
        self.told.block(plugin, values, at, beside=TriggerKeys)
        self.told.templates(values, at, Names().limited())
        if len(self.told.problems) > before:
            return
        try:
            self.plugins[index] = plugin(rendered(plain(values)))
        except FieldError as error:
            for key, sentence in error.faults:
                self.told.fault(Fault((*at, key), "wrong-value", f'"{key}" cannot be used: {sentence}'))
        except TemplateProblem as error:
            self.told.fault(Fault(at, "template-fails", error.message, error.expected, error.remedy))
        except Exception as error:  # a plugin's mistake must not stop the other rules
            self.told.fault(Fault(at, "plugin-broken", f'the trigger "{plugin.name}" cannot be made: {error}'))

    def _conditions(self, conditions: Json, at: Path, names: Names) -> None:
        for index, condition in _elements(conditions):
            self._condition(condition, (*at, index), names)

    def _condition(self, condition: dict[str, Json], at: Path, names: Names) -> None:
        name = condition["condition"]
        kind = CONDITION_KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self._unknown("condition", name, (*at, "condition"), CONDITION_KINDS, LATER_CONDITIONS)
            return
        self.told.block(kind, condition, at)
        if name == "trigger":
            self._trigger_ids(condition.get("id"), (*at, "id"))
        if name == "compare":
            self.told.expression(condition.get("matches"), (*at, "matches"))
        self._conditions(condition.get("conditions"), (*at, "conditions"), names)
        rest = {key: value for key, value in condition.items() if key != "conditions"}
        self.told.templates(rest, at, names)

    def _trigger_ids(self, ids: Json, at: Path) -> None:
        triggers = list(_elements(self.draft.body.get("triggers")))
        known = {str(trigger.get("id", index)) for index, trigger in triggers}
        for index, name in enumerate(ids if isinstance(ids, list) else []):
            if isinstance(name, str) and name not in known:
                named = sorted(str(trigger["id"]) for _, trigger in triggers if "id" in trigger)
                expected = f"one of {', '.join(named)}" if named else 'a trigger of this rule with "id:"'
                message = f'no trigger of this rule has the id "{name}"'
                self.told.fault(Fault((*at, index), "unknown-trigger-id", message, expected, near(name, named)))

    def _steps(self, steps: Json, at: Path, names: Names) -> None:
        for index, step in _elements(steps):
            if self.told.full:
                break
            self._step(step, (*at, index), names)

    def _step(self, step: dict[str, Json], at: Path, names: Names) -> None:
        kind = step["do"]
        given = {key: value for key, value in step.items() if key != "do"}
        self.told.block(STEP_KINDS[kind], given, at)
        nested = {"if": self._if, "choose": self._choose, "condition": self._condition_step}.get(kind)
        if nested is not None:
            nested(step, at, names)
            self.told.templates(step.get("enabled"), (*at, "enabled"), names)
        elif kind == "variables":
            self.told.variables(step["variables"], (*at, "variables"), names)
            self.told.templates(step.get("enabled"), (*at, "enabled"), names)
        else:
            self.told.templates(given, at, names)
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
            self.told.block(Branch, branch, here)
            self.told.templates(branch.get("enabled"), (*here, "enabled"), names)
            self._conditions(branch.get("conditions"), (*here, "conditions"), names)
            self._steps(branch.get("sequence"), (*here, "sequence"), names)
        self._steps(step.get("default"), (*at, "default"), names)

    def _condition_step(self, step: dict[str, Json], at: Path, names: Names) -> None:
        if isinstance(step["condition"], dict):
            self._condition(step["condition"], (*at, "condition"), names)

    def _action(self, step: dict[str, Json], at: Path) -> None:
        if isinstance(step.get("retry"), dict):
            self.told.block(Retry, step["retry"], (*at, "retry"))
        name = step["action"]
        plugin = self.known.registry.actions.get(name) if isinstance(name, str) else None
        if plugin is None:
            if isinstance(name, str) and not is_template(name):
                self._unknown("action", name, (*at, "action"), self.known.registry.actions, frozenset())
            return
        if "response_variable" in step and not plugin.responds:
            message = f'"{plugin.name}" gives no answer to keep'
            remedy = "take response_variable out"
            self.told.fault(Fault((*at, "response_variable"), "no-answer", message, remedy=remedy, at_key=True))
        data = step.get("data", {})
        if isinstance(data, dict) and self.told.block(plugin, data, (*at, "data")):
            self._allowed(plugin, data, (*at, "data"))

    def _allowed(self, plugin: type[Action], data: dict[str, Json], at: Path) -> None:
        if self.known.hosts is None:
            return
        try:
            forbidden = plugin.forbidden(plain(data), self.known.hosts)
        except Exception as error:  # a plugin's mistake must not stop the other rules
            forbidden = [("", f'the action "{plugin.name}" cannot be checked: {error}')]
        for key, sentence in forbidden:
            message, _, remedy = sentence.partition("; ")
            self.told.fault(Fault((*at, key), "not-permitted", message, remedy=remedy))

    def _unknown(self, what: str, name: Json, at: Path, known: Mapping[str, Any], later: frozenset[str]) -> None:
        if name in later if isinstance(name, str) else False:
            message = f'the {what} "{name}" comes with a later release of rulewheel'
            self.told.fault(Fault(at, "not-yet", message, f"one of {', '.join(sorted(known))}"))
        elif isinstance(name, str) and name in DEVICE_KINDS:
            self.told.fault(Fault(at, "needs-devices", f'the {what} "{name}" needs devices of Home Assistant'))
        else:
            message = f'there is no {what} "{name}"' if isinstance(name, str) else f"the {what} is {found(name)}"
            hint = near(name, known) if isinstance(name, str) else ""
            self.told.fault(Fault(at, f"unknown-{what}", message, f"one of {', '.join(sorted(known))}", hint))


def _elements(values: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    """The elements that could be understood, with their index."""
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield index, value
