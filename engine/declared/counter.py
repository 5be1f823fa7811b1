"""A counter: a whole number that rules count up and down."""

from __future__ import annotations

from engine.declaration import Declaration, Loading, literal, stood_as, with_state
from engine.field import BOOLEAN, default, integer, optional
from engine.values import Json, Later, SetState, State

MOST = 1_000_000_000
_COUNT = literal(integer(0, MOST))
_BOUND = literal(integer(-MOST, MOST))


class Counter(Declaration):
    """A whole number that rules count up and down."""

    domain = "counter"

    initial = default(_COUNT, 0, "Where it begins, and where a reset takes it")
    step = default(_COUNT, 1, "How much it goes up or down at a time")
    minimum = optional(_BOUND, "It never goes below this")
    maximum = optional(_BOUND, "It never goes above this")
    restore = default(literal(BOOLEAN), True, "Whether it keeps its count when rulewheel starts anew")

    def check(self) -> list[tuple[str, str]]:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            return [("maximum", f"the maximum {self.maximum} is below the minimum {self.minimum}; make it the larger")]
        return []

    def attributes(self) -> dict[str, Json]:
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        given = {name: value for name, value in bounds.items() if value is not None}
        return {**super().attributes(), "initial": self.initial, "step": self.step, **given}

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        count = self.count(before)
        begins = stood_as(before) is None or (at.is_start and not self.restore)
        return [with_state(entity, str(self.initial if begins else self.within(count)), self.attributes())]

    def count(self, state: State | None) -> int:
        """Where it stands; where it begins if that is not a number."""
        try:
            return int(float(stood_as(state) or ""))
        except (ValueError, OverflowError):
            return self.initial

    def within(self, count: int) -> int:
        """The count, or the bound that it goes beyond."""
        if self.minimum is not None:
            count = max(self.minimum, count)
        return count if self.maximum is None else min(self.maximum, count)

    def at(self, entity: str, count: int) -> SetState:
        """The counter at this count, or at the bound that it goes beyond."""
        return with_state(entity, str(self.within(count)), self.attributes())
