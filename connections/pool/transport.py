"""httpx's place for a transport of one's own, filled with connections that send a request at most once."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import httpx

from connections.pool.address import Host
from connections.pool.lane import Lane
from connections.pool.lookup import Resolve, resolved, vetted
from connections.pool.wire import Patience, Reply, Wire, written
from engine.plugin import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds in seconds and bytes. `whole` counts from the moment a connection is free.

    `keepalive`: how long an unused connection is kept; short, since one that the other side has just closed makes a
    false unsure.
    """

    connect: float = 5.0
    read: float = 10.0
    write: float = 10.0
    whole: float = 10.0
    queue: float = 5.0
    keepalive: float = 5.0
    connections: int = 40
    answer: int = 1_000_000


class Response(httpx.Response):
    """An answer as it came: `extensions["cut"]` says whether it was too long."""

    @property
    def has_redirect_location(self) -> bool:
        """Never: httpx would read the address of a redirect that we do not follow, and raise when it is no address."""
        return False

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body, never unpacked: we ask for none that is packed, and a small one can become gigabytes."""
        async for chunk in self.aiter_raw(chunk_size):
            yield chunk


class Transport(httpx.AsyncBaseTransport):
    """Carries httpx's requests; no second try, and addresses are vetted and pinned (P19).

    Reads these extensions of a request: `timeout` (httpx's own), `whole` (seconds for all of it, within the limits),
    `host` (a `Host`, which says how far it may lie; without it only public hosts are called), `send_by`
    (nothing leaves after it). Raises httpx's exceptions, those of `failure.EXCEPTIONS`, and
    httpx.LocalProtocolError, in words without values, for what cannot be written: then nothing was sent.
    """

    def __init__(
        self,
        clock: Clock,
        limits: Limits | None = None,
        resolve: Resolve = resolved,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._resolve = resolve
        self._tls = tls
        self._lanes: dict[Host, Lane] = {}
        self._wires: set[Wire] = set()
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> Response:
        """One request and its whole answer."""
        host = request.extensions.get("host") or _host(request.url)
        message = written(request, await request.aread())
        lane = self._lane(host)
        await lane.enter(_timeouts(request).get("pool"))
        try:
            if self._closed:
                raise httpx.PoolTimeout("not sent: the connections are being closed")
            return await self._asked(lane, host, message, request)
        finally:
            lane.leave()

    async def aclose(self) -> None:
        """Closes every connection; calls under way end with an exception."""
        self._closed = True
        for lane in self._lanes.values():
            lane.close()
        wires = list(self._wires)
        for wire in wires:
            wire.abort()
        await asyncio.gather(*(wire.closed for wire in wires))

    def _lane(self, host: Host) -> Lane:
        lane = self._lanes.get(host)
        if lane is None:
            lane = self._lanes[host] = Lane(self._limits.connections, self._limits.keepalive)
        return lane

    async def _asked(self, lane: Lane, host: Host, message: bytes, request: httpx.Request) -> Response:
        patience = self._patience(request)
        wire = lane.take() or await self._connected(host, _seconds(request, "connect"), patience)
        reply = Reply(request.method == "HEAD", self._limits.answer)
        await wire.ask(message, reply, patience, request.extensions)
        if wire.open:
            lane.keep(wire)
        stream = httpx.ByteStream(bytes(reply.body))
        return Response(reply.status, headers=reply.headers, stream=stream, extensions={"cut": reply.cut})

    def _patience(self, request: httpx.Request) -> Patience:
        whole = min(request.extensions.get("whole") or self._limits.whole, self._limits.whole)
        deadline = asyncio.get_running_loop().time() + whole
        return Patience(self._clock, deadline, _seconds(request, "read"), _seconds(request, "write"))

    async def _connected(self, host: Host, connect: float, patience: Patience) -> Wire:
        """A new connection to the first vetted address that answers; the time is shared between them."""
        until = min(asyncio.get_running_loop().time() + connect, patience.deadline)
        with _as_connect_error(host):
            async with asyncio.timeout_at(until):
                addresses = await vetted(host, self._resolve)
            fault: Exception = OSError()
            for index, address in enumerate(addresses):
                now = asyncio.get_running_loop().time()
                try:
                    async with asyncio.timeout((until - now) / (len(addresses) - index)):
                        return await self._connect(host, address)
                except (OSError, TimeoutError) as failed:
                    fault = failed
            raise fault

    async def _connect(self, host: Host, address: str) -> Wire:
        wire = Wire()
        self._wires.add(wire)
        wire.closed.add_done_callback(lambda _: self._wires.discard(wire))
        loop = asyncio.get_running_loop()
        tls = self._context() if host.secure else None
        name = host.name if host.secure else None
        try:
            await loop.create_connection(lambda: wire, address, host.port, ssl=tls, server_hostname=name)
        except BaseException:
            wire.abort()
            raise
        return wire

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _host(url: httpx.URL) -> Host:
    """The host of a request that brings none: it must be public. Raises httpx's UnsupportedProtocol, InvalidURL."""
    if url.scheme not in ("https", "http"):
        raise httpx.UnsupportedProtocol("not sent: neither http nor https")
    try:
        return Host.of(str(url))
    except ValueError as fault:
        raise httpx.InvalidURL(f"not sent: {fault}") from None


def _timeouts(request: httpx.Request) -> dict[str, float | None]:
    return cast("dict[str, float | None]", request.extensions.get("timeout") or {})


def _seconds(request: httpx.Request, what: str) -> float:
    given = _timeouts(request).get(what)
    return math.inf if given is None else given


@contextmanager
def _as_connect_error(host: Host) -> Iterator[None]:
    """What goes wrong before anything is sent, in httpx's names and in words for people."""
    try:
        yield
    except ConnectionRefusedError:
        raise httpx.ConnectError(f"{host.name} refuses connections on port {host.port}") from None
    except TimeoutError:
        raise httpx.ConnectTimeout(f"connecting to {host.name} took too long") from None
    except ssl.SSLCertVerificationError as fault:
        raise httpx.ConnectError(f"the certificate of {host.name} is not good: {fault.verify_message}") from None
    except ssl.SSLError:
        raise httpx.ConnectError(f"{host.name} does not speak TLS on port {host.port}") from None
    except OSError as fault:
        raise httpx.ConnectError(f"cannot connect to {host.name}: {fault.strerror or 'it failed'}") from None
