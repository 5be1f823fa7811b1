"""P11, the same event twice is one run: deliveries many times over, shuffled, at once, and across kills."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

from engine.journal.sqlite import SqliteJournal
from engine.plugin import Decision, Fact, Facts, Fire, Json, Trigger, View, Watch
from engine.records import EventRecord, RunRecord
from engine.testing import CountedIds
from tests.engine.web.test_webhooks import JSON, Hooks
from tests.house import House, program
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 100
LONG = 10_000
MOST = 20
"""How often an event is delivered at most."""
AT_ONCE = 40
KILLS = 0.05
"""How many of the batches are cut off by a kill; their sender sends them again."""
RULE = """\
- id: r
  mode: parallel
  triggers:
    - {trigger: webhook, webhook_id: orders, dedupe: "{{ trigger.json.id }}"}
    - {trigger: delivered}
  actions: [{stop: handled}]
"""


class Delivered(Trigger):
    """An event whose sender names each delivery."""

    name = "delivered"

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", "delivered")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(memory, Fire({"json": fact.data}, dedupe=fact.data["id"]), "it was delivered")


class Forgetful(Delivered):
    """The same without looking at the sender's name for it."""

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        decision = super().decide(memory, fact, view)
        assert isinstance(decision.verdict, Fire)
        return replace(decision, verdict=replace(decision.verdict, dedupe=None))


def run(long: bool, *, defended: bool = True) -> Figure:
    """Runs beyond the first of each event, and events without one."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        return asyncio.run(_deliveries(Path(folder) / "state.db", LONG if long else SHORT, defended))


async def _deliveries(state: Path, events: int, defended: bool) -> Figure:
    watch = Stopwatch()
    seed = new_seed()
    random = Random(seed)
    post = Post(state, random, defended)
    await post.open()
    mail = [f"e{number}" for number in range(events) for _ in range(random.randint(1, MOST))]
    random.shuffle(mail)
    while mail:
        size = random.randint(1, AT_ONCE)
        batch, mail = mail[:size], mail[size:]
        if random.random() < KILLS:
            mail += batch
            await post.is_killed_while_taking(batch)
        else:
            await post.takes(batch)
    runs = await post.close()
    wrong = sum(abs(runs[f"e{number}"] - 1) for number in range(events))
    note = f"extra or missing runs of {events:,} events, in {post.deliveries:,} deliveries over {post.kills} kills"
    return Figure("P11", post.deliveries, wrong, watch.seconds, seed, note)


class Post:
    """An engine over a state file to which deliveries come: even ones by webhook, odd ones with a key of the sender."""

    def __init__(self, state: Path, random: Random, defended: bool) -> None:
        self.deliveries = 0
        self.kills = 0
        self._state = state
        self._random = random
        self._ids = CountedIds()
        text = RULE if defended else RULE.replace(', dedupe: "{{ trigger.json.id }}"', "")
        self._program = program(text, Delivered if defended else Forgetful)

    async def open(self) -> None:
        self._journal = SqliteJournal.open(self._state, owner="test")
        self._house = House(journal=self._journal, ids=self._ids)
        await self._house.start(self._program)

    async def takes(self, batch: list[str]) -> None:
        """All of them at the same time."""
        self.deliveries += len(batch)
        await asyncio.gather(*[self._take(event) for event in batch])
        await self._house.engine.work()

    async def is_killed_while_taking(self, batch: list[str]) -> None:
        """Nobody is answered; some of it may be on disk."""
        self.deliveries += len(batch)
        self.kills += 1
        tasks = [asyncio.create_task(self._take(event)) for event in batch]
        for _ in range(self._random.randint(0, 12)):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._journal.close()
        await self.open()

    async def close(self) -> Counter[str]:
        """How many runs each event had."""
        await self._house.engine.work()
        runs = await self._journal.page(RunRecord, None, 10_000_000)
        events = {each.id: each for each in await self._journal.page(EventRecord, None, 10_000_000)}
        await self._journal.close()
        return Counter(str(events[run.event].data["json"]["id"]) for run in runs)

    async def _take(self, event: str) -> None:
        if int(event[1:]) % 2:
            fact = Fact("event", "delivered", {"id": event}, self._house.clock.now())
            await self._house.engine.intake.take(("event", "delivered"), fact)
            return
        answer = await Hooks(self._house).call(json.dumps({"id": event}).encode(), JSON)
        assert answer.status == 200
