"""The programs that events and runs name: those of the book, and older ones while anything still needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.journal.api import Journal
from engine.notices import Notices
from engine.problem import ProblemError
from engine.records import ProgramRecord
from engine.rules.model import Program

OLDER = 500


class Programs:
    """Finds a program by its hash; what the book has no more is made again from the journal."""

    def __init__(self, journal: Journal, rebuild: Callable[[ProgramRecord], Program], notices: Notices) -> None:
        self._journal = journal
        self._rebuild = rebuild
        self._notices = notices
        self._book: dict[str, Program] = {}
        self._older: dict[str, Program] = {}

    def take(self, programs: Mapping[str, Program]) -> None:
        """Has these at hand from now on, by rule; those of the book before become older ones."""
        for program in self._book.values():
            self._remember(program)
        self._book = {program.hash: program for program in programs.values()}

    async def find(self, name: str) -> Program | None:
        """The program with this hash; None when it is not kept or cannot be used any more, which is a problem."""
        found = self._book.get(name) or self._older.get(name)
        if found is not None:
            return found
        record = await self._journal.get(ProgramRecord, (name,))
        if record is None:
            return None
        try:
            program = self._rebuild(record)
        except ProblemError as error:
            await self._notices.report(f"program/{name}", "program-outdated", str(error))
            return None
        self._remember(program)
        return program

    def _remember(self, program: Program) -> None:
        self._older.pop(program.hash, None)
        self._older[program.hash] = program
        if len(self._older) > OLDER:
            del self._older[next(iter(self._older))]
