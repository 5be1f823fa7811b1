"""Rule files as values with places: a bounded YAML reader that has an answer to any bytes.

A value is plain data (dict, list, str, int, float, bool, None) with `SecretRef` and `InputRef` where the file says
`!secret` and `!input`. Aliases are copied, so a value is a tree that shares nothing. What a person should mend is a
Problem with line and column; reading never raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.problem import Place, Problem
from engine.source.places import Places
from engine.source.reader import MOST_PROBLEMS, UNREADABLE, Limits, Reader
from engine.source.scalar import InputRef, SecretRef

__all__ = ["DEFAULT", "InputRef", "Limits", "Places", "SecretRef", "Source", "read"]

DEFAULT = Limits()


@dataclass(frozen=True)
class Source:
    """One file as read: `value` is None where nothing could be read; an error in `problems` says why."""

    file: str
    text: str = field(repr=False)
    value: Any
    places: Places
    problems: tuple[Problem, ...]


def read(text: str | bytes, file: str, limits: Limits = DEFAULT, *, pure: bool = False) -> Source:
    """The value, places and problems of a file; `file` is the name that people are shown.

    Never raises. A mistake of syntax or a limit passed ends the reading and `value` is None; after other mistakes
    (a duplicate key, an unknown tag) reading goes on and `value` holds the rest. `pure` leaves libyaml aside.
    """
    shown, problems = _decoded(text, file, limits)
    if any(problem.severity == "error" for problem in problems):
        return Source(file, shown, None, Places(file, shown), tuple(problems))
    reader = Reader(file, shown, limits, problems)
    reader.run(pure)
    return Source(file, shown, reader.value, Places(file, shown, reader.spot), tuple(problems))


def _decoded(given: str | bytes, file: str, limits: Limits) -> tuple[str, list[Problem]]:
    raw = given if isinstance(given, bytes) else given.encode("utf-8", "surrogatepass")
    if len(raw) > limits.size:
        return "", [_too_large(file, len(raw), limits)]
    try:
        text = raw.decode("utf-8") if isinstance(given, bytes) else given
    except UnicodeDecodeError as error:
        return raw.decode("utf-8", "replace"), [_not_utf8(raw, error, file)]
    problems = []
    if text.startswith("\ufeff"):
        text = text[1:]
        problems.append(_byte_order_mark(file))
    for found, _ in zip(UNREADABLE.finditer(text), range(MOST_PROBLEMS), strict=False):
        problems.append(_unreadable(text, found.start(), file))
    return text, problems


def _too_large(file: str, size: int, limits: Limits) -> Problem:
    return Problem(
        "file-too-large",
        f"the file has {size:,} bytes",
        Place(file, 1, 1),
        expected=f"at most {limits.size:,} bytes",
        remedy="split it into several files; every *.yaml below the rules folder is read",
    )


def _not_utf8(raw: bytes, error: UnicodeDecodeError, file: str) -> Problem:
    before = raw[: error.start].decode("utf-8")
    expected, remedy = "a text file in UTF-8", 'save the file again as UTF-8 (in Notepad: "Save as", encoding "UTF-8")'
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = "the file is saved as UTF-16 (also called Unicode), not as UTF-8"
    elif b"\0" in raw[:1024]:
        message = "this is not a text file; it may be a picture, a document or an archive"
        remedy = "take it out of the rules folder, or let its name end differently from .yaml and .yml"
    else:
        message = f"a byte (0x{raw[error.start]:02X}) that is not UTF-8 text"
    return Problem(
        "not-utf-8",
        message,
        _place_of(before, len(before), file),
        expected=expected,
        remedy=remedy,
    )


def _byte_order_mark(file: str) -> Problem:
    return Problem(
        "byte-order-mark",
        "the file begins with an invisible mark (a byte order mark)",
        Place(file, 1, 1),
        expected="UTF-8 without a mark",
        remedy='it does no harm here; to be rid of it, save as "UTF-8 without BOM"',
        severity="warning",
    )


def _unreadable(text: str, index: int, file: str) -> Problem:
    char = text[index]
    return Problem(
        "control-character",
        f"an invisible character (U+{ord(char):04X}) that may not be in a rule file",
        _place_of(text, index, file),
        expected="text, spaces and line ends",
        remedy="delete it; it often comes along when text is copied from a web page or another program",
    )


def _place_of(text: str, index: int, file: str) -> Place:
    lines = (text[:index] + "x").splitlines()
    return Place(file, len(lines), len(lines[-1]))
