"""Actions that send WhatsApp messages through Chakra."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

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
    inside,
    listing,
    many,
    optional,
    required,
)

T = TypeVar("T")


def _variable(value: Json) -> str:
    text = TEXT.read(value)
    for found, name in (("\n", "a line break"), ("\r", "a line break"), ("\t", "a tab"), (" " * 5, "five spaces")):
        if found in text:
            raise ValueError(f"expected {VARIABLE.says}; WhatsApp refuses {name}")
    return text


VARIABLE = Kind("text on one line, without tabs and with at most 4 spaces in a row", dict(TEXT.schema), _variable)


def _body(value: Json) -> list[str] | dict[str, str]:
    if isinstance(value, list):
        return listing(VARIABLE).read(value)
    if not isinstance(value, dict):
        raise ValueError(f"expected {BODY.says}")
    return {name: inside(name, VARIABLE, each) for name, each in value.items()}


BODY: Kind[list[str] | dict[str, str]] = Kind(
    "a list of values, or a mapping of names to values",
    {"anyOf": [{"type": "array", "items": VARIABLE.schema}, {"type": "object"}]},
    _body,
)


def _mapping(says: str, kinds: Mapping[str, Kind[Any]], **bounds: Json) -> dict[str, Json]:
    """JSON Schema of a mapping with these keys."""
    properties = {key: kind.schema for key, kind in kinds.items()}
    return {"type": "object", "title": says, "properties": properties, "additionalProperties": False, **bounds}


def one_of(says: str, kinds: Mapping[str, Kind[T]]) -> Kind[dict[str, T]]:
    """A mapping with exactly one of these keys."""

    def read(value: Json) -> dict[str, T]:
        if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= kinds.keys():
            raise ValueError(f"expected {says}")
        return {key: inside(key, kinds[key], each) for key, each in value.items()}

    return Kind(says, _mapping(says, kinds, minProperties=1, maxProperties=1), read)


def medium(says: str, **more: Kind[str]) -> Kind[dict[str, str]]:
    """A picture or a file: where it lies, or what WhatsApp calls it after it was uploaded."""
    kinds = {"link": URL, "id": VARIABLE, **more}

    def read(value: Json) -> dict[str, str]:
        if not isinstance(value, dict) or not value.keys() <= kinds.keys() or ("link" in value) == ("id" in value):
            raise ValueError(f"expected {says}")
        return {key: inside(key, kinds[key], each) for key, each in value.items()}

    return Kind(says, _mapping(says, kinds), read)


def text_or(kind: Kind[T], *, nothing: bool = False) -> Kind[str | T | None]:
    """Text, or a mapping of this kind, or, where a place may stay empty, nothing."""
    says = f"text, or {kind.says}"

    def read(value: Json) -> str | T | None:
        if value is None and nothing:
            return None
        return kind.read(value) if isinstance(value, dict) else VARIABLE.read(value)

    return Kind(says, {"anyOf": [VARIABLE.schema, kind.schema, *([{"type": "null"}] if nothing else [])]}, read)


LINKED = medium("a mapping with either link or id")
FILE = medium("a mapping with either link or id, and a filename if you like", filename=VARIABLE)
HEADER = text_or(
    one_of("a mapping with one of image, video, document", {"image": LINKED, "video": LINKED, "document": FILE})
)
BUTTON = text_or(one_of("a mapping with payload or code", {"payload": VARIABLE, "code": VARIABLE}), nothing=True)


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

    def check(self) -> list[tuple[str, str]]:
        words = {"template": self.template, "language": self.language}
        return [
            (key, f"the {key} is left empty; write its name as WhatsApp knows it")
            for key, word in words.items()
            if not word.strip()
        ]

    def plan(self, view: View) -> list[Plan]:
        return [
            send_template_message(phone, self.template, self.language, self.body, self.header, self.buttons)
            for phone in dict.fromkeys(self.to)
        ]
