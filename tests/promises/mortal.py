"""A world whose process dies where its power says so, stays dead for a while, and starts again from what is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from engine.journal.api import JournalError
from engine.testing import World
from tests.promises.peril import PerilousJournal

OnDeath = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    """As it should be."""


class Mortal:
    """What happens in a world, through every death; `on_death` is what the journal loses besides."""

    def __init__(self, world: World, front: PerilousJournal, on_death: OnDeath = _nothing) -> None:
        self._world = world
        self._front = front
        self._on_death = on_death
        self.started = world.now
        """When it started the last time."""
        self.died = world.now
        """When it died the last time."""

    async def once(self, fact: str, act: Callable[[], Awaitable[object]]) -> None:
        """Something that its sender repeats until it has arrived; that it has, the sender is told by the test."""
        while await self.dies(act) and not self._front.knows(fact):
            pass

    async def surely(self, act: Callable[[], Awaitable[object]]) -> None:
        """Something that may be done again as often as one likes."""
        while await self.dies(act):
            pass

    async def pass_time(self, end: datetime) -> None:
        """Step by step, so that no time passes for who has died."""
        while self._world.now < end:
            following = min(self._world.next() or end, end)
            await self.surely(partial(self._advance, following))

    async def kill(self, down: float) -> None:
        """Dies now, between two things, for so many seconds."""
        power = self._front.power
        power.is_off, power.down = True, down
        await self._start_again()

    async def dies(self, act: Callable[[], Awaitable[object]]) -> bool:
        """Does it; after a death everything starts again, and the answer is true."""
        if not await self._struck(act):
            return False
        await self._start_again()
        return True

    async def _start_again(self) -> None:
        power = self._front.power
        again = True
        while again:
            self.died = self._world.now
            self._world.clock.abandon()
            self._world.clock.move(timedelta(seconds=power.down))
            power.begin()
            await self._front.revive()
            await self._on_death()
            self.started = self._world.now
            again = await self._struck(lambda: self._world.restart(self._front))

    async def _struck(self, act: Callable[[], Awaitable[object]]) -> bool:
        power = self._front.power
        try:
            await act()
        except (JournalError, asyncio.CancelledError):
            if not power.is_off:
                raise
        return power.is_off

    async def _advance(self, to: datetime) -> None:
        await self._world.advance(max(0.0, (to - self._world.now).total_seconds()))
