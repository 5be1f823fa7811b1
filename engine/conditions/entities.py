"""The conditions on entities: which state they have, and which number they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from engine.conditions.holds import Holds, shown
from engine.conditions.typed import typed
from engine.field import FieldError
from engine.kinds import Wanted, is_entity
from engine.rules.schema import NumericStateCondition, StateCondition
from engine.scope import Scope, TemplateProblem
from engine.threshold import Threshold, measured
from engine.values import Json, State, state_object


def state(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether the entities have the state; of several a false one wins over one that cannot be told."""
    try:
        asked = typed(StateCondition, condition, scope)
    except (FieldError, TemplateProblem) as problem:
        return Holds(False, str(problem), failed=True)
    answers = [_has_state(entity, asked, scope) for entity in asked.entity_id]
    if asked.match == "any":
        holding = next((answer for answer in answers if answer.holds), None)
        return holding or _joined(answers)
    return next((answer for answer in answers if not answer.holds and not answer.failed), None) or _joined(answers)


def numeric_state(condition: Mapping[str, Json], scope: Scope) -> Holds:
    """Whether the numbers of all entities lie between the bounds."""
    try:
        asked = typed(NumericStateCondition, condition, scope)
    except (FieldError, TemplateProblem) as problem:
        return Holds(False, str(problem), failed=True)
    answers = [_has_number(entity, asked, scope) for entity in asked.entity_id]
    return next((answer for answer in answers if not answer.holds and not answer.failed), None) or _joined(answers)


def _joined(answers: list[Holds]) -> Holds:
    """The answers as one: none of them decided it alone."""
    failed = next((answer for answer in answers if answer.failed), None)
    if failed is not None:
        return failed
    return Holds(all(answer.holds for answer in answers), "; ".join(answer.reason for answer in answers))


def _has_state(entity: str, asked: StateCondition, scope: Scope) -> Holds:
    found = scope.view.state(entity)
    if found is None:
        return Holds(False, f"there is no entity {entity}", failed=True)
    if asked.attribute is not None and asked.attribute not in found.attributes:
        return Holds(False, f"{entity} has no attribute {asked.attribute}")
    value = found.state if asked.attribute is None else found.attributes[asked.attribute]
    try:
        wanted = Wanted(tuple(_meant(asked, scope)))
    except LookupError as missing:
        return Holds(False, str(missing.args[0]), failed=True)
    it = entity if asked.attribute is None else f"{asked.attribute} of {entity}"
    if value not in wanted:
        return Holds(False, f"{it} is {shown(value)}, wanted {wanted}")
    if asked.for_ is None:
        return Holds(True, f"{it} is {shown(value)}")
    return _has_lasted(f"{it} is {shown(value)}", scope.view.now - found.changed, asked.for_)


def _has_lasted(reason: str, since: timedelta, wanted: timedelta) -> Holds:
    lasted = f"{reason} since {timedelta(seconds=int(since.total_seconds()))}"
    if since > wanted:
        return Holds(True, lasted)
    return Holds(False, f"{lasted}, wanted for longer than {wanted}")


def _meant(asked: StateCondition, scope: Scope) -> Iterator[Json]:
    """The states asked for; the name of an `input_…` entity stands for its state. Raises LookupError, in words."""
    wanted = asked.state if asked.attribute is not None else asked.state.as_text()
    for value in wanted.values or ():
        if is_entity(value) and value.startswith("input_"):
            held = scope.view.state(value)
            if held is None:
                raise LookupError(f"there is no entity {value} to compare with")
            yield held.state
        else:
            yield value


def _has_number(entity: str, asked: NumericStateCondition, scope: Scope) -> Holds:
    found = scope.view.state(entity)
    if found is None:
        return Holds(False, f"there is no entity {entity}", failed=True)
    try:
        value = _number(found, asked, scope)
        threshold = asked.bounds.now(scope.view.state)
    except (TemplateProblem, ValueError) as problem:
        return Holds(False, f"{entity}: {problem}", failed=True)
    return _is_inside(entity, value, threshold)


def _is_inside(entity: str, value: float | None, threshold: Threshold) -> Holds:
    if value is None:
        return Holds(False, f"{entity} holds no number now, wanted {threshold}")
    holds = threshold.holds(value)
    return Holds(holds, f"{entity} is {value:g}, {'which is' if holds else 'wanted'} {threshold}")


def _number(found: State, asked: NumericStateCondition, scope: Scope) -> float | None:
    """The number that is looked at; None while there is none. Raises ValueError and TemplateProblem."""
    if asked.value_template is not None:
        inner = Scope({**scope.variables, "state": state_object(found)}, scope.view, scope.warnings)
        return measured(inner.render(asked.value_template.written), "what the template gives")
    if asked.attribute is not None:
        return measured(found.attributes.get(asked.attribute), f"the attribute {asked.attribute}")
    return measured(found.state, "the state")
