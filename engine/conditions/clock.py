"""The condition on the time of day and the day of the week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time

from engine.calendar import told
from engine.conditions.holds import Holds
from engine.conditions.typed import typed
from engine.field import FieldError
from engine.kinds import WEEKDAYS
from engine.rules.schema import TimeCondition
from engine.scope import Scope, TemplateProblem
from engine.values import Json

MIDNIGHT = time(0)


def is_time(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether it is that time of day, and one of those days of the week."""
    now = scope.view.now.astimezone(scope.view.zone)
    try:
        asked = typed(TimeCondition, condition, scope)
        after, before = _moment(asked.after, scope), _moment(asked.before, scope)
    except (FieldError, TemplateProblem, LookupError) as problem:
        return Holds(False, str(problem.args[0]), failed=True)
    except ValueError as none:
        return Holds(False, str(none))
    it = f"it is {now:%H:%M:%S} on a {now:%A}"
    if not _is_between(now.time(), after, before):
        return Holds(False, f"{it}, wanted {_bounds(after, before)}")
    if asked.weekday is not None and WEEKDAYS[now.weekday()] not in asked.weekday:
        return Holds(False, f"{it}, wanted {' or '.join(asked.weekday)}")
    return Holds(True, it)


def _is_between(now: time, after: time | None, before: time | None) -> bool:
    """From `after` on, itself included, up to `before`, itself not; over midnight where `after` is not the earlier."""
    start = after or MIDNIGHT
    if before is None:
        return start <= now
    return start <= now < before if start < before else not before <= now < start


def _bounds(after: time | None, before: time | None) -> str:
    words = (f"{word} {moment:%H:%M:%S}" for word, moment in (("after", after), ("before", before)) if moment)
    return " and ".join(words)


def _moment(given: time | str | None, scope: Scope) -> time | None:
    """The local time of day that is meant. Raises LookupError where there is no entity, ValueError where no time."""
    if not isinstance(given, str):
        return given
    state = scope.view.state(given)
    if state is None:
        raise LookupError(f"there is no entity {given}")
    found = told(state.state)
    if found is None:
        raise ValueError(f'{given} is "{state.state[:100]}", which is no time')
    if isinstance(found, datetime):
        return (found.astimezone(scope.view.zone) if found.tzinfo else found).time()
    return found
