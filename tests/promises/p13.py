"""P13, sending stays within bounds: caps, rules that set each other off, and the stop switch in a storm."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from random import Random
from unittest.mock import patch

from engine.journal.memory import MemoryJournal
from engine.records import Changes, CommandRecord, EffectRecord, EventRecord
from engine.runs.caps import Caps
from engine.runs.gate import SEND_BY, Gate
from engine.testing import World
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.storm import SENDS, stopped_in_a_storm

SHORT = 2_000
LONG = 100_000
BURST = 200
HOUR, DAY = 50, 120
RULES = """\
- id: capped
  mode: parallel
  max_sends: {hour: HOUR, day: DAY}
  triggers: [{trigger: event, event_type: storm}]
  actions: [{action: test.send}]
- id: ping
  mode: parallel
  triggers: [{trigger: event, event_type: [ping, start]}]
  actions: [{action: test.ping}, {event: pong}]
- id: pong
  mode: parallel
  triggers: [{trigger: event, event_type: pong}]
  actions: [{action: test.ping}, {event: ping}]
- id: stormy
  mode: parallel
  triggers: [{trigger: event, event_type: stormy}]
  actions: [{action: test.storm}]
"""
PINGS = 4
"""How many runs a chain may have: one from outside and three that follow."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Sends beyond or short of the caps, runs beyond the loop guard, intents after the stop switch."""
    watch = Stopwatch()
    seed = new_seed()
    storm = LONG if long else SHORT
    with ExitStack() as stack:
        if not defended:
            stack.enter_context(patch.object(Caps, "over", lambda self, effect, now: ""))
            stack.enter_context(patch("engine.executor.DEEPEST", 40))
            stack.enter_context(
                patch.object(Gate, "stopped", property(lambda self: False, lambda self, value: None), create=True)
            )
        broken = asyncio.run(_broken(storm, Random(seed)))
    if defended:  # another process cannot be patched
        broken |= asyncio.run(stopped_in_a_storm())
    note = ", ".join(f"{name}: {count}" for name, count in broken.items())
    return Figure("P13", storm + storm // 10 + 1 + SENDS, sum(broken.values()), watch.seconds, seed, note)


async def _broken(storm: int, chance: Random) -> dict[str, int]:
    async with World() as world:
        for name in ("test.send", "test.ping"):
            world.stub(name)
        world.stub("test.storm", takes=0.5)
        await world.load({"rules.yaml": RULES.replace("HOUR", str(HOUR)).replace("DAY", str(DAY))})
        capped = await _capped(world, storm, chance)
        await world.fire("start")
        runs = sum(call.name == "test.ping" for call in world.calls)
        return {
            "off the cap": capped,
            "runs too deep": max(0, runs - PINGS),
            "intents after stop": await _stopped(world, storm // 10, chance),
        }


async def _capped(world: World, storm: int, chance: Random) -> int:
    """A storm over three hours, with restarts: how far the sends of each hour and of the day are from the caps."""
    off, hour = 0, storm // 3 + 1
    sent: list[int] = []
    for part in range(3):
        before = len(world.calls)
        left = hour
        while left > 0:
            size = min(left, BURST)
            left -= size
            await _storm(world, "storm", size)
            if chance.random() < 2 * BURST / storm:
                await world.restart()
        sent.append(len(world.calls) - before)
        off += abs(sent[-1] - min(HOUR, DAY - HOUR * part))
        await world.advance(3600)
    return off


async def _storm(world: World, event_type: str, size: int) -> None:
    """So many events at once."""
    use = world.engine.programs["capped" if event_type == "storm" else event_type]
    events = [
        EventRecord(world.ids.row_id(), use.rule, use.hash, use.triggers[0].key, "", {}, world.now, "new")
        for _ in range(size)
    ]
    await world.journal.commit(Changes(put=events))
    world.engine.wakes.events.sweep()
    await world.advance(0)


async def _stopped(world: World, storm: int, chance: Random) -> int:
    """Stop is pressed somewhere in a storm; what has an intent or a call afterwards is one too many."""
    engine, before = world.engine, sum(call.name == "test.storm" for call in world.calls)
    use = engine.programs["stormy"]
    events = [
        EventRecord(world.ids.row_id(), use.rule, use.hash, use.triggers[0].key, "", {}, world.now, "new")
        for _ in range(storm)
    ]
    await world.journal.commit(Changes(put=events))
    engine.wakes.events.sweep()
    for _ in range(chance.randrange(3, 9)):
        await engine.executor.work()
        await engine.effects.work()
        await asyncio.sleep(0)
    under_way = sum(call.name == "test.storm" for call in world.calls)
    world.clock.move(timedelta(seconds=1))
    stopped = world.now
    await engine.carry_out(CommandRecord(world.ids.row_id(), "stop-sending", {}, stopped))
    await world.advance(0)
    assert isinstance(world.journal, MemoryJournal)
    effects = [each for each in await world.journal.sends(limit=10_000_000) if each.operation == "test.storm"]
    later = [each for each in effects if _intended(each, world)]
    called = sum(call.name == "test.storm" for call in world.calls) - under_way
    held = sum(each.state == "waiting" for each in effects)
    assert before == 0
    return len(later) + called + (held + under_way != storm)


def _intended(effect: EffectRecord, world: World) -> bool:
    return effect.send_by is not None and effect.send_by - SEND_BY >= world.now
