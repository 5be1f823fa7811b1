"""Looks through all rows for those that somebody else has changed: once an hour, a little at a time (promise P4).

What it finds, and what the other parts meet when they read, is a problem each. Such a row drives nothing meanwhile: the
journal keeps it from who reads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

from engine.clock import Alarm, Clock
from engine.journal.api import Audit, Changed, Journal
from engine.log import veiled
from engine.notices import Notices
from engine.records import RECORDS
from engine.wake import Wake

EVERY = timedelta(hours=1)
PAUSE = timedelta(seconds=1)
ROWS = 250
"""Rows looked at between two pauses, some 3 ms of work; a million rows take an hour so."""
CODE = "row-changed"
KEY = f"{CODE}/"
LOST = "row-key-lost"


class Scrub:
    """Works in rounds over the whole journal; `work` looks at one page of rows."""

    def __init__(self, journal: Journal, clock: Clock, notices: Notices, alarm: Alarm) -> None:
        self._journal = journal
        self._clock = clock
        self._notices = notices
        self._alarm = alarm
        self._round: AsyncIterator[None] | None = None
        self._next = clock.now()
        self._met: set[str] = set()
        self.wake: Wake[Changed] = Wake()
        self.on_mended: Callable[[], Awaitable[None]] = _nobody
        journal.on_changed = self._meet

    async def start(self) -> None:
        """Tells that the key of the codes was lost, until the next start."""
        if not self._journal.key_was_lost:
            await self._notices.clear(LOST)
            return
        text = "the key of the rows' codes was not there: what was changed outside rulewheel before now is not noticed"
        await self._notices.report(LOST, LOST, text)

    def has_met(self, record: type[Any], key: tuple[Any, ...]) -> bool:
        """Whether this row was found changed: whoever would take a row that is not there for leave has to ask."""
        return named(record, key) in self._met

    async def work(self) -> bool:
        """Tells of what others met, and looks at some rows when it is time; false when there was nothing to do."""
        met, some_were_lost = self.wake.take()
        if some_were_lost:
            self._round, self._next = None, self._clock.now()
        for changed in met:
            await self._tell(changed)
        is_time = self._clock.now() >= self._next
        if is_time:
            await self._look()
        self._alarm.at("scrub", self._next, self.wake.say)
        return is_time or bool(met)

    async def _look(self) -> None:
        """Goes on with the round, or begins one; what fails is a round that begins anew."""
        pages, self._round = self._round or self._pages(), None
        if await anext(pages, True) is None:
            self._round = pages
            self._next = self._clock.now() + PAUSE
        else:
            self._next = self._clock.now() + EVERY

    async def _pages(self) -> AsyncIterator[None]:
        found: set[str] = set()
        async for audit in audits(self._journal):
            for changed in audit.changed:
                found.add(await self._tell(changed))
            if audit.rows == ROWS:
                yield
        await self._clear_all_but(found)

    def _meet(self, changed: Changed) -> None:
        self._met.add(named(changed.record, changed.key))
        self.wake.say(changed)

    async def _tell(self, changed: Changed) -> str:
        """Opens the problem of a changed row; gives its name."""
        name = named(changed.record, changed.key)
        text = f"the row {name} was changed outside rulewheel; nothing is done with it"
        await self._notices.report(f"{KEY}{name}", CODE, text)
        return name

    async def _clear_all_but(self, found: set[str]) -> None:
        """Those whose row is as it was again, was written anew or is gone."""
        self._met &= found
        mended = [each.key for each in self._notices.open() if each.key.startswith(KEY)]
        mended = [key for key in mended if key.removeprefix(KEY) not in found]
        if mended:
            await self.on_mended()
        for key in mended:
            await self._notices.clear(key)


async def _nobody() -> None:
    """The `on_mended` of an engine that is only being put together."""


async def audits(journal: Journal) -> AsyncIterator[Audit]:
    """A look at every row there is, page by page."""
    for record in RECORDS:
        audit = Audit(ROWS, None, [])
        while audit.rows == ROWS:
            audit = await journal.audit(record, audit.last, ROWS)
            yield audit


def named(record: type[Any], key: tuple[Any, ...]) -> str:
    """A row by table and key, as it may be shown to people: whatever somebody has made of it."""
    shown = " ".join(str(part) for part in key)
    return f"{record.TABLE}/{veiled(shown.encode('ascii', 'backslashreplace').decode())}"
