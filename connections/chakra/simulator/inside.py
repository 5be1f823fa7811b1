"""The simulator without sockets: httpx hands it the call in this process, and time is the clock that was handed in."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx

from connections.chakra.simulator.app import App, ConnectionCutError, Scope
from connections.chakra.simulator.simulator import Simulator
from connections.pool.wire import last_look
from engine.clock import Clock
from engine.plugin import Json, Simulation

if TYPE_CHECKING:
    from connections.chakra.connection import ChakraConnection

WHOLE = 10.0
"""Seconds that a call may take, where it does not say."""

_until: ContextVar[datetime] = ContextVar("until")


class CallTooLong(Exception):
    """The caller has given up waiting."""


class Impatient:
    """A clock that wakes whoever waits for an answer when the caller gives up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep_until(self, when: datetime) -> None:
        until = _until.get(when)
        await self._clock.sleep_until(min(when, until))
        if until < when:
            raise CallTooLong


class Inside(httpx.AsyncBaseTransport):
    """A transport whose other end is the simulator; what goes wrong has the names that it has over sockets."""

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self._app = App(simulator)
        self._simulator = simulator
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call and its answer. Raises httpx's exceptions, as `connections.pool.transport` does."""
        body = await request.aread()
        await last_look(request.extensions, self._clock)
        seconds = request.extensions.get("whole") or WHOLE
        token = _until.set(self._clock.now() + timedelta(seconds=seconds))
        try:
            return await self._answered(request, body)
        except ConnectionRefusedError:
            raise httpx.ConnectError("the simulator refuses connections") from None
        except ConnectionCutError:
            raise httpx.ReadError("sent, but the connection broke before the answer") from None
        except CallTooLong:
            raise httpx.ReadTimeout("sent, but no answer came in time") from None
        finally:
            _until.reset(token)

    async def _answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        told: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message)

        await self._app(_scope(request), receive, send)
        start, *parts = told
        content = b"".join(part.get("body", b"") for part in parts)
        headers = [*start["headers"], (b"date", format_datetime(self._simulator.date(), usegmt=True).encode())]
        return httpx.Response(start["status"], headers=headers, content=content, extensions={"cut": False})


def inside(kind: type[ChakraConnection], clock: Clock, settings: Mapping[str, Json], seed: int) -> Simulation:
    """A connection of this kind to a simulator of its own."""
    simulator = Simulator(Impatient(clock), seed=seed)
    here = {"base_url": "https://chakra.example", "token": simulator.token}
    connection = kind({**kind.simulated_settings, **settings, **here})
    connection._transport = Inside(simulator, clock)
    return Simulation(connection, simulator)


def _scope(request: httpx.Request) -> Scope:
    return {
        "type": "http",
        "method": request.method,
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": None,
    }
