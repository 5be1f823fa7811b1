"""The power goes off while a real daemon takes webhooks and calls a service: any part of what is not synced is lost.

One life of the daemon is recorded; then its state is put together as a cut at any place of the recording leaves it, and
opened as the next start opens it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from engine.journal.api import JournalError
from engine.journal.sqlite import SqliteJournal
from engine.records import EffectRecord, EventRecord
from tests.acceptance.installation import Daemon, Installation
from tests.acceptance.patience import until
from tests.acceptance.target import Target
from tests.acceptance.verdict import EVERYTHING, judge, name_of
from tests.promises.recorder import ANSWERED, LEFT, library
from tests.promises.tape import Disk, Said, entries

CALLERS = 8
NOBODY = "http://127.0.0.1:1"
RULE = """\
- id: orders
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: order}]
  actions:
    - action: http.request
      data: {url: "TARGET/orders", json: {event: "{{ trigger.json.event }}"}}
"""


@dataclass(slots=True)
class Found:
    """What cuts left: of how many writes that were in doubt, and what was missing; all lists empty when all is well.

    `unopened` says why the next start has no state. `lost` are events that were answered and are not in the state,
    `unbacked` requests that left and have no intent in it; `unfinished` and `twice` are what daemons came to that went
    on from what was left.
    """

    cuts: int = 0
    in_doubt: int = 0
    gone_on: int = 0
    unopened: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unbacked: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How often a promise was broken."""
        return len(self.unopened) + len(self.lost) + len(self.unbacked) + len(self.unfinished) + len(self.twice)

    def __str__(self) -> str:
        return (
            f"{self.cuts} power cuts with {self.in_doubt} unsynced writes, {self.gone_on} gone on from: "
            f"{len(self.lost)} events lost, {len(self.unbacked)} intents lost, {len(self.unopened)} states lost"
        )


async def blackouts(folder: Path, events: int, cuts: int, continued: int, *, seed: int, switch: str = "sound") -> Found:
    """Cuts the power at so many moments of one life; `continued` of them are gone on from by a daemon.

    Raises Unrecordable where this Python's SQLite cannot be listened to.
    """
    library()
    tape = folder / "tape"
    recorder = (sys.executable, "-m", "tests.promises.recorder", str(tape), switch)
    async with (target := Target()).listening():
        installation = Installation(folder / "recorded", NOBODY, "token", run=recorder)
        installation.rule(RULE.replace("TARGET", target.url))
        async with installation.daemon() as daemon:
            await _post(daemon, events)
        return await _Blackouts(folder, tape, target, Random(f"blackouts/{seed}")).all(cuts, continued)


class _Blackouts:
    def __init__(self, folder: Path, tape: Path, target: Target, random: Random) -> None:
        self._folder = folder
        self._tape = tape
        self._target = target
        self._random = random
        self._disk = Disk()
        self._said: dict[str, set[str]] = {ANSWERED: set(), LEFT: set()}
        self._found = Found()

    async def all(self, cuts: int, continued: int) -> Found:
        """Half of the cuts come right after an answer or right before a request, the others anywhere."""
        words = [number for number, entry in enumerate(entries(self._tape)) if isinstance(entry, Said)]
        places = set(self._random.sample(words, min(cuts // 2, len(words))))
        places |= set(self._random.sample(range(words[-1]), cuts // 2))
        gone_on = set(self._random.sample(sorted(places), continued))
        for number, entry in enumerate(entries(self._tape)):
            if isinstance(entry, Said):
                self._said[entry.kind].add(entry.what)
            else:
                self._disk.take(entry)
            if number in places:
                await self._cut(self._folder / str(number), goes_on=number in gone_on)
        return self._found

    async def _cut(self, folder: Path, *, goes_on: bool) -> None:
        house = Installation(folder, NOBODY, "token")
        self._disk.cut(house.state.parent, self._random)
        self._found.cuts += 1
        try:
            events, intents = await _left(house.state)
        except JournalError as error:
            self._found.unopened.append(str(error))
            events, intents, goes_on = set(), set(), False
        self._found.in_doubt += self._disk.unsafe
        self._found.lost += self._said[ANSWERED] - events
        self._found.unbacked += self._said[LEFT] - intents
        if goes_on:
            await self._go_on(house)
        shutil.rmtree(folder)

    async def _go_on(self, house: Installation) -> None:
        """The next daemon finishes what was left, and does nothing that was under way."""
        house.rule(RULE.replace("TARGET", self._target.url))
        before = len(self._target.calls)
        async with house.daemon():
            await until(house.is_idle)
        async with house.journal() as journal:
            verdict = await judge(journal, self._said[ANSWERED], [])
        self._found.gone_on += 1
        self._found.unfinished += verdict.lost + verdict.unfinished + verdict.unsent
        self._found.twice += {call.key for call in self._target.calls[before:]} & self._said[LEFT]


async def _left(state: Path) -> tuple[set[str], set[str]]:
    """What the next start finds: the names of its events, and the requests that it knows to have been under way."""
    journal = SqliteJournal.open(state, owner="the test")
    try:
        events = {name_of(event) for event in await journal.page(EventRecord, None, EVERYTHING)}
        effects = await journal.page(EffectRecord, None, EVERYTHING)
    finally:
        await journal.close()
    return events, {effect.op_id for effect in effects if effect.attempts}


async def _post(daemon: Daemon, events: int) -> None:
    left = deque(range(events))
    path = daemon.installation.path_of("order")

    async def caller(client: httpx.AsyncClient) -> None:
        while left:
            answer = await client.post(path, json={"event": f"order-{left.popleft()}"})
            assert answer.status_code == 200

    async with httpx.AsyncClient(base_url=daemon.url, trust_env=False, verify=False, timeout=60) as client:
        await asyncio.gather(*[caller(client) for _ in range(CALLERS)])
