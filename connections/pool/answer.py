"""What came back: status, headers, body, and the body read as JSON with bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import NoReturn

from engine.plugin import Json


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: header names in lower case, repeated ones joined; `cut` when the body was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    @property
    def readable(self) -> bool:
        """Whether the body is whole and not packed; we never ask for packed answers, so none is ever unpacked."""
        return not self.cut and self.headers.get("content-encoding", "identity").lower() in ("", "identity")

    def text(self) -> str:
        """The body as text; what its encoding does not explain becomes a replacement character."""
        try:
            return self.body.decode(_charset(self.headers.get("content-type", "")), "replace")
        except (LookupError, ValueError):
            return self.body.decode("utf-8", "replace")

    def json(self) -> Json:
        """The body as JSON. Raises ValueError when it is not plain JSON: cut, packed, too deep, NaN, no text."""
        if not self.readable:
            raise ValueError("the body is too long or packed")
        try:
            found = json.loads(self.body, parse_constant=_no_number)
        except RecursionError:
            raise ValueError("the body is nested too deeply") from None
        if b"\\ud" in self.body.lower():
            return _without_half_characters(found)
        return found


@lru_cache(maxsize=64)
def _charset(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset("utf-8")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON")


def _without_half_characters(value: Json) -> Json:
    """JSON can spell half of a character (a lone surrogate), which no file or database takes."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"))
