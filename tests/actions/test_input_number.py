from __future__ import annotations

import pytest

from engine.values import Json
from tests.living import do, state, world

LIMIT = "input_number: {limit: {min: 0, max: 10, initial: 4, step: 2.5}}"
ACTIONS = ("input_number.set_value", "input_number.increment", "input_number.decrement")


async def test_a_number_goes_by_its_step_and_stays_within_its_bounds() -> None:
    async with world(LIMIT, *ACTIONS) as w:
        seen = []
        for verb in ("increment", "increment", "increment", "decrement", "decrement", "decrement", "decrement"):
            await do(w, f"input_number.{verb}", {"entity_id": "input_number.limit"})
            seen.append(state(w, "input_number.limit"))
        assert seen == ["6.5", "9.0", "10.0", "7.5", "5.0", "2.5", "0.0"]


@pytest.mark.parametrize(("value", "becomes"), [(10, "10.0"), ("0", "0.0"), (3.25, "3.25")])
async def test_a_number_takes_any_value_within_its_bounds(value: Json, becomes: str) -> None:
    async with world(LIMIT, *ACTIONS) as w:
        await do(w, "input_number.set_value", {"entity_id": "input_number.limit", "value": value})
        assert state(w, "input_number.limit") == becomes


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (10.5, "input_number.limit goes from 0 to 10, and 10.5 lies outside"),
        (-1, "and -1 lies outside"),
        ("ten", "value: expected a number"),
        (None, "value: expected a number"),
    ],
)
async def test_a_value_that_does_not_fit_fails_the_step(value: Json, reason: str) -> None:
    async with world(LIMIT, *ACTIONS) as w:
        outcome, why = await do(w, "input_number.set_value", {"entity_id": "input_number.limit", "value": value})
        assert (outcome, reason in why) == ("error", True), why
        assert state(w, "input_number.limit") == "4.0"
