from __future__ import annotations

import asyncio

import pytest

from engine.values import Fact, Json
from tests.living import do, state, world

ACTIONS = ("counter.increment", "counter.decrement", "counter.reset", "counter.set_value")
ORDERS = "counter: {orders: {initial: 4, step: 2, minimum: 0, maximum: 9}, returns: }"


async def test_a_counter_goes_by_its_step_and_stays_within_its_bounds() -> None:
    async with world(ORDERS, *ACTIONS) as w:
        seen = []
        for verb in (*["increment"] * 3, "decrement", "reset", *["decrement"] * 3):
            await do(w, f"counter.{verb}", {"entity_id": "counter.orders"})
            seen.append(state(w, "counter.orders"))
        assert seen == ["6", "8", "9", "7", "4", "2", "0", "0"]


async def test_several_counters_change_in_one_commit_and_all_means_every_one() -> None:
    async with world(ORDERS, *ACTIONS) as w:
        await do(w, "counter.increment", {"entity_id": "counter.orders, counter.returns"})
        assert (state(w, "counter.orders"), state(w, "counter.returns")) == ("6", "1")
        await do(w, "counter.reset", {"entity_id": "all"})
        assert (state(w, "counter.orders"), state(w, "counter.returns")) == ("4", "0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"entity_id": "counter.orders", "value": 10}, "counter.orders stops at 9, and 10 lies beyond"),
        ({"entity_id": "counter.orders", "value": 3}, "counter.orders goes in steps of 2, and 3 is not a multiple"),
        ({"entity_id": "counter.orders", "value": "many"}, "value: expected a whole number"),
        (
            {"entity_id": "counter.oders", "value": 2},
            'no counter "counter.oders"; did you mean "counter.orders"?',
        ),
        ({"entity_id": "timer.orders", "value": 2}, "expected an entity whose name begins with counter."),
        ({"value": 2}, "entity_id is missing"),
    ],
)
async def test_what_a_counter_cannot_be_set_to_fails_the_step_in_words(data: dict[str, Json], reason: str) -> None:
    async with world(ORDERS, *ACTIONS) as w:
        outcome, why = await do(w, "counter.set_value", data)
        assert outcome == "error"
        assert reason in why
        assert state(w, "counter.orders") == "4"


async def test_when_one_of_several_counters_is_not_there_none_changes() -> None:
    async with world(ORDERS, *ACTIONS) as w:
        outcome, _ = await do(w, "counter.increment", {"entity_id": ["counter.orders", "counter.lost"]})
        assert (outcome, state(w, "counter.orders")) == ("error", "4")


async def test_a_counter_that_is_not_there_does_not_stop_a_run_that_goes_on_after_errors() -> None:
    step = "{action: counter.increment, continue_on_error: true, data: {entity_id: counter.lost}}"
    rule = f"- {{id: a, triggers: [{{trigger: event, event_type: go}}], actions: [{step}, {{event: after}}]}}"
    async with world(ORDERS) as w:
        await w.load({"a.yaml": rule, "entities.yaml": ORDERS})
        await w.fire("go")
        assert len(w.events("after")) == 1


async def test_a_hundred_runs_at_once_lose_no_count() -> None:
    async with world("counter: {orders: }", "counter.increment") as w:
        asked = Fact("event", "counter.increment", {"entity_id": "counter.orders"}, w.now)
        await asyncio.gather(*[w.engine.intake.take(("event", asked.subject), asked) for _ in range(100)])
        await w.advance(1)
        assert state(w, "counter.orders") == "100"
        assert {run.outcome for run in w.runs()} == {"finished"}
        history = await w.journal.history("counter.orders", w.now.replace(year=2000), 1000)
        assert [row.state for row in history] == [str(count) for count in range(101)]
