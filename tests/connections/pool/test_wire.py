from __future__ import annotations

import asyncio

import httpcore
import pytest

from connections.pool import encoded
from connections.pool.wire import Patience, Reply, Wire
from engine.clock import SystemClock


def test_headers_are_encoded_as_they_are_sent() -> None:
    assert encoded({"Authorization": "Bearer x", "X-A": ""}) == b"Authorization: Bearer x\r\nX-A: \r\n"


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nC: d"}, {"A\n": "b"}, {"": "b"}, {"A": "é"}, {"A b": "c"}, {"A": "\0"}]
)
def test_headers_that_would_break_out_are_refused_without_showing_their_value(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="letters that a header cannot carry") as fault:
        encoded(headers)
    assert "C: d" not in str(fault.value)


async def test_a_connection_that_closed_before_the_request_was_surely_not_used() -> None:
    wire = Wire()
    with pytest.raises(httpcore.ConnectError, match="before the request was sent"):
        await wire.ask(b"GET", Reply(False, 100), Patience(SystemClock(), 0, 0, 0), None)
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
    with pytest.raises(httpcore.RemoteProtocolError):
        reply.answer()
