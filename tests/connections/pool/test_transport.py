from __future__ import annotations

import asyncio

import httpx
import pytest

from connections.pool.address import Host
from connections.pool.lookup import AddressForbidden
from connections.pool.transport import Limits, Transport
from engine.clock import SystemClock
from tests.connections.pool.trap import Do, Seen, Trap, ok


def client(transport: Transport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, trust_env=False, timeout=None)


async def test_any_httpx_client_can_stand_on_it() -> None:
    async with Trap(lambda _: Do(ok(b"[1]"))).listening() as trap, client(Transport(SystemClock())) as http:
        extensions = {"host": Host(False, "127.0.0.1", trap.port, "loopback")}
        response = await http.put(f"{trap.url}/a", json={"b": 2}, extensions=extensions)
    assert (response.status_code, response.json(), response.extensions["cut"]) == (200, [1], False)
    assert trap.seen[0].body == b'{"b":2}'
    assert trap.seen[0].header("host") == f"127.0.0.1:{trap.port}"


async def test_a_request_that_names_no_reach_goes_to_public_hosts_only() -> None:
    async with Trap().listening() as trap, client(Transport(SystemClock())) as http:
        with pytest.raises(AddressForbidden):
            await http.get(trap.url)
    assert trap.connections == 0


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://shop.example/", httpx.UnsupportedProtocol),
        ("shop.example", httpx.UnsupportedProtocol),
        ("https://a%2fb/", httpx.InvalidURL),
        ("https://user:word@shop.example/", httpx.InvalidURL),
    ],
)
async def test_what_is_no_address_of_a_host_is_not_sent(url: str, fault: type[Exception]) -> None:
    async with client(Transport(SystemClock())) as http:
        with pytest.raises(fault, match="not sent") as raised:
            await http.get(url)
    assert "word" not in str(raised.value).replace("password", "")


async def test_the_timeouts_of_a_request_are_httpx_own() -> None:
    async with (
        Trap(lambda _: Do()).listening() as trap,
        client(Transport(SystemClock(), Limits(connections=1))) as http,
    ):
        extensions = {"host": Host(False, "127.0.0.1", trap.port, "loopback")}
        with pytest.raises(httpx.ReadTimeout):
            await http.get(trap.url, timeout=httpx.Timeout(5, read=0.02), extensions=extensions)
        with pytest.raises(httpx.ReadTimeout):
            await http.get(trap.url, timeout=None, extensions={**extensions, "whole": 0.02})


async def test_a_call_that_still_waits_for_its_turn_is_not_sent_once_all_is_closed() -> None:
    transport = Transport(SystemClock(), Limits(connections=1))
    arrived = asyncio.Event()

    def stall(_: Seen) -> Do:
        arrived.set()
        return Do()

    async with Trap(stall).listening() as trap, client(transport) as http:
        extensions = {"host": Host(False, "127.0.0.1", trap.port, "loopback")}
        calls = [asyncio.create_task(http.get(trap.url, extensions=extensions)) for _ in range(2)]
        await arrived.wait()
        await transport.aclose()
        first, second = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, httpx.RemoteProtocolError)
    assert isinstance(second, httpx.PoolTimeout)
    assert (len(trap.seen), trap.connections) == (1, 1)
