"""A journal that lives as long as the process: for simulation, rehearsal and tests.

It keeps rows as every store does, encoded, so that nobody's later change to a value reaches what was committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar, cast

from engine.journal.api import Audit, Changed, closed, nobody_told, proof
from engine.journal.rows import Form, Row, RowError, form_of, refused
from engine.records import (
    RECORDS,
    Changes,
    CommandRecord,
    Conflict,
    Done,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    Expect,
    HistoryRecord,
    InboxRecord,
    MemoryRecord,
    ProblemRecord,
    RuleRecord,
    RunRecord,
    StepRecord,
    WaitRecord,
)

R = TypeVar("R")
OPEN = ("queued", "running")
LEFT = ("intent", "accepted", "unsure", "dropped")


class MemoryJournal:
    """Every record type's rows by key, in the order in which they were made."""

    def __init__(self) -> None:
        self._tables: dict[type[Any], dict[tuple[Any, ...], Row]] = {record: {} for record in RECORDS}
        self._closed = False
        self.on_changed: Callable[[Changed], None] = nobody_told
        self.key_was_lost = False

    async def commit(self, changes: Changes) -> Done | Conflict:
        if self._closed:
            raise closed()
        try:
            updates = [(u, form_of(u.record).encode_some(u.values)) for u in changes.update]
            puts = [(type(p), form_of(type(p)).encode(p)) for p in changes.put]
            broken = self._broken(changes)
        except RowError as error:
            raise refused(error) from error
        if broken:
            return Conflict(broken)
        for update, cells in updates:
            self._change(update.record, update.key, dict(zip(update.values, cells, strict=True)))
        for record, row in puts:
            self._tables[record][tuple(row[at] for at in form_of(record).key_places)] = row
        for drop in changes.drop:
            self._tables[drop.record].pop(tuple(drop.key), None)
        return Done()

    def _broken(self, changes: Changes) -> Expect | None:
        for expect in changes.expect:
            if not self._holds(expect):
                return expect
        for update in changes.update:
            if tuple(update.key) not in self._tables[update.record]:
                return Expect(update.record, update.key, {})
        return None

    def _holds(self, expect: Expect) -> bool:
        row = self._tables[expect.record].get(tuple(expect.key))
        if expect.values is None or row is None:
            return expect.values is None and row is None
        form = form_of(expect.record)
        wanted = zip(expect.values, form.encode_some(expect.values), strict=True)
        return all(row[form.columns.index(column)] == cell for column, cell in wanted)

    def _change(self, record: type[Any], key: tuple[Any, ...], cells: dict[str, Any]) -> None:
        table = self._tables[record]
        columns = form_of(record).columns
        table[key] = tuple(cells.get(column, was) for column, was in zip(columns, table[key], strict=True))

    async def get(self, record: type[R], key: tuple[object, ...]) -> R | None:
        row = self._tables[record].get(tuple(key))
        return None if row is None else cast(R, form_of(record).decode(row))

    async def new_events(self, limit: int) -> list[EventRecord]:
        return _first(limit, (e for e in self._all(EventRecord) if e.state == "new"))

    async def open_counts(self) -> dict[str, int]:
        return dict(Counter(run.rule for run in self._all(RunRecord) if run.state in OPEN))

    async def queued_lanes(self) -> set[tuple[str, str]]:
        return {(run.rule, run.key) for run in self._all(RunRecord) if run.state == "queued"}

    async def open_runs(
        self, rule: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        found = [r for r in self._all(RunRecord) if r.state in OPEN and rule in (None, r.rule)]
        return [r for r in found if key in (None, r.key)][:limit]

    async def inbox(self, limit: int) -> list[InboxRecord]:
        return _first(limit, self._all(InboxRecord))

    async def due_before(self, when: datetime, limit: int) -> list[DueRecord]:
        return _first(limit, sorted((d for d in self._all(DueRecord) if d.at <= when), key=lambda due: due.at))

    async def next_due(self) -> datetime | None:
        return min((due.at for due in self._all(DueRecord)), default=None)

    async def dues(self, prefix: str) -> list[DueRecord]:
        return [due for due in self._all(DueRecord) if due.key.startswith(prefix)]

    async def effects(self, states: Collection[str], limit: int) -> list[EffectRecord]:
        return _first(limit, (e for e in self._all(EffectRecord) if e.state in states))

    async def capped_effects(self, since: datetime) -> list[EffectRecord]:
        capped = (e for e in self._all(EffectRecord) if e.caps and e.state in LEFT and e.send_by and e.send_by > since)
        return sorted(capped, key=lambda effect: effect.send_by or since)

    async def memories(self) -> list[MemoryRecord]:
        return list(self._all(MemoryRecord))

    async def waits(self) -> list[WaitRecord]:
        return list(self._all(WaitRecord))

    async def entities(self) -> list[EntityRecord]:
        return list(self._all(EntityRecord))

    async def history(self, entity: str, since: datetime, limit: int) -> list[HistoryRecord]:
        found = [each for each in self._all(HistoryRecord) if each.entity == entity and each.at >= since]
        return _first(limit, sorted(found, key=lambda each: (each.at, each.id)))

    async def old_history(self, before: datetime, limit: int) -> list[HistoryRecord]:
        found = [each for each in self._all(HistoryRecord) if each.at < before]
        return _first(limit, sorted(found, key=lambda each: (each.at, each.id)))

    async def rules(self) -> list[RuleRecord]:
        return list(self._all(RuleRecord))

    async def problems(self, *, open_only: bool = True) -> list[ProblemRecord]:
        return [p for p in self._all(ProblemRecord) if not (open_only and p.cleared)]

    async def commands(self) -> list[CommandRecord]:
        return list(self._all(CommandRecord))

    async def runs(self, *, rule: str | None = None, limit: int = 50) -> list[RunRecord]:
        return _first(limit, (r for r in self._all(RunRecord, newest_first=True) if rule in (None, r.rule)))

    async def steps(self, run: str) -> list[StepRecord]:
        return sorted((s for s in self._all(StepRecord) if s.run == run), key=lambda step: step.seq)

    async def sends(
        self, *, run: str | None = None, states: Collection[str] = (), limit: int = 50
    ) -> list[EffectRecord]:
        newest = self._all(EffectRecord, newest_first=True)
        return _first(limit, (e for e in newest if run in (None, e.run) and (not states or e.state in states)))

    async def sends_to(self, recipient: str, since: datetime, limit: int) -> list[EffectRecord]:
        found = [e for e in self._all(EffectRecord, newest_first=True) if e.recipient == recipient != ""]
        return _first(limit, sorted((e for e in found if e.created >= since), key=lambda e: e.created, reverse=True))

    async def send_with_id(self, connection: str, message_id: str) -> EffectRecord | None:
        newest = self._all(EffectRecord, newest_first=True)
        accepted = (e for e in newest if e.state == "accepted" and e.connection == connection)
        return next((e for e in accepted if isinstance(e.answer, dict) and e.answer.get("id") == message_id), None)

    async def page(self, record: type[R], after: tuple[object, ...] | None, limit: int) -> list[R]:
        table = self._tables[record]
        keys = sorted(key for key in table if after is None or key > after)
        return [cast(R, form_of(record).decode(table[key])) for key in keys[:limit]]

    async def audit(self, record: type[Any], after: tuple[object, ...] | None, limit: int) -> Audit:
        """Nobody else has this memory."""
        keys = sorted(key for key in self._tables[record] if after is None or key > after)[:limit]
        return Audit(len(keys), keys[-1] if keys else None, [])

    async def prove(self, now: datetime) -> None:
        await self.commit(proof(now))

    async def shred(self) -> None:
        """Nothing is on a disk."""

    async def close(self) -> None:
        self._closed = True

    def _all(self, record: type[R], *, newest_first: bool = False) -> Iterable[R]:
        form: Form = form_of(record)
        rows = self._tables[record].values()
        return (cast(R, form.decode(row)) for row in (reversed(rows) if newest_first else rows))


def _first(limit: int, rows: Iterable[R]) -> list[R]:
    return list(islice(rows, limit))
