from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.journal.memory import MemoryJournal
from engine.plugin import Accepted
from engine.records import Changes, CommandRecord
from engine.values import Fact
from tests.house import FailingJournal, House, Outside, PatientClock, TestLog, acting, program


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


async def told(house: House, kind: str, rule: str = "r") -> CommandRecord:
    """A command as a person leaves it."""
    command = CommandRecord(house.ids.row_id(), kind, {"rule": rule}, house.clock.now())
    await house.journal.commit(Changes(put=[command]))
    await house.engine.carry_out(command)
    await house.engine.work()
    return command


async def test_a_command_runs_a_rule_once_however_often_it_is_carried_out() -> None:
    house = House()
    await house.start(acting("- stop: done", conditions='["{{ false }}"]'))
    command = await told(house, "trigger")
    await house.engine.carry_out(command)
    await house.engine.work()
    assert [run.reason for run in await house.runs()] == ["done"]
    assert await house.journal.commands() == []


@pytest.mark.parametrize("kind", ["trigger", "turn-on", "turn-off"])
async def test_a_command_about_a_rule_that_is_not_there_is_taken_away_and_logged(kind: str) -> None:
    log = TestLog()
    house = House(log=log)
    await house.start(acting("- stop: done"))
    await told(house, kind, "gone")
    assert "a command names a rule that is not there" in log.said("warning")
    assert await house.journal.commands() == []


async def test_a_rule_that_was_switched_off_stays_off_after_a_restart_and_comes_back_when_switched_on() -> None:
    house = House()
    only = acting("- delay: 60")
    await house.start(only)
    await house.fire("go")
    await told(house, "turn-off")
    await house.fire("go")
    assert await house.outcomes() == ["cancelled"]
    house = house.again()
    await house.start(only)
    await house.fire("go")
    assert [record.enabled for record in await house.journal.rules()] == [False]
    for _ in range(2):
        await told(house, "turn-on")
    await house.fire("go")
    assert await house.outcomes() == ["cancelled", "running"]


async def test_switching_a_rule_off_ends_its_holds_and_its_triggers_memories() -> None:
    text = """
    - id: r
      triggers: [{trigger: job.entries, job: j7, status: ERROR, above: 2, for: 60}]
      actions: [{stop: done}]
    """
    answer = Accepted({"id": "j7", "counts": {"ERROR": 5}, "total": 9, "state": "running"})
    house = House(outside=Outside(lambda request: answer))
    await house.start(program(text))
    await house.advance(1)
    assert len(await house.journal.dues("hold/")) == 1
    await told(house, "turn-off")
    assert await house.journal.dues("hold/") == []
    assert await house.journal.memories() == []
    await told(house, "turn-on")
    await house.advance(120)
    assert await house.runs() == []
