"""The headers of a request as they are sent, with nothing in them that could break out of its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

Head: TypeAlias = tuple[tuple[bytes, bytes], ...]

TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e]*")


def encoded(headers: Mapping[str, str]) -> Head:
    """Names and values as httpx takes them. Raises ValueError for those that HTTP cannot carry."""
    return checked((_bytes(name), _bytes(value)) for name, value in headers.items())


def checked(head: Iterable[tuple[bytes, bytes]]) -> Head:
    """The same headers. Raises ValueError, which never shows a value: it may be a secret."""
    whole = tuple(head)
    for name, value in whole:
        if not TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            shown = TOKEN.match(name)
            raise ValueError(
                f'the header "{shown[0].decode() if shown else ""}" has letters that a header cannot carry'
            )
    return whole


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # whatever is no ASCII is refused afterwards
