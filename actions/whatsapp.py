"""Actions that send WhatsApp messages through Chakra."""

from __future__ import annotations

from datetime import timedelta

from connections.chakra.requests import send_template_message
from engine.plugin import (
    PHONE,
    TEXT,
    URL,
    Action,
    Example,
    Json,
    Kind,
    Plan,
    View,
    default,
    listing,
    many,
    near,
    optional,
    required,
)

MEDIA = ("image", "video", "document")


def _variable(value: Json) -> str:
    text = TEXT.read(value)
    for found, name in (("\n", "a line break"), ("\r", "a line break"), ("\t", "a tab"), (" " * 5, "five spaces")):
        if found in text:
            raise ValueError(
                f"expected text on one line, without tabs and with at most 4 spaces in a row: WhatsApp takes no other, "
                f"and there is {name} in it"
            )
    return text


VARIABLE = Kind("text on one line, without tabs and with at most 4 spaces in a row", dict(TEXT.schema), _variable)


def _body(value: Json) -> list[str] | dict[str, str]:
    if isinstance(value, list):
        return listing(VARIABLE).read(value)
    if not isinstance(value, dict):
        raise ValueError('expected a list of values, such as ["30", "Asha"], or a mapping of names to values')
    return {str(name): _named(name, each) for name, each in value.items()}


def _named(name: str, value: Json) -> str:
    try:
        return VARIABLE.read(value)
    except ValueError as fault:
        raise ValueError(f"{fault} ({name})") from None


BODY: Kind[list[str] | dict[str, str]] = Kind(
    "a list of values, or a mapping of names to values",
    {"anyOf": [{"type": "array", "items": VARIABLE.schema}, {"type": "object"}]},
    _body,
)


def _header(value: Json) -> str | dict[str, dict[str, str]]:
    if not isinstance(value, dict):
        return VARIABLE.read(value)
    if len(value) != 1 or (medium := next(iter(value))) not in MEDIA:
        guess = near(str(next(iter(value), "")), MEDIA)
        raise ValueError("expected text, or one of image, video and document" + (f"; {guess}" if guess else ""))
    return {medium: _media(medium, value[medium])}


def _media(medium: str, value: Json) -> dict[str, str]:
    known = ("link", "id", "filename") if medium == "document" else ("link", "id")
    if not isinstance(value, dict) or set(value) - set(known) or ("link" in value) == ("id" in value):
        named = ", and a filename if you like" if medium == "document" else ""
        raise ValueError(f"expected either a link or an id below {medium}{named}")
    return {key: URL.read(each) if key == "link" else _variable(each) for key, each in value.items()}


def _media_schema(medium: str) -> dict[str, Json]:
    names = ("link", "id", "filename") if medium == "document" else ("link", "id")
    return {
        "type": "object",
        "title": f"a {medium} with link or id",
        "properties": {name: URL.schema if name == "link" else VARIABLE.schema for name in names},
        "additionalProperties": False,
    }


HEADER: Kind[str | dict[str, dict[str, str]]] = Kind(
    "text, or one of image, video and document with link or id",
    {
        "anyOf": [
            VARIABLE.schema,
            {
                "type": "object",
                "properties": {medium: _media_schema(medium) for medium in MEDIA},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    },
    _header,
)


def _button(value: Json) -> str | dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        return VARIABLE.read(value)
    if len(value) != 1 or next(iter(value)) not in ("payload", "code"):
        raise ValueError("expected text for a link, payload for a quick reply, code for a coupon, or nothing")
    return {key: VARIABLE.read(each) for key, each in value.items()}


BUTTON: Kind[str | dict[str, str] | None] = Kind(
    "text for a link, payload for a quick reply, code for a coupon, or nothing",
    {
        "anyOf": [
            VARIABLE.schema,
            {
                "type": "object",
                "properties": {"payload": VARIABLE.schema, "code": VARIABLE.schema},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
            {"type": "null"},
        ]
    },
    _button,
)


def _example(to: str, template: str, language: str, *components: Json) -> Json:
    """A message as it leaves, for the examples."""
    told = {"name": template, "language": {"policy": "deterministic", "code": language}, "components": [*components]}
    kind = {"messaging_product": "whatsapp", "recipient_type": "individual", "type": "template"}
    return {**kind, "to": to, "template": told}


class SendTemplate(Action):
    """Sends an approved WhatsApp template to one or many people.

    Each of them gets a message of its own, once; who was refused is named and the others still get theirs. The values
    fill the places of the template in order, or by name.
    """

    name = "whatsapp.send_template"
    valid_for = timedelta(hours=1)
    to = required(many(PHONE), "The phone number with country code, in quotes, or a list of them")
    template = required(TEXT, "The name of the template")
    language = default(TEXT, "en", "The language of the template, as WhatsApp writes it: en, en_US, pt_BR")
    body = optional(BODY, "The values for the text: a list in order, or a mapping by name")
    header = optional(HEADER, "The value for the header: text, or an image, video or document with link or id")
    buttons = default(
        listing(BUTTON), [], "The values for the buttons, in order: text for a link, {payload: …} for a quick reply"
    )
    examples = (
        Example(
            "How many entries failed",
            'to: "+919876543210"\ntemplate: import_failed\nbody: [30, "import of 9 May"]\n',
            gives=[
                _example(
                    "919876543210",
                    "import_failed",
                    "en",
                    {
                        "type": "body",
                        "parameters": [{"type": "text", "text": "30"}, {"type": "text", "text": "import of 9 May"}],
                    },
                )
            ],
        ),
        Example(
            "A bill for two people, with values by name",
            'to: ["+919876543210", "+14155550123"]\ntemplate: bill\nlanguage: en_US\nbody: {amount: "120"}\n'
            "header:\n  document: {link: https://shop.example/bill.pdf, filename: bill.pdf}\nbuttons: [A1]\n",
            gives=[
                _example(
                    phone,
                    "bill",
                    "en_US",
                    {
                        "type": "header",
                        "parameters": [
                            {
                                "type": "document",
                                "document": {"link": "https://shop.example/bill.pdf", "filename": "bill.pdf"},
                            }
                        ],
                    },
                    {"type": "body", "parameters": [{"type": "text", "parameter_name": "amount", "text": "120"}]},
                    {
                        "type": "button",
                        "sub_type": "url",
                        "index": "0",
                        "parameters": [{"type": "text", "text": "A1"}],
                    },
                )
                for phone in ("919876543210", "14155550123")
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [
            send_template_message(phone, self.template, self.language, self.body, self.header, self.buttons)
            for phone in dict.fromkeys(self.to)
        ]
