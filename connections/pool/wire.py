"""One connection to a host: HTTP/1.1, one call at a time, a request's bytes written once and never again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import httptools
import httpx

from connections.pool.head import TOKEN, checked
from engine.plugin import Clock

LONGEST_HEAD: Final = 100_000
_TARGET: Final = re.compile(rb"/[!-\"$-~]*")
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"))


class SendByPassed(httpx.PoolTimeout):
    """The request did not leave: its `send_by` was over when its first byte was about to."""


class SendingStopped(httpx.PoolTimeout):
    """The request did not leave: somebody has stopped all sending before its first byte."""


async def last_look(extensions: Mapping[str, Any], clock: Clock) -> None:
    """Right before the first byte. Raises SendingStopped or SendByPassed where the request must not leave any more."""
    is_stopped = extensions.get("is_stopped")
    if is_stopped is not None and await is_stopped():
        raise SendingStopped("not sent: sending is stopped")
    send_by = extensions.get("send_by")
    if send_by is not None and clock.now() > send_by:
        raise SendByPassed("not sent: it was too late to send it safely")


def written(request: httpx.Request, body: bytes) -> bytes:
    """The whole request as bytes; its length is always stated by us. Raises httpx.LocalProtocolError."""
    method, target = request.method.encode("ascii", "replace"), request.url.raw_path
    if not TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise httpx.LocalProtocolError("the method or the path has letters that an address cannot carry")
    try:
        head = checked(request.headers.raw)
    except ValueError as fault:
        raise httpx.LocalProtocolError(str(fault)) from None
    lines = b"".join([b"%b: %b\r\n" % pair for pair in head if pair[0].lower() not in _FRAMING])
    length = b"Content-Length: %d\r\n" % len(body) if body or method not in (b"GET", b"HEAD") else b""
    return b"%b %b HTTP/1.1\r\n%b%b\r\n%b" % (method, target, lines, length, body)


class Reply:
    """An answer while it is read; the parser calls the methods that begin with `on_`."""

    def __init__(self, bodiless: bool, most: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless = bodiless
        self._most = most
        self._size = 0
        self._head_read = False
        self._lasting = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.done = False
        self.cut = False
        self.stray = False
        self.fault: Exception | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.done or self.cut or self.fault is not None

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another call: the answer ended where it said, and nothing followed."""
        clean = self.done and not self.cut and not self.stray and not self._bodiless and self.fault is None
        return clean and self._lasting

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("sent, but the answer was not HTTP"))
        if not self._head_read and self._size > LONGEST_HEAD:
            self._fail(httpx.RemoteProtocolError("sent, but the answer's headers never ended"))
        if self._size > LONGEST_HEAD + 8 * self._most and not self.done:  # tiny chunks: 8 bytes sent for one of body
            self.cut = True

    def end(self) -> None:
        """The other side says no more; that ends an answer that named no length."""
        lengthless = not {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self.headers}
        if self._head_read and lengthless:
            self.done = True
        else:
            self._fail(httpx.RemoteProtocolError("sent, but the connection closed before the answer was complete"))

    def _fail(self, fault: Exception) -> None:
        if self.done:
            self.stray = True
        elif self.fault is None:
            self.fault = fault

    def on_message_begin(self) -> None:
        self.stray = self.stray or self.done

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.done:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.done or self._parser.get_status_code() < 200:
            return
        self.status = self._parser.get_status_code()
        self._head_read = True
        self._lasting = bool(self._parser.should_keep_alive())  # the parser forgets it with the last byte
        self.done = self._bodiless

    def on_body(self, body: bytes) -> None:
        if self.done or self.cut:
            return
        self.body += body
        if len(self.body) > self._most:
            del self.body[self._most :]
            self.cut = True

    def on_message_complete(self) -> None:
        if self._head_read:
            self.done = True
        else:
            self.headers.clear()  # an interim answer (1xx): the real one follows


class Wire(asyncio.Protocol):
    """The connection itself; whoever asks owns it until the answer is there."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._active = 0.0
        self._given_up = False
        self.open = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.open = not self._given_up
        if self._given_up:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reply is None or self._reply.over:
            self.abort()  # nobody asked: never take these bytes for the answer to the next request
            return
        self._active = asyncio.get_running_loop().time()
        self._reply.feed(data)
        self._wake()

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._active = asyncio.get_running_loop().time()

    def abort(self) -> None:
        """Lets go of the connection at once."""
        self.open = False
        self._given_up = True
        if self._transport is not None:
            self._transport.abort()
        elif not self.closed.done():
            self.closed.set_result(None)

    async def ask(self, message: bytes, reply: Reply, patience: Patience, extensions: Mapping[str, Any]) -> None:
        """Writes the request and reads the answer into `reply`; the connection is closed unless it may be used again.

        Raises httpx.ConnectError or what `last_look` does while surely nothing was sent, else httpx's ReadTimeout,
        WriteTimeout, ReadError, RemoteProtocolError.
        """
        try:
            await last_look(extensions, patience.clock)
            self._send(message, reply)
            await self._answered(reply, patience)
            if reply.fault is not None:
                raise reply.fault
        except BaseException:
            self.abort()
            raise
        finally:
            self._reply = None
        if not reply.reusable:
            self.abort()

    def _send(self, message: bytes, reply: Reply) -> None:
        if not self.open or self._transport is None:
            raise httpx.ConnectError("the connection closed before the request was sent")
        self._reply = reply
        self._active = asyncio.get_running_loop().time()
        self._transport.write(message)

    async def _answered(self, reply: Reply, patience: Patience) -> None:
        if reply.over:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._timer = loop.call_at(patience.until(self._active, self._paused), self._impatient, patience)
        try:
            await self._waiter
        finally:
            self._timer.cancel()
            self._waiter = None

    def _impatient(self, patience: Patience) -> None:
        loop = asyncio.get_running_loop()
        until = patience.until(self._active, self._paused)
        if loop.time() < until:
            self._timer = loop.call_at(until, self._impatient, patience)
        elif self._reply is not None and self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(patience.over(self._paused))

    def _ended(self, fault: Exception | None) -> None:
        self.open = False
        if self._reply is None or self._reply.over:
            return
        if fault is None:
            self._reply.end()
        else:
            self._reply.fault = httpx.ReadError("sent, but the connection broke before the answer was complete")
        self._wake()

    def _wake(self) -> None:
        if self._reply is not None and self._reply.over and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Patience:
    """How long one call waits: for each sign of life, and in all (`deadline`, in the loop's time)."""

    def __init__(self, clock: Clock, deadline: float, read: float, write: float) -> None:
        self.clock = clock
        self.deadline = deadline
        self._read = read
        self._write = write

    def until(self, active: float, writing: bool) -> float:
        """When patience ends if nothing more happens."""
        return min(self.deadline, active + (self._write if writing else self._read))

    def over(self, writing: bool) -> Exception:
        """What to raise when it has ended."""
        if writing:
            return httpx.WriteTimeout("sending took too long")
        return httpx.ReadTimeout("sent, but no answer came in time")
