"""What a template of a rule sees: the run's variables and the states of entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.plugin import View
from engine.template import Template, TemplateProblem, is_template
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
    """The variables, with `trigger.now` as a time; the fact carried it as ISO text."""
    trigger = variables.get("trigger")
    if not isinstance(trigger, Mapping) or not isinstance(trigger.get("now"), str):
        return variables
    try:
        return {**variables, "trigger": {**trigger, "now": datetime.fromisoformat(trigger["now"])}}
    except ValueError:
        return variables


__all__ = ["Scope", "TemplateProblem"]
