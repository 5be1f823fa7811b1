"""Removes what the journal holds of one contact, by phone number: from every row, and from the bytes of its files.

What speaks of the contact need not hold the number: a name stands in the steps of the run, an address in a call that it
makes. So whole runs are erased with all that hangs from them, and with the runs that they set off. What is open of them
is ended first. It works on a journal that no engine works on, for an engine has rows in memory and would write them
again. Interrupted, it can be run again: what was erased already shows what hangs from it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import phonenumbers

from engine.clock import Ids
from engine.journal.api import Changed, Journal
from engine.records import (
    RECORDS,
    Changes,
    CommandRecord,
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
    StepRecord,
    Update,
    WaitRecord,
    dropped,
)
from engine.runs.retry import NOT_AGAIN, cancelled, ended, settle_key
from engine.scrub import audits
from engine.values import Json

R = TypeVar("R")

WORD = "forgotten"
REASON = "the contact was forgotten on request"
GONE: Json = {WORD: True}
PAGE = 200
_WAMID = re.compile(r"wamid\.([A-Za-z0-9+/]+)={0,2}")
_WORDS = re.compile(r"[\w-]+")
EVERY = 1_000_000
SHORTEST_NATIONAL = 9
"""Digits of a number without its country code that still name one person."""
UNMADE = ("queued", "waiting")
IN_DOUBT = ("intent", "unsure")
OPEN = ("queued", "running")
DROPPED = (InboxRecord, DueRecord, MemoryRecord, WaitRecord, SeenRecord, CommandRecord)
"""Rows that mean nothing without what they hold."""
OF_THE_RULES = (ProgramRecord, RuleRecord)
ERASED = {
    EventRecord: ("key", "data"),
    RunRecord: ("key", "reason", "body"),
    StepRecord: ("reason", "detail"),
    EffectRecord: ("body", "shown", "answer", "reason", "limits"),
}
"""What may speak of the contact in rows that belong to it."""


class Forgotten(NamedTuple):
    """How many rows of each table were open and are ended, and how many were erased."""

    ended: Counter[str]
    erased: Counter[str]


class Forgetting:
    """One contact being forgotten. `phone` is in the form +919876543210."""

    def __init__(self, journal: Journal, phone: str, now: datetime, ids: Ids) -> None:
        self._journal = journal
        self._phone = _written(phone)
        self._now = now
        self._ids = ids
        self._events: set[str] = set()
        self._runs: set[str] = set()
        self._sends: set[str] = set()
        self._done = Forgotten(Counter(), Counter())

    async def run(self) -> Forgotten:
        """Changes everything, then makes the old bytes unreadable.

        Raises JournalError; then it is to be done again.
        """
        await self._find()
        await self._end_runs()
        await self._end_sends()
        for record in RECORDS:
            if record not in OF_THE_RULES:
                async for row in self._all(record):
                    if self._belongs(row) or self._names(row):
                        await self._erase(row)
        await self._drop_changed()
        await self._journal.shred()
        return self._done

    def holds(self, value: Json) -> bool:
        """Whether the number stands anywhere in it, however it is written."""
        return bool(self._without(value) != value)

    async def _all(self, record: type[R]) -> AsyncIterator[R]:
        after: tuple[Any, ...] | None = None
        while rows := await self._journal.page(record, after, PAGE):
            after = _key(rows[-1])
            for row in rows:
                yield row

    def _names(self, row: Any) -> bool:
        """Whether the number stands in the row."""
        return any(self.holds(value) for value in row if not isinstance(value, datetime))

    def _belongs(self, row: Any) -> bool:
        """Whether the row hangs from an event, a run or a send of the contact, though it may not name the number."""
        if isinstance(row, EventRecord):
            return row.id in self._events
        if isinstance(row, RunRecord):
            return row.id in self._runs
        if isinstance(row, DueRecord):
            data = row.data if isinstance(row.data, dict) else {}
            return not self._runs.isdisjoint([data.get("run"), data.get("cause")]) or data.get("op_id") in self._sends
        if isinstance(row, StepRecord):
            named = row.detail.get("op_id") if isinstance(row.detail, dict) else None
            return row.run in self._runs or named in self._sends
        return isinstance(row, EffectRecord | InboxRecord | WaitRecord) and row.run in self._runs

    async def _find(self) -> None:
        """The events, runs and sends of the contact, and those that they caused."""
        named: dict[type[Any], set[str]] = {EventRecord: self._events, RunRecord: self._runs, EffectRecord: self._sends}
        async for changed in self._changed():
            if changed.record in named and any(self.holds(cell) for cell in changed.row):
                named[changed.record].add(str(changed.key[0]))
        async for event in self._all(EventRecord):
            if self._names(event) or event.data == GONE:
                self._events.add(event.id)
        async for run in self._all(RunRecord):
            if self._names(run):
                self._take(run)
        async for effect in self._all(EffectRecord):
            if self._names(effect):
                self._sends.add(effect.op_id)
                await self._find_run(effect.run)
        await self._follow()
        async for effect in self._all(EffectRecord):
            if effect.run in self._runs:
                self._sends.add(effect.op_id)

    async def _follow(self) -> None:
        """What those events and runs set off, and what that set off in turn."""
        found = -1
        while found != (found := len(self._events) + len(self._runs)):
            async for event in self._all(EventRecord):
                if event.cause in self._runs:
                    self._events.add(event.id)
            async for run in self._all(RunRecord):
                if run.event in self._events:
                    self._take(run)

    def _take(self, run: RunRecord) -> None:
        self._runs.add(run.id)
        self._events.add(run.event)

    async def _find_run(self, run_id: str) -> None:
        """A run that is over and spoke to nobody else was about the contact, whatever else it was set off by."""
        run = await self._journal.get(RunRecord, (run_id,))
        if run is not None and run.state not in OPEN and run.id not in self._runs:
            sends = await self._journal.sends(run=run_id, limit=EVERY)
            if all(self.holds(send.recipient) for send in sends if send.recipient):
                self._take(run)

    async def _end_runs(self) -> None:
        for run in await self._journal.open_runs():
            if run.id in self._runs:
                await self._end_run(run)

    async def _end_run(self, run: RunRecord) -> None:
        values = {"state": "done", "outcome": "cancelled", "reason": REASON, "ended": self._now}
        values["version"] = run.version + 1
        waits = [due.key for due in await self._journal.dues(f"run/{run.id}/")]
        behind = [each for each in await self._journal.open_runs(run.rule, run.key) if each.id != run.id]
        # The next in the queue would wait for ever for the end of this one: any message sets it going.
        going = [InboxRecord(self._ids.row_id(), each.id, "", "signal", {}) for each in behind[:1]]
        update = Update(RunRecord, (run.id,), values)
        await self._journal.commit(
            Changes(update=[update], put=going, drop=dropped(DueRecord, [(key,) for key in waits]))
        )
        self._done.ended["run"] += 1

    async def _end_sends(self) -> None:
        """What has not left never will; what may have left is not looked up any more, nor sent again."""
        for effect in await self._journal.effects((*UNMADE, *IN_DOUBT), EVERY):
            if effect.op_id in self._sends:
                await self._end_send(effect)

    async def _end_send(self, effect: EffectRecord) -> None:
        end = cancelled(effect, REASON, self._now).update[0].values
        state, reason = str(end["state"]), str(end["reason"])
        if effect.state in IN_DOUBT:
            state, reason = "dropped", f"{NOT_AGAIN}: {REASON}"
        changes = ended(effect, state, reason, self._now, self._ids)
        if effect.run in self._runs:
            changes.put.clear()  # it has ended and hears nothing any more
        changes.drop += dropped(DueRecord, [(f"effect/{effect.op_id}",), (settle_key(effect.op_id),)])
        await self._journal.commit(changes)
        self._done.ended["effect"] += 1

    async def _erase(self, row: Any) -> None:
        record, key = type(row), _key(row)
        if record in DROPPED or any(self.holds(part) for part in key):
            self._done.erased[record.TABLE] += 1
            await self._journal.commit(Changes(drop=[Drop(record, key)]))
            return
        values = {
            column: GONE if column in record.JSON else self._without(value)
            for column, value in zip(record._fields, row, strict=True)
            if self.holds(value)
        }
        if self._belongs(row) or isinstance(row, EffectRecord):
            values |= {column: self._erased(row, column) for column in ERASED[record]}
        if isinstance(row, EventRecord):
            values["state"] = "done"
        if values != {column: getattr(row, column) for column in values}:
            self._done.erased[record.TABLE] += 1
            await self._journal.commit(Changes(update=[Update(record, key, values)]))

    def _erased(self, row: Any, column: str) -> Json:
        """What is left of a column; the proof of what was accepted, and that this very request ended it, stay."""
        value = getattr(row, column)
        if column in type(row).JSON:
            return GONE if value is not None and column != "limits" else None
        if column == "reason" and (REASON in value or getattr(row, "state", "") == "accepted"):
            return self._without(value)
        return WORD if value else ""

    async def _drop_changed(self) -> None:
        """Rows that somebody else has changed are kept from who reads, but not from being forgotten."""
        ids = self._events | self._runs | self._sends
        async for changed in self._changed():
            words = {word for cell in changed.row if isinstance(cell, str) for word in _WORDS.findall(cell)}
            if not ids.isdisjoint(words) or any(self.holds(cell) for cell in changed.row):
                await self._journal.commit(Changes(drop=[Drop(changed.record, changed.key)]))
                self._done.erased[changed.record.TABLE] += 1

    async def _changed(self) -> AsyncIterator[Changed]:
        async for audit in audits(self._journal):
            for changed in audit.changed:
                yield changed

    def _without(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._phone.sub(WORD, _WAMID.sub(self._without_id, value))
        if isinstance(value, dict):
            return {self._without(key): self._without(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._without(part) for part in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return WORD if self._phone.fullmatch(str(value)) else value
        return value

    def _without_id(self, found: re.Match[str]) -> str:
        """A message id of WhatsApp is base64 with the number of its recipient or sender in it."""
        try:
            told = b64decode(found[1] + "=" * (-len(found[1]) % 4))
        except ValueError:
            return found[0]
        return WORD if self._phone.search(told.decode("ascii", "replace")) else found[0]


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
