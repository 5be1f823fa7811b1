"""The trigger on templates, by the sentences of section 3 of the semantics."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.testing import World
from tests.house import TestLog
from tests.triggers.listening import heard, listening, moves, rule

E = "sensor.e"
IS_ON = "{{ is_state('sensor.e', 'on') }}"
GIVES = "{{ states('sensor.e') }}"


def on(template: str, more: str = "") -> str:
    return f'{{trigger: template, value_template: "{template}"{more}}}'


async def test_it_fires_when_the_result_becomes_true() -> None:
    async with listening(on(IS_ON), {E: "off"}) as w:
        for state in ("on", "off", "on"):
            await w.set_state(E, state)
        assert moves(w) == [("off", "on"), ("off", "on")]
        assert [told["entity_id"] for told in heard(w)] == [E, E]


@pytest.mark.parametrize("word", ["true", "True", "yes", "on", "enable", "ENABLE", "1"])
async def test_words_that_are_like_true(word: str) -> None:
    async with listening(on(GIVES), {E: "off"}) as w:
        await w.set_state(E, word)
        assert len(heard(w)) == 1


@pytest.mark.parametrize("word", ["false", "no", "0", "2", "something", "enabled"])
async def test_every_other_word_is_not_true(word: str) -> None:
    async with listening(on(GIVES), {E: "off"}) as w:
        await w.set_state(E, word)
        assert heard(w) == []


@pytest.mark.parametrize(("number", "fires"), [("5", True), ("-1", True), ("0", False)])
async def test_a_number_other_than_0_is_true(number: str, fires: bool) -> None:
    async with listening(on("{{ states('sensor.e') | int(0) }}"), {E: "x"}) as w:
        await w.set_state(E, number)
        assert bool(heard(w)) is fires


async def test_what_is_true_already_has_to_become_false_first() -> None:
    async with listening(on(IS_ON), {E: "on"}) as w:
        await w.set_state(E, "on", {"x": 1})
        assert heard(w) == []
        await w.set_state(E, "off")
        await w.set_state(E, "on")
        assert len(heard(w)) == 1


async def test_an_error_warns_does_not_fire_and_leaves_the_arming_as_it_was() -> None:
    log = TestLog()
    async with listening(on("{{ 10 / states('sensor.e') | int > 4 }}"), {E: "5"}, log=log) as w:
        await w.set_state(E, "0")
        assert heard(w) == []
        await w.set_state(E, "1")
        assert len(heard(w)) == 1
    assert [level for level, _, values in log.lines if "division by zero" in values.get("reason", "")] == ["warning"]


async def test_a_template_with_the_time_is_worked_out_at_the_start_of_each_minute() -> None:
    start = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
    async with listening(on("{{ now().minute == 2 }}"), start=start) as w:
        await w.advance(89)
        assert heard(w) == []
        await w.advance(1)
        (told,) = heard(w)
        assert (told["entity_id"], told["from_state"], told["to_state"]) == (None, None, None)
        await w.advance(3600)
        assert len(heard(w)) == 2


async def test_a_template_with_the_time_hears_entities_as_well() -> None:
    async with listening(on("{{ is_state('sensor.e', 'on') and now().year > 2000 }}"), {E: "off"}) as w:
        await w.advance(10)
        await w.set_state(E, "on")
        assert [told["entity_id"] for told in heard(w)] == [E]


async def test_a_template_hears_what_it_reads_only_now() -> None:
    reads = "{{ is_state('sensor.e', 'on') and is_state('sensor.f', 'on') }}"
    async with listening(on(reads), {E: "off", "sensor.f": "off"}) as w:
        await w.set_state(E, "on")
        await w.set_state("sensor.f", "on")
        assert [told["entity_id"] for told in heard(w)] == ["sensor.f"]


async def test_a_mistake_in_the_template_makes_the_rule_invalid() -> None:
    async with World() as w:
        w.stub("test.heard")
        await w.load({"a.yaml": rule(on("{{ is_state('sensor.e', }}"))})
        assert len(w.problems) == 1


async def test_for_fires_when_it_has_stayed_true() -> None:
    async with listening(on(IS_ON, ", for: {minutes: 5}"), {E: "off"}) as w:
        await w.set_state(E, "on")
        await w.advance(299)
        assert heard(w) == []
        await w.advance(1)
        assert [told["for"] for told in heard(w)] == ["0:05:00"]


async def test_for_0_fires_at_once() -> None:
    async with listening(on(IS_ON, ", for: 0"), {E: "off"}) as w:
        await w.set_state(E, "on")
        assert len(heard(w)) == 1


async def test_a_hold_ends_when_the_template_gives_anything_else() -> None:
    async with listening(on("{{ states('sensor.e') | int }}", ", for: 300"), {E: "0"}) as w:
        await w.set_state(E, "1")
        await w.advance(100)
        await w.set_state(E, "2")
        await w.advance(1000)
        assert heard(w) == []


async def test_a_change_that_gives_the_same_does_not_end_a_hold() -> None:
    async with listening(on(IS_ON, ", for: 300"), {E: "off"}) as w:
        await w.set_state(E, "on")
        await w.set_state(E, "on", {"x": 1})
        await w.advance(300)
        assert len(heard(w)) == 1


async def test_for_may_be_a_template_and_one_that_fails_is_told() -> None:
    log = TestLog()
    async with listening(on(IS_ON, ", for: \"{{ states('sensor.p') }}\""), {E: "off", "sensor.p": "60"}, log=log) as w:
        await w.set_state(E, "on")
        await w.advance(60)
        assert len(heard(w)) == 1
        await w.set_state("sensor.p", "long")
        await w.set_state(E, "off")
        await w.set_state(E, "on")
        await w.advance(1000)
        assert len(heard(w)) == 1
    assert any("`for` cannot be worked out" in values.get("reason", "") for _, _, values in log.lines)


async def test_a_hold_and_the_arming_outlast_a_restart() -> None:
    async with listening(on(IS_ON, ", for: 300"), {E: "off"}) as w:
        await w.set_state(E, "on")
        await w.restart()
        await w.advance(300)
        assert len(heard(w)) == 1
        await w.set_state(E, "on", {"x": 1})
        await w.advance(300)
        assert len(heard(w)) == 1


async def test_it_may_read_the_trigger_variables() -> None:
    more = "  trigger_variables: {wanted: open}\n"
    async with listening(on("{{ is_state('sensor.e', wanted) }}"), {E: "closed"}, more=more) as w:
        await w.set_state(E, "open")
        assert len(heard(w)) == 1


async def test_a_long_result_is_known_again() -> None:
    async with listening(on("{{ 'x' * 500 + states('sensor.e') }}", ", for: 60"), {E: "a"}) as w:
        await w.set_state(E, "a", {"x": 1})
        await w.set_state(E, "b")
        assert heard(w) == []
