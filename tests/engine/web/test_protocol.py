from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.web import protocol
from engine.web.listener import listen

HEAD = b"POST /a HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with the size of the body; at `/early` without reading it."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with contextlib.AsyncExitStack() as stack:
        yield await listen(stack, echo, ("127.0.0.1", 0), "webhooks")


class Sender:
    """One connection to the listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Sender]:
        sender = cls(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield sender
        finally:
            sender.writer.close()

    async def send(self, *parts: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                self.writer.write(part)
                await self.writer.drain()

    async def status(self) -> int:
        return int((await self.reader.readline()).split()[1])

    async def answer(self) -> bytes:
        """The body of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return await self.reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))

    async def ended(self) -> bool:
        try:
            return await self.reader.read() is not None
        except ConnectionError:
            return True


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([HEAD + b"a: " + b"x" * 70_000 + b"\r\n\r\n"], id="at once"),
        pytest.param([HEAD + b"a: " + b"x" * 70_000], id="without an end"),
        pytest.param([HEAD, *[b"a: " + b"x" * 8_000 + b"\r\n"] * 9], id="many lines"),
        pytest.param([HEAD + b"a: ", *[b"x" * 200_000] * 300], id="60 MB in one line"),
        pytest.param([b"GET /" + b"x" * 70_000], id="a long address"),
    ],
)
async def test_a_head_of_more_than_64_kilobytes_is_refused(port: int, parts: list[bytes]) -> None:
    async with Sender.to(port) as sender:
        sending = asyncio.create_task(sender.send(*parts))
        assert await sender.status() == 431
        assert await sender.ended()
        await sending


async def test_bodies_are_not_counted_and_heads_are_counted_one_by_one(port: int) -> None:
    body = b"y" * 300_000
    whole = HEAD + b"content-length: 300000\r\na: " + b"x" * 60_000 + b"\r\n\r\n" + body
    async with Sender.to(port) as sender:
        for _ in range(3):
            await sender.send(whole)
            assert await sender.answer() == b"300000"
        pipelined = asyncio.create_task(sender.send(whole + whole[:50_000], whole[50_000:]))
        assert [await sender.answer(), await sender.answer()] == [b"300000", b"300000"]
        await pipelined


@pytest.mark.parametrize("begun", [b"", HEAD], ids=["nothing said", "half a head"])
async def test_a_head_that_does_not_come_in_time_ends_the_connection(
    port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.05)
    async with Sender.to(port) as sender:
        await sender.send(begun)
        if begun:
            assert await sender.status() == 408
        assert await sender.ended()


async def test_a_head_that_drips_has_no_more_time_than_others(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.1)
    async with Sender.to(port) as sender:
        await sender.send(HEAD)
        status = asyncio.create_task(sender.status())
        while not status.done():
            await sender.send(b"a: b\r\n")
            await asyncio.sleep(0.01)
        assert await status == 408


async def test_a_second_request_of_a_connection_has_the_same_bounds(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.1)
    async with Sender.to(port) as sender:
        await sender.send(HEAD + b"content-length: 2\r\n\r\nhi")
        assert await sender.answer() == b"2"
        await sender.send(HEAD)
        assert await sender.status() == 408
        assert await sender.ended()


async def test_a_body_that_nobody_reads_is_not_taken_for_ever(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.1)
    async with Sender.to(port) as sender:
        await sender.send(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
        assert await sender.answer() == b"0"
        ended = asyncio.create_task(sender.ended())
        while not ended.done():
            await sender.send(b"x")
            await asyncio.sleep(0.01)
        assert await ended


async def test_a_request_that_is_slow_to_be_answered_keeps_its_connection(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PATIENCE", 0.05)
    async with Sender.to(port) as sender:
        await sender.send(HEAD + b"content-length: 2\r\n\r\nh")
        await asyncio.sleep(0.1)
        await sender.send(b"i")
        assert await sender.answer() == b"2"


async def test_more_connections_than_there_is_room_for_are_turned_away(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 2)
    async with Sender.to(port) as one, Sender.to(port), Sender.to(port) as third:
        assert await third.status() == 503
        assert await third.ended()
        await one.send(HEAD + b"content-length: 2\r\n\r\nhi")
        assert await one.answer() == b"2"


async def test_what_is_no_http_is_refused_as_before(port: int) -> None:
    async with Sender.to(port) as sender:
        await sender.send(b"hello\r\n\r\n")
        assert await sender.status() == 400
        assert await sender.ended()
