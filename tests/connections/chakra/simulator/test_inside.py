"""The simulator without sockets, as the connection sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from connections.chakra.connection import ChakraConnection
from connections.chakra.requests import send_template_message
from engine.plugin import Accepted, Operation, Outcome, Simulation, Tools, Unsure, Waiting
from engine.testing import START, VirtualClock

MESSAGE = send_template_message("+919876543210", "import_failed", "en", ["30", "job-7"], None, [])


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def chakra(clock: VirtualClock) -> AsyncIterator[Simulation]:
    found = ChakraConnection.simulated(clock, {}, 0)
    await found.connection.open(Tools(clock))
    yield found
    await found.connection.close()


async def sent(chakra: Simulation, clock: VirtualClock, seconds: float = 0.0) -> Outcome:
    """What comes of a message after so much time."""
    sending = asyncio.ensure_future(chakra.connection.perform(MESSAGE, Operation("0" * 32, START + timedelta(10))))
    for _ in range(100):
        await asyncio.sleep(0)
    assert sending.done() is (seconds == 0.0)
    clock.move(timedelta(seconds=seconds))
    return await sending


async def test_a_message_is_accepted_and_carries_the_operation(chakra: Simulation, clock: VirtualClock) -> None:
    assert isinstance(await sent(chakra, clock), Accepted)
    (message,) = chakra.simulator.messages
    assert (message.to, message.op_id) == ("919876543210", "0" * 32)


@pytest.mark.parametrize(
    ("fault", "seconds", "outcome", "taken"),
    [
        ({"kind": "cut", "at": "before_reading"}, 0, Unsure, 0),
        ({"kind": "answer_lost"}, 0, Unsure, 1),
        ({"kind": "latency", "at": "before_answer", "min_ms": 3000}, 3, Accepted, 1),
        ({"kind": "latency", "at": "before_answer", "min_ms": 60_000}, 10, Unsure, 1),
        ({"kind": "latency", "at": "after_reading", "min_ms": 60_000}, 10, Unsure, 0),
        ({"kind": "status", "status": 429}, 0, Waiting, 0),
    ],
)
async def test_faults_have_the_outcomes_that_they_have_over_sockets(
    chakra: Simulation, clock: VirtualClock, fault: dict[str, Any], seconds: float, outcome: type, taken: int
) -> None:
    chakra.simulator.faults.add(fault)
    assert isinstance(await sent(chakra, clock, seconds), outcome)
    assert len(chakra.simulator.messages) == taken


async def test_a_simulator_that_refuses_connections_takes_nothing(chakra: Simulation, clock: VirtualClock) -> None:
    chakra.simulator.refuse(20)
    assert isinstance(await sent(chakra, clock), Waiting)
    clock.move(timedelta(seconds=20))
    assert isinstance(await sent(chakra, clock), Accepted)


async def test_nothing_leaves_after_its_time(chakra: Simulation, clock: VirtualClock) -> None:
    clock.move(timedelta(seconds=11))
    late = Operation("0" * 32, START + timedelta(seconds=10))
    assert isinstance(await chakra.connection.perform(MESSAGE, late), Waiting)
    assert len(chakra.simulator.messages) == 0
