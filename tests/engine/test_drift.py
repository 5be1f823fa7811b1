from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest

from engine.drift import Drift
from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.plugin import Connection, TimeSaid
from engine.testing import VirtualClock
from tests.house import TestLog

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Other(Connection):
    """Says a time that is `ahead` of the true one."""

    name: ClassVar[str] = "other"


class Workshop:
    """A clock, somebody who sets it, and another system whose clock is right."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.start = self.clock.now()
        self.other = Other({})
        self.notices = Notices(MemoryJournal(), self.clock, TestLog())
        self.drift = Drift(self.clock, self.clock.elapsed, {"other": self.other}, self.notices)
        self.set: list[timedelta] = []
        self.drift.on_set = self.set.append

    async def looks(self, count: int = 1, *, ahead: timedelta | None = None) -> list[str]:
        """So many looks, before each of which the other one says a time, if `ahead` says how wrong it is."""
        for _ in range(count):
            self.clock.move(timedelta(seconds=20))
            if ahead is not None:
                now = self.start + self.clock.elapsed()
                self.other.time_said = TimeSaid(now + ahead, self.clock.now())
            await self.drift.look()
        return [problem.text for problem in self.notices.open()]


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


async def test_a_clock_that_runs_as_time_does_is_right(shop: Workshop) -> None:
    assert await shop.looks(500) == []
    assert await shop.looks(500, ahead=timedelta(0)) == []
    assert shop.set == []


@pytest.mark.parametrize(("by", "how"), [(2 * HOUR, "forward by 2 hours"), (-3 * MINUTE, "back by 3 minutes")])
async def test_a_clock_that_was_set_is_off_until_it_is_set_back(shop: Workshop, by: timedelta, how: str) -> None:
    await shop.looks(3)
    shop.clock.set(by)
    assert await shop.looks() == [f"this machine's clock was set {how} while rulewheel ran"]
    assert len(await shop.looks(10)) == 1
    shop.clock.set(-by)
    assert await shop.looks() == []
    assert shop.set == [by, -by]


async def test_what_it_was_set_to_is_believed_once_others_say_the_same(shop: Workshop) -> None:
    shop.clock.set(-HOUR)
    shop.start -= HOUR
    assert len(await shop.looks()) == 1
    assert await shop.looks(ahead=timedelta(0)) == []
    assert await shop.looks(10) == []


async def test_where_nobody_names_a_time_what_it_was_set_to_is_believed_after_an_hour(shop: Workshop) -> None:
    shop.clock.set(HOUR)
    assert len(await shop.looks(180)) == 1
    assert await shop.looks() == []
    assert await shop.looks(10) == []


async def test_what_was_said_before_it_was_set_proves_nothing(shop: Workshop) -> None:
    await shop.looks(5, ahead=timedelta(0))
    shop.clock.move(timedelta(seconds=5))
    shop.other.time_said = TimeSaid(shop.clock.now(), shop.clock.now())
    shop.clock.set(HOUR)
    assert len(await shop.looks()) == 1


async def test_a_clock_that_others_contradict_twice_is_off_until_they_agree(shop: Workshop) -> None:
    assert await shop.looks(ahead=2 * MINUTE) == []
    assert await shop.looks(ahead=2 * MINUTE) == ["this machine's clock is 2 minutes behind what other says"]
    assert len(await shop.looks(5)) == 1
    assert await shop.looks(ahead=timedelta(0)) == []
    assert await shop.looks(2, ahead=-70 * timedelta(seconds=1)) == [
        "this machine's clock is 70 seconds ahead of what other says"
    ]


async def test_one_odd_answer_or_a_few_seconds_are_no_proof(shop: Workshop) -> None:
    for _ in range(5):
        assert await shop.looks(ahead=HOUR) == []
        assert await shop.looks(ahead=timedelta(seconds=59)) == []
