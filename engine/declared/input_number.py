"""A number between two bounds that people and rules set."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite

from engine.declaration import WORDS, Declaration, Loading, literal, stood_as, with_state
from engine.field import NUMBER, choice, default, optional, required
from engine.values import Json, Later, SetState, State

_NUMBER = literal(NUMBER)
LEAST_STEP = 1e-9


class InputNumber(Declaration):
    """A number between two bounds that people and rules set."""

    domain = "input_number"

    min = required(_NUMBER, "The smallest value")
    max = required(_NUMBER, "The largest value")
    initial = optional(_NUMBER, "What it is whenever rulewheel starts; without it, what it was before")
    step = default(_NUMBER, 1.0, "How much it goes up or down at a time")
    unit_of_measurement = optional(WORDS, "What is counted, such as minutes")
    mode = default(literal(choice("slider", "box")), "slider", "How a page shows it")

    def check(self) -> list[tuple[str, str]]:
        if self.min >= self.max:
            return [("max", f"max is {self.max} and min is {self.min}; max must be the larger one")]
        if self.initial is not None and not self.min <= self.initial <= self.max:
            expected = f"expected a number from {self.min} to {self.max}; write one of these, or change min or max"
            return [("initial", f"initial is {self.initial}; {expected}")]
        if self.step < LEAST_STEP:
            return [("step", f"a step of {self.step} leads nowhere; expected a number above 0")]
        return []

    def attributes(self) -> dict[str, Json]:
        unit = {} if self.unit_of_measurement is None else {"unit_of_measurement": self.unit_of_measurement}
        initial = None if self.initial is None else float(self.initial)
        bounds = {"initial": initial, "min": float(self.min), "max": float(self.max), "step": float(self.step)}
        return {**super().attributes(), **bounds, "mode": self.mode, **unit}

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        value = self.value(before)
        if self.initial is not None and (stood_as(before) is None or at.is_start):
            value = float(self.initial)
        elif at.is_start and not self.min <= value <= self.max:
            value = float(self.min)
        return [self.at(entity, self.within(value))]

    def value(self, state: State | None) -> float:
        """The number that it is; the smallest if that is none."""
        with suppress(ValueError):
            if isfinite(value := float(stood_as(state) or "")):
                return value
        return float(self.min)

    def within(self, value: float) -> float:
        """The value, or the bound that it goes beyond."""
        return float(max(self.min, min(self.max, value)))

    def at(self, entity: str, value: float) -> SetState:
        """The entity with this value. Raises ValueError where it lies outside the bounds."""
        if not self.min <= value <= self.max:
            raise ValueError(f"{entity} goes from {self.min} to {self.max}, and {value:g} lies outside")
        return with_state(entity, str(float(value)), self.attributes())
