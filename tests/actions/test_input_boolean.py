from __future__ import annotations

import pytest

from tests.living import do, state, world

SALE = "input_boolean: {sale: {name: Sale}, holidays: }"


@pytest.mark.parametrize("kind", ["input_boolean", "homeassistant"])
async def test_a_switch_is_turned_on_off_and_over(kind: str) -> None:
    async with world(SALE, f"{kind}.turn_on", f"{kind}.turn_off", f"{kind}.toggle") as w:
        seen = [state(w, "input_boolean.sale")]
        for verb in ("turn_on", "turn_on", "turn_off", "toggle", "toggle"):
            await do(w, f"{kind}.{verb}", {"entity_id": "input_boolean.sale"})
            seen.append(state(w, "input_boolean.sale"))
        assert seen == ["off", "on", "on", "off", "on", "off"]
        assert state(w, "input_boolean.holidays") == "off"


async def test_a_switch_that_stands_so_already_does_not_change() -> None:
    async with world(SALE, "input_boolean.turn_off") as w:
        before = w.state("input_boolean.sale")
        await w.advance(10)
        await do(w, "input_boolean.turn_off", {"entity_id": "input_boolean.sale"})
        assert w.state("input_boolean.sale") == before


@pytest.mark.parametrize("kind", ["input_boolean", "homeassistant"])
async def test_a_switch_that_nobody_declared_fails_the_step(kind: str) -> None:
    async with world(SALE, f"{kind}.toggle") as w:
        outcome, reason = await do(w, f"{kind}.toggle", {"entity_id": "input_boolean.sail"})
        assert outcome == "error"
        assert 'there is no input_boolean "input_boolean.sail"; did you mean "input_boolean.sale"?' in reason
