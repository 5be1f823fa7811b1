from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from connections.chakra.receipts import receipts_in
from connections.chakra.simulator import Settings, Simulator
from connections.chakra.simulator.meta import Reading
from connections.chakra.simulator.statuses import StatusSettings
from tests.connections.pool.trap import Do, Trap, ok

OP = "0f" * 16


def told(seed: int = 0, **settings: Any) -> list[tuple[float, dict[str, str], bytes]]:
    simulator = Simulator(settings=Settings(statuses=StatusSettings(**settings)), seed=seed)
    message = simulator.accept(Reading("1234567", "text", "Hi", "Hi", callback=f"rw1:{OP}"), "messages", "p", "n")
    return [(each.after.total_seconds(), each.headers, each.body) for each in simulator.statuses.of(message)]


def test_each_state_is_told_in_each_format_one_after_the_other() -> None:
    found = told(formats=("meta", "chakra"), delay_ms=100)
    assert [after for after, _, _ in found] == [0.1, 0.1, 0.2, 0.2]
    receipts = [receipt for _, _, body in found for receipt in receipts_in(body)]
    assert [(each.state, each.op_id) for each in receipts] == [
        ("sent", OP),
        ("sent", ""),
        ("delivered", OP),
        ("delivered", ""),
    ]


def test_they_are_signed_where_there_is_a_secret() -> None:
    ((_, headers, body), _) = told(secret="s")
    assert headers["x-chakra-signature-256"] == hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert "x-chakra-signature-256" not in told()[0][1]


@pytest.mark.parametrize(
    ("settings", "states"),
    [
        ({"loss": 1.0}, []),
        ({"duplicates": 1.0}, ["sent", "sent", "delivered", "delivered"]),
        ({"failures": 1.0}, ["sent", "failed"]),
        ({"forged": True}, ["sent", "delivered", "delivered"]),
    ],
)
def test_what_goes_wrong_is_a_setting(settings: Any, states: list[str]) -> None:
    receipts = [receipt for _, _, body in told(**settings) for receipt in receipts_in(body)]
    assert [each.state for each in receipts] == states
    assert (receipts[-1].op_id != OP if receipts else True) is ("forged" in settings or not receipts)


async def test_they_go_to_the_address_in_the_settings_and_nobody_minds_if_that_is_not_there() -> None:
    arrived = asyncio.Event()

    def take(seen: Any) -> Do:
        arrived.set()
        return Do(ok(b""))

    async with Trap(take).listening() as trap:
        statuses = StatusSettings(url=trap.url + "/hook", states=("sent",), delay_ms=0)
        async with Simulator.serve(settings=Settings(statuses=statuses)) as simulator, httpx.AsyncClient() as client:
            body = {"messaging_product": "whatsapp", "to": "919876543210", "type": "text", "text": {"body": "Hi"}}
            path = f"{simulator.url}/v1/ext/plugin/whatsapp/p/api/v19.0/1/messages"
            await client.post(path, json=body, headers={"authorization": f"Bearer {simulator.token}"})
            await asyncio.wait_for(arrived.wait(), 5)
    assert json.loads(trap.seen[0].body)["entry"][0]["changes"][0]["value"]["statuses"][0]["status"] == "sent"
