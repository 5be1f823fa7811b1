"""The connections to one host: those in use, counted, and those that wait for the next call."""

from __future__ import annotations

import asyncio

import httpx

from connections.pool.wire import Wire


class Lane:
    """A bounded number of connections; one that was not used for `keepalive` seconds is closed."""

    def __init__(self, connections: int, keepalive: float) -> None:
        self._keepalive = keepalive
        self._room = asyncio.Semaphore(connections)
        self._idle: list[tuple[Wire, float]] = []
        self._sweeping: asyncio.TimerHandle | None = None

    async def enter(self, patience: float | None) -> None:
        """Waits for a place, at most so many seconds. Raises httpx.PoolTimeout."""
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(patience):
                await self._room.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("not sent: all connections are busy") from None

    def leave(self) -> None:
        """Gives the place to the next call."""
        self._room.release()

    def take(self) -> Wire | None:
        """The connection used last, if it is still good."""
        oldest = asyncio.get_running_loop().time() - self._keepalive
        while self._idle:
            wire, since = self._idle.pop()
            if wire.open and since > oldest:
                return wire
            wire.abort()
        return None

    def keep(self, wire: Wire) -> None:
        """Takes a connection back, for the next call."""
        loop = asyncio.get_running_loop()
        self._idle.append((wire, loop.time()))
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._keepalive, self._sweep)

    def close(self) -> None:
        """Closes what is not in use."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for wire, _ in self._idle:
            wire.abort()
        self._idle.clear()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._keepalive
        for wire, _ in [kept for kept in self._idle if kept[1] <= oldest]:
            wire.abort()
        self._idle = [kept for kept in self._idle if kept[1] > oldest]
        self._sweeping = loop.call_at(self._idle[0][1] + self._keepalive, self._sweep) if self._idle else None
