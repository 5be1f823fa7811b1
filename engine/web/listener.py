"""A small web server inside the daemon: an ASGI application on one address, until the daemon ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from engine.problem import Problem, ProblemError

GRACE = 15
"""Seconds that requests under way have when the daemon stops."""


async def listen(stack: contextlib.AsyncExitStack, app: Any, address: tuple[str, int], what: str) -> int:
    """Listens from now on until the stack ends; gives the port. `what` is the key below `listen:` in the settings.

    Raises ProblemError when the address cannot be had.
    """
    import uvicorn  # only where there is something to listen for: it costs start-up time

    from engine.web.protocol import BoundedProtocol

    listener = _bound(*address, what)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    listening = asyncio.Event()
    server = _server(uvicorn.Server, listening)(config)
    task = asyncio.create_task(server.serve([listener]))
    stack.push_async_callback(_ended, server, task)
    await listening.wait()
    return int(listener.getsockname()[1])


def _bound(host: str, port: int, what: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        found = f"{what} cannot be listened for at {host}:{port}: {error.strerror}"
        remedy = f"choose another port for listen.{what}, or stop who has this one"
        raise ProblemError(Problem("cannot-listen", found, remedy=remedy)) from None
    listener.setblocking(False)
    return listener


def _server(server: type[Any], listening: asyncio.Event) -> type[Any]:
    """The server without signal handlers of its own (signals are the daemon's), which says when it listens."""

    class Listener(server):  # type: ignore[misc]
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            listening.set()

    return Listener


async def _ended(server: Any, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task
