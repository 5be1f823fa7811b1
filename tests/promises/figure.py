"""What the test of a promise found, as one line of JSON and as one row of the table."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Coroutine
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """How often a promise was broken: `figure` of `cases`, 0 when it was kept; `note` says what else was counted."""

    promise: str
    cases: int
    figure: int
    seconds: float
    seed: int | None = None
    note: str = ""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def table(figures: Collection[Figure]) -> str:
    """All figures, a row each, in Markdown."""
    rows = [("promise", "cases", "broken", "seconds", "seed", "note"), ("-" * 7, "--:", "--:", "--:", "--:", "---")]
    for each in figures:
        seed = "" if each.seed is None else str(each.seed)
        rows.append((each.promise, f"{each.cases:,}", str(each.figure), f"{each.seconds:.1f}", seed, each.note))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 2)


def new_seed() -> int:
    """A seed nobody chose; whoever uses it says it in the figure."""
    return time.time_ns() % 1_000_000


def at_once(reading: Coroutine[Any, Any, T]) -> T:
    """The result of something that never really waits, such as a read of the journal."""
    try:
        reading.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise RuntimeError("this waits")
