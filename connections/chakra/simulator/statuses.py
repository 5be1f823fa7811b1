"""Status webhooks: what becomes of accepted messages, told in Meta's format, in Chakra's, or in both."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from engine.clock import Clock

if TYPE_CHECKING:
    from connections.chakra.simulator.messages import Message

SIGNATURE = "x-chakra-signature-256"
_PATIENCE = 5.0

Format = Literal["meta", "chakra"]


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """How the account's webhooks are set up, and what goes wrong with them.

    `secret` signs them; without one there is no signature. Each of `states` is told once in each of `formats`, the
    first `delay_ms` after the message was accepted, the next as long after that. `loss`, `duplicates` and `failures`
    are chances: that one is lost, that it comes twice, that a message ends as failed. `forged` adds one with an op_id
    that nobody gave.
    """

    url: str = ""
    secret: str = ""
    formats: tuple[Format, ...] = ("meta",)
    states: tuple[str, ...] = ("sent", "delivered")
    delay_ms: float = 50
    loss: float = 0.0
    duplicates: float = 0.0
    failures: float = 0.0
    forged: bool = False


@dataclass(frozen=True, slots=True)
class StatusWebhook:
    """One POST, `after` so long."""

    after: timedelta
    headers: dict[str, str]
    body: bytes


class Statuses:
    """Makes the webhooks of a message; which are lost or doubled comes from the seed."""

    def __init__(self, settings: StatusSettings, seed: int = 0) -> None:
        self.settings = settings
        self._random = Random(f"{seed}/statuses")

    def of(self, message: Message) -> list[StatusWebhook]:
        """All that is told of this message, in the order in which it is told."""
        return list(self._of(message))

    def _of(self, message: Message) -> Iterator[StatusWebhook]:
        settings = self.settings
        fails = self._random.random() < settings.failures
        states = (*settings.states[:1], "failed") if fails else settings.states
        for number, state in enumerate(states, 1):
            after = timedelta(milliseconds=settings.delay_ms * number)
            for form in settings.formats:
                if self._random.random() < settings.loss:
                    continue
                body = _meta(message, state) if form == "meta" else _chakra(message, state)
                for _ in range(1 + (self._random.random() < settings.duplicates)):
                    yield self.signed(body, after)
        if settings.forged:
            yield self.signed(_meta(message, "delivered", callback="rw1:" + self._random.randbytes(16).hex()))

    def signed(self, body: dict[str, Any], after: timedelta = timedelta(0)) -> StatusWebhook:
        """A webhook with this body, signed if there is a secret."""
        raw = json.dumps(body, separators=(",", ":")).encode()
        headers = {"content-type": "application/json"}
        if self.settings.secret:
            headers[SIGNATURE] = hmac.new(self.settings.secret.encode(), raw, hashlib.sha256).hexdigest()
        return StatusWebhook(after, headers, raw)


class Postman:
    """Carries the webhooks of accepted messages to the address in the settings while it is `delivering`."""

    def __init__(self, statuses: Statuses, clock: Clock) -> None:
        self._statuses = statuses
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> None:
        """Sees to everything that is to be told of this message."""
        for webhook in self._statuses.of(message):
            task = asyncio.get_running_loop().create_task(self._deliver(webhook))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Delivers nothing more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _deliver(self, webhook: StatusWebhook) -> None:
        import httpx

        await self._clock.sleep_until(self._clock.now() + webhook.after)
        with contextlib.suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
                await client.post(self._statuses.settings.url, content=webhook.body, headers=webhook.headers)


def _meta(message: Message, state: str, callback: str | None = None) -> dict[str, Any]:
    status: dict[str, Any] = {
        "id": message.wamid,
        "status": state,
        "timestamp": str(message.at // 1000),
        "recipient_id": message.to,
    }
    if carried := message.callback if callback is None else callback:
        status["biz_opaque_callback_data"] = carried
    if state == "failed":
        status["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": message.phone_number},
        "statuses": [status],
    }
    change = {"field": "messages", "value": value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "83784929738012", "changes": [change]}]}


def _chakra(message: Message, state: str) -> dict[str, Any]:
    payload = {"wabaId": "83784929738012", "id": message.wamid, "deliveryStatus": state, "timestamp": message.at}
    return {"event": "status", "payload": payload}
