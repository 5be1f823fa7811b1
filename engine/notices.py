"""Problems that a person should mend: they open when something is unwell, and clear by themselves when it is well."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from engine.clock import Clock
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.records import Changes, ProblemRecord
from engine.remedies import remedy_of

_JOURNAL = "journal/"
MOST_COUNTED = 1_000


class Notices:
    """The open problems, each under a key such as `connection/chakra/messages/token-refused`."""

    def __init__(self, journal: Journal, clock: Clock, log: Log) -> None:
        self._journal = journal
        self._clock = clock
        self._log = log
        self._open: dict[str, ProblemRecord] = {}
        self._came: dict[str, list[datetime]] = {}
        self.unwell = asyncio.Event()

    async def load(self) -> None:
        """Takes what the journal holds as open."""
        self._open = {record.key: record for record in await self._journal.problems()}
        self.unwell.set()

    def open(self) -> list[ProblemRecord]:
        """The open problems, oldest first."""
        return sorted(self._open.values(), key=lambda record: record.since)

    async def report(self, key: str, code: str, text: str) -> None:
        """Opens a problem, with a line in the log; the same one is opened once."""
        if key in self._open:
            return
        record = ProblemRecord(key, code, text, self._clock.now(), None)
        self._open[key] = record
        self._log.error("problem", code=code, text=text, remedy=remedy_of(key, code))
        fault = await self._fault_in_writing(record)
        if fault is not None:
            self._log.error("a problem could not be written down", code=record.code, reason=str(fault))

    def came(self, key: str, since: datetime) -> int:
        """How much of what the problem counts has come after this moment."""
        return sum(at > since for at in self._came.get(key, ()))

    async def more(self, key: str, code: str, text: str) -> None:
        """One more of what a problem counts; its words are of the newest one."""
        await self.restate(key, code, text, [*self._came.get(key, ())[-MOST_COUNTED:], self._clock.now()])

    async def restate(self, key: str, code: str, text: str, came: Sequence[datetime] = ()) -> None:
        """Opens a problem, or says in new words how one stands that is open.

        `came` are the times at which came what it counts: who was told of it is told again when there is more.
        """
        self._came[key] = list(came)
        found = self._open.get(key)
        if found is None:
            await self.report(key, code, text)
        elif found.text != text:
            self._open[key] = found._replace(text=text)
            await self._fault_in_writing(self._open[key])

    async def clear(self, prefix: str) -> None:
        """Closes every open problem whose key begins with `prefix`; what cannot be written down stays open."""
        for key in [key for key in self._open if key.startswith(prefix)]:
            found = self._open.pop(key, None)
            if found is None:  # closed by somebody else while the one before was written
                continue
            came = self._came.pop(key, [])
            record = found._replace(cleared=self._clock.now())
            if await self._fault_in_writing(record):
                self._open.setdefault(key, found)
                self._came.setdefault(key, came)
            else:
                self._log.info("problem cleared", code=record.code, text=record.text)

    async def journal_failed(self, error: JournalError) -> None:
        """Opens the problem that the journal cannot write; `unwell` is set until `try_journal` finds that it can."""
        self.unwell.set()
        await self.report(f"{_JOURNAL}{error.code}", error.code, str(error))

    async def try_journal(self) -> None:
        """Clears what the journal could not do once it can again: that it writes is the proof."""
        try:
            await self._journal.prove(self._clock.now())
        except JournalError:
            return
        await self.clear(_JOURNAL)
        if not any(key.startswith(_JOURNAL) for key in self._open):
            self.unwell.clear()

    async def _fault_in_writing(self, record: ProblemRecord) -> JournalError | None:
        try:
            await self._journal.commit(Changes(put=[record]))
        except JournalError as error:
            return error
        return None
