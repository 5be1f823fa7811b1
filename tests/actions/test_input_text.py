from __future__ import annotations

import pytest

from engine.values import Json
from tests.living import do, state, world

NOTE = "input_text: {note: {min: 2, max: 5, pattern: '[a-z]*'}}"


@pytest.mark.parametrize(
    ("value", "becomes"), [("abc", "abc"), (123, "123"), (True, "True"), ("A-9", "A-9"), (2.5, "2.5")]
)
async def test_a_text_takes_what_fits_whatever_its_pattern(value: Json, becomes: str) -> None:
    async with world(NOTE, "input_text.set_value") as w:
        await do(w, "input_text.set_value", {"entity_id": "input_text.note", "value": value})
        assert state(w, "input_text.note") == becomes


@pytest.mark.parametrize("value", ["a", "abcdef"])
async def test_a_text_that_does_not_fit_stays_as_it_was_and_the_run_goes_on(value: str) -> None:
    async with world(NOTE, "input_text.set_value") as w:
        await do(w, "input_text.set_value", {"entity_id": "input_text.note", "value": "abc"})
        outcome, _ = await do(w, "input_text.set_value", {"entity_id": "input_text.note", "value": value})
        assert (outcome, state(w, "input_text.note")) == ("finished", "abc")


@pytest.mark.parametrize("value", [None, ["abc"], {"a": 1}])
async def test_what_is_no_text_fails_the_step(value: Json) -> None:
    async with world(NOTE, "input_text.set_value") as w:
        outcome, reason = await do(w, "input_text.set_value", {"entity_id": "input_text.note", "value": value})
        assert (outcome, "value: expected text" in reason) == ("error", True)
        assert state(w, "input_text.note") == "unknown"
