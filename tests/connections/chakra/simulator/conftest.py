"""One simulated account under a clock that stands still until a test moves it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.chakra.simulator import Settings, Simulator
from connections.chakra.simulator.answers import Answer, Request

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WHATSAPP = "/v1/ext/plugin/whatsapp"
MESSAGES = f"{WHATSAPP}/d83e1d23-50b8-4d87-8f92-842a0ac516f6/api/v19.0/775966265503012/messages"


class StillClock:
    """Moves only when told; whoever sleeps moves it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    async def sleep_until(self, when: datetime) -> None:
        self.moment = max(self.moment, when)

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Account:
    """A simulator and the calls of one client of it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.clock = StillClock()
        self.simulator = Simulator(self.clock, settings, seed=7)

    def get(self, path: str, **query: str) -> Answer:
        return self._call("GET", path, query, b"")

    def post(self, path: str, body: Any) -> Answer:
        return self._call("POST", path, {}, body if isinstance(body, bytes) else _json(body))

    def send(self, **body: Any) -> Answer:
        return self.post(MESSAGES, {"messaging_product": "whatsapp", "to": "919876543210", **body})

    def _call(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        headers = {"authorization": f"Bearer {self.simulator.token}"}
        return self.simulator.answer(Request(method, path, query, headers, body))


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


def template(name: str, *body: str, **more: Any) -> dict[str, Any]:
    """A template message with positional body parameters, in Meta's form; `more` are further components by type."""
    components: list[dict[str, Any]] = list(more.get("components", ()))
    if body:
        components.append({"type": "body", "parameters": [{"type": "text", "text": text} for text in body]})
    given = {"name": name, "language": {"code": more.get("language", "en")}, "components": components}
    return {"type": "template", "template": given}


@pytest.fixture
def account() -> Account:
    return Account()
