"""A whole rulewheel for tests: real parts over virtual time, no network, nothing to wait for.

    async with World(time_zone="Asia/Kolkata") as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": text})
        await world.webhook("order_paid", json={"id": "A1"})
        await world.advance(3600)
        assert world.calls == [Call("crm.tag", {"order": "A1"}, world.now)]

After each call the world goes on until nothing can happen without time passing; only `advance` lets time pass.
"""

from __future__ import annotations

from engine.testing.clock import START, CountedIds, VirtualAlarm, VirtualClock
from engine.testing.stubs import STUBS, Call
from engine.testing.told import Answered, Event, Message, Run, Step
from engine.testing.world import World

__all__ = [
    "START",
    "STUBS",
    "Answered",
    "Call",
    "CountedIds",
    "Event",
    "Message",
    "Run",
    "Step",
    "VirtualAlarm",
    "VirtualClock",
    "World",
]
