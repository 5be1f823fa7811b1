from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.journal.memory import MemoryJournal
from engine.values import Fact
from tests.house import FailingJournal, House, PatientClock, TestLog, acting, program


async def running(house: House) -> asyncio.Task[None]:
    task = asyncio.create_task(house.engine.run())
    await asyncio.sleep(0.005)
    return task


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_parts_work_by_themselves_until_they_are_stopped() -> None:
    house = House(clock=PatientClock())
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}}'))
    task = await running(house)
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()))
    await asyncio.sleep(0.01)
    await stopped(task)
    await house.engine.stop()
    assert await house.outcomes() == ["finished"]


async def test_a_journal_that_cannot_write_is_a_problem_until_it_can_again() -> None:
    failing = FailingJournal(MemoryJournal())
    log = TestLog()
    house = House(journal=failing, clock=PatientClock(), log=log)
    await house.start(acting("- stop: done"))
    task = await running(house)
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()))
    failing.fails_after = failing.commits
    await asyncio.sleep(0.01)
    assert [record.code for record in house.engine.notices.open()] == ["disk-full"]
    failing.fails_after = None
    await asyncio.sleep(0.02)
    assert house.engine.notices.open() == []
    assert await house.outcomes() == ["finished"]
    await stopped(task)


async def test_a_mistake_in_a_part_is_a_problem_and_does_not_stop_or_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    log = TestLog()
    house = House(clock=PatientClock(), log=log)
    await house.start(acting("- stop: done"))
    calls = 0
    batch = house.engine.executor._batch

    async def broken(*given: Any) -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise RuntimeError("oops")
        await batch(*given)

    monkeypatch.setattr(house.engine.executor, "_batch", broken)
    task = await running(house)
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()))
    await asyncio.sleep(0.05)
    assert not task.done()
    assert calls == 4
    assert await house.outcomes() == ["finished"]
    assert house.engine.notices.open() == []
    assert "a part of rulewheel failed; it goes on" in log.said("error")
    assert "problem" in log.said("error")
    await stopped(task)


@pytest.mark.parametrize("event", ["start", "shutdown"])
async def test_rules_hear_of_the_start(event: str) -> None:
    house = House()
    await house.start(
        program(f"- {{id: r, triggers: {{trigger: homeassistant, event: {event}}}, actions: [{{stop: x}}]}}")
    )
    await house.engine.started()
    await house.engine.work()
    assert await house.outcomes() == (["finished"] if event == "start" else [])


async def test_nothing_to_do_is_nothing_done() -> None:
    house = House()
    await house.start()
    assert not await house.engine.work()
    house.engine.due.wake.say()
    assert not await house.engine.work()
