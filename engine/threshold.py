"""When a number goes over or under a bound: the one rule of arming that all triggers on numbers share.

Bounds are exclusive. A threshold is crossed on the way from outside to inside, once; it can be crossed again after the
number was seen outside. Source: Home Assistant's `numeric_state`, whose semantics these are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Literal

from engine.values import Json, State

Movement = Literal["entered", "left", "stays inside", "stays outside"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """What a number did, the memory to keep for the next one, and why in words."""

    memory: Json
    movement: Movement
    reason: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """Bounds that a number must be above, below, or between; at least one of them is given."""

    above: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        bounds = (("above", self.above), ("below", self.below))
        return " and ".join(f"{word} {shown(bound)}" for word, bound in bounds if bound is not None)

    def fault(self) -> str:
        """What is wrong with the bounds, in words; empty when they are well."""
        if self.above is None and self.below is None:
            return "neither above nor below is given; add one of them, such as above: 25"
        if self.above is not None and self.below is not None and self.above >= self.below:
            return f"no number is {self}; above must be the smaller one"
        return ""

    def holds(self, value: float | None) -> bool:
        """Whether the value is inside; no value is outside."""
        if value is None:
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def memory(self, value: float | None) -> Json:
        """What is remembered of a value: {"inside": bool, "value": number or None}."""
        return {"inside": self.holds(value), "value": value}

    def decide(self, memory: Json, value: float | None) -> Crossing:
        """What the value did since `memory`; with None for memory nothing was seen before, so nothing is crossed."""
        now = self.memory(value)
        before = memory or now
        movement = _MOVEMENTS[bool(before["inside"]), now["inside"]]
        return Crossing(now, movement, self._reason(movement, before["value"] if memory else None, value))

    def _reason(self, movement: Movement, before: float | None, value: float | None) -> str:
        it = "no value" if value is None else shown(value)
        was = "" if before is None else f", it was {shown(before)} before"
        match movement:
            case "entered":
                return f"{it} is {self}{was}"
            case "stays inside":
                return (
                    f"{it} is still {self}; it fires only on the way there"
                    if before is not None
                    else (f"{it} is {self}, and nothing was known before")
                )
            case "left":
                return f"{it} is not {self} any more{was}"
        return f"{it} is not {self}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """A threshold as it is written: each bound a number, or the entity that holds it for now."""

    above: float | str | None = None
    below: float | str | None = None

    def fault(self) -> str:
        """What is wrong with the bounds, in words; empty when they are well or nobody can tell yet."""
        if isinstance(self.above, str) or isinstance(self.below, str):
            return ""
        return Threshold(self.above, self.below).fault()

    def now(self, state: Callable[[str], State | None]) -> Threshold:
        """The threshold by what the entities hold; while one holds nothing, every number is outside.

        Raises ValueError, in words, when there is no such entity, or it holds other text.
        """
        return Threshold(_held(self.above, state), _held(self.below, state))


def _held(bound: float | str | None, state: Callable[[str], State | None]) -> float | None:
    if not isinstance(bound, str):
        return bound
    found = state(bound)
    if found is None:
        raise ValueError(f"there is no entity {bound} to compare with")
    value = measured(found.state, bound)
    return _NOWHERE if value is None else value


def measured(value: Json, name: str) -> float | None:
    """The number that a state or attribute holds, None while it holds none. Raises ValueError for other text."""
    if value in _NO_VALUE:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not isfinite(found):
        said = f'"{value}"' if isinstance(value, str) else str(value)
        raise ValueError(f"{name} is {said[:100]}, which is no number")
    return found


_NOWHERE = float("nan")
_NO_VALUE = (None, "unknown", "unavailable")
_MOVEMENTS: dict[tuple[bool, bool], Movement] = {
    (False, True): "entered",
    (True, False): "left",
    (True, True): "stays inside",
    (False, False): "stays outside",
}


def shown(number: float) -> str:
    """A number as people write it: 25, not 25.0."""
    if isnan(number):
        return "a bound that holds no number now"
    return str(int(number)) if float(number).is_integer() else str(number)
