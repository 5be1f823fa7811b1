"""Looks every 20 seconds for what nobody would notice otherwise, so that it is a problem within a minute (P25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from engine.clock import Clock
from engine.journal.api import Journal, JournalError
from engine.notices import Notices
from engine.pulse import Pulse

EVERY = timedelta(seconds=20)
Look = Callable[[], Awaitable[None]]


class Lookout:
    """Asks the journal whether it can write, and has `looks` look at whatever else there is."""

    def __init__(self, journal: Journal, clock: Clock, notices: Notices, pulse: Pulse, looks: Sequence[Look]) -> None:
        self._journal = journal
        self._clock = clock
        self._notices = notices
        self._pulse = pulse
        self._looks = looks

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        while True:
            with self._pulse.beat("lookout"):
                await self.look()
            await self._clock.sleep_until(self._clock.now() + EVERY)

    async def look(self) -> None:
        """Looks once. While nothing happens nobody writes, so a full disk shows only to who tries."""
        try:
            await self._journal.prove(self._clock.now())
        except JournalError as error:
            await self._notices.journal_failed(error)
        for look in self._looks:
            await look()
