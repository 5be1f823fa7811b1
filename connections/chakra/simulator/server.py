"""The simulator on a loopback port: uvicorn's HTTP, our own listening, so that it can refuse for a while."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from connections.chakra.simulator.app import App, Wire
from connections.chakra.simulator.simulator import Simulator
from connections.chakra.simulator.statuses import Postman

_HOST = "127.0.0.1"
_BACKLOG = 2048
_KEEP_ALIVE = 65


class Server:
    """Serves one simulator on 127.0.0.1 (`port` 0: a free one), inside `async with server.listening()`."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self._simulator = simulator
        self._port = port
        self._state = ServerState()
        self._listener: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._pause: asyncio.Task[None] | None = None
        self._config = uvicorn.Config(
            App(simulator),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        self._config.load()
        await self._listen(self._bound())
        self._simulator.url = f"http://{_HOST}:{self._port}"
        self._simulator.on_refuse = self._refuse
        postman = Postman(self._simulator.statuses, self._simulator.clock)
        if self._simulator.settings.statuses.url:
            self._simulator.on_message = postman.take
        try:
            yield
        finally:
            await postman.close()
            await self._close()

    def _bound(self) -> socket.socket:
        """A socket that holds the port; until it listens, connections are refused."""
        # With the protocol spelt out asyncio switches Nagle's delay off, which costs 40 ms a request.
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        try:
            bound.bind((_HOST, self._port))
        except OSError:
            bound.close()
            raise
        self._port = bound.getsockname()[1]
        return bound

    async def _listen(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._protocol, sock=bound, backlog=_BACKLOG)

    def _protocol(self) -> asyncio.Protocol:
        state: dict[str, Any] = {}
        kind = cast(Any, self._config.http_protocol_class)
        protocol: asyncio.Protocol = kind(config=self._config, server_state=self._state, app_state=state)
        state["wire"] = protocol
        return protocol

    def _refuse(self, seconds: float) -> None:
        """Stop listening, close idle connections, and the others after their answer; listen again after `seconds`."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        self._reserved = self._bound()
        for wire in list(self._state.connections):
            cast(Wire, wire).shutdown()
        self._pause = asyncio.create_task(self._listen_again(self._reserved, seconds))

    async def _listen_again(self, bound: socket.socket, seconds: float) -> None:
        clock = self._simulator.clock
        await clock.sleep_until(clock.now() + timedelta(seconds=seconds))
        await self._listen(bound)
        self._reserved = None

    async def _close(self) -> None:
        if self._pause:
            self._pause.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pause
        if self._reserved:
            self._reserved.close()
        if self._listener:
            self._listener.close()
        for wire in list(self._state.connections):
            cast(Wire, wire).transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        self._simulator.on_refuse = None
