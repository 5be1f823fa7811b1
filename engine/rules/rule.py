"""Judges one thing that a file says, a rule, a script or an entity, and makes its program where it is right.

The order in which it is looked at: its form, each value by its field, its templates and the names they read, its
secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from engine.declared import DECLARED
from engine.declared.sensor import Question, Sensor
from engine.field import FieldError
from engine.judge import Fault, Path, known_later, shown
from engine.plugin import Combined, Trigger, View
from engine.problem import Place, Problem
from engine.rules.blueprint import Use
from engine.rules.contradictions import contradictions
from engine.rules.known import Known
from engine.rules.model import Program
from engine.rules.names import Names
from engine.rules.normalise import (
    Draft,
    Written,
    normalised,
    normalised_entity,
    normalised_script,
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
    Digest,
    InnerTriggerKeys,
    QuietHours,
    RuleKeys,
    ScriptKeys,
    TriggerKeys,
)
from engine.rules.sensors import question
from engine.rules.steps import Steps, all_of, elements, has_gaps, own_values, unusable
from engine.source import Source
from engine.source.scalar import InputRef
from engine.template import TemplateProblem
from engine.values import Json


class Rule(Steps):
    """One rule on its way from draft to program."""

    def __init__(self, draft: Draft, source: Source, known: Known, use: Use | None = None, name: str = "") -> None:
        super().__init__(draft, source, known, use, name)
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
        made = list(self.plugins.values()) if len(self.plugins) == len(all_of(body.get("triggers"))) else []
        for fault in contradictions(body, made, self.known.registry.triggers):
            self.told.fault(fault)

    def _given(self, names: Names) -> Mapping[str, Json]:
        """The values of `trigger_variables`, which are worked out once, when the rule is read."""
        given = self.draft.body.get("trigger_variables")
        self.gives_gaps = has_gaps(given)
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
        for index, trigger in elements(triggers):
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
        kinds = [each["trigger"] if isinstance(each, dict) else None for each in all_of(triggers)]
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

    def _trigger(
        self, trail: Trail, plugin: type[Trigger], trigger: dict[str, Json], above: Path, given: Names
    ) -> None:
        """A trigger's own fields; their templates are worked out now, once, but for those that it works out itself."""
        values, at = trigger["with"], (*above, "with")
        before = self.told.errors
        self.told.block(plugin, values, at, beside=InnerTriggerKeys if trail[1:] else TriggerKeys)
        inner = self._inner(trail, plugin, trigger, at, given)
        telling = inner if issubclass(plugin, Combined) else [plugin]
        for key, value in own_values(plugin, values).items():
            is_late = key in plugin.fields() and plugin.fields()[key].is_late
            names = Names.of_triggers(telling).with_names(*given.roots, *plugin.knows) if is_late else given
            self.told.templates(value, (*at, key), names)
        if self.told.errors > before or has_gaps(values) or self.gives_gaps:
            return
        try:
            self.plugins[trail] = plugin(fields_of(plugin, plain(values), self.given))
            self._follows(self.plugins[trail], values, at)
        except FieldError as error:
            for key, sentence in error.faults:
                self.told.fault(unusable((*at, key), sentence))
        except TemplateProblem as error:
            self.told.fault(Fault(at, "template-fails", error.message, error.expected, error.remedy))
        except Exception as error:  # a plugin's mistake must not stop the other rules
            self.told.fault(Fault(at, "plugin-broken", f'the trigger "{plugin.name}" cannot be made: {error}'))

    def _inner(
        self, trail: Trail, plugin: type[Trigger], trigger: dict[str, Json], at: Path, given: Names
    ) -> list[type[Trigger]]:
        """Judges the triggers inside a trigger; gives their kinds, as far as they are known."""
        kinds = []
        for index, each in elements(inner_of(plugin, trigger)):
            here = (*at, "of", index)
            kind = self._inner_kind(each, here, Names.of_triggers)
            if kind is not None:
                kinds.append(kind)
                self._trigger((*trail, index), kind, each, here, given)
        return kinds

    def _follows(self, made: Trigger, values: dict[str, Json], at: Path) -> None:
        """No rule runs because it has run."""
        if self.id in made.follows():
            key = next((key for key, value in values.items() if self.id in all_of(value)), "")
            remedy = "name another rule; what is done again and again belongs into repeat"
            self.told.fault(Fault((*at, key), "follows-itself", "a rule does not hear of its own ends", remedy=remedy))


class Script(Rule):
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


class Entity(Rule):
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
class Sort:
    """How one sort of thing that a file says becomes a program.

    `domain` is that of its blueprints, `open_ends` is what stands for the keys that a blueprint leaves to its rules.
    """

    normalised: Callable[[Json, Path], Draft]
    rule: type[Rule]
    domain: str
    open_ends: Mapping[str, Json]


SORTS = {
    "rule": Sort(
        normalised,
        Rule,
        "automation",
        {"id": "a", "triggers": InputRef("triggers"), "actions": InputRef("actions")},
    ),
    "script": Sort(normalised_script, Script, "script", {"sequence": InputRef("sequence")}),
    "entity": Sort(normalised_entity, Entity, "", {}),
}
