"""Time and ids that a test owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class VirtualClock:
    """Stands still until it is moved, and wakes who slept till then."""

    def __init__(self, now: datetime = START) -> None:
        self._now = self._began = now
        self._set = timedelta(0)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((when, woken))
        try:
            await woken
        finally:
            self._sleepers = [each for each in self._sleepers if each[1] is not woken]

    def move(self, by: timedelta) -> None:
        """Lets this much time pass at once."""
        self._now += by
        for sleeper in [each for each in self._sleepers if each[0] <= self._now]:
            self._sleepers.remove(sleeper)
            if not sleeper[1].done():
                sleeper[1].set_result(None)

    def elapsed(self) -> timedelta:
        """How much time has really passed."""
        return self._now - self._began - self._set

    def set(self, by: timedelta) -> None:
        """Somebody sets the clock; no time passes, and who sleeps does so as long as before."""
        self._now += by
        self._set += by
        self._sleepers = [(when + by, woken) for when, woken in self._sleepers]

    def next(self) -> datetime | None:
        """When the first of the sleepers wants to be woken."""
        return min((when for when, _ in self._sleepers), default=None)

    @property
    def sleeping(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleepers)

    def abandon(self) -> None:
        """Cancels whoever sleeps: their process has died."""
        for _, woken in self._sleepers:
            woken.cancel()


class CountedIds:
    """Counts: the same test makes the same ids."""

    def __init__(self) -> None:
        self._made = 0

    def op_id(self) -> str:
        self._made += 1
        return f"{self._made:032x}"

    def row_id(self) -> str:
        self._made += 1
        return f"{self._made:026d}"


class VirtualAlarm:
    """Remembers what would ring; whoever moves the clock rings it."""

    def __init__(self) -> None:
        self.times: dict[str, tuple[datetime, Callable[[], None]]] = {}

    def at(self, name: str, when: datetime | None, ring: Callable[[], None]) -> None:
        self.times.pop(name, None)
        if when is not None:
            self.times[name] = (when, ring)

    def next(self) -> datetime | None:
        """When the first one rings."""
        return min((when for when, _ in self.times.values()), default=None)

    def ring(self, now: datetime) -> None:
        """Rings all that are due."""
        for name in [name for name, (when, _) in self.times.items() if when <= now]:
            _, ring = self.times.pop(name)
            ring()
