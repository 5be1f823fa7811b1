"""The simulator as an ASGI application: reads the call, lets the faults happen where they belong, answers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import parse_qsl

from connections.chakra.simulator.answers import Answer, Request, as_json
from connections.chakra.simulator.control import PREFIX, Receive, Send, control, stream
from connections.chakra.simulator.faults import Cut, Disturbance
from connections.chakra.simulator.simulator import Simulator

_LOOPBACK = ("127.0.0.1", "::1")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 seconds: closing sends a reset

Scope = MutableMapping[str, Any]


class ConnectionCutError(ConnectionError):
    """Raised out of the app where it is called without a socket and a fault cuts the connection."""


class Wire(Protocol):
    """The connection under a call, as the server puts it into `scope["state"]`."""

    transport: asyncio.Transport

    def shutdown(self) -> None: ...


class App:
    """ASGI over one simulator. Without a server it raises ConnectionRefusedError and ConnectionCutError instead."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        if request.path.startswith(PREFIX):
            await self._control(scope, request, receive, send)
        elif _wire(scope) is None and self.simulator.refusing():
            raise ConnectionRefusedError
        else:
            await self._api(scope, request, receive, send)

    async def _api(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        disturbance = self.simulator.disturb(request)
        if disturbance is None:
            body = await _body(receive)
            if body is not None:
                await _send(send, self.simulator.answer(replace(request, body=body)))
            return
        await self._disturbed(scope, request, disturbance, receive, send)

    async def _disturbed(
        self, scope: Scope, request: Request, disturbance: Disturbance, receive: Receive, send: Send
    ) -> None:
        if await self._passes("before_reading", disturbance, scope, receive):
            return
        body = await _body(receive)
        if body is None or await self._passes("after_reading", disturbance, scope, receive):
            return
        answer = self.simulator.answer(replace(request, body=body), disturbance)
        if await self._passes("before_answer", disturbance, scope, receive):
            return
        if disturbance.refuse_seconds:
            self.simulator.refuse(disturbance.refuse_seconds)
        await self._answered(answer, disturbance, scope, receive, send)

    async def _answered(
        self, answer: Answer, disturbance: Disturbance, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the answer, in two halves when something is to happen between them."""
        cut = disturbance.cut
        if "in_answer" not in disturbance.delays and not (cut and cut.at == "in_answer"):
            await _send(send, answer)
            return
        half = len(answer.body) // 2
        await _send(send, answer, answer.body[:half], more=True)
        if not await self._passes("in_answer", disturbance, scope, receive):
            await send({"type": "http.response.body", "body": answer.body[half:]})

    async def _passes(self, point: str, disturbance: Disturbance, scope: Scope, receive: Receive) -> bool:
        """Wait and cut as planned for this point; True when the connection is gone."""
        clock = self.simulator.clock
        seconds = disturbance.delays.get(point)
        if seconds:
            await clock.sleep_until(clock.now() + timedelta(seconds=seconds))
        cut = disturbance.cut
        if cut is None or cut.at != point:
            return False
        await _cut(cut, scope, receive)
        return True

    async def _control(self, scope: Scope, request: Request, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if (client and client[0] not in _LOOPBACK) or "origin" in request.headers:
            await _send(send, as_json({"problems": ["The control API answers programs on this machine only."]}, 403))
        elif request.path == f"{PREFIX}stream":
            await stream(self.simulator, receive, send)
        else:
            body = await _body(receive)
            if body is not None:
                await _send(send, control(self.simulator, replace(request, body=body)))


def _request(scope: Scope) -> Request:
    query = scope["query_string"]
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when the caller went away before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(send: Send, answer: Answer, body: bytes | None = None, more: bool = False) -> None:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", b"%d" % len(answer.body))]
    headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if body is None else body, "more_body": more})


def _wire(scope: Scope) -> Wire | None:
    wire: Wire | None = scope.get("state", {}).get("wire")
    return wire


async def _cut(cut: Cut, scope: Scope, receive: Receive) -> None:
    wire = _wire(scope)
    if wire is None:
        raise ConnectionCutError(cut.at)
    if cut.how == "reset":
        wire.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        wire.transport.abort()
    else:
        wire.transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
