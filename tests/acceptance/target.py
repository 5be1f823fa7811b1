"""Somebody else's web service: takes orders, remembers each with its Idempotency-Key, and sometimes fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"
_REFUSED = b"HTTP/1.1 422 Unprocessable\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was taken in, with its body."""

    key: str
    body: Any


class Target:
    """`refused` and `lost` are shares: answered 422 and not taken in; taken in and the connection closed."""

    def __init__(self, seed: int = 0, *, refused: float = 0.0, lost: float = 0.0, most_ms: float = 0.0) -> None:
        self.calls: list[Call] = []
        self.url = ""
        self.on_call: Callable[[Call], None] = lambda call: None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._random = Random(f"target/{seed}")
        self._refused, self._lost, self._most_ms = refused, lost, most_ms

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await asyncio.gather(*self._serving)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answered(reader, writer):
                pass
        writer.close()
        self._writers.discard(writer)
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Reads a request, takes it in or not, answers or not; false when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
        await self._pause()
        chance = self._random.random()
        if chance < self._refused:
            writer.write(_REFUSED)
        else:
            self.calls.append(Call(headers.get("idempotency-key", ""), body))
            self.on_call(self.calls[-1])
            await self._pause()
            if chance < self._refused + self._lost:
                return False
            writer.write(_OK)
        await writer.drain()
        return True

    async def _pause(self) -> None:
        if self._most_ms:
            await asyncio.sleep(self._random.uniform(0, self._most_ms) / 1000)
