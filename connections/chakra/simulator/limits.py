"""A token bucket per API key: how many calls a second the simulated API takes."""

from __future__ import annotations

from math import ceil

from connections.chakra.simulator.settings import RateLimit
from engine.clock import Clock


class Buckets:
    """One bucket per key, full at first."""

    def __init__(self, clock: Clock, limit: RateLimit) -> None:
        self._clock = clock
        self._limit = limit
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_for(self, key: str) -> int:
        """0 when the call may pass, else the whole seconds after which it may be tried again."""
        now = self._clock.now().timestamp()
        level, since = self._buckets.get(key, (float(self._limit.burst), now))
        level = min(float(self._limit.burst), level + (now - since) * self._limit.per_second)
        passes = level >= 1
        self._buckets[key] = (level - 1 if passes else level, now)
        return 0 if passes else ceil((1 - level) / self._limit.per_second)
