"""Chakra's envelope `{"_data", "_meta", "_errors"}`, each part optional, read from any body at all.

Source: https://apidocs.chakrahq.com/doc-738798; template lists and media come without it, in Meta's own shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.plugin import Json


class Body(Protocol):
    """What an envelope is read from."""

    def json(self) -> Json: ...

    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """An answer taken apart; `whole` is the JSON as it came, `errors` the texts of whatever says that it failed."""

    whole: Json
    data: Json = None
    meta: Mapping[str, Json] = field(default_factory=dict)
    errors: tuple[str, ...] = ()

    @classmethod
    def read(cls, body: Body) -> Envelope:
        """The envelope of a body. Raises ValueError when it is not a JSON object."""
        whole = body.json()
        if not isinstance(whole, Mapping):
            raise ValueError("the answer is JSON, but not an object")
        meta = whole.get("_meta")
        return cls(whole, whole.get("_data"), meta if isinstance(meta, Mapping) else {}, _errors(whole))


def told(body: Body) -> str:
    """What a refusing answer says for itself, in one line: its errors, or its text when it is not JSON."""
    try:
        envelope = Envelope.read(body)
    except ValueError:
        text = body.text().strip()
        return "" if text.startswith("<") else text
    message = envelope.whole.get("message")
    return "; ".join(envelope.errors) or (message if isinstance(message, str) else "")


def _errors(whole: Mapping[str, Json]) -> tuple[str, ...]:
    listed = whole.get("_errors")
    found = listed if isinstance(listed, list) else [listed] if listed else []
    if not found and whole.get("error"):
        found = [whole["error"]]
    return tuple(_sentence(error) for error in found)


def _sentence(error: Json) -> str:
    if isinstance(error, Mapping):
        details = error.get("error_data")
        more = details.get("details") if isinstance(details, Mapping) else None
        said = [part for part in (error.get("message"), more) if isinstance(part, str) and part]
        return ": ".join(said) or "an error without words"
    return str(error)
