from __future__ import annotations

from engine.journal.memory import MemoryJournal
from engine.lookout import Lookout
from engine.notices import Notices
from engine.pulse import Pulse
from tests.house import FailingJournal, TestClock, TestLog


async def test_a_journal_that_cannot_write_is_a_problem_although_nobody_writes_and_clears_when_it_can() -> None:
    journal, clock = FailingJournal(MemoryJournal()), TestClock()
    notices = Notices(journal, clock, TestLog())
    lookout = Lookout(journal, clock, notices, Pulse(clock), ())
    await lookout.look()
    assert notices.open() == []
    journal.fails_after = 0
    await lookout.look()
    assert [problem.key for problem in notices.open()] == ["journal/disk-full"]
    journal.fails_after = None
    await notices.try_journal()
    assert notices.open() == []


async def test_everything_is_looked_at_also_while_the_journal_cannot_write() -> None:
    journal, clock = FailingJournal(MemoryJournal()), TestClock()
    journal.fails_after = 0
    looked: list[str] = []

    async def look() -> None:
        looked.append("so")

    await Lookout(journal, clock, Notices(journal, clock, TestLog()), Pulse(clock), (look, look)).look()
    assert looked == ["so", "so"]
