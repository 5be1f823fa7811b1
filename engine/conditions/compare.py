"""The condition `compare`, which is ours: a value, usually a template, against bounds and other values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isnan

import re2

from engine.conditions.holds import Holds, shown
from engine.scope import Scope, TemplateProblem
from engine.values import Json


def compare(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether the value is what all of the words ask for."""
    try:
        value = scope.render(condition["value"], strict=True)
        for word, judge in _COMPARISONS.items():
            if word not in condition:
                continue
            operand = scope.render(condition[word], strict=True)
            if not judge(value, operand):
                return Holds(False, f"{shown(value)} is not {_WORDS[word]} {shown(operand)}")
    except (TemplateProblem, ValueError) as problem:
        return Holds(False, str(problem), failed=True)
    bounds = " and ".join(
        f"{_WORDS[word]} {shown(scope.render(condition[word]))}" for word in _COMPARISONS if word in condition
    )
    return Holds(True, f"{shown(value)} is {bounds}")


def _number(value: Json) -> float:
    try:
        if isinstance(value, bool) or isnan(found := float(value)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{shown(value)} is not a number") from None
    return found


def _equal(value: Json, operand: Json) -> bool:
    """Equal as values, or as text: a number in a webhook often comes as text."""
    if value == operand and isinstance(value, bool) == isinstance(operand, bool):
        return True
    if isinstance(value, str) != isinstance(operand, str):
        return str(value) == str(operand)
    return False


def _in(value: Json, operand: Json) -> bool:
    if isinstance(operand, list | dict):
        return any(_equal(value, element) for element in operand)
    return str(value) in str(operand)


def _matches(value: Json, operand: Json) -> bool:
    try:
        return re2.search(str(operand), str(value)) is not None
    except re2.error:
        raise ValueError(f"{shown(operand)} is not a regular expression") from None


_COMPARISONS: dict[str, Callable[[Json, Json], bool]] = {
    "above": lambda value, bound: _number(value) > _number(bound),
    "below": lambda value, bound: _number(value) < _number(bound),
    "equals": _equal,
    "in": _in,
    "contains": lambda value, part: _in(part, value),
    "matches": _matches,
}
_WORDS = {
    "above": "above",
    "below": "below",
    "equals": "equal to",
    "in": "in",
    "contains": "something that contains",
    "matches": "a match for",
}
