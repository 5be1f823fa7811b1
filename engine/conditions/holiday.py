"""The condition on public holidays."""

from __future__ import annotations

from collections.abc import Mapping

from engine.conditions.holds import Holds
from engine.conditions.typed import typed
from engine.field import FieldError
from engine.holiday import name_of
from engine.rules.schema import HolidayCondition
from engine.scope import Scope, TemplateProblem
from engine.values import Json


def is_holiday(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether a day, by default today in the rule's zone, is a public holiday there."""
    try:
        asked = typed(HolidayCondition, condition, scope)
        day = asked.date.on(scope.view.zone) if asked.date else scope.view.now.astimezone(scope.view.zone).date()
        name = name_of(day, asked.country, asked.subdivision)
    except (FieldError, TemplateProblem, ValueError) as problem:
        return Holds(False, str(problem.args[0]), failed=True)
    where = "-".join(part.upper() for part in (asked.country, asked.subdivision) if part)
    if not name:
        return Holds(False, f"{day:%A}, {day.isoformat()}, is no holiday in {where}")
    return Holds(True, f"{day.isoformat()} is a holiday in {where}: {name}")
