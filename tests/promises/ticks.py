"""A schedule of every second on the real daemon, killed around due times: what fired twice, and what did not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from engine.records import EventRecord
from tests.acceptance.installation import RUN, Installation
from tests.acceptance.patience import until
from tests.acceptance.verdict import EVERYTHING

RULE = "- id: tick\n  triggers: [{trigger: time_pattern, seconds: /1}]\n  actions: [{stop: it ticked}]\n"
NEAR = 0.05
"""Seconds before or after a due time at which the daemon is killed."""
NOBODY = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Ticks:
    """How many dues fired over so many kills; which of them twice, and which never though they stood in the state."""

    kills: int
    fired: int
    twice: list[datetime]
    missing: list[datetime]

    @property
    def broken(self) -> int:
        return len(self.twice) + len(self.missing)


async def ticks(house: Path, kills: int, seed: int, run: Sequence[str] = RUN) -> Ticks:
    """Kills the daemon right around so many due times; each time the next one takes up what is due."""
    random, installation = Random(f"ticks/{seed}"), Installation(house, NOBODY, "token", run=run)
    installation.rule(RULE)
    waiting: list[datetime] = []
    for _ in range(kills):
        async with installation.daemon() as daemon:
            due = int(time.time()) + random.choice((1, 2))
            await asyncio.sleep(max(0.0, due + random.uniform(-NEAR, NEAR) - time.time()))
            daemon.process.kill()
        async with installation.journal() as journal:
            waiting += [row.at for row in await journal.dues("") if row.kind == "schedule"]
    async with installation.daemon():
        await until(lambda: _after(installation, waiting[-1]))
    fired = Counter(await _fired(installation))
    missing = [due for due in waiting if not fired[due]]
    return Ticks(kills, fired.total(), [due for due, count in fired.items() if count > 1], missing)


async def _after(installation: Installation, due: datetime) -> bool:
    """Whether a later due has fired."""
    return max(await _fired(installation)) > due


async def _fired(installation: Installation) -> list[datetime]:
    async with installation.journal() as journal:
        events = await journal.page(EventRecord, None, EVERYTHING)
    return [datetime.fromisoformat(event.data["now"]) for event in events]
