"""Judges one file's rules and makes programs of those that are right.

The order in which a rule is looked at: its form, each value by its field, its templates and the names they read, its
secrets. A rule with an error yields no program; the other rules of the file do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from engine.declared import DECLARED, is_entity
from engine.declared.sensor import Question, Sensor
from engine.field import Block, FieldError
from engine.judge import Fault, Path, found, known_later, named, problem_of, shown
from engine.plugin import Action, Combined, Trigger, View
from engine.problem import Place, Problem, near
from engine.rules.blueprint import USE, Blueprint, Blueprints, Use, inputs_astray
from engine.rules.complaints import Complaints, too_many
from engine.rules.contradictions import contradictions
from engine.rules.known import Known
from engine.rules.model import Program, is_script
from engine.rules.names import Names
from engine.rules.normalise import (
    PLURALS,
    Draft,
    Written,
    normalised,
    normalised_entity,
    normalised_script,
    rules_in,
    slug,
)
from engine.rules.program import (
    Trail,
    body_of,
    declared_program,
    fields_of,
    inner_of,
    plain,
    program,
    rendered,
    trigger_variables,
)
from engine.rules.schema import (
    CONDITION_KINDS,
    LATER_TRIGGERS,
    NEEDS,
    STEP_KINDS,
    ActionStep,
    Branch,
    Digest,
    InnerTriggerKeys,
    ParallelBranch,
    QuietHours,
    Repeat,
    Retry,
    RuleKeys,
    ScriptKeys,
    TriggerKeys,
)
from engine.rules.sensors import question
from engine.source import DEFAULT, Source
from engine.source.scalar import InputRef, references
from engine.template import TemplateProblem, is_template
from engine.values import Json

MOST_BROKEN = 500
MOST_NAMES = 20
HOW_OFTEN = ("count", "for_each", "while", "until")
NO_BLUEPRINTS = Blueprints()
_NOT_THERE = frozenset({"missing-key", "unknown-step"})
"""What may be there for all that, in a part that was not read."""
_ALIAS = re.compile(r"(?:^|[\s\[,{])\*\w")


@dataclass(frozen=True, slots=True)
class Checked:
    """What one file gave. `places` are where the ids of its rules stand; `broken` are the ids of rules in error, and
    `unnamed` says that a broken part of the file could be any rule. `leans_on` are the blueprints that it uses, path
    and domain, each with the mark that it had."""

    programs: tuple[Program, ...] = ()
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    unnamed: bool = False
    leans_on: Mapping[tuple[str, str], str] = field(default_factory=dict)


def check_file(source: Source, known: Known, blueprints: Blueprints = NO_BLUEPRINTS) -> Checked:
    """The programs and problems of one file; never raises for what is in it."""
    rules, faults = rules_in(source.value)
    file = _File(source, known, blueprints)
    file.problems += [problem_of(fault, source) for fault in faults]
    if not source.text.strip() and not source.problems:
        file.problems.append(_nothing_in(source.file))
    file.unnamed = any(problem.severity == "error" for problem in file.problems)
    following: list[Path | None] = [*(each.path for each in rules[1:]), None]
    for written, end in zip(rules, following, strict=False):
        if file.broken_rules > MOST_BROKEN:
            file.give_up(written.path)
            break
        file.take(written, end)
    return file.checked()


def check_blueprint(blueprint: Blueprint, known: Known) -> Checked:
    """The problems of a blueprint for itself, its gaps standing for any value and a rule for what it leaves out."""
    problems = list(blueprint.problems)
    sort = next((each for each in _SORTS.values() if each.domain == blueprint.domain), None)
    if not blueprint.is_broken and sort is not None:
        named = {PLURALS.get(key, key) for key in blueprint.body}
        value = {**{key: end for key, end in sort.open_ends.items() if key not in named}, **blueprint.body}
        problems += sort.rule(sort.normalised(value, ()), blueprint.source, known, name="a").judged()
    return Checked(problems=_in_order(problems))


def _nothing_in(file: str) -> Problem:
    remedy = "write rules into it, or delete the file"
    return Problem("no-rules", "the file is empty", Place(file, 1, 1), "rules", remedy, severity="warning")


class _File:
    """What one file has given so far."""

    def __init__(self, source: Source, known: Known, blueprints: Blueprints) -> None:
        self.source = source
        self.known = known
        self.blueprints = blueprints
        self.leans_on: dict[tuple[str, str], str] = {}
        self.room = DEFAULT.nodes
        self.problems = list(source.problems)
        self.programs: dict[str, Program] = {}
        self.places: dict[str, Place] = {}
        self.broken: set[str] = set()
        self.unnamed = False
        self.broken_rules = 0

    def take(self, written: Written, following: Path | None) -> None:
        """Looks at one rule or script; `following` is where the next one begins."""
        rule = self._rule(written)
        lines = _lines_of(self.source, written.path, following)
        made = rule.program("\n".join(self.source.places.lines[lines.start : lines.stop]).rstrip())
        problems = rule.told.problems
        if self._misread(lines):
            made = None
            problems = [problem for problem in problems if problem.code not in _NOT_THERE]
        self.problems += problems
        self.broken_rules += made is None
        place = rule.place(self.source, written)
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

    def _rule(self, written: Written) -> _Rule:
        """The rule or script as it is written, or as its blueprint makes it."""
        raw, path = written.raw, written.path
        sort = _SORTS[written.sort]
        if isinstance(raw, dict) and USE in raw and sort.domain:
            return self._of_blueprint(written, raw)
        draft = sort.normalised(raw, path)
        draft.faults[:0] = self._astray(raw, path)
        return sort.rule(draft, self.source, self.known, name=written.name)

    def _of_blueprint(self, written: Written, raw: dict[str, Json]) -> _Rule:
        sort = _SORTS[written.sort]
        use = self.blueprints.use(raw, written.path, self.source, self.room, sort.domain)
        self.room -= use.nodes
        if isinstance(raw[USE], dict):
            asked = (str(raw[USE].get("path")), sort.domain)
            self.leans_on[asked] = self.blueprints.mark(*asked)
        draft = sort.normalised(use.value, ())
        draft.is_whole = use.is_whole
        draft.faults = [*self._astray(raw, ()), *use.faults, *(draft.faults if use.is_whole else ())]
        return sort.rule(draft, use.source, self.known, use, written.name)

    def _astray(self, raw: Json, at: Path) -> list[Fault]:
        """Gaps of a blueprint where there is none."""
        return inputs_astray(raw, at) if "!input" in self.source.text else []

    def _misread(self, lines: range) -> bool:
        """Whether a part of the rule was not read as it is written; what it would do then nobody asked for."""
        wrong = [problem.place for problem in self.source.problems if problem.severity == "error" and problem.place]
        if wrong and _ALIAS.search(self.source.text):
            return True  # what was read elsewhere may stand here as well
        return any(each.line - 1 in lines for each in wrong)

    def give_up(self, path: Path) -> None:
        """There are so many broken rules that the rest is not looked at; it may hold any rule."""
        self.unnamed = True
        message = f"more than {MOST_BROKEN} broken rules in one file"
        self.problems.append(too_many(message, self.source.places.value(path)))

    def checked(self) -> Checked:
        """All of it, the problems in the order of the file; what a mistake of reading led to is not said again."""
        programs = tuple(self.programs.values())
        unread = {_spot(problem.place) for problem in self.source.problems}
        own = [problem for problem in self.problems if _spot(problem.place) not in unread]
        problems = _in_order([*self.source.problems, *own])
        return Checked(programs, problems, self.places, frozenset(self.broken), self.unnamed, self.leans_on)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once, from the top of the file to its end."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: _spot(problem.place)))


def _spot(place: Place | None) -> tuple[str, int, int]:
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def named_twice(rule: str, place: Place, first: Place) -> Problem:
    """The problem of two rules with one id, or of an entity that is declared twice."""
    if is_entity(rule):
        return Problem(
            "declared-twice",
            f'"{shown(rule)}" is declared a second time',
            place,
            remedy="take one of the two out, or give it another name",
            also=((first, "the first is here"),),
        )
    return Problem(
        "rule-named-twice",
        f'a second rule with the id "{shown(rule)}"',
        place,
        expected="an id that no other rule has",
        remedy="give one of the two another id (an alias counts as the id where there is none)",
        also=((first, "the first is here"),),
    )


def _lines_of(source: Source, path: Path, following: Path | None) -> range:
    """The lines of a rule, counted from 0."""
    start = source.places.value(path).line - 1
    end = source.places.value(following).line - 1 if following is not None else len(source.places.lines)
    return range(start, max(start + 1, end))


class _Rule:
    """One rule on its way from draft to program; what is wrong gathers in `told`."""

    def __init__(self, draft: Draft, source: Source, known: Known, use: Use | None = None, name: str = "") -> None:
        self.draft = draft
        self.name = name
        self.source = source
        self.known = known
        self.told = Complaints(draft, source, known, use)
        self.id, self.named_by = self._identity()
        self.plugins: dict[Trail, Trigger] = {}
        self.given: Mapping[str, Json] = {}
        self.gives_gaps = False  # a blueprint leaves some of its trigger_variables to the rules that use it

    def _identity(self) -> tuple[str, str]:
        """The rule's id and the key that gave it."""
        given = self.draft.body.get("id")
        if isinstance(given, str | int) and not isinstance(given, bool) and str(given).strip():
            return str(given).strip(), "id"
        alias = self.draft.body.get("alias")
        made = slug(alias) if isinstance(alias, str) else ""
        return made, "alias" if made else ""

    def place(self, source: Source, written: Written) -> Place:
        """Where its name stands."""
        path = self.draft.path
        return self.source.places.value((*path, self.named_by) if self.named_by else path)

    def program(self, text: str) -> Program | None:
        """The program, or None where something is wrong."""
        self.judged()
        if self.told.fatal:
            return None
        body = body_of(self.draft.body, self.id, self.known.registry, self.known.defaults)
        return program(body, self.plugins, self.source.file, self._line(), text)

    def _line(self) -> int:
        """Where the rule begins."""
        return self.source.places.value(self.draft.path).line

    def judged(self) -> list[Problem]:
        """All that is wrong with it."""
        if self.draft.is_whole and (self.draft.body or not self.draft.faults):
            self._judge()
        return self.told.problems

    def _judge(self) -> None:
        body = self.draft.body
        if not self.id and not isinstance(body.get("id"), list | dict | bool | InputRef):
            remedy = 'write "id:" and a short name of letters, digits and _'
            alias = body.get("alias")
            message = "this rule has neither id nor alias"
            if isinstance(alias, str):
                message = f'this rule has no id, and none can be made from the alias "{shown(alias)}"'
            self.told.fault(Fault((), "rule-without-name", message, remedy=remedy))
        self.told.block(RuleKeys, body, ())
        given = Names().limited()
        self.told.variables(body.get("trigger_variables"), ("trigger_variables",), given)
        self.given = self._given(given)
        names = self._triggers(body.get("triggers"), given)
        self.told.variables(body.get("variables"), ("variables",), names)
        self.told.templates(body.get("per"), ("per",), names)
        self.told.templates(body.get("valid_for"), ("valid_for",), names)
        self.told.templates(body.get("cooldown"), ("cooldown",), names)
        self._conditions(body.get("conditions"), ("conditions",), names)
        if "digest" in body:
            self.told.block(Digest, body["digest"], ("digest",))
            names = names.of_digest()
        self.told.block(QuietHours, body.get("quiet_hours"), ("quiet_hours",))
        self._steps(body.get("actions"), ("actions",), names)
        self._steps(body.get("on_error"), ("on_error",), names.with_names("error"))
        self._steps(body.get("finally"), ("finally",), names.with_names("error"))
        self._steps(body.get("resolved"), ("resolved",), names.with_names("error", "resolved"))
        made = list(self.plugins.values()) if len(self.plugins) == len(_all_of(body.get("triggers"))) else []
        for fault in contradictions(body, made, self.known.registry.triggers):
            self.told.fault(fault)

    def _given(self, names: Names) -> Mapping[str, Json]:
        """The values of `trigger_variables`, which are worked out once, when the rule is read."""
        given = self.draft.body.get("trigger_variables")
        self.gives_gaps = _has_gaps(given)
        if not isinstance(given, dict) or self.told.fatal or self.gives_gaps:
            return {}
        try:
            return trigger_variables({"trigger_variables": plain(given)})
        except TemplateProblem as error:
            fault = Fault(("trigger_variables",), "template-fails", error.message, error.expected, error.remedy)
            self.told.fault(fault)
            return {}

    def _triggers(self, triggers: Json, given: Names) -> Names:
        """Judges the triggers; the names that they give to the rest of the rule.

        `given` are the names that the templates of triggers may read, and the rest of the rule as well.
        """
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
            self._switch(trigger.get("enabled"), (*at, "enabled"), given)
            self._trigger((index,), plugin, trigger, at, given)
        names = Names.of_triggers(plugins if self._are_known(triggers) else ())
        return names.with_names(*own, *given.roots)

    def _are_known(self, triggers: Json) -> bool:
        """Whether every trigger could be read as one of a known kind."""
        kinds = [each["trigger"] if isinstance(each, dict) else None for each in _all_of(triggers)]
        return all(isinstance(kind, str) and kind in self.known.registry.triggers for kind in kinds)

    def _switch(self, enabled: Json, at: Path, given: Names) -> None:
        """Whether a trigger is on is worked out once, when the rule is read."""
        before = len(self.told.problems)
        self.told.templates(enabled, at, given)
        if len(self.told.problems) == before and not self.gives_gaps:
            try:
                rendered(enabled, self.given)
            except TemplateProblem as error:
                remedy = error.remedy or "a template of a trigger is worked out when the rule is read; mend it"
                self.told.fault(Fault(at, "template-fails", error.message, error.expected, remedy))

    def _plugin_of(self, name: Json, at: Path) -> type[Trigger] | None:
        plugin = self.known.registry.triggers.get(name) if isinstance(name, str) else None
        if plugin is None and _is_word(name):
            self._unknown("trigger", name, (*at, "trigger"), self.known.registry.triggers, LATER_TRIGGERS)
        return plugin

    def _trigger(
        self, trail: Trail, plugin: type[Trigger], trigger: dict[str, Json], above: Path, given: Names
    ) -> None:
        """A trigger's own fields; their templates are worked out now, once, but for those that it works out itself."""
        values, at = trigger["with"], (*above, "with")
        before = self.told.errors
        self.told.block(plugin, values, at, beside=InnerTriggerKeys if trail[1:] else TriggerKeys)
        inner = self._inner(trail, plugin, trigger, at, given)
        telling = inner if issubclass(plugin, Combined) else [plugin]
        for key, value in _own(plugin, values).items():
            is_late = key in plugin.fields() and plugin.fields()[key].is_late
            names = Names.of_triggers(telling).with_names(*given.roots, *plugin.knows) if is_late else given
            self.told.templates(value, (*at, key), names)
        if self.told.errors > before or _has_gaps(values) or self.gives_gaps:
            return
        try:
            self.plugins[trail] = plugin(fields_of(plugin, plain(values), self.given))
            self._follows(self.plugins[trail], values, at)
        except FieldError as error:
            for key, sentence in error.faults:
                self.told.fault(_unusable((*at, key), sentence))
        except TemplateProblem as error:
            self.told.fault(Fault(at, "template-fails", error.message, error.expected, error.remedy))
        except Exception as error:  # a plugin's mistake must not stop the other rules
            self.told.fault(Fault(at, "plugin-broken", f'the trigger "{plugin.name}" cannot be made: {error}'))

    def _follows(self, made: Trigger, values: dict[str, Json], at: Path) -> None:
        """No rule runs because it has run."""
        if self.id in made.follows():
            key = next((key for key, value in values.items() if self.id in _all_of(value)), "")
            remedy = "name another rule; what is done again and again belongs into repeat"
            self.told.fault(Fault((*at, key), "follows-itself", "a rule does not hear of its own ends", remedy=remedy))

    def _inner(
        self, trail: Trail, plugin: type[Trigger], trigger: dict[str, Json], at: Path, given: Names
    ) -> list[type[Trigger]]:
        """Judges the triggers inside a trigger; gives their kinds, as far as they are known."""
        kinds = []
        for index, each in _elements(inner_of(plugin, trigger)):
            here = (*at, "of", index)
            kind = self._inner_kind(each, here, Names.of_triggers)
            if kind is not None:
                kinds.append(kind)
                self._trigger((*trail, index), kind, each, here, given)
        return kinds

    def _inner_kind(
        self, trigger: dict[str, Json], at: Path, names: Callable[[list[type[Trigger]]], Names]
    ) -> type[Trigger] | None:
        """The kind of a trigger inside another, once what every such trigger may have is judged."""
        self.told.block(InnerTriggerKeys, {key: value for key, value in trigger.items() if key != "with"}, at)
        kind = self._plugin_of(trigger["trigger"], at)
        if kind is not None:
            self.told.templates(trigger.get("dedupe"), (*at, "dedupe"), names([kind]))
        return kind

    def _conditions(self, conditions: Json, at: Path, names: Names) -> None:
        for index, condition in _elements(conditions):
            self._condition(condition, (*at, index), names)

    def _condition(self, condition: dict[str, Json], at: Path, names: Names) -> None:
        name = condition["condition"]
        if isinstance(name, InputRef):
            return
        kind = CONDITION_KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            self._unknown("condition", name, (*at, "condition"), CONDITION_KINDS, frozenset())
            return
        self.told.block(kind, condition, at)
        if name == "trigger":
            self._trigger_ids(condition.get("id"), (*at, "id"))
        if name == "compare":
            self.told.expression(condition.get("matches"), (*at, "matches"))
        self._conditions(condition.get("conditions"), (*at, "conditions"), names)
        fields = kind.fields()
        for key, value in condition.items():
            if key != "conditions":
                known = names.with_names(*kind.knows) if key in fields and fields[key].is_late else names
                self.told.templates(value, (*at, key), known)

    def _trigger_ids(self, ids: Json, at: Path) -> None:
        given = self.draft.body.get("triggers")
        if _has_gaps(given) or None in _all_of(given):
            return
        triggers = list(_elements(given))
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
        if kind == "action":
            given = self._indented(given, at)
            step = {"do": kind, **given}
        self.told.block(STEP_KINDS[kind], given, at)
        nested = self._nested().get(kind)
        if nested is not None:
            nested(step, at, names)
            for key in ("enabled", "timeout", "continue_on_timeout", "continue_on_error"):
                self.told.templates(step.get(key), (*at, key), names)
        elif kind == "variables":
            self.told.variables(step["variables"], (*at, "variables"), names)
            self.told.templates(step.get("enabled"), (*at, "enabled"), names)
        else:
            self.told.templates(given, at, names)
        if kind == "action":
            self._action(step, at)
        if kind == "stop":
            self._stop(step, at)
        if isinstance(step.get("response_variable"), str) and kind == "action":
            names.add(step["response_variable"])

    def _stop(self, step: dict[str, Json], at: Path) -> None:
        if "error" in step and "response_variable" in step:
            message = "a stop either is an error or gives an answer"
            remedy = "take one of the two out; who calls a run that failed gets no answer"
            also = (((*at, "error"), '"error" is here'),)
            where = (*at, "response_variable")
            self.told.fault(Fault(where, "given-twice", message, remedy=remedy, at_key=True, also=also))

    def _nested(self) -> Mapping[str, Callable[[dict[str, Json], Path, Names], None]]:
        """Who judges the steps that hold other steps, conditions or triggers."""
        return {
            "if": self._if,
            "choose": self._choose,
            "repeat": self._repeat,
            "parallel": self._parallel,
            "sequence": self._sequence,
            "wait_template": self._wait_template,
            "wait_for_trigger": self._wait_for_trigger,
            "wait_for_reply": self._wait_for_reply,
            "condition": self._condition_step,
        }

    def _repeat(self, step: dict[str, Json], at: Path, names: Names) -> None:
        given, here = step["repeat"], (*at, "repeat")
        if not isinstance(given, dict):
            return
        if self.told.block(Repeat, given, here):
            self._how_often(given, here)
        for key in ("count", "for_each"):
            self.told.templates(given.get(key), (*here, key), names)
        inner = names.inside("repeat")
        self._conditions(given.get("while"), (*here, "while"), inner)
        self._steps(given.get("sequence"), (*here, "sequence"), inner)
        self._conditions(given.get("until"), (*here, "until"), inner)

    def _how_often(self, given: dict[str, Json], at: Path) -> None:
        words = [word for word in given if word in HOW_OFTEN]
        if not words:
            remedy = f"add one of {_all(HOW_OFTEN)}"
            self.told.fault(Fault(at, "missing-key", "this repeat does not say how often", remedy=remedy, at_key=True))
        if len(words) > 1:
            remedy = f'keep "{words[0]}" or "{words[1]}", not both'
            also = (((*at, words[0]), f'"{words[0]}" is here'),)
            message = f"a repeat has either {words[0]} or {words[1]}"
            self.told.fault(Fault((*at, words[1]), "given-twice", message, remedy=remedy, at_key=True, also=also))

    def _parallel(self, step: dict[str, Json], at: Path, names: Names) -> None:
        for index, branch in _elements(step["parallel"]):
            here = (*at, "parallel", index)
            self.told.block(ParallelBranch, branch, here)
            self.told.templates(branch.get("enabled"), (*here, "enabled"), names)
            self._steps(branch.get("sequence"), (*here, "sequence"), names)

    def _sequence(self, step: dict[str, Json], at: Path, names: Names) -> None:
        self._steps(step["sequence"], (*at, "sequence"), names)

    def _wait_template(self, step: dict[str, Json], at: Path, names: Names) -> None:
        self.told.templates(step["wait_template"], (*at, "wait_template"), names)
        names.add("wait")

    def _wait_for_trigger(self, step: dict[str, Json], at: Path, names: Names) -> None:
        """Its triggers' templates are worked out when the step is reached; they may read what the run knows by then."""
        for index, trigger in _elements(step["wait_for_trigger"]):
            here = (*at, "wait_for_trigger", index)
            self.told.block(TriggerKeys, {key: value for key, value in trigger.items() if key != "with"}, here)
            plugin = self._plugin_of(trigger["trigger"], here)
            if plugin is None:
                continue
            self.told.templates(trigger.get("enabled"), (*here, "enabled"), names)
            self._waited_for(plugin, trigger, here, names, TriggerKeys)
        names.add("wait")

    def _wait_for_reply(self, step: dict[str, Json], at: Path, names: Names) -> None:
        self.told.templates(step.get("from"), (*at, "from"), names)
        names.add("wait")

    def _waited_for(
        self, plugin: type[Trigger], trigger: dict[str, Json], at: Path, names: Names, beside: type[Block]
    ) -> None:
        """A trigger's own fields, and those inside it; `beside` are the keys that stand in the same mapping."""
        values, below = trigger["with"], (*at, "with")
        is_right = self.told.block(plugin, values, below, beside=beside)
        for key, value in _own(plugin, values).items():
            self.told.templates(value, (*below, key), names.with_names(*plugin.knows))
        for index, each in _elements(inner_of(plugin, trigger)):
            here = (*below, "of", index)
            kind = self._inner_kind(each, here, lambda kinds: names)
            if kind is not None:
                self._waited_for(kind, each, here, names, InnerTriggerKeys)
        if is_right and not known_later(values):
            self._made(plugin, values, below)

    def _made(self, plugin: type[Trigger], values: dict[str, Json], at: Path) -> None:
        """Makes a trigger to see whether its fields fit together."""
        try:
            plugin(plain(values))
        except FieldError as error:
            for key, sentence in error.faults:
                self.told.fault(_unusable((*at, key), sentence))

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
            if isinstance(name, str) and is_script(name) and not is_template(name):
                self._script(name, (*at, "action"))
            elif _is_word(name):
                self._unknown("action", name, (*at, "action"), self.known.registry.actions, frozenset())
            return
        if "response_variable" in step and not plugin.responds:
            message = f'"{plugin.name}" gives no answer to keep'
            remedy = "take response_variable out"
            self.told.fault(Fault((*at, "response_variable"), "no-answer", message, remedy=remedy, at_key=True))
        needed = [key for key, field in plugin.fields().items() if field.required]
        if "data" not in step and needed:
            if not step.keys() - ActionStep.fields().keys() - {"do"}:  # else its name is misspelled
                self.told.fault(_no_data((*at, "data"), needed))
            return
        data = step.get("data", {})
        before = len(self.told.problems)
        right = isinstance(data, dict) and self.told.block(plugin, data, (*at, "data"))
        if right and len(self.told.problems) == before:
            self._allowed(plugin, data, (*at, "data"))

    def _script(self, name: str, at: Path) -> None:
        """A script that is called must be declared in some file."""
        declared = self.known.declared
        if declared is None or name in declared:
            return
        scripts = sorted(each for each in declared if each.startswith("script."))
        message = f'there is no script "{shown(name)}"'
        remedy = near(name, scripts) or "declare it below scripts: in a file of rules"
        self.told.fault(Fault(at, "unknown-script", message, _all_or(scripts), remedy))

    def _indented(self, step: dict[str, Json], at: Path) -> dict[str, Json]:
        """The step with what stands beside `data` though it belongs below it put there, and that said once."""
        name = step["action"]
        plugin = self.known.registry.actions.get(name) if isinstance(name, str) else None
        data = step.get("data") or {}
        own = plugin.fields() if plugin is not None and isinstance(data, dict) else {}
        astray = [key for key in step if key in own and key not in ActionStep.fields() and key not in data]
        if not astray:
            return step
        self.told.fault(_not_below_data(at, astray))
        for key in astray:
            self.draft.origins[(*at, "data", key)] = self.draft.written_at((*at, key))
        kept = {key: value for key, value in step.items() if key not in astray}
        return {**kept, "data": {**data, **{key: step[key] for key in astray}}}

    def _allowed(self, plugin: type[Action], data: dict[str, Json], at: Path) -> None:
        if self.known.hosts is None or _has_gaps(data):
            return
        try:
            forbidden = plugin.forbidden(plain(data), self.known.hosts)
        except Exception as error:  # a plugin's mistake must not stop the other rules
            forbidden = [("", f'the action "{plugin.name}" cannot be checked: {error}')]
        for key, sentence in forbidden:
            message, _, remedy = sentence.partition("; ")
            named = (path for path, each in references(data.get(key), (*at, key)) if f'"{each.name}"' in message)
            self.told.fault(Fault(next(named, (*at, key)), "not-permitted", message, remedy=remedy))

    def _unknown(self, what: str, name: Json, at: Path, known: Mapping[str, Any], later: frozenset[str]) -> None:
        if isinstance(name, str) and name in later:
            message = f'the {what} "{name}" comes with a later release of rulewheel'
            remedy = f"until then, take this {what} out"
            self.told.fault(Fault(at, "not-yet", message, f"one of {', '.join(sorted(known))}", remedy))
        elif isinstance(name, str) and name in NEEDS:
            needed, instead = NEEDS[name]
            message = f'the {what} "{name}" needs {needed}, and rulewheel has none'
            self.told.fault(Fault(at, "needs-devices", message, remedy=instead))
        else:
            message = f'there is no {what} "{shown(name)}"' if isinstance(name, str) else f"the {what} is {found(name)}"
            hint = near(name, known) if isinstance(name, str) else ""
            hint = hint or f"write one of these; what each {what} does: rulewheel reference"
            self.told.fault(Fault(at, f"unknown-{what}", message, _one_of(name, known), hint))


class _Script(_Rule):
    """One script on its way from draft to program: a rule without triggers that is called by name."""

    def _identity(self) -> tuple[str, str]:
        return f"script.{self.name}", ""

    def place(self, source: Source, written: Written) -> Place:
        return source.places.key(written.path)

    def _line(self) -> int:
        return self.source.places.key(self.draft.path).line

    def _judge(self) -> None:
        body = self.draft.body
        given = {"sequence" if key == "actions" else key: value for key, value in body.items()}
        self.told.block(ScriptKeys, given, ())
        fields = body.get("fields")
        names = Names().with_names(*(fields if isinstance(fields, dict) else ()))
        self.told.variables(body.get("variables"), ("variables",), names)
        self.told.templates(body.get("valid_for"), ("valid_for",), names)
        self.told.block(QuietHours, body.get("quiet_hours"), ("quiet_hours",))
        self._steps(body.get("actions"), ("actions",), names)
        self._steps(body.get("on_error"), ("on_error",), names.with_names("error"))
        self._steps(body.get("finally"), ("finally",), names.with_names("error"))


class _Entity(_Rule):
    """One entity that a file declares, on its way to a program; its name stands in front of its keys."""

    def _identity(self) -> tuple[str, str]:
        return self.name, ""

    def place(self, source: Source, written: Written) -> Place:
        places = source.places
        return places.key(written.path) if isinstance(written.path[-1], str) else places.value(written.path)

    def program(self, text: str) -> Program | None:
        self.judged()
        if self.told.fatal:
            return None
        line = self.place(self.source, Written(self.draft.path, None)).line
        actions = self.known.registry.actions
        return declared_program(self.id, plain(self.draft.body), actions, self.source.file, line, text)

    def _judge(self) -> None:
        kind = DECLARED[self.id.partition(".")[0]]
        right = self.told.block(kind, self.draft.body, ())
        if kind is Sensor:
            self._sensor(self.draft.body, right)

    def _sensor(self, body: dict[str, Json], right: bool) -> None:
        names = Names()
        names.roots -= {"trigger", "context"}
        for key in ("state", "availability", "poll"):
            self.told.templates(body.get(key), (key,), names)
        with_answer = names.with_names("response") if "poll" in body else names
        for key in ("value", "attributes", "icon"):
            self.told.templates(body.get(key), (key,), with_answer)
        if isinstance(body.get("poll"), dict) and self.told.block(Question, body["poll"], ("poll",)):
            before = len(self.told.problems)
            self._action({"do": "action", **body["poll"]}, ("poll",))
            if right and len(self.told.problems) == before:
                self._question(body["poll"])

    def _question(self, poll: dict[str, Json]) -> None:
        """A poll only reads, which shows when it is planned; one that needs to know more is looked at when it runs."""
        data = poll.get("data", {})
        if known_later(data) and not isinstance(data, dict):
            return
        try:
            question(poll["action"], plain(data), self.known.registry.actions, cast("View", None))
        except ValueError as fault:
            message, _, remedy = str(fault).partition("; ")
            if not known_later(data):
                self.told.fault(Fault(("poll", "action"), "poll-changes", message, remedy=remedy))
        except Exception:  # its plan looks around, and there is nothing to be seen yet
            return


@dataclass(frozen=True, slots=True)
class _Sort:
    """How one sort of thing that a file says becomes a program.

    `domain` is that of its blueprints, `open_ends` is what stands for the keys that a blueprint leaves to its rules.
    """

    normalised: Callable[[Json, Path], Draft]
    rule: type[_Rule]
    domain: str
    open_ends: Mapping[str, Json]


_SORTS = {
    "rule": _Sort(
        normalised,
        _Rule,
        "automation",
        {"id": "a", "triggers": InputRef("triggers"), "actions": InputRef("actions")},
    ),
    "script": _Sort(normalised_script, _Script, "script", {"sequence": InputRef("sequence")}),
    "entity": _Sort(normalised_entity, _Entity, "", {}),
}


def _own(plugin: type[Trigger], values: dict[str, Json]) -> dict[str, Json]:
    """The fields of a trigger without the triggers inside it."""
    return {key: value for key, value in values.items() if key != "of" or not issubclass(plugin, Combined)}


def _unusable(at: Path, sentence: str) -> Fault:
    """What a trigger says of a value after its template was worked out."""
    first, _, remedy = sentence.partition("; ")
    expected = first.removeprefix("expected ")
    why = first if expected == first else "it is a template that gives something else"
    message = f"{named(at[-1:])} cannot be used: {why}"
    return Fault(at, "wrong-value", message, "" if expected == first else expected, remedy)


def _no_data(at: Path, needed: list[str]) -> Fault:
    expected = f"data: with {_all(needed)} below it"
    remedy = f'add "data:" and, below it and indented, {_all(f"{key}: …" for key in needed)}'
    return Fault(at, "missing-key", 'the key "data" is missing', expected, remedy)


def _not_below_data(at: Path, astray: list[str]) -> Fault:
    words = _all(f'"{key}"' for key in astray)
    message = f"{words} {'stands' if len(astray) == 1 else 'stand'} beside the action, not below its data"
    remedy = 'write them below "data:", each with two more spaces in front'
    return Fault((*at, astray[0]), "not-below-data", message, f"data: with {words} below it", remedy, at_key=True)


def _one_of(name: Json, known: Iterable[str]) -> str:
    """What there is; of many names only those of the same kind, or else which kinds there are."""
    names = sorted(known)
    if len(names) > MOST_NAMES:
        kind = str(name).partition(".")[0]
        kin = [each for each in names if each.startswith(f"{kind}.")]
        kinds = ", ".join(dict.fromkeys(each.partition(".")[0] for each in names))
        if not kin:
            return f"a name that begins with one of {kinds}, such as {names[0]}"
        names = kin
    return f"one of {', '.join(names)}"


def _all_or(names: list[str]) -> str:
    return f"one of {', '.join(names[:20])}" if names else ""


def _all(names: Iterable[str]) -> str:
    """Names as a sentence part: `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _is_word(name: Json) -> bool:
    """Whether a name is one that can be looked up; of anything else its judge has spoken."""
    if isinstance(name, str):
        return not is_template(name)
    return isinstance(name, int | float) and not isinstance(name, bool)


def _has_gaps(value: Json) -> bool:
    """Whether a blueprint leaves something of it to the rules that use it."""
    return any(isinstance(each, InputRef) for _, each in references(value, ()))


def _all_of(values: Json) -> list[Json]:
    """The elements of a list; what stands in its place where it is none."""
    return values if isinstance(values, list) else [values]


def _elements(values: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    """The elements that could be understood, with their index."""
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield index, value
