"""Judges the steps and conditions of a rule or script, and the triggers that a run waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from engine.field import Block, FieldError
from engine.judge import Fault, Path, found, known_later, named, shown
from engine.plugin import Action, Combined, Trigger
from engine.problem import near
from engine.rules.blueprint import Use
from engine.rules.complaints import Complaints
from engine.rules.known import Known
from engine.rules.model import is_script
from engine.rules.names import Names
from engine.rules.normalise import (
    Draft,
)
from engine.rules.program import (
    inner_of,
    plain,
)
from engine.rules.schema import (
    CONDITION_KINDS,
    LATER_TRIGGERS,
    NEEDS,
    STEP_KINDS,
    ActionStep,
    Branch,
    InnerTriggerKeys,
    ParallelBranch,
    Repeat,
    Retry,
    TriggerKeys,
)
from engine.source import Source
from engine.source.scalar import InputRef, references
from engine.template import is_template
from engine.values import Json

MOST_NAMES = 20
HOW_OFTEN = ("count", "for_each", "while", "until")


class Steps:
    """The steps of one rule on its way from draft to program; what is wrong gathers in `told`."""

    def __init__(self, draft: Draft, source: Source, known: Known, use: Use | None = None, name: str = "") -> None:
        self.draft = draft
        self.name = name
        self.source = source
        self.known = known
        self.told = Complaints(draft, source, known, use)

    def _plugin_of(self, name: Json, at: Path) -> type[Trigger] | None:
        plugin = self.known.registry.triggers.get(name) if isinstance(name, str) else None
        if plugin is None and _is_word(name):
            self._unknown("trigger", name, (*at, "trigger"), self.known.registry.triggers, LATER_TRIGGERS)
        return plugin

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
        for index, condition in elements(conditions):
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
        if has_gaps(given) or None in all_of(given):
            return
        triggers = list(elements(given))
        known = {str(trigger.get("id", index)) for index, trigger in triggers}
        for index, name in enumerate(ids if isinstance(ids, list) else []):
            if isinstance(name, str) and name not in known:
                named = sorted(str(trigger["id"]) for _, trigger in triggers if "id" in trigger)
                expected = f"one of {', '.join(named)}" if named else 'a trigger of this rule with "id:"'
                message = f'no trigger of this rule has the id "{name}"'
                self.told.fault(Fault((*at, index), "unknown-trigger-id", message, expected, near(name, named)))

    def _steps(self, steps: Json, at: Path, names: Names) -> None:
        for index, step in elements(steps):
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
        for index, branch in elements(step["parallel"]):
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
        for index, trigger in elements(step["wait_for_trigger"]):
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
        for key, value in own_values(plugin, values).items():
            self.told.templates(value, (*below, key), names.with_names(*plugin.knows))
        for index, each in elements(inner_of(plugin, trigger)):
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
                self.told.fault(unusable((*at, key), sentence))

    def _if(self, step: dict[str, Json], at: Path, names: Names) -> None:
        self._conditions(step["if"], (*at, "if"), names)
        self._steps(step.get("then"), (*at, "then"), names)
        self._steps(step.get("else"), (*at, "else"), names)

    def _choose(self, step: dict[str, Json], at: Path, names: Names) -> None:
        for index, branch in elements(step["choose"]):
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
        if self.known.hosts is None or has_gaps(data):
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


def own_values(plugin: type[Trigger], values: dict[str, Json]) -> dict[str, Json]:
    """The fields of a trigger without the triggers inside it."""
    return {key: value for key, value in values.items() if key != "of" or not issubclass(plugin, Combined)}


def unusable(at: Path, sentence: str) -> Fault:
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


def has_gaps(value: Json) -> bool:
    """Whether a blueprint leaves something of it to the rules that use it."""
    return any(isinstance(each, InputRef) for _, each in references(value, ()))


def all_of(values: Json) -> list[Json]:
    """The elements of a list; what stands in its place where it is none."""
    return values if isinstance(values, list) else [values]


def elements(values: Json) -> Iterator[tuple[int, dict[str, Json]]]:
    """The elements that could be understood, with their index."""
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield index, value
