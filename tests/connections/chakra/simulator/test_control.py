"""The control API, as another process uses it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from connections.chakra.simulator import Simulator
from connections.chakra.simulator.app import App
from tests.connections.chakra.simulator.conftest import MESSAGES, StillClock, template

JOB = {"id": "spring", "entries": 10, "plan": {"linear": {"seconds": 0, "errors": 0.2}}}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator.serve(clock=StillClock()) as simulator:
        yield simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {simulator.token}"}
    async with httpx.AsyncClient(base_url=simulator.url, headers=headers, trust_env=False) as client:
        yield client


async def send(client: httpx.AsyncClient, op_id: str) -> httpx.Response:
    body = {"messaging_product": "whatsapp", "to": "919876543210", **template("import_failed", "26", "spring")}
    return await client.post(MESSAGES, json=body | {"biz_opaque_callback_data": f"rw1:{op_id}"})


async def test_accepted_messages_are_listed_with_op_id_and_rendered_text(client: httpx.AsyncClient) -> None:
    for op_id in ("1", "2"):
        await send(client, op_id)
    everything = (await client.get("/_simulator/messages")).json()
    later = (await client.get("/_simulator/messages?since=1")).json()
    assert [message["op_id"] for message in everything["messages"]] == ["1", "2"]
    assert later == {"count": 2, "messages": everything["messages"][1:]}
    assert "Import spring has 26 failed entries." in later["messages"][0]["rendered"]
    assert (await client.get("/_simulator/messages?since=x")).status_code == 400


async def test_jobs_can_be_added_and_set_while_it_runs(client: httpx.AsyncClient) -> None:
    added = await client.post("/_simulator/jobs", json=[JOB, {"id": "set", "counts": {"ERROR": 26}}])
    assert added.json() == {"jobs": {"spring": {"SUCCESS": 8, "ERROR": 2}, "set": {"ERROR": 26}}}
    assert (await client.get("/_simulator/state")).json()["jobs"].items() >= added.json()["jobs"].items()


async def test_requests_are_counted_by_path_and_the_count_can_begin_anew(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/v1/ext/background-job/spring?x=1")
    assert (await client.get("/_simulator/requests")).json() == {"GET /v1/ext/background-job/spring": 3}
    assert (await client.get("/_simulator/report")).json()["operations"] == {"job 404": 3}
    await client.delete("/_simulator/report")
    assert (await client.get("/_simulator/requests")).json() == {}


async def test_faults_can_be_added_and_cleared_while_it_runs(client: httpx.AsyncClient) -> None:
    await client.post("/_simulator/faults", json={"kind": "status", "status": 503})
    assert (await send(client, "1")).status_code == 503
    assert (await client.get("/_simulator/report")).json()["faults"][0]["fired"] == 1
    await client.delete("/_simulator/faults")
    assert (await send(client, "1")).status_code == 200


async def test_templates_can_be_added_while_it_runs(client: httpx.AsyncClient) -> None:
    new = {"name": "hello", "language": "de", "components": [{"type": "BODY", "text": "Hallo"}]}
    assert (await client.post("/_simulator/templates", json=new)).json()["templates"][0]["status"] == "APPROVED"
    assert "hello (de)" in (await client.get("/_simulator/state")).json()["templates"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"id": "x"}'])
async def test_a_body_that_cannot_be_read_gives_its_problems(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/_simulator/jobs", content=body)
    assert (answer.status_code, len(answer.json()["problems"])) == (400, 1)


async def test_a_control_path_that_does_not_exist_is_a_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/_simulator/nothing")).status_code == 404


async def test_web_pages_and_other_machines_are_turned_away(client: httpx.AsyncClient, simulator: Simulator) -> None:
    answer = await client.get("/_simulator/state", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    transport = httpx.ASGITransport(App(simulator), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as stranger:
        assert (await stranger.get("/_simulator/state")).status_code == 403


async def test_the_stream_tells_of_every_request_and_message(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.jobs.load(JOB)
    async with client.stream("GET", "/_simulator/stream") as response:
        lines = response.aiter_lines()
        assert json.loads(await anext(lines))["event"] == "state"
        await send(client, "7")
        await client.get("/v1/ext/background-job/spring")
        await client.get("/v1/nothing")
        message, posted, asked, unknown = [json.loads(await anext(lines)) for _ in range(4)]
    assert message["message"]["op_id"] == "7"
    assert (posted["operation"], posted["status"]) == ("messages", 200)
    assert (asked["job"], asked["counts"]) == ("spring", {"SUCCESS": 8, "ERROR": 2})
    assert unknown["status"] == 404
    while simulator.watchers:
        await client.get("/v1/health")


async def test_the_simulator_ends_although_somebody_reads_the_stream() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        async with Simulator.serve() as simulator:
            response = await client.send(client.build_request("GET", f"{simulator.url}/_simulator/stream"), stream=True)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await response.aread()
