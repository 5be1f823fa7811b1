"""How one part of the engine tells another that there is work, without calling it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

ROOM = 10_000


class Wake(Generic[T]):
    """Says that there is work and hints at which.

    The journal is the truth: when hints overflow they are thrown away, and `take` says that the journal must be looked
    through instead. A wake begins so, because a restart has no hints. Hints that `keep` is true of are never thrown
    away: whoever gives them bounds their number. Two wakes of one part share its `signal`, and are taken together.
    """

    def __init__(self, signal: asyncio.Event | None = None, keep: Callable[[T], bool] = lambda hint: False) -> None:
        self._hints: deque[T] = deque()
        self._keep = keep
        self._sweep = True
        self._event = signal or asyncio.Event()
        self._event.set()

    def say(self, *hints: T) -> None:
        """There is this work."""
        if len(self._hints) + len(hints) > ROOM:
            self.sweep()
        self._hints.extend(hint for hint in hints if not self._sweep or self._keep(hint))
        self._event.set()

    def sweep(self) -> None:
        """There may be work that nobody hinted at: look in the journal."""
        self._hints = deque(filter(self._keep, self._hints))
        self._sweep = True
        self._event.set()

    def take(self) -> tuple[list[T], bool]:
        """The hints so far, and whether the journal must be looked through."""
        hints, sweep = list(self._hints), self._sweep
        self._hints.clear()
        self._sweep = False
        self._event.clear()
        return hints, sweep

    def __bool__(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        """Returns when there is work."""
        await self._event.wait()
