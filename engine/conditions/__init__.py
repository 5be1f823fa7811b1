"""Whether a condition holds, and why: each answer is a sentence that the trace, the log and tests share.

Semantics: dsl-home-assistant.md section 4; `compare` and `holiday` are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from engine.conditions.clock import is_time
from engine.conditions.compare import compare
from engine.conditions.entities import numeric_state, state
from engine.conditions.holds import Holds, shown
from engine.conditions.holiday import is_holiday
from engine.scope import Scope, TemplateProblem
from engine.values import Json


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
    return Holds(holds, f"{source} is {shown(found)}")


def _trigger(condition: Mapping[str, Json], scope: Scope) -> Holds:
    wanted = condition["id"]
    trigger = scope.variables.get("trigger") or {}
    found = str(trigger.get("id", ""))
    words = " or ".join(wanted)
    return Holds(found in wanted, f"the trigger is {found or 'none'}, wanted {words}")


_KINDS: dict[str, Callable[[Mapping[str, Json], Scope], Holds]] = {
    "and": lambda condition, scope: _and(condition["conditions"], scope),
    "or": lambda condition, scope: _or(condition["conditions"], scope),
    "not": lambda condition, scope: _not(condition["conditions"], scope),
    "template": _template,
    "compare": compare,
    "trigger": _trigger,
    "state": state,
    "numeric_state": numeric_state,
    "time": is_time,
    "holiday": is_holiday,
}

__all__ = ["Holds", "check", "check_all", "enabled"]
