"""A change of an entity and what it sets off are one: a death at any sync loses nothing of them and repeats nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.testing import World
from tests.promises.peril import SYNC, Death, PerilousJournal, Power

FILE = """
counter: {asked: , started: , finished: }
timer: {call: {duration: 60}}
sensors: {both: {state: "{{ states('counter.started') | int + states('counter.finished') | int }}"}}
rules:
  - id: ask
    triggers: [{trigger: event, event_type: ask}]
    actions:
      - {action: counter.increment, data: {entity_id: counter.asked}}
      - {action: timer.start, data: {entity_id: timer.call}}
  - id: started
    triggers: [{trigger: event, event_type: timer.started}]
    actions: [{action: counter.increment, data: {entity_id: counter.started}}]
  - id: finished
    triggers: [{trigger: event, event_type: timer.finished}]
    actions: [{action: counter.increment, data: {entity_id: counter.finished}}]
"""
ONCE = {"counter.asked": "1", "counter.started": "1", "counter.finished": "1", "sensor.both": "2", "timer.call": "idle"}
MOST = 30


async def played(*deaths: Death) -> tuple[dict[str, str], int]:
    """How the entities stand after a timer has run down, through these deaths; and how often was synced."""
    power = Power()
    front = PerilousJournal(MemoryJournal(), power)
    async with World(journal=front) as world:
        power.arm(deaths)
        await surely(world, front, lambda: world.load({"a.yaml": FILE}))
        while await dies(world, front, lambda: world.fire("ask", {"n": "asked"})) and not front.knows("asked"):
            pass
        await surely(world, front, lambda: world.advance(30))
        await surely(world, front, lambda: world.advance(60))
        return {name: state.state for name in ONCE if (state := world.state(name))}, len(power.groups)


Act = Callable[[], Coroutine[Any, Any, None]]


async def surely(world: World, front: PerilousJournal, act: Act) -> None:
    while await dies(world, front, act):
        pass


async def dies(world: World, front: PerilousJournal, act: Act) -> bool:
    died = await struck(front, act)
    again = died
    while again:
        world.clock.abandon()
        front.power.begin()
        again = await struck(front, lambda: world.restart(front))
    return died


async def struck(front: PerilousJournal, act: Act) -> bool:
    try:
        await act()
    except JournalError:
        if not front.power.is_off:
            raise
    return front.power.is_off


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
async def test_timers_counters_and_sensors_go_through_every_death(share: float) -> None:
    calm, syncs = await played()
    assert calm == ONCE
    assert 5 < syncs < MOST
    for number in range(1, syncs + 1):
        assert (await played(Death(SYNC, number, share)))[0] == ONCE, f"it died at sync {number}"
