"""Removes what is over and older than the settings say: once at the start and once a day, a little at a time.

Nothing that is open is touched: runs that have not ended, effects without an outcome, the programs that either names.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from engine.clock import Alarm, Clock
from engine.journal.api import Journal
from engine.log import Log
from engine.records import (
    Changes,
    Done,
    Drop,
    EffectRecord,
    EventRecord,
    Expect,
    HistoryRecord,
    MemoryRecord,
    ProblemRecord,
    ProgramRecord,
    RunRecord,
    SeenRecord,
    StepRecord,
    dropped,
)
from engine.settings import Keep
from engine.states import States
from engine.wake import Wake

R = TypeVar("R")

Memory = tuple[str, str, str]
"""Whose memory: rule, trigger, subject."""

PRUNED = "rulewheel.pruned"
EVERY = timedelta(days=1)
RUNS = 50
"""Runs looked at before the loop goes on, each with its steps and effects."""
ROWS = 500
WELL = frozenset(("finished", "aborted", "failed_conditions", "failed_single", "failed_cooldown"))
UNTOLD = frozenset(("identities", "history"))
"""What goes without a word; it goes in great numbers."""
OPEN = frozenset(("queued", "intent", "waiting", "unsure"))


class Prune:
    """Works in rounds; `work` does one small part of a round, and asks to be called again until it is over."""

    def __init__(self, journal: Journal, states: States, clock: Clock, keep: Keep, alarm: Alarm, log: Log) -> None:
        self._journal = journal
        self._states = states
        self._clock = clock
        self._keep = keep
        self._alarm = alarm
        self._log = log
        self._parts: AsyncIterator[None] | None = None
        self._next = clock.now()
        self._removed: Counter[str] = Counter()
        self.wake: Wake[None] = Wake()
        self.is_outlived: Callable[[MemoryRecord], bool] = lambda memory: False
        self.on_forgotten: Callable[[Memory], None] = lambda key: None

    async def work(self) -> bool:
        """One part of a round; false when none is due."""
        self.wake.take()
        if self._parts is None and self._clock.now() >= self._next:
            self._parts = self._round()
        parts, self._parts = self._parts, None
        if parts is not None and await anext(parts, True) is None:
            self._parts = parts
            self.wake.say()
            return True
        if parts is not None:
            self._next = self._clock.now() + EVERY
        self._alarm.at("prune", self._next, self.wake.say)
        return parts is not None

    async def _round(self) -> AsyncIterator[None]:
        now = self._clock.now()
        self._removed.clear()
        for part in (
            self._runs(now),
            self._problems(now),
            self._seen(now),
            self._history(now),
            self._memories(),
            self._programs(now),
        ):
            async for _ in part:
                yield
        if self._removed:
            self._log.info("what was old enough was removed", **self._removed)

    async def _runs(self, now: datetime) -> AsyncIterator[None]:
        newest = now - min(self._keep.runs, self._keep.failures)
        async for runs in self._pages(RunRecord, RUNS):
            old = [run for run in runs if self._is_over(run, now)]
            await self._remove("runs", [await self._run(run) for run in old])
            if runs[-1].started > newest:  # their keys sort by the time when they began
                return
            yield

    def _is_over(self, run: RunRecord, now: datetime) -> bool:
        keep = self._keep.runs if run.outcome in WELL else self._keep.failures
        return run.state == "done" and run.ended is not None and run.ended <= now - keep

    async def _run(self, run: RunRecord) -> Changes | None:
        """The run with all that belongs to it; None when an effect of it is open."""
        effects = await self._journal.sends(run=run.id, limit=1_000_000)
        if any(effect.state in OPEN for effect in effects):
            return None
        steps = await self._journal.steps(run.id)
        drops = [*dropped(EffectRecord, [(effect.op_id,) for effect in effects])]
        drops += dropped(StepRecord, [(step.run, step.seq) for step in steps])
        drops += [Drop(EventRecord, (run.event,)), Drop(RunRecord, (run.id,))]
        return Changes(expect=[Expect(RunRecord, (run.id,), {"version": run.version})], drop=drops)

    async def _problems(self, now: datetime) -> AsyncIterator[None]:
        async for problems in self._pages(ProblemRecord, ROWS):
            old = [each for each in problems if each.cleared and each.cleared <= now - self._keep.failures]
            await self._remove("problems", [_unchanged(each, "cleared") for each in old])
            yield

    async def _seen(self, now: datetime) -> AsyncIterator[None]:
        async for identities in self._pages(SeenRecord, ROWS):
            old = [each for each in identities if each.at <= now - self._keep.seen]
            await self._remove("identities", [_unchanged(each, "at") for each in old])
            yield

    async def _history(self, now: datetime) -> AsyncIterator[None]:
        """How entities stood; how they stand now is another matter, and stays."""
        while rows := await self._journal.old_history(now - self._keep.history, ROWS):
            keys = [_key(row) for row in rows]
            await self._remove("history", [Changes(drop=dropped(HistoryRecord, keys))], len(keys))
            yield

    async def _memories(self) -> AsyncIterator[None]:
        """What triggers remember and need no more, such as of a contact who has not written for long."""
        async for memories in self._pages(MemoryRecord, ROWS):
            for memory in filter(self.is_outlived, memories):
                if isinstance(await self._journal.commit(_unchanged(memory, "data")), Done):
                    self._removed["memories"] += 1
                    self.on_forgotten((memory.rule, memory.trigger, memory.subject))
            yield

    async def _programs(self, now: datetime) -> AsyncIterator[None]:
        """Those that nothing names; all runs are looked through only where there may be one."""
        old: list[ProgramRecord] = []
        async for programs in self._pages(ProgramRecord, RUNS):
            old += [each for each in programs if each.at <= now - self._keep.failures]
            yield
        named = {rule.program for rule in await self._journal.rules()}
        named |= {event.program for event in await self._journal.new_events(1_000_000)}
        old = [program for program in old if program.hash not in named]
        if not old:
            return
        async for runs in self._pages(RunRecord, RUNS):
            named |= {run.program for run in runs}
            yield
        # A program that is adopted again meanwhile is put again, at a later time.
        await self._remove("programs", [_unchanged(each, "at") for each in old if each.hash not in named])

    async def _pages(self, record: type[R], size: int) -> AsyncIterator[list[R]]:
        after: tuple[Any, ...] | None = None
        while rows := await self._journal.page(record, after, size):
            after = _key(rows[-1])
            yield rows

    async def _remove(self, what: str, changes: list[Changes | None], each_removes: int = 1) -> None:
        """Commits each for itself, and writes down how many there were."""
        done = await asyncio.gather(*[self._journal.commit(each) for each in changes if each is not None])
        removed = sum(isinstance(each, Done) for each in done) * each_removes
        if not removed:
            return
        self._removed[what] += removed
        now = self._clock.now()
        told = {**self._removed, "runs_before": (now - self._keep.runs).isoformat()}
        told["failures_before"] = (now - self._keep.failures).isoformat()
        record = self._states.changed(PRUNED, now.isoformat(), told, now)
        if record is not None and what not in UNTOLD:
            await self._journal.commit(Changes(put=[record]))
            self._states.take(record)


def _key(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, column) for column in type(record).KEY)


def _unchanged(record: Any, column: str) -> Changes:
    """Drops a row that still has this value."""
    key = _key(record)
    guard = Expect(type(record), key, {column: getattr(record, column)})
    return Changes(expect=[guard], drop=[Drop(type(record), key)])
