"""Calls to hosts over a bounded number of connections each; a request is sent at most once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import httpcore

from connections.pool.address import Host, Resolve, resolved, vetted
from connections.pool.answer import Answer
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


class _Lane:
    """The connections to one host: those in use, counted, and those that wait for the next call."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = asyncio.Semaphore(limits.connections)
        self._idle: list[tuple[Wire, float]] = []
        self._sweeping: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Waits for a place. Raises httpcore.PoolTimeout."""
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(self._limits.queue):
                await self._room.acquire()
        except TimeoutError:
            raise httpcore.PoolTimeout("not sent: all connections are busy") from None

    def leave(self) -> None:
        self._room.release()

    def take(self) -> Wire | None:
        """The connection used last, if it is still good."""
        oldest = asyncio.get_running_loop().time() - self._limits.keepalive
        while self._idle:
            wire, since = self._idle.pop()
            if wire.open and since > oldest:
                return wire
            wire.abort()
        return None

    def keep(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append((wire, loop.time()))
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._limits.keepalive, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._limits.keepalive
        for wire, _ in [kept for kept in self._idle if kept[1] <= oldest]:
            wire.abort()
        self._idle = [kept for kept in self._idle if kept[1] > oldest]
        self._sweeping = loop.call_at(self._idle[0][1] + self._limits.keepalive, self._sweep) if self._idle else None

    def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
        for wire, _ in self._idle:
            wire.abort()
        self._idle.clear()


class Pool:
    """Calls hosts. No proxies, no redirects, no cookies, no second try; addresses are vetted and pinned (P19)."""

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
        self._lanes: dict[Host, _Lane] = {}
        self._wires: set[Wire] = set()

    async def call(
        self,
        host: Host,
        method: str,
        target: str,
        head: bytes = b"",
        body: bytes = b"",
        *,
        send_by: datetime | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # part of a call's patience, which never cancels
    ) -> Answer:
        """One request and its answer; `head` is what `encoded` made.

        Raises what the table of P10 names (`classify` reads it), or ValueError when the request cannot be written.
        """
        message = written(method, target, host.header, head, body)
        lane = self._lanes.get(host) or self._lanes.setdefault(host, _Lane(self._limits))
        await lane.enter()
        try:
            return await self._asked(lane, host, message, method == "HEAD", self._patience(timeout), send_by)
        finally:
            lane.leave()

    async def close(self) -> None:
        """Closes every connection; calls under way end with an exception."""
        for lane in self._lanes.values():
            lane.close()
        wires = list(self._wires)
        for wire in wires:
            wire.abort()
        await asyncio.gather(*(wire.closed for wire in wires))

    def _patience(self, timeout: float | None) -> Patience:
        whole = min(timeout or self._limits.whole, self._limits.whole)
        deadline = asyncio.get_running_loop().time() + whole
        return Patience(self._clock, deadline, self._limits.read, self._limits.write)

    async def _asked(
        self, lane: _Lane, host: Host, message: bytes, bodiless: bool, patience: Patience, send_by: datetime | None
    ) -> Answer:
        wire = lane.take() or await self._connected(host, patience)
        answer = await wire.ask(message, Reply(bodiless, self._limits.answer), patience, send_by)
        if wire.open:
            lane.keep(wire)
        return answer

    async def _connected(self, host: Host, patience: Patience) -> Wire:
        """A new connection to the first vetted address that answers; the time is shared between them."""
        until = min(asyncio.get_running_loop().time() + self._limits.connect, patience.deadline)
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


@contextmanager
def _as_connect_error(host: Host) -> Iterator[None]:
    """What goes wrong before anything is sent, in httpcore's words and for people."""
    try:
        yield
    except ConnectionRefusedError:
        raise httpcore.ConnectError(f"{host.name} refuses connections on port {host.port}") from None
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"connecting to {host.name} took too long") from None
    except ssl.SSLCertVerificationError as fault:
        raise httpcore.ConnectError(f"the certificate of {host.name} is not good: {fault.verify_message}") from None
    except ssl.SSLError:
        raise httpcore.ConnectError(f"{host.name} does not speak TLS on port {host.port}") from None
    except OSError as fault:
        raise httpcore.ConnectError(f"cannot connect to {host.name}: {fault.strerror or 'it failed'}") from None
