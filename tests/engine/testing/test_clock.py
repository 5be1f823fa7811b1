"""Time and ids that a test owns."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine.testing import START, CountedIds, VirtualAlarm, VirtualClock

SECOND = timedelta(seconds=1)


async def test_the_clock_stands_still_until_it_is_moved_and_wakes_who_slept_till_then() -> None:
    clock = VirtualClock()
    await clock.sleep_until(START)
    tasks = [asyncio.ensure_future(clock.sleep_until(START + SECOND * n)) for n in (1, 2)]
    await asyncio.sleep(0)
    assert (clock.now(), clock.next(), clock.sleeping) == (START, START + SECOND, 2)
    clock.move(SECOND)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, False]
    assert clock.sleeping == 1
    clock.abandon()
    clock.move(SECOND)
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert clock.next() is None


async def test_who_is_cancelled_in_its_sleep_is_forgotten() -> None:
    clock = VirtualClock()
    task = asyncio.ensure_future(clock.sleep_until(START + SECOND))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.sleeping == 0


def test_ids_count() -> None:
    ids = CountedIds()
    assert (ids.op_id(), ids.row_id()) == ("1".zfill(32), "2".zfill(26))


def test_the_alarm_rings_what_is_due_once() -> None:
    rung: list[str] = []
    alarm = VirtualAlarm()
    alarm.at("tea", START, lambda: rung.append("tea"))
    alarm.at("bread", START + SECOND, lambda: rung.append("bread"))
    alarm.at("milk", START, lambda: rung.append("milk"))
    alarm.at("milk", None, lambda: None)
    assert alarm.next() == START
    for _ in range(2):
        alarm.ring(START)
    assert rung == ["tea"]
    assert alarm.next() == START + SECOND


async def test_a_clock_that_is_set_lets_no_time_pass() -> None:
    clock = VirtualClock()
    sleeper = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(minutes=1)))
    await asyncio.sleep(0)
    clock.set(timedelta(hours=2))
    await asyncio.sleep(0)
    assert (clock.now() - START, clock.elapsed()) == (timedelta(hours=2), timedelta(0))
    clock.move(timedelta(seconds=59))
    await asyncio.sleep(0)
    assert not sleeper.done()
    clock.move(timedelta(seconds=1))
    await asyncio.wait_for(sleeper, 5)
    assert clock.elapsed() == timedelta(minutes=1)
