from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.due import SchedulerAlarm
from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.plugin import Waiting
from engine.records import Changes, DueRecord, EventRecord
from tests.house import START, FailingJournal, House, Outside, acting, program, programs

NINE_THIRTY = """
- id: r
  triggers: {trigger: time, at: "09:30"}
  actions:
    - stop: "{{ trigger.now.isoformat() }}"
"""


def held(above: int = 25, then: str = "x", more: str = "") -> str:
    return f"""
- id: r
  triggers:
    - {{trigger: job.entries, job: j1, status: ERROR, above: {above}, for: 60, every: 10{more}}}
  actions:
    - stop: "{then} {{{{ trigger.count }}}}"
"""


def counted(house: House, **counts: int) -> None:
    from engine.plugin import Accepted

    answer = {"id": "j1", "counts": {"NOT_STARTED": 9, **counts}, "total": 9, "state": "running"}
    house.outside.answer = lambda request: Accepted(answer)


async def reasons(house: House) -> list[str]:
    return [run.reason for run in await house.runs()]


async def test_a_time_fires_once_a_day(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(program(NINE_THIRTY))
    await house.advance(1799)
    assert await reasons(house) == []
    await house.advance(1)
    assert await reasons(house) == ["2026-03-02T09:30:00+00:00"]
    await house.advance(86_400)
    assert await reasons(house) == ["2026-03-02T09:30:00+00:00", "2026-03-03T09:30:00+00:00"]


async def test_times_missed_while_down_fire_once_at_the_start(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(program(NINE_THIRTY))
    house.clock.move(timedelta(days=3))
    following = house.again()
    await following.start(program(NINE_THIRTY))
    assert await reasons(following) == ["2026-03-02T09:30:00+00:00"]
    await following.advance(1800)
    assert await reasons(following) == ["2026-03-02T09:30:00+00:00", "2026-03-05T09:30:00+00:00"]


async def test_the_schedule_of_a_removed_rule_goes() -> None:
    house = House()
    await house.start(program(NINE_THIRTY))
    await house.adopt()
    assert await house.journal.next_due() is None
    await house.advance(86_400)
    assert await reasons(house) == []


async def test_the_schedule_of_an_edited_trigger_moves() -> None:
    house = House()
    await house.start(program(NINE_THIRTY))
    await house.adopt(program(NINE_THIRTY.replace("09:30", "10:00")))
    await house.advance(86_400)
    assert await reasons(house) == ["2026-03-02T10:00:00+00:00"]


async def test_a_cron_with_an_id_that_is_edited_moves_its_row() -> None:
    text = """
    - id: r
      triggers: {trigger: cron, id: c, expression: "%s * * * *"}
      actions:
        - stop: "{{ trigger.now.isoformat()[11:16] }}"
    """
    house = House()
    await house.start(program(text % "10"))
    await house.adopt(program(text % "20"))
    await house.advance(3600)
    assert await reasons(house) == ["09:20"]


async def test_a_schedule_row_that_outlived_its_rule_is_dropped_when_it_is_due() -> None:
    house = House()
    await house.start(acting("- stop: x"))
    await house.journal.commit(Changes(put=[DueRecord("schedule/gone/t/", "schedule", START, {})]))
    house.engine.due.wake.say()
    await house.engine.work()
    assert await house.journal.next_due() is None


async def test_a_hold_fires_after_its_time_with_what_was_true_at_its_start(journal: Journal) -> None:
    house = House(journal=journal)
    counted(house, ERROR=30)
    await house.start(program(held()))
    await house.advance(59)
    assert await reasons(house) == []
    await house.advance(1)
    assert await reasons(house) == ["x 30"]


async def test_a_hold_ends_when_the_value_leaves() -> None:
    house = House()
    counted(house, ERROR=30)
    await house.start(program(held()))
    counted(house, ERROR=3)
    await house.advance(200)
    assert await reasons(house) == []


async def test_a_hold_survives_a_restart(journal: Journal) -> None:
    house = House(journal=journal)
    counted(house, ERROR=30)
    await house.start(program(held()))
    house.clock.move(timedelta(seconds=30))
    following = house.again()
    await following.start(program(held()))
    await following.advance(29)
    assert await reasons(following) == []
    await following.advance(1)
    assert await reasons(following) == ["x 30"]


@pytest.mark.parametrize("more", ["", ", id: errors"])
async def test_a_hold_goes_when_its_trigger_changes(more: str) -> None:
    house = House()
    counted(house, ERROR=30)
    await house.start(program(held(more=more)))
    await house.advance(30)
    await house.adopt(program(held(above=29, more=more)))
    await house.advance(300)
    assert await reasons(house) == []


@pytest.mark.parametrize("more", ["", ", id: errors"])
async def test_a_hold_stays_when_something_else_of_the_rule_changes(more: str) -> None:
    house = House()
    counted(house, ERROR=30)
    await house.start(program(held(more=more)))
    await house.advance(30)
    await house.adopt(program(held(then="new", more=more)))
    await house.advance(30)
    assert await reasons(house) == ["new 30"]


async def test_a_hold_whose_rule_is_gone_is_dropped_when_it_is_due() -> None:
    house = House()
    await house.start(acting("- stop: x"))
    data = {"rule": "gone", "trigger": "t", "fire": {}, "key": ""}
    await house.journal.commit(Changes(put=[DueRecord("hold/gone/t/j", "hold", START, data)]))
    house.engine.due.wake.say()
    await house.engine.work()
    assert await house.journal.next_due() is None


async def test_more_than_a_batch_of_due_rows_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.due.BATCH", 7)
    house = House()
    await house.start(acting("- delay: 5\n- stop: x", mode="parallel"))
    for n in range(20):
        await house.fire("go", n=n)
    house.clock.move(timedelta(seconds=5))
    house.engine.due.wake.say()
    await house.engine.work()
    assert await house.outcomes() == ["finished"] * 20


async def test_a_row_that_was_moved_meanwhile_is_left_alone() -> None:
    house = House()
    await house.start(acting("- delay: 5"))
    await house.fire("go")
    (row,) = await house.journal.dues("run/")
    assert not await house.engine.due._once(row._replace(at=START), Changes())
    await house.engine.due._run(row._replace(at=START))
    assert await house.journal.dues("run/") == [row]


async def test_a_row_of_an_effect_that_is_not_waiting_is_only_dropped() -> None:
    house = House()
    await house.start()
    rows = [DueRecord("effect/none", "effect", START, {"op_id": "none"})]
    await house.journal.commit(Changes(put=rows))
    house.engine.due.wake.say()
    await house.engine.work()
    assert await house.journal.next_due() is None


async def test_a_schedule_that_cannot_be_written_fires_when_it_can_again() -> None:
    failing = FailingJournal(MemoryJournal())
    house = House(journal=failing)
    await house.start(program(NINE_THIRTY))
    failing.fails_after = failing.commits
    with pytest.raises(Exception, match="disk is full"):
        await house.advance(1800)
    failing.fails_after = None
    house.engine.due.wake.say()
    await house.engine.work()
    assert await reasons(house) == ["2026-03-02T09:30:00+00:00"]


async def test_two_rules_at_one_time_both_fire() -> None:
    house = House()
    await house.start(*programs(NINE_THIRTY + NINE_THIRTY.replace("id: r", "id: s")))
    await house.advance(1800)
    assert [run.rule for run in await house.runs()] == ["r", "s"]


async def test_an_hour_that_repeats_fires_once() -> None:
    from zoneinfo import ZoneInfo

    clock: Any = House().clock.__class__(datetime(2026, 10, 24, 20, tzinfo=UTC))
    house = House(clock=clock, zone=ZoneInfo("Europe/Berlin"))
    await house.start(program(NINE_THIRTY.replace("09:30", "02:30")))
    await house.advance(12 * 3600)
    assert await reasons(house) == ["2026-10-25T02:30:00+02:00"]


async def test_the_schedulers_alarm_rings_on_the_loop_moves_and_falls_silent() -> None:
    rung: list[tuple[str, bool]] = []
    alarm = SchedulerAlarm()
    loop = asyncio.get_running_loop()

    def ring(name: str) -> Any:
        return lambda: rung.append((name, asyncio.get_running_loop() is loop))

    now = datetime.now(UTC)
    alarm.at("soon", now + timedelta(hours=1), ring("soon"))
    alarm.at("soon", now + timedelta(milliseconds=10), ring("soon"))
    alarm.at("soon", now + timedelta(milliseconds=10), ring("soon"))
    alarm.at("past", now - timedelta(seconds=3), ring("past"))
    alarm.at("never", now + timedelta(milliseconds=20), ring("never"))
    alarm.at("never", None, ring("never"))
    alarm.at("never", None, ring("never"))
    await asyncio.sleep(0.08)
    alarm.close()
    assert sorted(rung) == [("past", True), ("soon", True)]


async def test_an_event_of_a_hold_is_like_any_other() -> None:
    house = House()
    counted(house, ERROR=30)
    await house.start(program(held(more=", id: errors")))
    await house.advance(60)
    (run,) = await house.runs()
    event = await house.journal.get(EventRecord, (run.event,))
    assert event is not None
    assert (event.trigger, event.key, event.data["id"], event.data["platform"]) == (
        "errors",
        "j1",
        "errors",
        "job.entries",
    )


async def test_a_step_whose_time_is_up_says_what_the_last_try_came_to(journal: Journal) -> None:
    call = '- {action: http.request, data: {url: "https://a.example"}, timeout: 30}'
    house = House(journal=journal, outside=Outside(lambda request: Waiting("the token was refused (status 401)")))
    await house.start(acting(call))
    await house.fire("go")
    await house.advance(30)
    (run,) = await house.runs()
    said = "http.request took longer than its timeout; last: the token was refused (status 401)"
    assert run.reason == said
    assert said in [step.reason for step in await house.steps()]


async def test_a_step_whose_time_is_up_before_its_first_try_says_only_that() -> None:
    house = House(places=0)
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}, timeout: 30}'))
    await house.fire("go")
    await house.advance(30)
    (run,) = await house.runs()
    assert run.reason == "http.request took longer than its timeout"
