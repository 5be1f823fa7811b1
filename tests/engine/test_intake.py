from __future__ import annotations

import asyncio

import pytest

from engine.journal.api import Journal, JournalError
from engine.journal.memory import MemoryJournal
from engine.values import Fact, SetState
from tests.engine.test_match import Counting, using
from tests.house import START, FailingJournal, House, TestLog, acting


def tick(**data: object) -> Fact:
    return Fact("event", "tick", data, START)


async def numbers(house: House) -> list[str]:
    await house.engine.work()
    return [run.reason for run in await house.runs()]


async def test_an_event_is_on_disk_when_taking_it_in_returns(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting("- stop: done"))
    reasons = await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": 1}, START))
    (event,) = await journal.new_events(10)
    assert (event.rule, event.data["event"]["data"], event.state) == ("r", {"n": 1}, "new")
    assert reasons == ["r: the event go came"]


async def test_a_fact_that_concerns_nobody_writes_nothing() -> None:
    journal = FailingJournal(MemoryJournal())
    house = House(journal=journal)
    await house.start()
    journal.fails_after = journal.commits
    assert await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, START)) == []


async def test_the_same_event_twice_is_one_run_also_over_a_restart(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(using(Counting))
    await house.engine.intake.take(("event", "tick"), tick(dedupe="a"))
    following = house.again()
    await following.start(using(Counting))
    (reason,) = await following.engine.intake.take(("event", "tick"), tick(dedupe="a"))
    assert reason == "r: tick 2; skipped: a came before"
    await following.engine.intake.take(("event", "tick"), tick(dedupe="b"))
    assert await numbers(following) == ["1", "2"]


async def test_many_at_once_with_one_identity_are_one(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(using(Counting))
    facts = [tick(dedupe=f"{n % 4}") for n in range(40)]
    await asyncio.gather(*[house.engine.intake.take(("event", "tick"), fact) for fact in facts])
    assert sorted(await numbers(house)) == ["1", "2", "3", "4"]


async def test_what_could_not_be_written_was_not_taken_in_and_not_remembered() -> None:
    journal = FailingJournal(MemoryJournal())
    house = House(journal=journal)
    await house.start(using(Counting))
    journal.fails_after = journal.commits
    with pytest.raises(JournalError):
        await house.engine.intake.take(("event", "tick"), tick())
    journal.fails_after = None
    await house.engine.intake.take(("event", "tick"), tick())
    assert await numbers(house) == ["1"]


async def test_a_memory_that_cannot_even_be_read_again_is_logged() -> None:
    class Dead(FailingJournal):
        async def get(self, record: object, key: object) -> None:
            raise JournalError("disk-full", "the test's disk is full")

    log = TestLog()
    journal = Dead(MemoryJournal())
    house = House(journal=journal, log=log)
    await house.engine.start()
    house.engine.matcher.attach([using(Counting)], house.engine.intake.view())
    journal.fails_after = 0
    with pytest.raises(JournalError):
        await house.engine.intake.take(("event", "tick"), tick())
    assert log.said("error")[0] == "the triggers' memories could not be read again"


async def test_an_entity_is_written_with_the_fact_and_seen_at_once() -> None:
    house = House()
    await house.start()
    seen: list[str] = []
    house.engine.matcher.on_fact = lambda fact: seen.append(fact.kind)
    for state in ("running", "running", "finished"):
        await house.engine.intake.take(("poll", "x"), Fact("poll", "a", {}, START), SetState("job.a", state))
    found = house.engine.states.get("job.a")
    assert found is not None
    assert found.state == "finished"
    assert seen == ["poll", "state", "poll", "poll", "state"]
