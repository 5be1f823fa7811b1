"""The rules folder as it stands: read whole, and patient with files that vanish for a moment (design decision 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from engine.problem import Problem
from engine.rules.book import Shelf, make_book, read_tree
from engine.rules.known import Known
from engine.rules.model import Program

REMOVAL_COUNTS_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at the folder gave; `again` is when to look again because a rule seems to have been removed."""

    programs: Mapping[str, Program]
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]
    stale: frozenset[str]
    again: datetime | None


class Tree:
    """One rules folder. `last` are the programs that run, or ran before the restart."""

    def __init__(self, folder: Path, known: Known, last: Mapping[str, Program]) -> None:
        self._folder = folder
        self._shelf = Shelf(known)
        self._last = dict(last)
        self._missing: dict[str, datetime] = {}

    def read(self, now: datetime) -> Reading:
        """The programs that should run now: half a `git pull` must not cancel anything."""
        book = make_book(read_tree(self._folder), self._shelf, self._last)
        self._missing = {rule: self._missing.get(rule, now) for rule in self._last if rule not in book.programs}
        waiting = {rule: at + REMOVAL_COUNTS_AFTER for rule, at in self._missing.items()}
        kept = {rule: self._last[rule] for rule, at in waiting.items() if at > now}
        self._last = {**book.programs, **kept}
        again = min((at for at in waiting.values() if at > now), default=None)
        return Reading(dict(self._last), book.problems, book.sources, book.stale, again)
