"""What a word in a rule file means: text, number, true/false, nothing, or a reference that is resolved later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NUMBER_STARTS = frozenset("-.0123456789")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:(?:0|[1-9][0-9]{0,17})\.[0-9]{0,18}|\.[0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """`!secret name`: stands for an entry of secrets.yaml and never holds its value."""

    name: str


@dataclass(frozen=True, slots=True)
class InputRef:
    """`!input name`: stands for an input of the blueprint that holds it."""

    name: str


def references(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], SecretRef | InputRef]]:
    """Every reference inside a value that stands at `path`, each with its own path."""
    if isinstance(value, SecretRef | InputRef):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from references(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from references(part, (*path, index))


def plain(word: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar; what is not clearly something else stays text.

    Close to the YAML 1.2 core schema, but text where a reader would lose something: `+14155550123`, `0123`,
    numbers of more than 18 digits, `0x1F`, `1_000`, `1e5`, `.inf` and `.nan` are text, as are `on`, `no`,
    `12:30` and `2024-01-01`.
    """
    if word[:1] in _NUMBER_STARTS:
        if _INTEGER.fullmatch(word):
            return int(word)
        return float(word) if _DECIMAL.fullmatch(word) else word
    return _CONSTANTS.get(word, word)
