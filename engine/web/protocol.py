"""HTTP/1.1 as uvicorn speaks it, with bounds on what a sender may make the daemon keep: heads, and connections."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
PATIENCE: Final = 10.0
"""Seconds for a whole head, and for the rest of a body that nobody reads any more."""
MOST_CONNECTIONS: Final = 500
_ANSWER: Final = (
    b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
)


class HeadTooLarge(Exception):
    """The head of a request has more than `LARGEST_HEAD` bytes."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A timer runs only while a sender owes something, so that a whole request costs none."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = False
        self._begun = 0
        self._ended = 0
        self._head_size = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Turned away when there are too many; else the first head is awaited."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._turn_away(503, b"Service Unavailable", b"too many connections; try again later")
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._settle()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what belongs to a head that goes on after these bytes."""
        is_next = self._begun == self._ended
        was_in_head, begun = self._in_head, self._begun
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        if was_in_head or (is_next and self._begun == begun + 1):
            self._head_size += len(data)
        if self._head_size > LARGEST_HEAD:
            self._turn_away_head()
        elif self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._begun += 1
        self._head_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head has come; it is counted by what it says where it came at once."""
        if self._head() > LARGEST_HEAD:
            raise HeadTooLarge
        self._in_head = False
        self._settle()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body has come."""
        self._ended += 1
        self._settle()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer before the body has come ends the connection soon, whatever else is sent."""
        super().on_response_complete()
        if self._ended < self._begun and not self._in_head and self._timer is None:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for what the parser does not take, a head that is too large included."""
        if self._in_head and self._head() > LARGEST_HEAD:
            self._turn_away_head()
        else:
            super().send_400_response(msg)

    def _head(self) -> int:
        """The bytes of the head so far: as counted over several pieces, or by what it says if it came in one."""
        return max(self._head_size, len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers))

    def _wait(self) -> None:
        self._timer = self.loop.call_later(PATIENCE, self._give_up)

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self._in_head:
            self._turn_away(408, b"Request Timeout", b"the head did not come within %d seconds" % PATIENCE)
        elif not self.transport.is_closing():
            self.transport.close()

    def _turn_away_head(self) -> None:
        text = b"the head of a request may have %d bytes" % LARGEST_HEAD
        self._turn_away(431, b"Request Header Fields Too Large", text)

    def _turn_away(self, status: int, phrase: bytes, text: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(_ANSWER % (status, phrase, len(text), text))
            self.transport.close()
