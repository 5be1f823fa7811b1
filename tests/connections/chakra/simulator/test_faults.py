"""Faults: which requests they strike, and what that looks like over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from connections.chakra.simulator import Simulator
from connections.chakra.simulator.app import App, ConnectionCutError
from connections.chakra.simulator.faults import Faults
from engine.problem import ProblemError
from tests.connections.chakra.simulator.conftest import MESSAGES, START, StillClock

TEXT = {"messaging_product": "whatsapp", "to": "919876543210", "type": "text", "text": {"body": "Hi"}}


class HeldClock(StillClock):
    """Whoever sleeps waits until the test lets go."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self.let_go = asyncio.Event()

    async def sleep_until(self, when: datetime) -> None:
        self.slept.append((when - START).total_seconds())
        await self.let_go.wait()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator.serve(clock=StillClock(), seed=3) as simulator:
        yield simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(simulator) as client:
        yield client


def _client(simulator: Simulator) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {simulator.token}"}
    return httpx.AsyncClient(base_url=simulator.url, headers=headers, trust_env=False)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    ("at", "accepted"), [("before_reading", 0), ("after_reading", 0), ("before_answer", 1), ("in_answer", 1)]
)
async def test_a_cut_connection_fails_the_call_and_only_a_late_one_leaves_the_message_accepted(
    simulator: Simulator, client: httpx.AsyncClient, at: str, how: str, accepted: int
) -> None:
    simulator.faults.add({"kind": "cut", "match": "messages", "at": at, "how": how, "times": 1})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.post(MESSAGES, json=TEXT)
    assert len(simulator.messages) == accepted
    assert (await client.post(MESSAGES, json=TEXT)).status_code == 200


async def test_an_answer_that_is_lost_leaves_the_message_accepted(
    simulator: Simulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.add({"kind": "answer_lost"})
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(MESSAGES, json=TEXT)
    assert len(simulator.messages) == 1


async def test_a_status_comes_with_its_error_and_its_retry_after(
    simulator: Simulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.add(
        {"kind": "status", "nth": 1, "status": 429, "retry_after": 2, "text": "slow down"},
        {"kind": "status", "nth": 2, "status": 400, "code": 131056},
        {"kind": "status", "nth": 3, "status": 500, "accepted": True},
    )
    limited, paired, broken = [await client.post(MESSAGES, json=TEXT) for _ in range(3)]
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "2")
    assert limited.json() == {"_errors": ["slow down"]}
    assert (paired.status_code, paired.json()["error"]["code"]) == (400, 131056)
    assert (broken.status_code, len(simulator.messages)) == (500, 1)


async def test_a_status_that_has_no_body_comes_without_one(simulator: Simulator, client: httpx.AsyncClient) -> None:
    simulator.faults.add({"kind": "status", "status": 204})
    for _ in range(2):
        answer = await client.post(MESSAGES, json=TEXT)
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("form", ["html", "truncated", "empty", "not_json", "no_id", "errors"])
async def test_a_malformed_answer_is_a_200_without_a_readable_id(
    simulator: Simulator, client: httpx.AsyncClient, form: str
) -> None:
    simulator.faults.add({"kind": "malformed", "form": form})
    answer = await client.post(MESSAGES, json=TEXT)
    assert answer.status_code == 200
    assert len(simulator.messages) == (0 if form == "errors" else 1)
    if form in ("no_id", "errors"):
        assert "whatsappMessageId" not in (answer.json()["_data"] or {})
    else:
        with pytest.raises(ValueError):
            answer.json()


async def test_latencies_add_up_on_the_clock_handed_in(simulator: Simulator, client: httpx.AsyncClient) -> None:
    simulator.faults.add(
        {"kind": "latency", "min_ms": 100, "max_ms": 100, "at": "before_reading"},
        {"kind": "latency", "min_ms": 400, "max_ms": 400, "at": "in_answer"},
        {"kind": "latency", "min_ms": 1000},
    )
    assert (await client.post(MESSAGES, json=TEXT)).status_code == 200
    assert (simulator.clock.now() - START).total_seconds() == 1.5


async def test_a_message_whose_sender_gave_up_waiting_is_accepted_late() -> None:
    clock = HeldClock()
    async with Simulator.serve(clock=clock, faults=[{"kind": "latency", "min_ms": 5000}]) as simulator:
        async with _client(simulator) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(MESSAGES, json=TEXT, timeout=0.05)
        assert (clock.slept, len(simulator.messages)) == ([5.0], 0)
        accepted = asyncio.Event()
        simulator.watchers.add(lambda event: accepted.set())
        clock.let_go.set()
        await accepted.wait()
        assert len(simulator.messages) == 1


async def test_refusing_closes_the_port_for_a_while_and_then_listens_again() -> None:
    clock, faults = HeldClock(), [{"kind": "refuse", "seconds": 3, "times": 1}]
    async with Simulator.serve(clock=clock, faults=faults) as simulator, _client(simulator) as client:
        assert (await client.post(MESSAGES, json=TEXT)).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await client.post(MESSAGES, json=TEXT)
        clock.let_go.set()
        while (await _answered(client)) is None:
            pass
        assert clock.slept == [3.0]


async def _answered(client: httpx.AsyncClient) -> int | None:
    try:
        return (await client.get("/v1/health")).status_code
    except httpx.ConnectError:
        return None


async def test_a_simulator_can_end_while_it_refuses() -> None:
    async with Simulator.serve(clock=HeldClock()) as simulator:
        simulator.refuse(60)
        simulator.refuse(60)
        assert simulator.refusing()


async def test_listing_lag_hides_a_message_for_a_while(simulator: Simulator, client: httpx.AsyncClient) -> None:
    simulator.faults.add({"kind": "listing_lag", "match": "messages", "min_ms": 2000, "max_ms": 2000})
    await client.post(MESSAGES, json=TEXT)
    (message,) = simulator.messages
    assert message.listed_at - message.at == 2000


async def test_without_a_socket_faults_are_exceptions() -> None:
    simulator = Simulator(StillClock())
    simulator.faults.add({"kind": "cut", "nth": 1}, {"kind": "refuse", "nth": 2})
    transport = httpx.ASGITransport(App(simulator))
    headers = {"authorization": f"Bearer {simulator.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=headers) as client:
        with pytest.raises(ConnectionCutError):
            await client.get("/v1/health")
        assert (await client.get("/v1/health")).status_code == 200
        with pytest.raises(ConnectionRefusedError):
            await client.get("/v1/health")


def strikes(rule: dict[str, Any], count: int = 12, seed: int = 1) -> list[int]:
    """Numbers of the requests, counted from 1, that a cut by this rule strikes."""
    faults = Faults(seed)
    faults.add({"kind": "cut", **rule})
    disturbances = [faults.disturb("messages", MESSAGES) for _ in range(count)]
    return [at for at, one in enumerate(disturbances, 1) if one and one.cut]


def test_rules_strike_by_number_by_turn_and_at_most_so_often() -> None:
    assert strikes({"nth": [2, 5]}) == [2, 5]
    assert strikes({"every": 5}) == [5, 10]
    assert strikes({"times": 3}) == [1, 2, 3]
    assert strikes({"probability": 0}) == []


def test_chance_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    rule = {"probability": 0.5}
    assert strikes(rule, 100, seed=1) == strikes(rule, 100, seed=1) != strikes(rule, 100, seed=2)


def test_a_rule_matches_an_operation_or_a_path_pattern() -> None:
    assert strikes({"match": "messages"}, 1) == strikes({"match": "/v1/*/messages"}, 1) == [1]
    assert strikes({"match": "job"}, 1) == strikes({"match": "/v2/*"}, 1) == []


def test_the_report_counts_what_matched_and_what_struck() -> None:
    faults = Faults()
    faults.add({"kind": "latency", "match": "job", "nth": 1})
    for operation in ("job", "job", "messages"):
        faults.disturb(operation, "/")
    assert faults.report() == [{"kind": "latency", "match": "job", "matched": 2, "fired": 1}]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "latencie"}, 'no fault of the kind "latencie"; did you mean "latency"'),
        ({"kind": "cut", "att": "in_answer"}, 'no key "att"; did you mean "at"'),
        ({"kind": "cut", "at": "in_anser"}, 'no value of "at"; did you mean "in_answer"'),
        ({"kind": "cut", "probability": "often"}, "'often' of \"probability\" does not fit"),
        ({"kind": "cut", "times": True}, 'True of "times" does not fit'),
        ("cut", "a fault is a mapping"),
    ],
)
def test_a_rule_that_cannot_be_read_names_what_is_near(rule: Any, words: str) -> None:
    faults = Faults()
    with pytest.raises(ProblemError) as caught:
        faults.add({"kind": "cut"}, rule)
    assert words in str(caught.value)
    assert not faults.report()
