"""The server that outgoing requests arrive at: it answers at once and notes when each came.

`python -m benchmarks.target` prints its port. `POST` of `{"n": 7}` is an arrival; `GET /count` says how many came;
`GET /arrivals` gives `[[n, time.monotonic()], ...]` and forgets them.
"""

from __future__ import annotations

import asyncio
import json
import time

import uvloop

from benchmarks.wire import Wire

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_DONE = _HEAD % 11 + b'{"ok":true}'

_arrivals: list[tuple[bytes, float]] = []


class Arrival(Wire):
    """One connection to the target."""

    def message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST"):
            _arrivals.append((body, time.monotonic()))
            self.transport.write(_DONE)
        elif head.startswith(b"GET /count"):
            self._tell(len(_arrivals))
        else:
            self._tell([(json.loads(came)["n"], at) for came, at in _arrivals])
            _arrivals.clear()

    def _tell(self, what: object) -> None:
        text = json.dumps(what).encode()
        self.transport.write(_HEAD % len(text) + text)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Arrival, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
