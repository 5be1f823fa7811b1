"""What a template of a rule sees: the run's variables and the states of entities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.plugin import View
from engine.template import Template, TemplateProblem, is_template
from engine.values import Json

MISSING_STATES = frozenset({"unknown", "unavailable"})


@dataclass(slots=True)
class Scope:
    """Variables by name and a view; `warnings` collects what was undefined where that is allowed."""

    variables: Mapping[str, Json]
    view: View
    warnings: list[TemplateProblem] = field(default_factory=list)
    _context: dict[str, Any] | None = None

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
        if self._context is None:
            self._context = {**self._functions(), **self.variables}
        return Template.parse(source).render(
            self._context, now=self.view.now, zone=self.view.zone, strict=strict, warnings=self.warnings
        )

    def _functions(self) -> dict[str, Any]:
        view = self.view

        def states(entity: str) -> str:
            found = view.state(entity)
            return found.state if found else "unknown"

        def state_attr(entity: str, name: str) -> Json:
            found = view.state(entity)
            return found.attributes.get(name) if found else None

        def is_state(entity: str, value: Json) -> bool:
            return states(entity) in value if isinstance(value, list) else states(entity) == value

        def is_state_attr(entity: str, name: str, value: Json) -> bool:
            return bool(state_attr(entity, name) == value)

        def has_value(entity: str) -> bool:
            return states(entity) not in MISSING_STATES

        return {
            "states": states,
            "state_attr": state_attr,
            "is_state": is_state,
            "is_state_attr": is_state_attr,
            "has_value": has_value,
        }


__all__ = ["Scope", "TemplateProblem"]
