"""Triggers on WhatsApp: what contacts write to us."""

from __future__ import annotations

from connections.chakra.requests import NAME
from engine.plugin import (
    PHONE,
    TEXT,
    Decision,
    Example,
    Fact,
    Facts,
    Fire,
    Json,
    Nothing,
    Trigger,
    View,
    Watch,
    choice,
    many,
    masked,
    optional,
)

_KINDS = (
    *("text", "button", "interactive", "image", "video", "audio", "document", "sticker", "location", "contacts"),
    *("reaction", "order", "system", "unsupported"),
)
_MEANT = {
    **dict.fromkeys(("message", "words"), "text"),
    **dict.fromkeys(("quick_reply", "quickreply"), "button"),
    **dict.fromkeys(("list", "list_reply", "button_reply", "flow"), "interactive"),
    **dict.fromkeys(("photo", "picture"), "image"),
    **dict.fromkeys(("voice", "voice note"), "audio"),
    **dict.fromkeys(("file", "pdf"), "document"),
}
_YES = {
    "connection": NAME,
    "message_id": "wamid.A",
    "from": "+919876543210",
    "name": "Asha",
    "type": "button",
    "text": "Yes, please",
    "payload": "yes",
    "file": None,
    "answers": "wamid.Q",
    "at": "2026-03-02T04:29:58+00:00",
    "content": {"payload": "yes", "text": "Yes, please"},
}
_HI = {**_YES, "type": "text", "text": "Hi", "payload": None, "answers": None, "content": {"body": "Hi"}}


def _told(data: Json) -> dict[str, Json]:
    return {key: value for key, value in data.items() if key != "connection"}


class WhatsappMessage(Trigger):
    """Fires when a contact writes to our WhatsApp number.

    Chakra tells of messages at the address `connection/chakra` that `rulewheel webhooks` shows. Each message counts
    once, however often it is told. Several kinds of `type` may be named, and the payloads of buttons.
    """

    name = "whatsapp.message"
    gives = {
        "from": "The number of the contact, such as +919876543210",
        "name": "What the contact calls themselves; null where it is not told",
        "type": "What kind of message it is: text, button (of a template), interactive, image, document and so on",
        "text": "Its words: the text, the caption, what the button says",
        "payload": "What the button or list entry carries; null for others",
        "file": "id, mime_type and filename of an image, video, audio, document or sticker; null for others",
        "answers": "The id of the message that it answers; null where it answers none",
        "message_id": "Its own id",
        "at": "When it was written, in UTC",
        "content": "All that WhatsApp says of it, by its kind",
    }
    from_ = optional(many(PHONE), "Only from this number, or one of a list")
    type = optional(many(choice(*_KINDS, meant=_MEANT)), "Only messages of this kind, or of one of a list")
    payload = optional(many(TEXT), "Only when a button was pressed that carries this, or one of a list")
    examples = (
        Example(
            "When somebody presses the button Yes of a template",
            "type: button\npayload: yes_please\n",
            gives=[
                (_HI, None),
                (_YES, None),
                ({**_YES, "payload": "yes_please"}, _told(_YES) | {"payload": "yes_please"}),
            ],
        ),
        Example(
            "Whatever one contact writes",
            'from: "+919876543210"\n',
            gives=[(_HI, _told(_HI))],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        if self.from_ is None:
            return [Facts("message")]
        return [Facts("message", number) for number in dict.fromkeys(self.from_)]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        message = fact.data
        who = masked(fact.subject)
        if message["connection"] != NAME:
            return Decision(memory, Nothing(), f"the message of {who} came by {message['connection']}")
        if self.type is not None and message["type"] not in self.type:
            return Decision(memory, Nothing(), f"{who} sent a {message['type']}, wanted {' or '.join(self.type)}")
        if self.payload is not None and message["payload"] not in self.payload:
            return Decision(memory, Nothing(), f"{who} pressed no button that carries {' or '.join(self.payload)}")
        return Decision(memory, Fire(_told(message), fact.subject), f"{who} sent a {message['type']}")
