"""Problems that a person should mend: they open when something is unwell, and clear by themselves when it is well."""

from __future__ import annotations

from engine.clock import Clock
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.records import Changes, ProblemRecord


class Notices:
    """The open problems, each under a key such as `connection/chakra/token-refused`."""

    def __init__(self, journal: Journal, clock: Clock, log: Log) -> None:
        self._journal = journal
        self._clock = clock
        self._log = log
        self._open: dict[str, ProblemRecord] = {}

    async def load(self) -> None:
        """Takes what the journal holds as open."""
        self._open = {record.key: record for record in await self._journal.problems()}

    def open(self) -> list[ProblemRecord]:
        """The open problems, oldest first."""
        return sorted(self._open.values(), key=lambda record: record.since)

    async def report(self, key: str, code: str, text: str) -> None:
        """Opens a problem; the same one is opened once."""
        if key in self._open:
            return
        record = ProblemRecord(key, code, text, self._clock.now(), None)
        self._open[key] = record
        self._log.error("problem", code=code, text=text)
        await self._write(record)

    async def clear(self, prefix: str) -> None:
        """Closes every open problem whose key begins with `prefix`."""
        for key in [key for key in self._open if key.startswith(prefix)]:
            found = self._open.pop(key, None)
            if found is None:  # closed by somebody else while the one before was written
                continue
            record = found._replace(cleared=self._clock.now())
            self._log.info("problem cleared", code=record.code, text=record.text)
            await self._write(record)

    async def _write(self, record: ProblemRecord) -> None:
        try:
            await self._journal.commit(Changes(put=[record]))
        except JournalError as error:
            self._log.error("a problem could not be written down", code=record.code, reason=str(error))
