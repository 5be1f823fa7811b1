"""P13, sending stays within bounds: caps, quiet hours, rules that set each other off, the stop switch in a storm."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from random import Random
from unittest.mock import patch
from zoneinfo import ZoneInfo

from connections.chakra.simulator.messages import Message
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
QUIET = """\
- id: quiet
  mode: parallel
  quiet_hours: {from: "21:00", to: "08:00"}
  triggers: [{trigger: event, event_type: news}]
  actions:
    - action: whatsapp.send_template
      data: {to: "{{ trigger.event.data.to }}", template: import_failed, body: ["1", "{{ trigger.event.data.n }}"]}
"""
MOST_QUIET = 1_000
CONTACTS = {"+9198765432": "Asia/Kolkata", "+49151123456": "Europe/Berlin", "+8190123456": "Asia/Tokyo"}
"""How the numbers of contacts begin, and where these live."""
PINGS = 4
"""How many runs a chain may have: one from outside and three that follow."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Sends off the caps, in quiet hours or lost in them, runs too deep, intents after the stop switch."""
    watch = Stopwatch()
    seed = new_seed()
    storm = LONG if long else SHORT
    quiet = min(storm // 20, MOST_QUIET)
    with ExitStack() as stack:
        if not defended:
            stack.enter_context(patch.object(Caps, "over", lambda self, effect, now: ""))
            stack.enter_context(patch("engine.executor.DEEPEST", 40))
            stack.enter_context(patch("engine.runs.quiet.look", lambda effect, now, zone: None))
            stack.enter_context(
                patch.object(Gate, "stopped", property(lambda self: False, lambda self, value: None), create=True)
            )
        broken = asyncio.run(_broken(storm, Random(seed)))
        broken |= asyncio.run(_quiet(quiet, Random(seed), seed))
    if defended:  # another process cannot be patched
        broken |= asyncio.run(stopped_in_a_storm())
    note = ", ".join(f"{name}: {count}" for name, count in broken.items())
    return Figure("P13", storm + storm // 10 + quiet + 1 + SENDS, sum(broken.values()), watch.seconds, seed, note)


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


async def _quiet(messages: int, chance: Random, seed: int) -> dict[str, int]:
    """Messages asked for at any time of two days, with restarts: how many left in quiet hours, and how many did not."""
    start = datetime(2026, 3, 27, tzinfo=UTC)  # clocks change in Berlin meanwhile
    async with World(start=start, time_zone="UTC", seed=seed) as world:
        await world.load({"rules.yaml": QUIET})
        for n, at in enumerate(sorted(chance.uniform(0, 2 * 86_400) for _ in range(messages))):
            await world.advance(max(0.0, at - (world.now - start).total_seconds()))
            to = f"{chance.choice(list(CONTACTS))}{chance.randrange(100):02}"
            await world.fire("news", {"to": to, "n": n})
            if chance.random() < 10 / messages:
                await world.restart()
        await world.advance(2 * 86_400)
        sent = list(world.simulator.messages)
        lost = messages - len({message.text or message.rendered for message in sent})
        return {"in quiet hours": sum(map(_is_quiet, sent)), "held for ever": lost}


def _is_quiet(message: Message) -> bool:
    """By the simulator's own list and the clock on the contact's wall."""
    zone = next(zone for begins, zone in CONTACTS.items() if message.to.endswith(begins[1:], 0, -2))
    wall = datetime.fromtimestamp(message.at / 1000, ZoneInfo(zone))
    return wall.hour >= 21 or wall.hour < 8


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
