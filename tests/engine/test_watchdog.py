from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.pulse import Pulse
from engine.readiness import Readiness
from engine.testing import VirtualClock
from engine.watchdog import Watchdog
from tests.house import TestLog

SECOND = timedelta(seconds=1)


class Manager(Readiness):
    """Remembers when it heard of life."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(watchdog=15 * SECOND)
        self._clock = clock
        self.last_fed = clock.now()
        self.said: list[str] = []

    def alive(self) -> None:
        self.last_fed = self._clock.now()

    def status(self, status: str) -> None:
        self.said.append(status)


async def test_a_part_that_hangs_is_killed_within_30_seconds_whenever_it_began() -> None:
    for began in range(1, 16):
        clock = VirtualClock()
        pulse, manager = Pulse(clock), Manager(clock)
        watching = asyncio.create_task(Watchdog(pulse, manager, clock, TestLog()).run())
        await passes(clock, began)
        with pulse.beat("executor"):
            lasted = 0
            while clock.now() - manager.last_fed < 15 * SECOND:
                await passes(clock, 1)
                lasted += 1
        assert lasted <= 30
        assert manager.said[0].startswith("executor has not got on for")
        await passes(clock, 8)
        assert clock.now() - manager.last_fed < 8 * SECOND
        watching.cancel()


async def passes(clock: VirtualClock, seconds: int) -> None:
    for _ in range(seconds):
        clock.move(SECOND)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
