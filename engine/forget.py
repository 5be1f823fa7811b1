"""Removes what the journal holds of one contact, by phone number: from every row, and from the bytes of its files.

What is open is ended first: runs that know the number, and sends to it. It works on a journal that no engine works on,
for an engine has rows in memory and would write them again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TypeVar

import phonenumbers

from engine.clock import Ids
from engine.journal.api import Journal
from engine.records import (
    RECORDS,
    Changes,
    Drop,
    DueRecord,
    EffectRecord,
    EventRecord,
    InboxRecord,
    MemoryRecord,
    ProgramRecord,
    RuleRecord,
    RunRecord,
    SeenRecord,
    Update,
    dropped,
)
from engine.values import Json

R = TypeVar("R")

WORD = "forgotten"
REASON = "the contact was forgotten on request"
GONE: Json = {WORD: True}
PAGE = 200
SHORTEST_NATIONAL = 9
"""Digits of a number without its country code that still name one person."""
UNMADE = ("queued", "waiting")
OPEN = ("queued", "running")
DROPPED = (InboxRecord, DueRecord, MemoryRecord, SeenRecord)
"""Rows that mean nothing without what they hold."""
OF_THE_RULES = (ProgramRecord, RuleRecord)


class Forgetting:
    """One contact being forgotten. `phone` is in the form +919876543210."""

    def __init__(self, journal: Journal, phone: str, now: datetime, ids: Ids) -> None:
        self._journal = journal
        self._phone = _written(phone)
        self._now = now
        self._ids = ids
        self.changed: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        """Changes everything, then makes the old bytes unreadable; gives how many rows of each kind were changed.

        Raises JournalError; then it is to be done again.
        """
        await self._end_sends()
        await self._end_runs()
        for record in RECORDS:
            if record not in OF_THE_RULES:
                async for row in self._rows(record):
                    await self._erase(row)
        await self._journal.shred()
        return self.changed

    def holds(self, value: Json) -> bool:
        """Whether the number stands anywhere in it, however it is written."""
        return bool(self._without(value) != value)

    async def _rows(self, record: type[R]) -> AsyncIterator[R]:
        """Rows that hold the number."""
        after: tuple[Any, ...] | None = None
        while rows := await self._journal.page(record, after, PAGE):
            after = _key(rows[-1])
            for row in rows:
                if any(self.holds(value) for value in _values(row)):
                    yield row

    async def _end_sends(self) -> None:
        async for effect in self._rows(EffectRecord):
            if effect.state in UNMADE:
                await self._end_send(effect, "dropped", REASON)
            elif effect.state == "intent":
                await self._end_send(effect, "unsure", f"rulewheel stopped while this was being sent; {REASON}")
            elif effect.state == "unsure":
                await self._journal.commit(Changes(drop=[Drop(DueRecord, (f"settle/{effect.op_id}",))]))

    async def _end_send(self, effect: EffectRecord, state: str, reason: str) -> None:
        values = {"state": state, "reason": reason, "ended": self._now, "due": None}
        told = {"op_id": effect.op_id, "state": state, "reason": reason, "answer": None}
        message = InboxRecord(self._ids.row_id(), effect.run, effect.token, "outcome", told)
        update = Update(EffectRecord, (effect.op_id,), values)
        due = Drop(DueRecord, (f"effect/{effect.op_id}",))
        await self._journal.commit(Changes(update=[update], put=[message], drop=[due]))
        self.changed["open sends ended"] += 1

    async def _end_runs(self) -> None:
        for run in await self._journal.open_runs():
            event = await self._journal.get(EventRecord, (run.event,))
            if self.holds([run.body, run.key]) or (event is not None and self.holds(event.data)):
                await self._end_run(run)

    async def _end_run(self, run: RunRecord) -> None:
        ended = {"state": "done", "outcome": "cancelled", "reason": REASON, "ended": self._now, "body": GONE}
        ended["version"] = run.version + 1
        waits = [due.key for due in await self._journal.dues(f"run/{run.id}/")]
        behind = [each for each in await self._journal.open_runs(run.rule, run.key) if each.id != run.id]
        # The next in the queue would wait for ever for the end of this one: any message sets it going.
        going = [InboxRecord(self._ids.row_id(), each.id, "", "signal", {}) for each in behind[:1]]
        update = Update(RunRecord, (run.id,), ended)
        await self._journal.commit(
            Changes(update=[update], put=going, drop=dropped(DueRecord, [(key,) for key in waits]))
        )
        self.changed["open runs ended"] += 1

    async def _erase(self, row: Any) -> None:
        record, key = type(row), _key(row)
        self.changed[f"{record.TABLE}s"] += 1
        if record in DROPPED or any(self.holds(part) for part in key):
            await self._journal.commit(Changes(drop=[Drop(record, key)]))
            return
        values = {
            column: GONE if column in record.JSON else self._without(value)
            for column, value in zip(record._fields, row, strict=True)
            if self.holds(value)
        }
        if isinstance(row, EffectRecord):
            values |= {"body": GONE, "shown": GONE, "answer": GONE if row.answer is not None else None}
        if isinstance(row, EventRecord):
            values["state"] = "done"
        await self._journal.commit(Changes(update=[Update(record, key, values)]))

    def _without(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._phone.sub(WORD, value)
        if isinstance(value, dict):
            return {self._without(key): self._without(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._without(part) for part in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return WORD if self._phone.fullmatch(str(value)) else value
        return value


def _written(phone: str) -> re.Pattern[str]:
    """The number as people and machines write it: with plus, 00 or nothing, with gaps, or without its country code."""
    parsed = phonenumbers.parse(phone)
    national = str(parsed.national_number)
    gap = r"[\s().\-/]*"
    within = gap.join(national)
    country = rf"(?:\+|00)?{gap}{gap.join(str(parsed.country_code))}{gap}"
    front = rf"(?:{country}|0)?" if len(national) >= SHORTEST_NATIONAL else country
    return re.compile(rf"(?<!\d){front}{within}(?!\d)")


def _key(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, column) for column in type(record).KEY)


def _values(record: Any) -> list[Json]:
    return [value for value in record if not isinstance(value, datetime)]
