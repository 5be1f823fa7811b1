from __future__ import annotations

import asyncio
from collections.abc import Iterator

from engine.declared.counter import Counter
from engine.journal.memory import MemoryJournal
from engine.states import Snapshot
from engine.testing import World
from engine.values import Fact, SetState
from tests.living import rule, state
from tests.promises.peril import PerilousJournal, Power

ORDERS = "counter.orders"


def one_more(view: Snapshot) -> Iterator[SetState]:
    """What somebody makes of the counter who knows nothing of the others."""
    counter = Counter({})
    yield counter.at(ORDERS, counter.count(view.state(ORDERS)) + 1)


async def test_changes_that_were_decided_side_by_side_lose_nothing() -> None:
    async with World(journal=PerilousJournal(MemoryJournal(), Power())) as w:
        await w.load({"a.yaml": "counter: {orders: }", "b.yaml": rule("counter.increment")})
        asked = Fact("event", "counter.increment", {"entity_id": ORDERS}, w.now)
        by_rules = [w.engine.intake.take(("event", asked.subject), asked) for _ in range(20)]
        by_others = [w.engine.intake.settle(one_more) for _ in range(20)]
        await asyncio.gather(*by_rules, *by_others, w.advance(1))
        await w.advance(1)
        assert state(w, ORDERS) == "40"
        assert {run.outcome for run in w.runs()} == {"finished"}
