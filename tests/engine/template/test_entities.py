"""How templates see entities, against what Home Assistant shows for the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.template import Template, TemplateProblem
from engine.values import State

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def entity(name: str, state: str, **attributes: Any) -> State:
    return State(name, state, attributes, NOW - timedelta(hours=3), NOW - timedelta(hours=1))


class House:
    """Entities by name, which writes down what was asked of it."""

    def __init__(self, *entities: State) -> None:
        self._entities = {each.entity: each for each in entities}
        self.asked: list[str] = []

    def state(self, entity: str) -> State | None:
        self.asked.append(entity)
        return self._entities.get(entity)

    def entities(self, prefix: str) -> Sequence[State]:
        self.asked.append(f"{prefix}*")
        return [each for name, each in sorted(self._entities.items()) if name.startswith(prefix)]


def house() -> House:
    return House(
        entity("sensor.outside", "21.5", unit_of_measurement="°C", friendly_name="Outside", limits=[10, 30]),
        entity("sensor.spare_room", "unavailable"),
        entity("counter.orders", "3", step=1),
        entity("input_boolean.open", "on"),
        entity("group.all", "on", entity_id=["counter.orders", "group.rest", "sensor.none"]),
        entity("group.rest", "on", entity_id=["input_boolean.open", "group.all"]),
    )


def render(source: str, variables: dict[str, Any] | None = None, *, strict: bool = True) -> Any:
    zone = ZoneInfo("Asia/Kolkata")
    return Template.parse(source).render(variables or {}, now=NOW, zone=zone, strict=strict, view=house())


EXAMPLES: list[tuple[str, object]] = [
    ("states('sensor.outside')", "21.5"),
    ("states('sensor.none')", "unknown"),
    ("states('Sensor.Outside') ~ states.sensor.Outside.state", "21.521.5"),
    ("'sensor.outside' | states", "21.5"),
    ("states('sensor.outside', with_unit=true)", "21.5 °C"),
    ("states('counter.orders', rounded=true, with_unit=true)", "3"),
    ("['sensor.outside', 'counter.orders'] | map('states') | list", ["21.5", "3"]),
    ("states.sensor.outside.state", "21.5"),
    ("states['sensor.outside'].state ~ states.sensor['outside'].state", "21.521.5"),
    ("states.sensor.outside.name ~ states.sensor.spare_room.name", "Outsidespare room"),
    ("states.sensor.outside.state_with_unit", "21.5 °C"),
    ("[states.sensor.outside] | map(attribute='domain') | first ~ states.sensor.outside.object_id", "sensoroutside"),
    ("states.sensor.outside.entity_id", "sensor.outside"),
    ("states.sensor.outside.attributes.limits[1]", 30),
    ("states.sensor.outside.last_changed", "2026-03-01 09:00:00+00:00"),
    ("states.sensor.outside.last_reported", "2026-03-01 11:00:00+00:00"),
    ("(now() - states.sensor.outside.last_updated).total_seconds()", 3600.0),
    ("relative_time(states.sensor.outside.last_changed)", "3 hours"),
    ("states.sensor.none is none", True),
    ("states.sensor.none.state | default('gone')", "gone"),
    ("states.sensor | map(attribute='entity_id') | list", ["sensor.outside", "sensor.spare_room"]),
    ("states | count ~ states.sensor | length ~ states.light | count", "620"),
    ("states | selectattr('state', 'eq', 'on') | map(attribute='object_id') | list", ["all", "rest", "open"]),
    ("states | groupby('domain') | map(attribute='grouper') | join(' ')", "counter group input_boolean sensor"),
    ("states.sensor | selectattr('attributes.limits', 'defined') | map(attribute='name') | list", ["Outside"]),
    ("states.sensor | selectattr('attributes.unit_of_measurement', 'eq', '°C') | list | count", 1),
    ("states.sensor | sort(attribute='state', reverse=true) | map(attribute='state') | first", "unavailable"),
    ("states.sensor | rejectattr('state', 'in', ['unavailable']) | map(attribute='state') | map('float') | sum", 21.5),
    ("typeof(states.sensor.outside.last_changed) ~ (states.sensor.outside.last_changed is datetime)", "datetimeTrue"),
    ("states.sensor.outside", {"entity_id": "sensor.outside", "state": "21.5"}),
    ("state_attr('sensor.outside', 'limits')", [10, 30]),
    ("'sensor.outside' | state_attr('step')", None),
    ("state_attr('sensor.none', 'step')", None),
    ("is_state('sensor.outside', '21.5') and 'counter.orders' is is_state(['1', '3'])", True),
    ("is_state('sensor.none', 'unknown') or is_state('counter.orders', 3)", False),
    ("['counter.orders', 'input_boolean.open'] | select('is_state', 'on') | list", ["input_boolean.open"]),
    ("is_state_attr('counter.orders', 'step', 1) and 'counter.orders' is is_state_attr('step', 1)", True),
    ("is_state_attr('counter.orders', 'none', none) or is_state_attr('counter.none', 'step', 1)", False),
    ("has_value('sensor.outside') and 'counter.orders' | has_value and 'counter.orders' is has_value", True),
    ("has_value('sensor.spare_room') or has_value('sensor.none')", False),
    ("['sensor.outside', 'sensor.none'] | reject('has_value') | list", ["sensor.none"]),
    ("expand('group.all') | map(attribute='entity_id') | sort", ["counter.orders", "input_boolean.open"]),
    ("expand('counter.orders', ['sensor.outside']) | map(attribute='state') | list", ["21.5", "3"]),
    ("expand(states.sensor, 5, 'sensor.none') | count", 2),
    ("['group.rest'] | expand | selectattr('state', 'eq', 'on') | list | count", 1),
]


@pytest.mark.parametrize(("source", "value"), EXAMPLES)
def test_entities_can_be_asked_for_as_in_home_assistant(source: str, value: object) -> None:
    found = render("{{ " + source + " }}")
    if isinstance(value, dict):
        found = {key: found[key] for key in value}
    assert found == value
    assert type(found) is type(value)


def test_all_entities_can_be_walked() -> None:
    source = "{% for one in states.sensor %}{{ one.entity_id }}={{ one.state }}{{ ', ' if not loop.last }}{% endfor %}"
    assert render(source) == "sensor.outside=21.5, sensor.spare_room=unavailable"
    assert render("{% for one in states %}{{ one.domain[0] }}{% endfor %}") == "cggiss"


_IN_ALL = ("sensor.none", "group.rest", "counter.orders", "input_boolean.open")


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("{{ states('sensor.none') }}", ["sensor.none"]),
        ("{{ states.sensor.outside.state }}", ["sensor.outside"]),
        ("{{ states.sensor | count }} {{ states.sensor | list | count }}", ["sensor.*"]),
        ("{{ states | count }}", ["*"]),
        ("{{ states.sensor is defined }}", []),
        ("{{ expand('group.rest', 'sensor.none') | count }}", ["sensor.none", "group.rest", "group.all", *_IN_ALL]),
        ("{{ is_state('counter.orders', '3') or has_value('sensor.outside') }}", ["counter.orders"]),
    ],
)
def test_each_question_goes_through_the_view(source: str, asked: list[str]) -> None:
    view = house()
    Template.parse(source).render({}, now=NOW, zone=UTC, strict=True, view=view)
    assert view.asked == asked


def test_an_entity_that_a_trigger_hands_over_can_be_read_like_any_other() -> None:
    given = {
        "entity_id": "sensor.outside",
        "state": "21.5",
        "attributes": {"friendly_name": "Outside"},
        "last_changed": "2026-03-01T09:00:00+00:00",
        "last_updated": "2026-03-01T11:00:00+00:00",
    }
    trigger = {"trigger": {"to_state": given, "from_state": None}}
    shown = "{{ trigger.to_state.name }} {{ trigger.to_state.domain }} {{ trigger.to_state.last_changed.hour }}"
    assert render(shown, trigger) == "Outside sensor 9"
    assert render("{{ (now() - trigger.to_state.last_changed).total_seconds() }}", trigger) == 10_800.0
    assert render("{{ expand(trigger.to_state) | map(attribute='object_id') | list }}", trigger) == ["outside"]
    assert render("{{ trigger.from_state.state | default('-') }}", trigger) == "-"
    assert render("{{ {'name': 'n', 'state': 1, 'entity_id': 'x'}.domain | default('no entity') }}") == "no entity"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ states }}", "a function is not a value"),
        ("{{ states.Sensor.x }}", "`Sensor` is not the first part of an entity's name"),
        ("{{ states.sensor['a b'] }}", "`sensor.a b` cannot be the name of an entity"),
        ("{{ states(5) }}", "an entity is named by text, not by a number"),
        ("{{ states.sensor.none.state }}", "`states.sensor.none.state` is not defined"),
        ("{{ state_attr('sensor.x') }}", "`state_attr` cannot be used with text in this way"),
    ],
)
def test_what_cannot_be_asked_is_told_in_words(source: str, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        render(source)
    assert words in str(caught.value)


def test_a_state_that_is_not_there_is_empty_text_where_nothing_is_changed() -> None:
    assert render("{{ states.sensor.none.state }}", strict=False) == ""


def test_without_a_view_entities_cannot_be_asked_for() -> None:
    for source in (
        "{{ states('sensor.x') }}",
        "{{ states.sensor.x }}",
        "{{ 'a.b' is has_value }}",
        "{{ expand('a.b') }}",
    ):
        with pytest.raises(TemplateProblem, match="cannot be asked here"):
            Template.parse(source).render({}, now=NOW, zone=UTC, strict=False)


def test_a_walk_through_very_many_entities_ends_at_the_budget() -> None:
    crowd = House(*(entity(f"sensor.n{number}", "1") for number in range(60_000)))
    with pytest.raises(TemplateProblem, match="too much work"):
        Template.parse("{{ states | list + states.sensor | list }}").render(
            {}, now=NOW, zone=UTC, strict=False, view=crowd
        )
