"""Instants of a schedule that passed while rulewheel was not there, and what becomes of them (promise P3)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.calendar import Calendar

LATE: Final = timedelta(minutes=1)
"""How much later than it was due an instant is still on time."""
MOST: Final = 100
"""How many missed instants `each` fires for; older ones are left out."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do with an instant that has come: fire or not, when to look next (None: never again), and why."""

    fires: bool
    following: datetime | None
    reason: str = ""


def turn(calendar: Calendar, at: datetime, now: datetime, missed: str) -> Turn:
    """What becomes of the instant `at` by the rule's `missed`: once, skip or each."""
    if now - at <= LATE:
        return Turn(True, calendar.next_after(at if missed == "each" else max(at, now)))
    if missed == "skip":
        return Turn(False, calendar.next_after(max(at, now - LATE)), "missed: skip leaves it out")
    if missed == "once":
        return Turn(True, calendar.next_after(now), "missed: once fires for it, and for no other before now")
    first = _first_of_newest(calendar, at, now)
    if first > at:
        return Turn(False, first, f"missed: each fires for the newest {MOST} that were missed; older ones are left out")
    return Turn(True, calendar.next_after(at), "missed: each fires for every one")


def _first_of_newest(calendar: Calendar, at: datetime, now: datetime) -> datetime:
    """The oldest of the newest `MOST` instants from `at` to `now`; `at` is one itself.

    It looks back in steps that double, so that a long absence costs no more than a short one.
    """
    back = LATE
    while True:
        start = max(at, now - back)
        found: deque[datetime] = deque(maxlen=MOST)
        count, instant = 0, calendar.next_after(start)
        while instant is not None and instant <= now:
            found.append(instant)
            count += 1
            instant = calendar.next_after(instant)
        if count >= MOST:
            return found[0]
        if start == at:
            return at
        back *= 2
