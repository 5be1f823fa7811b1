"""The messages that were accepted: the judge of what the sender believes."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connections.chakra.simulator.jobs import epoch_ms
from connections.chakra.simulator.meta import CALLBACK, Reading
from connections.chakra.simulator.settings import TEAM, USER
from engine.clock import Clock

_OURS = "rw1:"


@dataclass(frozen=True, slots=True)
class Message:
    """One accepted message. `number` counts from 1 in the order of acceptance; `at` is epoch milliseconds.

    `op_id` is what follows `rw1:` in `callback`, else empty. The listing shows it from `listed_at` on.
    """

    number: int
    at: int
    operation: str
    op_id: str
    to: str
    type: str
    template: str
    language: str
    text: str
    rendered: str
    wamid: str
    callback: str
    plugin: str
    phone_number: str
    listed_at: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def listed(self, with_callback: bool) -> dict[str, Any]:
        """The message as the listing shows it: the ChatMessage of Chakra's own client code."""
        item = {
            "id": str(uuid5(NAMESPACE_URL, self.wamid)),
            "createdAt": self.at,
            "updatedAt": self.at,
            "externalId": self.wamid,
            "provider": "whatsapp",
            "dataType": "TEMPLATE" if self.template else "TEXT",
            "body": {"body": self.text},
            "text": self.text,
            "attachments": None,
            "deliveryStatus": "SENT",
            "direction": "OUTBOUND",
            "timestamp": self.at,
            "context": {"contactIdentifier": self.to, "messageTemplateId": self.template},
            "source": {"sourceId": USER, "sourceType": "api"},
            "team": TEAM,
            "plugin": self.plugin,
            "user": USER,
            "process": "",
        }
        absent = ("adhocAgent", "chat", "contact", "procedure", "campaign", "inReplyTo")
        item |= dict.fromkeys(absent)
        return item | {CALLBACK: self.callback} if with_callback and self.callback else item


class Messages:
    """All accepted messages, in order and by recipient."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._all: list[Message] = []
        self._to: defaultdict[str, list[Message]] = defaultdict(list)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def accept(self, reading: Reading, operation: str, plugin: str, phone_number: str, lag_ms: int = 0) -> Message:
        """Take a message in; the listing shows it `lag_ms` later."""
        number = len(self._all) + 1
        at = epoch_ms(self._clock.now())
        message = Message(
            number=number,
            at=at,
            operation=operation,
            op_id=reading.callback.removeprefix(_OURS) if reading.callback.startswith(_OURS) else "",
            to=reading.to,
            type=reading.type,
            template=reading.template,
            language=reading.language,
            text=reading.text,
            rendered=reading.rendered,
            wamid=self._wamid(reading.to, number),
            callback=reading.callback,
            plugin=plugin,
            phone_number=phone_number,
            listed_at=at + lag_ms,
        )
        self._all.append(message)
        self._to[message.to].append(message)
        return message

    def since(self, number: int) -> list[Message]:
        """The messages after the one of this number."""
        return self._all[number:]

    def visible(self, to: str, now: datetime) -> list[Message]:
        """What the listing shows of a recipient at this moment, newest first."""
        moment = epoch_ms(now)
        return [message for message in reversed(self._to.get(to, ())) if message.listed_at <= moment]

    def op_ids(self) -> dict[str, int]:
        """How often each op_id was accepted: more than once is a message sent twice."""
        counts: dict[str, int] = {}
        for message in self._all:
            if message.op_id:
                counts[message.op_id] = counts.get(message.op_id, 0) + 1
        return counts

    def _wamid(self, to: str, number: int) -> str:
        inside = f"\x1d\x04{to}\x15\x02{self._seed:x}.{number:012x}"
        return f"wamid.{b64encode(inside.encode()).decode()}"
