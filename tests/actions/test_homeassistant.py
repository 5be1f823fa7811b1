from __future__ import annotations

from tests.living import do, state, world

ACTIONS = ("homeassistant.turn_on", "homeassistant.turn_off", "homeassistant.toggle")
SCRIPT = "input_boolean: {a: , b: {initial: true}}\nscripts: {greet: {sequence: [{event: greeted}]}}"


async def test_a_switch_a_rule_and_a_script_are_turned_by_the_same_words() -> None:
    async with world(SCRIPT, *ACTIONS, "counter.reset") as w:
        several = ["input_boolean.a", "automation.counter_reset", "script.greet"]
        await do(w, "homeassistant.turn_off", {"entity_id": several})
        assert (state(w, "input_boolean.a"), state(w, "automation.counter_reset")) == ("off", "off")
        assert not w.events("greeted")
        await do(w, "homeassistant.turn_on", {"entity_id": several})
        assert (state(w, "input_boolean.a"), state(w, "automation.counter_reset")) == ("on", "on")
        assert len(w.events("greeted")) == 1
        await do(w, "homeassistant.toggle", {"entity_id": [*several, "input_boolean.b"]})
        assert (state(w, "input_boolean.a"), state(w, "automation.counter_reset")) == ("off", "off")
        assert (state(w, "input_boolean.b"), len(w.events("greeted"))) == ("off", 2)


async def test_what_cannot_be_turned_fails_the_step() -> None:
    async with world("counter: {b: }", *ACTIONS) as w:
        outcome, reason = await do(w, "homeassistant.turn_on", {"entity_id": "counter.b"})
        expected = "expected an entity whose name begins with input_boolean. or automation. or script."
        assert (outcome, expected in reason) == ("error", True)
