from __future__ import annotations

import asyncio

from engine.wake import ROOM, Wake


def fresh(wake: Wake[int]) -> Wake[int]:
    wake.take()
    return wake


def test_a_wake_begins_with_a_look_through_the_journal() -> None:
    wake: Wake[int] = Wake()
    assert bool(wake)
    assert wake.take() == ([], True)
    assert not bool(wake)


def test_hints_are_taken_once() -> None:
    wake = fresh(Wake())
    wake.say(1, 2)
    assert wake.take() == ([1, 2], False)
    assert wake.take() == ([], False)


def test_hints_are_needless_where_the_journal_is_looked_through_anyway() -> None:
    wake = fresh(Wake())
    wake.say(1)
    wake.sweep()
    wake.say(2)
    assert wake.take() == ([], True)


def test_too_many_hints_become_a_look_through_the_journal() -> None:
    wake = fresh(Wake())
    wake.say(*range(ROOM))
    wake.say(1)
    assert wake.take() == ([], True)


def test_what_must_be_kept_is_kept_whatever_happens() -> None:
    wake: Wake[int] = Wake(keep=lambda n: n < 0)
    wake.say(-1, 1)
    wake.sweep()
    wake.say(*range(ROOM))
    wake.say(-2, 2)
    assert wake.take() == ([-1, -2], True)


async def test_waiting_ends_when_there_is_work_for_either_of_two_that_share_a_signal() -> None:
    signal = asyncio.Event()
    first: Wake[int] = Wake(signal)
    second: Wake[int] = Wake(signal)
    first.take()
    second.take()
    waiting = asyncio.create_task(first.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    second.say(1)
    await waiting
