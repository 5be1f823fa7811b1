"""What contacts write to the simulated number, as the webhook that tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal


class Contacts:
    """Makes the webhooks of messages that contacts write; each has an id of its own."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._written = 0

    def write(
        self,
        sender: str,
        text: str = "",
        *,
        button: str | None = None,
        content: dict[str, Any] | None = None,
        kind: str = "",
        name: str = "",
        message_id: str = "",
        form: Literal["meta", "chakra"] = "meta",
    ) -> dict[str, Any]:
        """The body of the webhook: a text, a press on the template button with this payload, or any other `content`.

        `form` is Meta's format or Chakra's.
        """
        self._written += 1
        kind = kind or ("button" if button is not None else "text")
        said = content or ({"payload": button, "text": text} if button is not None else {"body": text})
        digits = sender.lstrip("+")
        now = int(self._now().timestamp())
        message: dict[str, Any] = {
            "from": digits,
            "id": message_id or f"wamid.CONTACT{self._written}",
            "timestamp": str(now),
        }
        message |= {"type": kind, kind: said}
        contacts = [{"profile": {"name": name}, "wa_id": digits}] if name else []
        if form == "chakra":
            payload = {"wabaId": "83784929738012", "messageId": message["id"], "timestamp": now * 1000}
            return {"event": "message", "payload": {**payload, "message": message, "contacts": contacts}}
        value = {"messaging_product": "whatsapp", "contacts": contacts, "messages": [message]}
        changes = [{"field": "messages", "value": value}]
        return {"object": "whatsapp_business_account", "entry": [{"id": "83784929738012", "changes": changes}]}
