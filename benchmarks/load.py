"""The load: callers that POST `{"n": 0}`, `{"n": 1}`, ... to one address, each as soon as it has its last answer.

`python -m benchmarks.load URL EVENTS CALLERS [PER_SECOND]` prints `[[n, sent, answered], ...]` in the time of
`time.monotonic()`. With a rate, each POST leaves when its time has come, as long as a caller is free.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import uvloop

from benchmarks.wire import Wire


class Caller(Wire):
    """One connection, one POST at a time."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n".encode()

    async def post(self, number: int) -> None:
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        body = b'{"n": %d}' % number
        self.transport.write(self._head + b"content-length: %d\r\n\r\n" % len(body) + body)
        status = (await self._answer).split(b" ", 2)[1]
        if status != b"200":
            raise RuntimeError(f"event {number} was answered with {status.decode()}")

    def message(self, head: bytes, body: bytes) -> None:
        self._answer.set_result(head)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(ConnectionError("closed before the answer came"))


async def send(url: str, events: int, callers: int, per_second: float | None) -> list[tuple[int, float, float]]:
    """All events with the times at which they were sent and answered."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    where = (str(address.hostname), address.port or 80)
    wires = [(await loop.create_connection(lambda: Caller(address.path), *where))[1] for _ in range(callers)]
    times: list[tuple[int, float, float]] = []
    numbers = iter(range(events))
    began = time.monotonic()

    async def calls(wire: Caller, numbers: Iterator[int]) -> None:
        for number in numbers:
            if per_second:
                await asyncio.sleep(began + number / per_second - time.monotonic())
            sent = time.monotonic()
            await wire.post(number)
            times.append((number, sent, time.monotonic()))

    await asyncio.gather(*(calls(wire, numbers) for wire in wires))
    return times


if __name__ == "__main__":
    _, url, events, callers, *rate = sys.argv
    print(json.dumps(uvloop.run(send(url, int(events), int(callers), float(rate[0]) if rate else None))))
