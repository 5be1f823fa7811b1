"""Whether the parts of the engine get on: who began something long ago and has not ended it is stuck.

A part that fails and tries again gets on; what it failed of is a problem of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.clock import Clock

LONGEST = timedelta(seconds=15)
"""For what takes milliseconds, and the 5 s at most that a commit waits for a locked file."""


class Beat(NamedTuple):
    """One piece of work under way."""

    part: str
    began: datetime
    longest: timedelta


class Pulse:
    """Knows since when each part has been at what it does now."""

    def __init__(self, clock: Clock, longest: timedelta = LONGEST) -> None:
        self._clock = clock
        self._longest = longest
        self._beats: dict[object, Beat] = {}

    @contextmanager
    def beat(self, part: str, longest: timedelta | None = None) -> Iterator[None]:
        """One piece of work of a part, from its beginning to its end; it may take `longest`."""
        name = object()
        self._beats[name] = Beat(part, self._clock.now(), longest or self._longest)
        try:
            yield
        finally:
            del self._beats[name]

    def stuck(self) -> list[str]:
        """A sentence for each part that does not get on."""
        now = self._clock.now()
        late = [(part, now - began) for part, began, longest in self._beats.values() if now - began > longest]
        return [f"{part} has not got on for {lasted.total_seconds():.0f} seconds" for part, lasted in late]
