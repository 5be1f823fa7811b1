from __future__ import annotations

from tests.living import do, state, world


async def test_all_turns_every_switch() -> None:
    async with world("input_boolean: {a: , b: {initial: true}}", "homeassistant.toggle") as w:
        await do(w, "homeassistant.toggle", {"entity_id": "all"})
        assert (state(w, "input_boolean.a"), state(w, "input_boolean.b")) == ("on", "off")


async def test_what_is_no_switch_cannot_be_turned() -> None:
    async with world("input_boolean: {a: }\ncounter: {b: }", "homeassistant.turn_on") as w:
        outcome, reason = await do(w, "homeassistant.turn_on", {"entity_id": "counter.b"})
        assert (outcome, "expected an entity whose name begins with input_boolean." in reason) == ("error", True)
