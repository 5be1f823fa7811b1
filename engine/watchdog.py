"""Feeds the watchdog of the service manager as long as every part gets on; a loop that hangs feeds nothing anyway.

A part that does not get on is known as stuck after 15 seconds at most, and with `WatchdogSec=15` the manager starts
rulewheel anew 15 seconds after the last feed: 30 in all (promise P25).
"""

from __future__ import annotations

from datetime import timedelta

from engine.clock import Clock
from engine.log import Log
from engine.pulse import Pulse
from engine.readiness import Readiness

EVERY = timedelta(seconds=15)
"""Where no manager says how often."""


class Watchdog:
    """Looks at the pulse twice in the time that the manager waits."""

    def __init__(self, pulse: Pulse, readiness: Readiness, clock: Clock, log: Log) -> None:
        self._pulse = pulse
        self._readiness = readiness
        self._clock = clock
        self._log = log

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        every = self._readiness.watchdog / 2 if self._readiness.watchdog is not None else EVERY
        while True:
            stuck = self._pulse.stuck()
            if stuck:
                self._log.error("a part is stuck", reason="; ".join(stuck))
                self._readiness.status("; ".join(stuck))
            elif self._readiness.watchdog is not None:
                self._readiness.alive()
            await self._clock.sleep_until(self._clock.now() + every)
