from __future__ import annotations

import asyncio

import httpx
import pytest

from connections.pool.wire import Patience, Reply, Wire, written
from engine.clock import SystemClock


def request(method: str = "POST", url: str = "http://shop.example/a?b", **headers: str) -> httpx.Request:
    return httpx.Request(method, url, headers=headers, stream=httpx.ByteStream(b""))


def test_the_length_of_a_request_is_stated_by_us_whatever_its_headers_say() -> None:
    smuggled = {"Content-Length": "0", "Transfer-Encoding": "chunked", "Connection": "close", "X-Mine": "1"}
    assert written(request(**smuggled), b"body") == b"POST /a?b HTTP/1.1\r\nX-Mine: 1\r\nContent-Length: 4\r\n\r\nbody"
    assert written(request(), b"") == b"POST /a?b HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    assert written(request("GET"), b"") == b"GET /a?b HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    "broken", [request("G T"), request(**{"X-Key": "canary\r\nX: y"}), request(**{"X Key": "canary"})]
)
def test_a_request_that_would_break_out_of_its_lines_is_not_written(broken: httpx.Request) -> None:
    with pytest.raises(httpx.LocalProtocolError, match="letters that") as fault:
        written(broken, b"")
    assert "canary" not in str(fault.value)


async def test_a_connection_that_closed_before_the_request_was_surely_not_used() -> None:
    wire = Wire()
    with pytest.raises(httpx.ConnectError, match="before the request was sent"):
        await wire.ask(b"GET", Reply(False, 100), Patience(SystemClock(), 0, 0, 0), {})
    wire.abort()
    assert wire.closed.done()


async def test_a_transport_that_comes_after_the_call_gave_up_is_closed() -> None:
    wire = Wire()
    wire.abort()
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: wire, *server.sockets[0].getsockname())
    assert transport.is_closing()
    server.close()


def test_an_answer_that_changes_the_protocol_is_an_error() -> None:
    reply = Reply(False, 100)
    reply.feed(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nxyz")
    assert isinstance(reply.fault, httpx.RemoteProtocolError)
