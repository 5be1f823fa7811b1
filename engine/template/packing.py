"""Bytes in templates: numbers as they are laid out in bytes, and bytes from hexadecimal digits or base 64."""

from __future__ import annotations

import base64
import struct
from typing import Any

from engine.template.budget import TemplateProblem, current, text


def pack(value: Any, form: str) -> bytes | None:
    """The number as bytes laid out as `form` says (`>I`), or none if it does not fit."""
    current().room(_size(form))
    try:
        return struct.pack(form, value)
    except struct.error:
        return None


def unpack(value: bytes, form: str, offset: int = 0) -> Any:
    """The first number in bytes that are laid out as `form` says, or none if there are too few."""
    current().room(_size(form))
    try:
        found = struct.unpack_from(form, value, offset)
    except struct.error:
        return None
    return found[0]


def _size(form: str) -> int:
    if len(form) > 60:
        raise TemplateProblem("this layout of bytes is too long", expected="at most 60 characters")
    try:
        return struct.calcsize(form)
    except struct.error:
        return 0


def from_hex(value: str) -> bytes:
    return bytes.fromhex(value)


def encoded(value: str | bytes) -> str:
    """The text or the bytes in base 64."""
    return base64.b64encode(value if isinstance(value, bytes) else text(value).encode()).decode()


def decoded(value: str, encoding: str | None = "utf-8") -> str | bytes:
    """The text that stands in base 64; the bytes themselves if `encoding` is none."""
    found = base64.b64decode(value, validate=False)
    if encoding is None:
        return found
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8", "ascii", "latin-1", "iso-8859-1", "utf-16"):
        raise TemplateProblem("`base64_decode` does not know this encoding", expected="utf-8, ascii, latin-1 or utf-16")
    return found.decode(encoding)
