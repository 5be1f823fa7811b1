from __future__ import annotations

from datetime import datetime

import pytest

from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.problem import Problem, ProblemError
from engine.programs import Programs
from engine.records import Changes, ProgramRecord
from engine.rules.model import Program
from tests.house import START, TestClock, TestLog


def program(name: str) -> Program:
    return Program(name, "r", "R", {}, ())


def record(name: str, at: datetime = START) -> ProgramRecord:
    return ProgramRecord(name, "r", {}, "r.yaml", 1, "", at)


class Rebuilding:
    """Counts how often a program is made again."""

    def __init__(self) -> None:
        self.count = 0
        self.journal = MemoryJournal()
        self.notices = Notices(self.journal, TestClock(), TestLog())
        self.programs = Programs(self.journal, self.rebuild, self.notices)

    def rebuild(self, kept: ProgramRecord) -> Program:
        self.count += 1
        if kept.hash == "broken":
            raise ProblemError(Problem("program-outdated", "a plugin is gone"))
        return program(kept.hash)


async def test_programs_of_the_book_and_of_the_book_before_are_at_hand() -> None:
    found = Rebuilding()
    found.programs.take({"r": program("a")})
    found.programs.take({"r": program("b")})
    assert await found.programs.find("a") == program("a")
    assert await found.programs.find("b") == program("b")
    assert found.count == 0


async def test_an_older_one_is_made_again_once() -> None:
    found = Rebuilding()
    await found.journal.commit(Changes(put=[record("a")]))
    assert await found.programs.find("a") == await found.programs.find("a") == program("a")
    assert found.count == 1


async def test_what_is_not_kept_or_cannot_be_used_is_not_found() -> None:
    found = Rebuilding()
    await found.journal.commit(Changes(put=[record("broken")]))
    assert await found.programs.find("nowhere") is None
    assert await found.programs.find("broken") is None
    assert [problem.code for problem in found.notices.open()] == ["program-outdated"]


async def test_only_so_many_older_ones_are_kept_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.programs.OLDER", 2)
    found = Rebuilding()
    for name in "abcd":
        found.programs.take({"r": program(name)})
    assert await found.programs.find("a") is None
    assert await found.programs.find("b") == program("b")
