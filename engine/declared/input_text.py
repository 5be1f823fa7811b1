"""A text that people and rules set."""

from __future__ import annotations

from engine.declaration import UNKNOWN, WORDS, Declaration, Loading, literal, stood_as, with_state
from engine.field import choice, default, integer, optional
from engine.values import Json, Later, SetState, State

LONGEST = 255
_LENGTH = literal(integer(0, LONGEST))


class InputText(Declaration):
    """A text that people and rules set."""

    domain = "input_text"

    min = default(_LENGTH, 0, "How many characters it has at least")
    max = default(_LENGTH, 100, "How many characters it has at most")
    initial = optional(WORDS, "What it is whenever rulewheel starts; without it, what it was before")
    pattern = optional(WORDS, "What a page lets people write, as a regular expression; rules may set anything")
    unit_of_measurement = optional(WORDS, "What is measured")
    mode = default(literal(choice("text", "password")), "text", "Whether a page shows what is written")

    def check(self) -> list[tuple[str, str]]:
        if self.min > self.max:
            return [("max", f"max is {self.max} and min is {self.min}; max must be the larger one")]
        if self.initial is not None and not self.fits(self.initial):
            expected = f"expected a text of {self.min} to {self.max} characters"
            return [("initial", f"initial has {len(self.initial)} characters; {expected}")]
        return []

    def attributes(self) -> dict[str, Json]:
        unit = {} if self.unit_of_measurement is None else {"unit_of_measurement": self.unit_of_measurement}
        length = {"min": self.min, "max": self.max}
        return {**super().attributes(), **length, "pattern": self.pattern, "mode": self.mode, **unit}

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        was = stood_as(before)
        if self.initial is not None and (was is None or at.is_start):
            was = self.initial
        kept = was is not None and (self.fits(was) or not at.is_start)
        return [self.at(entity, was if was is not None and kept else UNKNOWN)]

    def fits(self, text: str) -> bool:
        """Whether the text is neither too short nor too long."""
        return self.min <= len(text) <= self.max

    def at(self, entity: str, text: str) -> SetState:
        """The entity with this text."""
        return with_state(entity, text, self.attributes())
