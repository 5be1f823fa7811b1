"""The trigger on states, by the sentences of section 3 of the semantics."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from engine.plugin import FieldError
from tests.house import TestLog
from tests.triggers.listening import heard, listening, moves, rule
from triggers.state import StateTrigger

E = "sensor.e"


def on(more: str = "") -> str:
    return f"{{trigger: state, entity_id: {E}{more}}}"


@pytest.mark.parametrize("attribute", ["", ", from: a", ", to: [b, c]", ", not_to: c", ", to: null"])
async def test_a_change_that_fits_fires(attribute: str) -> None:
    async with listening(on(attribute), {E: "a"}) as w:
        await w.set_state(E, "b")
        assert moves(w) == [("a", "b")]


@pytest.mark.parametrize("asked", [", from: b", ", to: c", ", not_from: a", ", not_to: [b, c]", ", not_to: null"])
async def test_a_change_that_does_not_fit_does_not_fire(asked: str) -> None:
    async with listening(on(asked), {E: "a"}) as w:
        await w.set_state(E, "b")
        assert moves(w) == []


async def test_without_any_state_it_fires_on_any_change_of_attributes_too() -> None:
    async with listening(on(), {E: "a"}) as w:
        await w.set_state(E, "a", {"x": 1})
        await w.set_state(E, "b", {"x": 1})
        assert moves(w) == [("a", "a"), ("a", "b")]


async def test_setting_the_same_state_and_attributes_again_is_no_change() -> None:
    async with listening(on(), {E: ("a", {"x": 1})}) as w:
        await w.set_state(E, "a", {"x": 1})
        assert moves(w) == []


@pytest.mark.parametrize("asked", [", to: null", ", from: null", ", to: a", ", not_from: c", ", not_to: c"])
async def test_with_any_of_the_four_even_null_attributes_alone_do_not_fire(asked: str) -> None:
    async with listening(on(asked), {E: "a"}) as w:
        await w.set_state(E, "a", {"x": 1})
        assert moves(w) == []


async def test_an_entity_that_appears_has_no_state_before_and_one_that_goes_none_after() -> None:
    async with listening(on()) as w:
        await w.set_state(E, "a")
        await w.set_state(E, None)
        assert moves(w) == [(None, "a"), ("a", None)]


async def test_to_fires_for_an_entity_that_appears_in_that_state() -> None:
    async with listening(on(", to: a")) as w:
        await w.set_state(E, "a")
        assert moves(w) == [(None, "a")]


async def test_an_attribute_is_compared_and_other_changes_are_ignored() -> None:
    async with listening(on(", attribute: level"), {E: ("a", {"level": 1, "other": 1})}) as w:
        await w.set_state(E, "b", {"level": 1, "other": 2})
        assert moves(w) == []
        await w.set_state(E, "b", {"level": 2, "other": 2})
        (told,) = heard(w)
        assert told["attribute"] == "level"
        assert told["to_state"]["attributes"] == {"level": 2, "other": 2}


@pytest.mark.parametrize(
    ("wanted", "value", "fires"),
    [("200", 200, True), ('"200"', 200, False), ("true", True, True), ("1", True, False), ("[5, x]", "x", True)],
)
async def test_an_attribute_is_compared_by_type(wanted: str, value: Any, fires: bool) -> None:
    async with listening(on(f", attribute: level, to: {wanted}"), {E: "a"}) as w:
        await w.set_state(E, "a", {"level": value})
        assert bool(heard(w)) is fires


async def test_an_attribute_that_is_absent_is_null() -> None:
    async with listening(on(", attribute: level, to: null"), {E: ("a", {"level": 1})}) as w:
        await w.set_state(E, "a")
        assert len(heard(w)) == 1


@pytest.mark.parametrize("entities", ["sensor.a, sensor.b", "[sensor.a, sensor.b]", '"sensor.a,sensor.b"'])
async def test_several_entities_are_a_list_or_stand_with_commas(entities: str) -> None:
    text = entities if entities.startswith(("[", '"')) else f'"{entities}"'
    async with listening(f"{{trigger: state, entity_id: {text}}}") as w:
        for entity in ("sensor.a", "sensor.b", "sensor.c"):
            await w.set_state(entity, "x")
        assert [told["entity_id"] for told in heard(w)] == ["sensor.a", "sensor.b"]


async def test_on_and_off_without_quotes_are_text() -> None:
    async with listening(on(", from: off, to: on"), {E: "off"}) as w:
        await w.set_state(E, "on")
        assert moves(w) == [("off", "on")]


async def test_a_number_as_state_is_read_as_text() -> None:
    async with listening(on(", to: 5"), {E: "4"}) as w:
        await w.set_state(E, "5")
        assert moves(w) == [("4", "5")]


async def test_for_fires_when_it_has_lasted_and_tells_the_state_that_began_it() -> None:
    async with listening(on(", to: b, for: '00:05:00'"), {E: "a"}) as w:
        await w.set_state(E, "b", {"x": 1})
        await w.advance(200)
        await w.set_state(E, "b", {"x": 2})
        await w.advance(99)
        assert heard(w) == []
        await w.advance(1)
        (told,) = heard(w)
        assert told["for"] == "0:05:00"
        assert told["to_state"]["attributes"] == {"x": 1}


@pytest.mark.parametrize("asked", [", to: b", "", ", to: null", ", not_to: a", ", not_from: c"])
async def test_a_hold_ends_when_the_state_is_another(asked: str) -> None:
    async with listening(on(f"{asked}, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.advance(299)
        await w.set_state(E, "a")
        await w.advance(299)
        assert heard(w) == []


async def test_with_from_and_without_to_a_hold_ends_only_at_the_old_state() -> None:
    async with listening(on(", from: a, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.advance(100)
        await w.set_state(E, "c")
        await w.advance(200)
        assert moves(w) == [("a", "b")]
        await w.set_state(E, "a")
        await w.set_state(E, "b")
        await w.advance(100)
        await w.set_state(E, "a")
        await w.advance(300)
        assert moves(w) == [("a", "b")]


async def test_with_from_and_to_a_hold_ends_when_the_state_is_another() -> None:
    async with listening(on(", from: a, to: b, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.set_state(E, "c")
        await w.advance(300)
        assert heard(w) == []


async def test_of_several_old_states_only_the_one_that_it_left_ends_the_hold() -> None:
    async with listening(on(", from: [a, x], for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.set_state(E, "x")
        await w.advance(300)
        assert moves(w) == [("a", "b")]


async def test_a_hold_ends_when_the_entity_goes() -> None:
    async with listening(on(", from: a, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.set_state(E, None)
        await w.advance(300)
        assert moves(w) == []


async def test_attributes_never_end_a_hold_nor_begin_it_anew() -> None:
    async with listening(on(", for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.advance(200)
        await w.set_state(E, "b", {"x": 1})
        await w.advance(100)
        assert moves(w) == [("a", "b")]
        await w.advance(300)
        assert len(heard(w)) == 1


async def test_another_change_that_fits_begins_the_hold_anew() -> None:
    async with listening(on(", to: null, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.advance(200)
        await w.set_state(E, "c")
        await w.advance(299)
        assert moves(w) == []
        await w.advance(1)
        assert moves(w) == [("b", "c")]


async def test_each_entity_has_a_hold_of_its_own() -> None:
    async with listening("{trigger: state, entity_id: [sensor.a, sensor.b], to: x, for: 300}") as w:
        await w.set_state("sensor.a", "x")
        await w.advance(100)
        await w.set_state("sensor.b", "x")
        await w.set_state("sensor.a", "y")
        await w.advance(300)
        assert [told["entity_id"] for told in heard(w)] == ["sensor.b"]


async def test_a_hold_of_an_attribute_is_not_ended_by_the_state() -> None:
    async with listening(on(", attribute: level, to: 2, for: 300"), {E: ("a", {"level": 1})}) as w:
        await w.set_state(E, "a", {"level": 2})
        await w.set_state(E, "b", {"level": 2})
        await w.advance(300)
        assert len(heard(w)) == 1


@pytest.mark.parametrize(
    "period",
    [
        '"{{ 60 * 5 }}"',
        '{minutes: "{{ 5 }}"}',
        '"00:{{ trigger.to_state.attributes.minutes }}:00"',
        "\"{{ states('sensor.period') }}\"",
    ],
)
async def test_for_may_be_a_template(period: str) -> None:
    async with listening(on(f", to: b, for: {period}"), {E: "a", "sensor.period": "00:05:00"}) as w:
        await w.set_state(E, "b", {"minutes": "05"})
        await w.advance(299)
        assert heard(w) == []
        await w.advance(1)
        assert [told["for"] for told in heard(w)] == ["0:05:00"]


async def test_an_error_in_for_is_logged_and_nothing_fires() -> None:
    log = TestLog()
    async with listening(on(", to: b, for: \"{{ states('sensor.none') }}\""), {E: "a"}, log=log) as w:
        await w.set_state(E, "b")
        await w.advance(100_000)
        assert heard(w) == []
    assert any("`for` cannot be worked out: expected a duration" in str(line) for line in log.lines)


async def test_a_hold_of_no_time_fires_at_once() -> None:
    async with listening(on(", to: b, for: 0"), {E: "a"}) as w:
        await w.set_state(E, "b")
        assert [told["for"] for told in heard(w)] == ["0:00:00"]
        await w.set_state(E, "a")
        await w.set_state(E, "b")
        assert len(heard(w)) == 2


async def test_a_hold_goes_on_over_a_restart() -> None:
    async with listening(on(", to: b, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.advance(200)
        await w.restart()
        await w.advance(99)
        assert heard(w) == []
        await w.advance(1)
        assert moves(w) == [("a", "b")]


async def test_a_hold_that_a_change_after_a_restart_contradicts_ends() -> None:
    async with listening(on(", from: a, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.restart()
        await w.set_state(E, "a")
        await w.advance(300)
        assert heard(w) == []


async def test_a_reload_leaves_the_hold_of_an_unchanged_trigger_alone_and_ends_that_of_a_changed_one() -> None:
    async with listening(on(", to: b, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.load({"a.yaml": rule(on(", to: b, for: 300"), "  variables: {x: 1}\n")})
        await w.advance(300)
        assert moves(w) == [("a", "b")]
        await w.set_state(E, "a")
        await w.set_state(E, "b")
        await w.load({"a.yaml": rule(on(", to: b, for: 301"))})
        await w.advance(1000)
        assert len(heard(w)) == 1


async def test_a_rule_that_is_switched_off_loses_its_holds() -> None:
    async with listening(on(", to: b, for: 300"), {E: "a"}) as w:
        await w.set_state(E, "b")
        await w.turn_off("r")
        await w.turn_on("r")
        await w.advance(1000)
        assert heard(w) == []


async def test_times_of_the_states_are_times_in_templates() -> None:
    gone = "{{ (trigger.to_state.last_changed - trigger.from_state.last_changed).total_seconds() | int }}"
    more = f'  variables: {{gone: "{gone}"}}\n  conditions: "{{{{ gone == 90 }}}}"\n'
    async with listening(on(", to: b"), {E: "a"}, more=more) as w:
        await w.advance(90)
        await w.set_state(E, "b")
        assert len(heard(w)) == 1


async def test_common_fields_say_which_trigger_it_was() -> None:
    async with listening(
        f"[{on(', to: x')}, {{trigger: state, entity_id: {E}, to: b, alias: It is b}}]", {E: "a"}
    ) as w:
        await w.set_state(E, "b")
        (told,) = heard(w)
        assert {key: told[key] for key in ("id", "idx", "alias", "platform")} == {
            "id": "1",
            "idx": "1",
            "alias": "It is b",
            "platform": "state",
        }


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"to": "a", "not_to": "b"}, '"to" and "not_to" are both given; keep one of them'),
        ({"from": None, "not_from": "b"}, '"from" and "not_from" are both given; keep one of them'),
        ({"to": True}, 'a state is text, not true or false; write "on" or "off"'),
        ({"to": []}, "expected a state, a list of states, or null for any"),
        ({"entity_id": "Sensor A"}, "expected the name of an entity"),
        ({"entity_id": "sensor.My sensor"}, 'write "sensor.my_sensor"'),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        StateTrigger({"entity_id": E, **fields})
    assert sentence in str(refused.value)


FOR = 5
Step = tuple[int, str, int]


def by_definition(steps: list[Step], fits: Callable[[str, str], bool], returns: bool) -> list[tuple[str, str, int]]:
    """What has to fire, from the whole course of the states: from, to, and when.

    `returns`: only the way back to the old state ends a hold, as with `from` alone.
    """
    found = []
    for i, (at, new, _) in enumerate(steps[1:], 1):
        old = steps[i - 1][1]
        if new == old or not fits(old, new):
            continue
        later = [(t, steps[j - 1][1], s) for j, (t, s, _) in enumerate(steps) if j > i]
        ends = [
            t for t, s, after in later if (after == old if returns else after != new) or (s != after and fits(s, after))
        ]
        if not ends or min(ends) >= at + FOR:
            found.append((old, new, at + FOR))
    return found


@pytest.mark.parametrize(
    ("asked", "fits", "returns"),
    [
        (", to: a", lambda old, new: new == "a", False),
        (", to: null", lambda old, new: True, False),
        (", from: a", lambda old, new: old == "a", True),
        (", from: [a, b]", lambda old, new: old in "ab", True),
        (", from: a, to: b", lambda old, new: (old, new) == ("a", "b"), False),
        (", not_from: a", lambda old, new: old != "a", False),
        (", not_to: [a, b]", lambda old, new: new not in "ab", False),
    ],
)
async def test_holds_are_those_of_the_definition_over_random_courses(
    asked: str, fits: Callable[[str, str], bool], returns: bool
) -> None:
    seed = random.SystemRandom().randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(6):
        async with listening(on(f"{asked}, for: {FOR}"), {E: "a"}) as w:
            began, steps = w.now, [(0, "a", 0)]
            for n in range(1, 25):
                await w.advance(chance.randrange(1, 4))
                steps.append((round((w.now - began).total_seconds()), chance.choice("aabc"), n))
                if chance.random() < 0.1:
                    await w.restart()
                await w.set_state(E, steps[-1][1], {"n": n})
            await w.advance(FOR)
            runs = [round((run.started - began).total_seconds()) for run in w.runs("r")]
            assert [(*move, at) for move, at in zip(moves(w), runs, strict=True)] == by_definition(steps, fits, returns)
