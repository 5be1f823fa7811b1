from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.records import EntityRecord
from engine.scope import Scope, TemplateProblem, with_time
from engine.states import Overlay, Snapshot, States
from engine.testing import CountedIds
from tests.house import START

ENTITIES = Overlay(States([EntityRecord("sensor.x", "5", {"unit": "kg"}, START, START)]))


def scope(**variables: Any) -> Scope:
    return Scope(variables, Snapshot(START, UTC, CountedIds(), ENTITIES))


def test_templates_are_rendered_wherever_they_stand() -> None:
    given = {"a": ["{{ n }}", 1, None], "{{ n }}": {"b": "n is {{ n }}"}, "c": "plain"}
    assert scope(n=3).render(given) == {"a": [3, 1, None], 3: {"b": "n is 3"}, "c": "plain"}


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ states('sensor.x') }}", "5"),
        ("{{ states('sensor.y') }}", "unknown"),
        ("{{ state_attr('sensor.x', 'unit') }}", "kg"),
        ("{{ state_attr('sensor.y', 'unit') }}", None),
        ("{{ is_state('sensor.x', '5') }}", True),
        ("{{ is_state('sensor.x', ['4', '5']) }}", True),
        ("{{ is_state('sensor.x', '4') }}", False),
        ("{{ is_state_attr('sensor.x', 'unit', 'kg') }}", True),
        ("{{ has_value('sensor.x') }}", True),
        ("{{ has_value('sensor.y') }}", False),
        ("{{ states.sensor.x.state }}", "5"),
    ],
)
def test_states_can_be_asked_for(template: str, value: Any) -> None:
    assert scope().render(template) == value


def test_a_name_that_is_not_defined_is_empty_and_a_warning_or_where_strict_an_error() -> None:
    lenient = scope()
    assert lenient.render("{{ missing }}") in ("", None)
    assert "missing" in str(lenient.warnings[0])
    with pytest.raises(TemplateProblem, match="missing"):
        scope().render("{{ missing }}", strict=True)


def test_truth_is_true_in_any_case_and_nothing_else() -> None:
    assert scope(n=1).truth("{{ n == 1 }}") == (True, True)
    assert scope().truth("{{ 'TRUE' }}") == (True, "TRUE")
    assert scope().truth("{{ 'yes' }}") == (False, "yes")


def test_when_a_trigger_was_due_is_a_time_in_templates() -> None:
    told = with_time({"trigger": {"now": "2026-03-02T04:30:00+00:00", "id": "0"}})
    assert told["trigger"] == {"now": datetime(2026, 3, 2, 4, 30, tzinfo=UTC), "id": "0"}
    for trigger in (None, {"now": "soon"}, {"now": None}, {}):
        assert with_time({"trigger": trigger, "x": 1}) == {"trigger": trigger, "x": 1}
    assert scope(trigger={"now": "2026-03-02T04:30:00+00:00"}).render("{{ trigger.now.hour }}") == 4
