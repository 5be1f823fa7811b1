"""Whether a condition holds, and why: each answer is a sentence that the trace, the log and tests share.

Semantics: dsl-home-assistant.md section 4; `compare` is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan

import re2

from engine.scope import Scope, TemplateProblem
from engine.values import Json


@dataclass(frozen=True, slots=True)
class Holds:
    """The answer to a condition. `failed` means that it could not be worked out; it counts as not holding."""

    holds: bool
    reason: str
    failed: bool = False


def check_all(conditions: Iterable[Mapping[str, Json]], scope: Scope) -> Holds:
    """Whether all of the conditions hold; the reason is that of the first that does not."""
    return _and(conditions, scope)


def check(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether one condition in canonical form holds."""
    answer = _KINDS[condition["condition"]](condition, scope)
    alias = condition.get("alias")
    return Holds(answer.holds, f"{alias}: {answer.reason}", answer.failed) if alias else answer


def enabled(element: Mapping[str, Json], scope: Scope) -> bool:
    """Whether a condition or step is switched on: any text that is not false-like counts as on (section 1)."""
    given = element.get("enabled", True)
    if isinstance(given, bool):
        return given
    return str(scope.render(given)).strip().lower() not in {"false", "no", "off", "0", "none", "disable", ""}


def _members(conditions: Iterable[Mapping[str, Json]], scope: Scope) -> Iterator[Holds]:
    """The answers of those that are switched on, one after the other."""
    for condition in conditions:
        try:
            if enabled(condition, scope):
                yield check(condition, scope)
        except TemplateProblem as problem:
            yield Holds(False, f"whether the condition is enabled cannot be worked out: {problem}", failed=True)


def _and(conditions: Iterable[Mapping[str, Json]], scope: Scope) -> Holds:
    failed: Holds | None = None
    reasons = []
    for answer in _members(conditions, scope):
        if not answer.holds and not answer.failed:
            return answer
        if answer.failed and failed is None:
            failed = answer
        reasons.append(answer.reason)
    if failed is not None:
        return failed
    return Holds(True, "; ".join(reasons) or "no conditions")


def _or(conditions: Iterable[Mapping[str, Json]], scope: Scope) -> Holds:
    answers = list(_members(conditions, scope))
    for answer in answers:
        if answer.holds:
            return answer
    reason = "; ".join(answer.reason for answer in answers) or "none of no conditions"
    return Holds(False, f"none of these holds: {reason}", any(answer.failed for answer in answers))


def _not(conditions: Iterable[Mapping[str, Json]], scope: Scope) -> Holds:
    answers = list(_members(conditions, scope))
    for answer in answers:
        if answer.holds:
            return Holds(False, f"it must not hold that {answer.reason}")
    reason = "; ".join(answer.reason for answer in answers) or "there is nothing to rule out"
    failed = any(answer.failed for answer in answers)
    return Holds(not failed, reason, failed)


def _template(condition: Mapping[str, Json], scope: Scope) -> Holds:
    source = condition["value_template"]
    try:
        holds, found = scope.truth(source)
    except TemplateProblem as problem:
        return Holds(False, f"the template failed: {problem}", failed=True)
    return Holds(holds, f"{source} is {_shown(found)}")


def _trigger(condition: Mapping[str, Json], scope: Scope) -> Holds:
    wanted = condition["id"]
    trigger = scope.variables.get("trigger") or {}
    found = str(trigger.get("id", ""))
    words = " or ".join(wanted)
    return Holds(found in wanted, f"the trigger is {found or 'none'}, wanted {words}")


def _compare(condition: Mapping[str, Json], scope: Scope) -> Holds:
    try:
        value = scope.render(condition["value"], strict=True)
        for word, judge in _COMPARISONS.items():
            if word not in condition:
                continue
            operand = scope.render(condition[word], strict=True)
            if not judge(value, operand):
                return Holds(False, f"{_shown(value)} is not {_WORDS[word]} {_shown(operand)}")
    except (TemplateProblem, ValueError) as problem:
        return Holds(False, str(problem), failed=True)
    bounds = " and ".join(
        f"{_WORDS[word]} {_shown(scope.render(condition[word]))}" for word in _COMPARISONS if word in condition
    )
    return Holds(True, f"{_shown(value)} is {bounds}")


def _number(value: Json) -> float:
    try:
        if isinstance(value, bool) or isnan(found := float(value)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_shown(value)} is not a number") from None
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
        raise ValueError(f"{_shown(operand)} is not a regular expression") from None


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
_KINDS: dict[str, Callable[[Mapping[str, Json], Scope], Holds]] = {
    "and": lambda condition, scope: _and(condition["conditions"], scope),
    "or": lambda condition, scope: _or(condition["conditions"], scope),
    "not": lambda condition, scope: _not(condition["conditions"], scope),
    "template": _template,
    "compare": _compare,
    "trigger": _trigger,
}


def _shown(value: Json) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
