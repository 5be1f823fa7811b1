"""The rule files as they stand: read whole, and patient with files that vanish for a moment (design decision 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.journal.api import Journal
from engine.log import Log
from engine.notices import Notices
from engine.problem import Problem, ProblemError
from engine.records import ProgramRecord
from engine.remedies import RULE_FILES
from engine.rules.book import RuleFile, Shelf, make_book
from engine.rules.known import Known
from engine.rules.model import Program

REMOVAL_COUNTS_AFTER = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at the files gave; `again` is when to look again because a rule seems to have been removed."""

    programs: Mapping[str, Program]
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]
    stale: frozenset[str]
    again: datetime | None

    async def tell(self, notices: Notices) -> None:
        """Opens a problem for each mistake in the files, and closes those of mistakes that were mended."""
        current = {f"{RULE_FILES}{problem.place or ''}/{problem.code}": problem for problem in self.problems}
        for record in notices.open():
            if record.key.startswith(RULE_FILES) and record.key not in current:
                await notices.clear(record.key)
        for key, problem in current.items():
            if problem.severity == "error":
                await notices.report(key, problem.code, str(problem))


class Tree:
    """All rule files, as `files` finds them. `last` are the programs that run, or ran before the restart."""

    def __init__(self, files: Callable[[], Iterable[RuleFile]], known: Known, last: Mapping[str, Program]) -> None:
        self._files = files
        self._shelf = Shelf(known)
        self._last = dict(last)
        self._missing: dict[str, datetime] = {}

    def read(self, now: datetime) -> Reading:
        """The programs that should run now: half a `git pull` must not cancel anything."""
        book = make_book(self._files(), self._shelf, self._last)
        self._missing = {rule: self._missing.get(rule, now) for rule in self._last if rule not in book.programs}
        waiting = {rule: at + REMOVAL_COUNTS_AFTER for rule, at in self._missing.items()}
        kept = {rule: self._last[rule] for rule, at in waiting.items() if at > now}
        self._last = {**book.programs, **kept}
        again = min((at for at in waiting.values() if at > now), default=None)
        return Reading(dict(self._last), book.problems, book.sources, book.stale, again)

    def know(self, known: Known) -> None:
        """Judges the files by this from now on."""
        self._shelf = Shelf(known)


async def last_programs(journal: Journal, rebuild: Callable[[ProgramRecord], Program], log: Log) -> dict[str, Program]:
    """The programs that ran before the restart, by rule."""
    found = {}
    for rule in await journal.rules():
        record = await journal.get(ProgramRecord, (rule.program,))
        try:
            if record is not None:
                found[rule.rule] = rebuild(record)
        except ProblemError as error:
            log.warning("a kept rule cannot be used any more", rule=rule.rule, reason=str(error))
    return found
