"""Time, ids and chance, handed in: the engine never asks the machine for them itself."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The one source of time. `now` is always aware and in UTC."""

    def now(self) -> datetime: ...

    async def sleep_until(self, when: datetime) -> None: ...


class Ids(Protocol):
    """The one source of ids and randomness."""

    def op_id(self) -> str:
        """128 random bits as 32 lower-case hex digits (promises, Words)."""
        ...

    def row_id(self) -> str:
        """An id that sorts by the time it was made; shape: 26 characters of `0-9a-z`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, when: datetime) -> None:
        await asyncio.sleep(max(0.0, (when - self.now()).total_seconds()))


def elapsed() -> timedelta:
    """Time since some moment, whatever the clock was set to; while the machine sleeps it passes too, on Linux."""
    name = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return timedelta(seconds=time.clock_gettime(name))


class SystemIds:
    """Ids from the machine's randomness and clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def op_id(self) -> str:
        return secrets.token_hex(16)

    def row_id(self) -> str:
        micros = int(self._clock.now().timestamp() * 1_000_000)
        self._last = max(micros, self._last + 1)
        return f"{self._last:014x}{secrets.token_hex(6)}"


class Alarm(Protocol):
    """Rings at a time; one ring a name, the latest setting counts, None silences it."""

    def at(self, name: str, when: datetime | None, ring: Callable[[], None]) -> None: ...
