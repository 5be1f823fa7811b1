"""Load and target speak just enough HTTP/1.1 to cost next to nothing: kept connections, bodies of stated length."""

from __future__ import annotations

import asyncio
from typing import cast

_LENGTH = b"content-length:"


class Wire(asyncio.Protocol):
    """Cuts what comes in into messages and hands each to `message`."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            whole = end + 4 + _length(head)
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self.message(head, body)

    def message(self, head: bytes, body: bytes) -> None:
        """One whole message: start line and headers, and its body."""
        raise NotImplementedError


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
