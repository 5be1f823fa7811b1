"""Sets in templates: different values in a fixed order, so that the same template gives the same text each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.template.budget import SEQUENCES, TemplateProblem, kind, plain


class Distinct(tuple[Any, ...]):
    """Different values: numbers in their order, others as they first came; two of the same values are equal."""

    __slots__ = ()

    def like(self, values: Iterable[Any]) -> Distinct:
        """A set of these values, as they stand."""
        return Distinct(values)

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self)) + "}" if self else "set()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Distinct) and set(map(sign, self)) == set(map(sign, other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(frozenset(map(sign, self)))


def sign(value: Any) -> Any:
    """What two values have in common exactly when they are the same, also for lists and mappings."""
    return json.dumps(plain(value), sort_keys=True) if isinstance(value, (Mapping, *SEQUENCES)) else value


def distinct(values: Iterable[Any]) -> Distinct:
    """The different ones of these values."""
    first: dict[Any, Any] = {}
    for value in values:
        first.setdefault(sign(value), value)
    found = list(first.values())
    if all(isinstance(value, (int, float)) for value in found):
        found.sort()
    return Distinct(found)


def to_set(value: Any = ()) -> Distinct:
    return distinct(value)


def _both(name: str, value: Any, other: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
    for each in (value, other):
        if isinstance(each, str) or not isinstance(each, (Mapping, *SEQUENCES)):
            raise TemplateProblem(f"`{name}` needs two lists, not {kind(each)}", subject=name)
    return {sign(each): each for each in value}, {sign(each): each for each in other}


def operation(name: str, keep: Callable[[bool, bool], bool]) -> Callable[[Any, Any], list[Any]]:
    """The filter that keeps a value of two lists by whether it is in the first and in the second."""

    def operate(value: Any, other: Any) -> list[Any]:
        first, second = _both(name, value, other)
        return list(distinct(each for key, each in {**first, **second}.items() if keep(key in first, key in second)))

    return operate


SETS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "difference": operation("difference", lambda first, second: first and not second),
    "intersect": operation("intersect", lambda first, second: first and second),
    "symmetric_difference": operation("symmetric_difference", lambda first, second: first != second),
    "union": operation("union", lambda first, second: True),
}
