from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.threshold import Bounds, Crossing, Threshold, measured
from engine.values import Json, State
from tests.snapshot import NOW

ABOVE = Threshold(above=25)


def walk(threshold: Threshold, *values: float | None, memory: object = None) -> list[Crossing]:
    found = []
    for value in values:
        found.append(threshold.decide(memory, value))
        memory = found[-1].memory
    return found


def movements(threshold: Threshold, *values: float | None, memory: object = None) -> list[str]:
    return [crossing.movement for crossing in walk(threshold, *values, memory=memory)]


def test_it_is_entered_once_and_again_only_after_it_was_left() -> None:
    assert movements(ABOVE, 12, 30, 26, 20, 31) == ["stays outside", "entered", "stays inside", "left", "entered"]


def test_a_bound_itself_is_outside() -> None:
    assert movements(ABOVE, 24, 25, 25.5) == ["stays outside", "stays outside", "entered"]
    assert movements(Threshold(below=5), 6, 5, 4) == ["stays outside", "stays outside", "entered"]


def test_between_two_bounds_both_sides_are_outside() -> None:
    assert movements(Threshold(10, 20), 5, 15, 25, 15, 20) == ["stays outside", "entered", "left", "entered", "left"]


def test_what_was_never_seen_before_crosses_nothing() -> None:
    assert movements(ABOVE, 30, 31) == ["stays inside", "stays inside"]
    assert movements(ABOVE, 30, memory=ABOVE.memory(0)) == ["entered"]


def test_no_value_is_outside_and_arms_again() -> None:
    assert movements(ABOVE, 10, 30, None, 30) == ["stays outside", "entered", "left", "entered"]


def test_memory_is_plain_data_that_says_where_the_value_was() -> None:
    assert ABOVE.decide(None, 30).memory == {"inside": True, "value": 30}
    assert ABOVE.decide(None, None).memory == {"inside": False, "value": None}


def test_the_reason_is_a_sentence_with_the_numbers() -> None:
    assert [crossing.reason for crossing in walk(ABOVE, 12, 30, 26, 25, None, 40, None)] == [
        "12 is not above 25",
        "30 is above 25, it was 12 before",
        "26 is still above 25; it fires only on the way there",
        "25 is not above 25 any more, it was 26 before",
        "no value is not above 25",
        "40 is above 25",
        "no value is not above 25 any more, it was 40 before",
    ]
    assert ABOVE.decide(None, 30).reason == "30 is above 25, and nothing was known before"
    assert Threshold(1.5, 4).decide(None, 5).reason == "5 is not above 1.5 and below 4"


@pytest.mark.parametrize(
    ("threshold", "fault"),
    [
        (Threshold(), "neither above nor below is given; add one of them, such as above: 25"),
        (Threshold(20, 10), "no number is above 20 and below 10; above must be the smaller one"),
        (Threshold(10, 10), "no number is above 10 and below 10; above must be the smaller one"),
        (Threshold(10, 20), ""),
        (ABOVE, ""),
    ],
)
def test_bounds_that_nothing_fits_are_a_fault(threshold: Threshold, fault: str) -> None:
    assert threshold.fault() == fault


def holding(**states: str) -> Callable[[str], State | None]:
    known = {name.replace("__", "."): state for name, state in states.items()}
    return lambda entity: State(entity, known[entity], {}, NOW, NOW) if entity in known else None


def test_bounds_that_entities_hold_are_those_of_now() -> None:
    bounds = Bounds(above=5, below="input_number.most")
    assert bounds.now(holding(input_number__most="20")) == Threshold(5, 20)
    assert bounds.fault() == ""
    assert Bounds(5, 3).fault() == Threshold(5, 3).fault() != ""


@pytest.mark.parametrize(
    ("states", "sentence"),
    [
        ({}, "there is no entity sensor.x to compare with"),
        ({"sensor__x": "high"}, 'sensor.x is "high", which is no number'),
    ],
)
def test_a_bound_without_a_number_is_told_in_words(states: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Bounds(above="sensor.x").now(holding(**states))


def test_while_a_bound_holds_nothing_every_number_is_outside() -> None:
    threshold = Bounds(above="sensor.x").now(holding(sensor__x="unknown"))
    assert not threshold.holds(1000)
    assert str(threshold) == "above a bound that holds no number now"


@pytest.mark.parametrize(("value", "number"), [("5", 5), (" 5.5 ", 5.5), (3, 3), ("unknown", None), (None, None)])
def test_a_state_holds_a_number_or_none_for_now(value: Json, number: float | None) -> None:
    assert measured(value, "it") == number


@pytest.mark.parametrize("value", ["many", "", "nan", "inf", [1], {}])
def test_other_values_are_no_number(value: Json) -> None:
    with pytest.raises(ValueError, match="which is no number"):
        measured(value, "it")
