"""Problems open once, clear by themselves, and a journal that cannot write is one of them."""

from __future__ import annotations

import pytest

from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.log import SilentLog
from engine.notices import Notices
from engine.records import Changes, Conflict, Done
from engine.values import Fact
from tests.house import House, TestClock

FULL = JournalError("disk-full", "The disk is full.")


class Disk(MemoryJournal):
    """A journal that can be filled up."""

    full = False

    async def commit(self, changes: Changes) -> Done | Conflict:
        if self.full:
            raise FULL
        return await super().commit(changes)


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def codes(disk: Disk) -> list[str]:
    return [problem.code for problem in await disk.problems()]


async def test_the_same_problem_is_opened_once_and_cleared_with_its_kind(disk: Disk) -> None:
    notices = Notices(disk, TestClock(), SilentLog())
    await notices.report("connection/chakra/slow", "slow", "Chakra is slow.")
    await notices.report("connection/chakra/slow", "slow", "Chakra is very slow.")
    await notices.report("rules/a.yaml:1/typo", "typo", "A typo.")
    assert [problem.text for problem in notices.open()] == ["Chakra is slow.", "A typo."]
    await notices.clear("connection/chakra/")
    assert await codes(disk) == ["typo"]


async def test_a_problem_whose_end_cannot_be_written_stays_open(disk: Disk) -> None:
    notices = Notices(disk, TestClock(), SilentLog())
    await notices.report("connection/chakra/slow", "slow", "Chakra is slow.")
    disk.full = True
    await notices.clear("connection/")
    assert [problem.code for problem in notices.open()] == ["slow"]


async def test_a_journal_that_cannot_write_is_a_problem_until_it_can(disk: Disk) -> None:
    notices = Notices(disk, TestClock(), SilentLog())
    disk.full = True
    await notices.journal_failed(FULL)
    await notices.try_journal()
    assert ([problem.code for problem in notices.open()], notices.unwell.is_set()) == (["disk-full"], True)
    disk.full = False
    await notices.try_journal()
    assert (notices.open(), notices.unwell.is_set()) == ([], False)
    assert [problem.code for problem in await disk.problems(open_only=False)] == ["disk-full"]


async def test_what_was_open_before_a_restart_is_tried_again(disk: Disk) -> None:
    before = Notices(disk, TestClock(), SilentLog())
    await before.journal_failed(FULL)
    notices = Notices(disk, TestClock(), SilentLog())
    await notices.load()
    assert notices.unwell.is_set()
    await notices.try_journal()
    assert await codes(disk) == []


async def test_a_fact_that_cannot_be_taken_in_opens_the_problem(disk: Disk) -> None:
    house = House(journal=disk)
    await house.engine.start()
    disk.full = True
    entity = house.engine.states.changed("sensor.a", "on", {}, house.clock.now())
    with pytest.raises(JournalError):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()), entity)
    assert [problem.code for problem in house.engine.notices.open()] == ["disk-full"]
