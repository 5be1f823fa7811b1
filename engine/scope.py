"""What a template of a rule sees: the run's variables and the states of entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from engine.plugin import View
from engine.template import Template, TemplateProblem, is_template
from engine.template.dates import as_timedelta
from engine.template.moments import moment_in
from engine.values import Json


@dataclass(slots=True)
class Scope:
    """Variables by name and a view; `warnings` collects what was undefined where that is allowed."""

    variables: Mapping[str, Json]
    view: View
    warnings: list[TemplateProblem] = field(default_factory=list)

    def render(self, value: Json, *, strict: bool = False) -> Json:
        """The value with every template in it rendered; mappings and lists are walked.

        `strict` makes an undefined name an error, as for steps that change the world (design decision 12). Raises
        TemplateProblem.
        """
        if isinstance(value, str):
            return self._template(value, strict) if is_template(value) else value
        if isinstance(value, dict):
            return {self.render(key, strict=strict): self.render(part, strict=strict) for key, part in value.items()}
        if isinstance(value, list):
            return [self.render(part, strict=strict) for part in value]
        return value

    def truth(self, template: str) -> tuple[bool, Json]:
        """Whether the template's result is `true` in any case, as in a template condition (semantics section 4)."""
        found = self.render(template)
        return str(found).strip().lower() == "true", found

    def _template(self, source: str, strict: bool) -> Json:
        view = self.view
        return Template.parse(source).render(
            with_time(self.variables), now=view.now, zone=view.zone, strict=strict, view=view, warnings=self.warnings
        )


def with_time(variables: Mapping[str, Json]) -> Mapping[str, Json]:
    """The variables, with times and durations below `trigger` as what they are; facts carry them as text."""
    trigger = variables.get("trigger")
    if not isinstance(trigger, Mapping):
        return variables
    read = {key: found for key, reader in _TIMES.items() if (found := reader(trigger.get(key))) is not None}
    return {**variables, "trigger": {**trigger, **read}} if read else variables


def _lasting(value: Json) -> timedelta | None:
    return as_timedelta(value) if isinstance(value, str) else None


def _event(value: Json) -> Json:
    fired = moment_in(value.get("time_fired")) if isinstance(value, Mapping) else None
    return {**value, "time_fired": fired} if fired is not None else None


_TIMES: Mapping[str, Callable[[Json], object]] = {"now": moment_in, "for": _lasting, "event": _event}

__all__ = ["Scope", "TemplateProblem"]
