"""Waiting for something to come true in another process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.acceptance.process import PATIENCE

T = TypeVar("T")
LOOK_EVERY = 0.02


async def until(look: Callable[[], Awaitable[T]], seconds: float = PATIENCE) -> T:
    """What `look` gives as soon as that is something. Raises AssertionError with the last that it gave."""
    end = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < end, f"{look} still gives {found!r} after {seconds:g} seconds"
        await asyncio.sleep(LOOK_EVERY)
    return found
