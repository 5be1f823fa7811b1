"""The trigger on numbers, by the sentences of section 3 of the semantics."""

from __future__ import annotations

from typing import Any

import pytest

from engine.plugin import FieldError
from tests.house import TestLog
from tests.triggers.listening import heard, listening, moves, rule
from triggers.numeric_state import NumericState

E = "sensor.e"


def on(more: str = ", above: 10") -> str:
    return f"{{trigger: numeric_state, entity_id: {E}{more}}}"


@pytest.mark.parametrize(
    ("asked", "value", "fires"),
    [
        (", above: 10", "10.1", True),
        (", above: 10", "10", False),
        (", below: -5", "-5.5", True),
        (", below: -5", "-5", False),
        (", above: -3, below: -1", "-2", True),
        (", above: -3, below: -1", "-1", False),
    ],
)
async def test_bounds_are_exclusive(asked: str, value: str, fires: bool) -> None:
    async with listening(on(asked), {E: "0"}) as w:
        await w.set_state(E, value)
        assert bool(heard(w)) is fires


async def test_it_fires_once_on_the_way_in_and_again_after_it_was_outside() -> None:
    async with listening(on(), {E: "5"}) as w:
        for value in ("11", "12", "10", "13"):
            await w.set_state(E, value)
        assert moves(w) == [("5", "11"), ("10", "13")]


async def test_what_is_inside_already_when_the_rule_is_loaded_does_not_fire() -> None:
    async with listening(on(), {E: "11"}) as w:
        await w.set_state(E, "12")
        assert heard(w) == []


async def test_an_entity_that_appears_inside_does_not_fire_before_it_was_outside() -> None:
    async with listening(on()) as w:
        await w.set_state(E, "11")
        assert heard(w) == []
        await w.set_state(E, "5")
        await w.set_state(E, "11")
        assert moves(w) == [("5", "11")]


async def test_each_entity_is_armed_by_itself() -> None:
    known = {"sensor.a": "5", "sensor.b": "11"}
    async with listening("{trigger: numeric_state, entity_id: 'sensor.a, sensor.b', above: 10}", known) as w:
        await w.set_state("sensor.a", "12")
        await w.set_state("sensor.b", "12")
        assert [told["entity_id"] for told in heard(w)] == ["sensor.a"]


@pytest.mark.parametrize("value", ["unknown", "unavailable"])
async def test_no_value_is_outside_and_arms_again(value: str) -> None:
    async with listening(on(), {E: "5"}) as w:
        for state in ("11", value, "11"):
            await w.set_state(E, state)
        assert moves(w) == [("5", "11"), (value, "11")]


@pytest.mark.parametrize("before", ["5", "11"])
async def test_other_text_warns_and_leaves_the_arming_as_it_was(before: str) -> None:
    log = TestLog()
    async with listening(on(), {E: before}, log=log) as w:
        await w.set_state(E, "many")
        await w.set_state(E, "12")
        assert bool(heard(w)) is (before == "5")
    told = [values["reason"] for level, _, values in log.lines if level == "warning"]
    assert told == [f'{E}: the state is "many", which is no number']


async def test_the_removal_of_the_entity_is_ignored() -> None:
    async with listening(on(), {E: "11"}) as w:
        await w.set_state(E, None)
        await w.set_state(E, "12")
        assert heard(w) == []


async def test_a_bound_may_be_an_entity_which_alone_never_fires() -> None:
    known = {E: "10", "input_number.limit": "20"}
    async with listening(on(", above: input_number.limit"), known) as w:
        await w.set_state("input_number.limit", "5")
        assert heard(w) == []
        await w.set_state(E, "11")
        (told,) = heard(w)
        assert told["above"] == "input_number.limit"
        assert told["below"] is None


@pytest.mark.parametrize("limit", [None, "high"])
async def test_a_bound_that_holds_no_number_warns_and_leaves_the_arming_as_it_was(limit: str | None) -> None:
    log = TestLog()
    async with listening(on(", above: sensor.limit"), {E: "5", "sensor.limit": "10"}, log=log) as w:
        await w.set_state("sensor.limit", limit)
        await w.set_state(E, "12")
        assert heard(w) == []
        await w.set_state("sensor.limit", "10")
        await w.set_state(E, "13")
        assert moves(w) == [("12", "13")]
    assert [values["reason"] for level, _, values in log.lines if level == "warning"]


async def test_while_a_bound_is_not_known_the_number_is_outside() -> None:
    async with listening(on(", above: sensor.limit"), {E: "12", "sensor.limit": "10"}) as w:
        await w.set_state("sensor.limit", "unavailable")
        await w.set_state(E, "13")
        await w.set_state("sensor.limit", "10")
        await w.set_state(E, "14")
        assert moves(w) == [("13", "14")]


async def test_an_attribute_is_looked_at_instead_and_without_it_there_is_no_value() -> None:
    async with listening(on(", above: 10, attribute: level"), {E: ("a", {"level": 5})}) as w:
        await w.set_state(E, "a", {"level": 11})
        await w.set_state(E, "a")
        await w.set_state(E, "b", {"level": "12"})
        assert len(heard(w)) == 2


async def test_a_template_may_give_the_number() -> None:
    asked = ', above: 10, value_template: "{{ state.state | int + state.attributes.extra }}"'
    async with listening(on(asked), {E: ("5", {"extra": 5})}) as w:
        await w.set_state(E, "5", {"extra": 6})
        assert len(heard(w)) == 1


async def test_a_template_that_fails_warns_and_does_not_fire() -> None:
    log = TestLog()
    async with listening(on(', above: 10, value_template: "{{ 1 / (state.state | int) }}"'), {E: "1"}, log=log) as w:
        await w.set_state(E, "0")
        assert heard(w) == []
    assert any("division by zero" in values.get("reason", "") for _, _, values in log.lines)


async def test_for_counts_from_the_way_in_and_moving_inside_neither_ends_nor_renews_it() -> None:
    async with listening(on(", above: 10, for: {minutes: 5}"), {E: "5"}) as w:
        await w.set_state(E, "11")
        await w.advance(200)
        await w.set_state(E, "12")
        await w.advance(99)
        assert heard(w) == []
        await w.advance(1)
        (told,) = heard(w)
        assert (told["to_state"]["state"], told["for"]) == ("11", "0:05:00")


@pytest.mark.parametrize("value", ["10", "unavailable", "unknown"])
async def test_a_hold_ends_when_it_leaves_the_range_or_has_no_value(value: str) -> None:
    async with listening(on(", above: 10, for: 300"), {E: "5"}) as w:
        await w.set_state(E, "11")
        await w.set_state(E, value)
        await w.advance(300)
        assert heard(w) == []


async def test_for_may_be_a_template() -> None:
    async with listening(on(', above: 10, for: "{{ trigger.to_state.state }}"'), {E: "5"}) as w:
        await w.set_state(E, "30")
        await w.advance(29)
        assert heard(w) == []
        await w.advance(1)
        assert len(heard(w)) == 1


async def test_a_hold_and_the_arming_outlast_a_restart() -> None:
    async with listening(on(", above: 10, for: 300"), {E: "5"}) as w:
        await w.set_state(E, "11")
        await w.restart()
        await w.set_state(E, "12")
        await w.advance(300)
        assert moves(w) == [("5", "11")]
        await w.advance(1000)
        assert len(heard(w)) == 1


async def test_a_changed_trigger_is_armed_anew_by_what_is_known() -> None:
    async with listening(on(), {E: "5"}) as w:
        await w.set_state(E, "15")
        await w.load({"a.yaml": rule(on(", above: 20"))})
        await w.set_state(E, "21")
        assert moves(w) == [("5", "15"), ("15", "21")]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "neither above nor below is given"),
        ({"above": 5, "below": 3}, "no number is above 5 and below 3; above must be the smaller one"),
        ({"above": "high"}, "expected a number, or an entity that holds one"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        NumericState({"entity_id": E, **fields})
    assert sentence in str(refused.value)
