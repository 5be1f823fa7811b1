"""A server on loopback that does to its callers what the network does, and counts what it saw."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast


@dataclass(frozen=True)
class Do:
    """What the server does: send these bytes, then keep the connection, close it, reset it, or say no more."""

    send: bytes = b""
    then: Literal["keep", "close", "reset"] = "keep"


@dataclass(frozen=True)
class Seen:
    """A whole request: its bytes, the number of its connection, and its place on it (from 1)."""

    raw: bytes
    connection: int
    place: int

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    def header(self, name: str) -> str | None:
        for line in self.raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name:
                return value
        return None


Script: TypeAlias = Callable[[Seen], Do]


def ok(body: bytes = b"{}", status: int = 200, headers: str = "Content-Type: application/json\r\n") -> bytes:
    return f"HTTP/1.1 {status} Words\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Trap:
    """`script` answers whole requests, `greeting` meets a new connection, `bite` resets it after so many bytes."""

    script: Script = lambda _: Do(ok())
    greeting: Do | None = None
    bite: int | None = None
    deaf: bool = False
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    received: int = 0
    live: dict[asyncio.Transport, asyncio.Future[None]] = field(default_factory=dict)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Trap]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Caller(self), "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for transport in list(self.live):
                transport.abort()
            await self.empty()
            await server.wait_closed()

    async def empty(self) -> None:
        """Until no connection is left."""
        await asyncio.gather(*self.live.values())


class _Caller(asyncio.Protocol):
    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._buffer = b""
        self._place = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._trap.live[self._transport] = asyncio.get_running_loop().create_future()
        self._trap.connections += 1
        self._number = self._trap.connections
        if self._trap.deaf:
            self._transport.pause_reading()
        if self._trap.greeting is not None:
            self._do(self._trap.greeting)

    def connection_lost(self, exc: Exception | None) -> None:
        self._trap.live.pop(self._transport).set_result(None)

    def data_received(self, data: bytes) -> None:
        self._trap.received += len(data)
        self._buffer += data
        if self._trap.bite is not None and len(self._buffer) >= self._trap.bite:
            self._do(Do(then="reset"))
            return
        while (whole := _whole(self._buffer)) and not self._transport.is_closing():
            request, self._buffer = self._buffer[:whole], self._buffer[whole:]
            self._place += 1
            seen = Seen(request, self._number, self._place)
            self._trap.seen.append(seen)
            self._do(self._trap.script(seen))

    def _do(self, what: Do) -> None:
        if what.send:
            self._transport.write(what.send)
        if what.then == "close":
            self._transport.close()
        elif what.then == "reset":
            linger = self._transport.get_extra_info("socket")
            linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


def _whole(buffer: bytes) -> int:
    """The length of the first whole request in the buffer, or 0."""
    head, found, _ = buffer.partition(b"\r\n\r\n")
    if not found:
        return 0
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = len(head) + 4 + (int(lengths[0]) if lengths else 0)
    return length if len(buffer) >= length else 0
