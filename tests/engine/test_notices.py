from __future__ import annotations

import asyncio
from datetime import timedelta

from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.records import Changes, Conflict, Done
from tests.house import START, FailingJournal, TestClock, TestLog


class Slow(MemoryJournal):
    """Lets others go first."""

    async def commit(self, changes: Changes) -> Done | Conflict:
        await asyncio.sleep(0)
        return await super().commit(changes)


async def test_a_problem_opens_once_and_clears_by_its_prefix() -> None:
    journal, log = MemoryJournal(), TestLog()
    notices = Notices(journal, TestClock(), log)
    await notices.report("a/x", "x", "mend it")
    await notices.report("a/x", "x", "mend it again")
    await notices.report("b/y", "y", "mend this too")
    assert [record.text for record in notices.open()] == ["mend it", "mend this too"]
    await notices.clear("a/")
    assert [record.key for record in await journal.problems()] == ["b/y"]
    (cleared, _) = await journal.problems(open_only=False)
    assert cleared.cleared == START
    assert log.said("error") == ["problem", "problem"]


async def test_the_log_says_what_to_do() -> None:
    log = TestLog()
    await Notices(MemoryJournal(), TestClock(), log).report("a/token-refused", "token-refused", "no")
    assert log.lines[0][2]["remedy"] == "mend the token in secrets.yaml and restart rulewheel"


async def test_what_was_open_is_open_after_a_restart() -> None:
    journal = MemoryJournal()
    await Notices(journal, TestClock(), TestLog()).report("a/x", "x", "mend it")
    notices = Notices(journal, TestClock(), TestLog())
    await notices.load()
    assert [record.code for record in notices.open()] == ["x"]


async def test_two_who_clear_at_once_do_not_disturb_each_other() -> None:
    notices = Notices(Slow(), TestClock(), TestLog())
    for name in "xyz":
        await notices.report(f"a/{name}", name, "mend it")
    await asyncio.gather(notices.clear("a/"), notices.clear("a/"))
    assert notices.open() == []


async def test_a_problem_that_cannot_be_written_is_open_nevertheless() -> None:
    journal, log = FailingJournal(MemoryJournal()), TestLog()
    journal.fails_after = 0
    notices = Notices(journal, TestClock(), log)
    await notices.report("a/x", "disk-full", "make room")
    assert [record.code for record in notices.open()] == ["disk-full"]
    assert "a problem could not be written down" in log.said("error")


async def test_a_journal_that_failed_is_well_when_that_can_be_written_down() -> None:
    journal = FailingJournal(MemoryJournal())
    notices = Notices(journal, TestClock(), TestLog())
    journal.fails_after = 0
    await notices.journal_failed(JournalError("disk-full", "make room"))
    await notices.try_journal()
    assert notices.unwell.is_set()
    assert [record.code for record in notices.open()] == ["disk-full"]
    journal.fails_after = None
    await notices.try_journal()
    assert not notices.unwell.is_set()
    assert notices.open() == []


async def test_a_problem_that_stands_otherwise_is_told_in_new_words_since_the_same_time() -> None:
    journal, clock = MemoryJournal(), TestClock()
    notices = Notices(journal, clock, TestLog())
    await notices.restate("a", "code", "one")
    clock.move(timedelta(seconds=5))
    await notices.restate("a", "code", "two")
    await notices.restate("a", "code", "two")
    (record,) = await journal.problems()
    assert (record.text, record.since) == ("two", START)
