"""What monitoring asks: `/healthz`, whether all is well, and `/readyz`, whether rules are read and listened for.

A plain ASGI application on an address of its own, not that of the webhooks, which may face the Internet. It answers
200 or 503, with the reasons as JSON; texts of problems are not shown, for they may speak of customers.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from engine.clock import Clock
from engine.notices import Notices
from engine.pulse import Pulse

OLDEST = timedelta(minutes=15)
"""A problem that nobody has mended for so long makes the whole unwell."""

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class HealthApp:
    """Answers for one engine; `ready` is set and cleared by the daemon."""

    def __init__(self, pulse: Pulse, notices: Notices, clock: Clock) -> None:
        self._pulse = pulse
        self._notices = notices
        self._clock = clock
        self.ready = False

    def faults(self) -> list[str]:
        """Why it is not well; empty when it is."""
        found = self._pulse.stuck()
        for record in self._notices.open():
            if record.key.startswith("journal/"):
                found.append(f"the journal cannot be written: {record.code}")
            elif self._clock.now() - record.since > OLDEST:
                found.append(f"problem {record.code} since {record.since:%Y-%m-%d %H:%M:%S} UTC")
        return found

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, {"reasons": ["use GET"]})
        elif scope["path"] == "/healthz":
            faults = self.faults()
            await _answer(send, 503 if faults else 200, {"healthy": not faults, "reasons": faults})
        elif scope["path"] == "/readyz":
            reasons = [] if self.ready else ["it is starting or stopping"]
            await _answer(send, 200 if self.ready else 503, {"ready": self.ready, "reasons": reasons})
        else:
            await _answer(send, 404, {"reasons": ["there are /healthz and /readyz"]})


async def _answer(send: Send, status: int, said: dict[str, Any]) -> None:
    body = json.dumps(said).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
