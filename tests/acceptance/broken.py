"""A daemon with one defence removed, so that a test can show that its absence is noticed.

`python -m tests.acceptance.broken SWITCH rulewheel.yaml`

Methods are replaced with `setattr` (B010), since mypy lets nobody assign to one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.cli import main
from engine.due import Due
from engine.effects import Effects
from engine.executor import Executor
from engine.intake import Intake
from engine.journal import file
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, Conflict, Done, DueRecord, EffectRecord, StepRecord, Update


def no_intent() -> None:
    """Calls are made before anything on disk says so."""

    def unguarded(self: Executor, effect: EffectRecord) -> EffectRecord:
        return effect

    async def begun_at_once(self: Effects, effect: EffectRecord, now: datetime) -> None:
        self._begin(effect)

    setattr(Executor, "_intent", unguarded)  # noqa: B010
    setattr(Effects, "_intend", begun_at_once)  # noqa: B010


def sends_again() -> None:
    """After a restart, what was under way is taken for not sent."""

    async def requeued(self: Effects) -> int:
        left = await self._journal.effects(("intent",), 1000)
        await self._journal.commit(
            Changes(update=[Update(EffectRecord, (each.op_id,), {"state": "queued"}) for each in left])
        )
        return 0

    setattr(Effects, "recover", requeued)  # noqa: B010


def answers_first() -> None:
    """A webhook is answered before its event is on disk."""
    take = Intake.take
    later: list[asyncio.Task[Any]] = []

    async def taken_later(self: Intake, *fact: Any) -> list[str]:
        async def taken() -> None:
            await asyncio.sleep(5)
            await take(self, *fact)

        later.append(asyncio.create_task(taken()))
        return []

    setattr(Intake, "take", taken_later)  # noqa: B010


def trace_apart() -> None:
    """What a run did is written down a while after its state."""
    commit = SqliteJournal.commit
    later: list[asyncio.Task[Any]] = []

    async def in_two(self: SqliteJournal, changes: Changes) -> Done | Conflict:
        steps = [record for record in changes.put if isinstance(record, StepRecord)]
        changes.put = [record for record in changes.put if not isinstance(record, StepRecord)]

        async def written() -> None:
            await asyncio.sleep(0.5)
            await commit(self, Changes(put=steps))

        if steps:
            later.append(asyncio.create_task(written()))
        return await commit(self, changes)

    setattr(SqliteJournal, "commit", in_two)  # noqa: B010


def unsynced() -> None:
    """SQLite hands its writes to the system and never asks whether they are on the disk."""
    connect = file.connect

    def hasty(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    setattr(file, "connect", hasty)  # noqa: B010


def keeps_dues() -> None:
    """That a schedule has fired is written down a while after what it set off."""
    once = Due._once

    async def fired_first(self: Due, row: DueRecord, changes: Changes, keep: bool = False) -> bool:
        if row.kind != "schedule":
            return await once(self, row, changes, keep)
        fired = Changes(put=[record for record in changes.put if not isinstance(record, DueRecord)])
        await self._journal.commit(fired)
        await asyncio.sleep(0.97)  # most of a second, so that a kill at random falls between the two commits
        changes.put = [record for record in changes.put if isinstance(record, DueRecord)]
        return await once(self, row, changes, keep)

    setattr(Due, "_once", fired_first)  # noqa: B010


def hoards() -> None:
    """Whatever comes in stays in memory."""
    take, hoard = Intake.take, list[Any]()

    async def taken(self: Intake, *fact: Any) -> list[str]:
        hoard.append([fact, "x" * 100_000])
        return await take(self, *fact)

    setattr(Intake, "take", taken)  # noqa: B010


SWITCHES = {
    switch.__name__: switch
    for switch in (no_intent, sends_again, answers_first, trace_apart, unsynced, keeps_dues, hoards)
}

if __name__ == "__main__":
    SWITCHES[sys.argv[1]]()
    main(["run", "--settings", sys.argv[2]])
