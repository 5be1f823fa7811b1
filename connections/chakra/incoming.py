"""Messages of contacts, as Chakra's and Meta's webhooks tell of them.

Two formats, either of which may come, or both at once: Meta's own, passed through, and Chakra's, whose message is
Meta's. Source: https://apidocs.chakrahq.com/doc-919167; the kinds of messages are those of the Cloud API v23.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from engine.plugin import PHONE, Incoming, Json

_LONGEST_ID = 512
_LARGEST = 100_000
"""Characters of JSON that one message may hold; WhatsApp's texts have 4,096 characters."""
_FILES = ("image", "video", "audio", "document", "sticker")


def messages_in(body: bytes, number: str) -> list[Incoming]:
    """The messages in a webhook of either format; statuses, echoes of our own and other events hold none.

    Those to another number of the account than `number` are left out, where it is told to whom they came. Raises
    ValueError for what is no JSON.
    """
    try:
        whole = json.loads(body, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    found = (_incoming(item, value) for item, value in _items(_mapping(whole), number))
    return [message for message in found if message is not None]


def _items(whole: Mapping[str, Json], number: str) -> Iterator[tuple[Mapping[str, Json], Mapping[str, Json]]]:
    """Each message in Meta's form, with what stands around it."""
    if whole.get("event") == "message":
        payload = _mapping(whole.get("payload"))
        yield _mapping(payload.get("message")), payload
        return
    for entry in _list(whole.get("entry")):
        for change in _list(_mapping(entry).get("changes")):
            value = _mapping(_mapping(change).get("value"))
            to = _mapping(value.get("metadata")).get("phone_number_id")
            if _mapping(change).get("field") == "messages" and to in (None, number):
                yield from ((_mapping(item), value) for item in _list(value.get("messages")))


def _incoming(item: Mapping[str, Json], around: Mapping[str, Json]) -> Incoming | None:
    names = (item.get("id"), around.get("messageId"), around.get("externalId"))
    message_id = next((each for each in names if isinstance(each, str) and each), "")
    sender = _phone(item.get("from"))
    if not sender or not 0 < len(message_id) <= _LONGEST_ID:
        return None
    kind = str(item.get("type") or "unknown")[:32]
    content = _bounded(_mapping(item.get(kind)))
    text, payload = _said(kind, content)
    data = {
        "message_id": message_id,
        "from": sender,
        "name": _name(around, str(item.get("from"))),
        "type": kind,
        "text": text,
        "payload": payload,
        "file": {key: content.get(key) for key in ("id", "mime_type", "filename")} if kind in _FILES else None,
        "answers": _text(_mapping(item.get("context")).get("id")) or None,
        "at": _time(item.get("timestamp"), around.get("timestamp")),
        "content": content,
    }
    return Incoming(message_id, sender, data)


def _said(kind: str, content: Mapping[str, Json]) -> tuple[str, str | None]:
    """The words of a message, or what its button says, and what the button carries."""
    if kind == "interactive":
        inner = _mapping(content.get(str(content.get("type"))))
        words = _text(inner.get("title")) or _text(inner.get("body"))
        return words, _text(inner.get("id")) or _text(inner.get("response_json")) or None
    keys = {"text": "body", "button": "text", "reaction": "emoji", "location": "name", "system": "body"}
    return _text(content.get(keys.get(kind, "caption"))), _text(content.get("payload")) or None


def _name(around: Mapping[str, Json], sender: str) -> str | None:
    """What the contact calls themselves."""
    for contact in map(_mapping, _list(around.get("contacts"))):
        if contact.get("wa_id") in (sender, None):
            return _text(_mapping(contact.get("profile")).get("name")) or None
    return None


def _phone(value: Json) -> str:
    """The number as we write it; empty where it is none."""
    try:
        return PHONE.read(value)
    except ValueError:
        return ""


def _time(*values: Json) -> str | None:
    """When it was written: seconds since 1970 as Meta tells, or milliseconds as Chakra does."""
    for value in values:
        try:
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC).isoformat()
        except (TypeError, ValueError, OverflowError, OSError):
            continue
    return None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _bounded(content: Mapping[str, Json]) -> dict[str, Json]:
    """What a message holds; one that is larger than WhatsApp's can be, or nested beyond reason, holds nothing."""
    try:
        return dict(content) if len(json.dumps(content)) <= _LARGEST else {}
    except RecursionError:
        return {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
