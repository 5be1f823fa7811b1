"""A disk that loses, when the power goes off, any part of what was written and not yet synced."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from engine.journal.codes import key_file
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, Conflict, Done
from tests.promises.peril import SYNC, PerilousJournal, Power, off

NAME = "journal.db"
_KEPT = (
    "SELECT 1 FROM event WHERE data LIKE ?",
    "SELECT 1 FROM step WHERE result = 'gathered' AND detail LIKE ?",
)
"""Where an event stands: a digest takes it out of its table into the trace of its run."""


class PerilousDisk(PerilousJournal):
    """A state file; a death puts another in its place: as of the last commit that was answered, and a bit of the rest.

    What is written after that commit lies at the end of the write-ahead log; it is cut anywhere. That a commit is
    synced when it is answered is taken on trust here, and looked at in tests.promises.blackout.
    """

    def __init__(self, folder: Path, power: Power, random: Random) -> None:
        self._folder = folder
        self._random = random
        self._lives = 0
        self._synced = b""
        super().__init__(self._opened(), power)

    def knows(self, fact: str) -> bool:
        with closing(sqlite3.connect(self._path())) as looker:
            return any(looker.execute(where, (f'%"{fact}%',)).fetchone() for where in _KEPT)

    async def commit(self, changes: Changes) -> Done | Conflict:
        self._live()
        self.power.groups.append(1)
        number = len(self.power.groups)
        result = await self.inner.commit(changes)
        if not self.power.is_off and self.power.death(SYNC, number):
            self._tear()
        if self.power.is_off:
            raise off()
        self._synced = self._log().read_bytes()
        return result

    async def revive(self) -> None:
        """Opens what the death has left."""
        if not self._path(self._lives + 1).exists():
            self._tear()
        await self.inner.close()
        self._lives += 1
        self.inner = self._opened()

    def _tear(self) -> None:
        """Copies the files as the death leaves them."""
        following = self._path(self._lives + 1)
        following.parent.mkdir(parents=True)
        key_file(following).write_bytes(key_file(self._path()).read_bytes())
        log = self._log().read_bytes()
        kept = len(self._synced) if log.startswith(self._synced) else len(log)
        following.write_bytes(self._path().read_bytes())
        self._log(following).write_bytes(log[: self._random.randint(kept, len(log))])

    def _opened(self) -> SqliteJournal:
        return SqliteJournal.open(self._path(), owner="the test")

    def _path(self, life: int | None = None) -> Path:
        return self._folder / str(self._lives if life is None else life) / NAME

    def _log(self, path: Path | None = None) -> Path:
        beside = path or self._path()
        return beside.with_name(f"{beside.name}-wal")
