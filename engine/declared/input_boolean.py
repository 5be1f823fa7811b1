"""A switch: on or off."""

from __future__ import annotations

from engine.declaration import Declaration, Loading, literal, stood_as, with_state
from engine.field import BOOLEAN, optional
from engine.values import Later, SetState, State

ON = "on"
OFF = "off"


class InputBoolean(Declaration):
    """A switch that people and rules turn on and off."""

    domain = "input_boolean"

    initial = optional(literal(BOOLEAN), "What it is whenever rulewheel starts; without it, what it was before")

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        was = stood_as(before)
        begins = self.initial is not None and (was is None or at.is_start)
        return [self.turned(entity, on=bool(self.initial) if begins else was == ON)]

    def turned(self, entity: str, *, on: bool) -> SetState:
        """The switch on or off."""
        return with_state(entity, ON if on else OFF, self.attributes())

    def toggled(self, entity: str, state: State | None) -> SetState:
        """The switch on if it is off, and off if it is on."""
        return self.turned(entity, on=state is None or state.state != ON)
