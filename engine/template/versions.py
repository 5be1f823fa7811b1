"""Version numbers in templates, which are ordered by their parts: 2026.10 comes after 2026.9."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Any

from engine.template.budget import TemplateProblem, Worded

_SHAPE = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9}){0,9})(?:[.+_-]?(dev|alpha|beta|rc|a|b)[.-]?(\d{0,9}))?(?:[+-][\w.]*)?")
_STAGES = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "rc": 3, None: 4}

ATTRIBUTES = frozenset(
    {"major", "minor", "patch", "section", "alpha", "beta", "dev", "release_candidate", "modifier", "string", "valid"}
)


@total_ordering
class Version(Worded):
    """A version as text that compares by its numbers, then by its stage: dev, alpha, beta, rc, release."""

    __slots__ = ("_stage", "numbers", "string")

    def __init__(self, text: str) -> None:
        found = _SHAPE.fullmatch(text.strip()[:100])
        self.string = text.strip()
        self.numbers = [int(part) for part in found[1].split(".")] if found else []
        self._stage: tuple[str | None, str] = (found[2], found[3] or "") if found else (None, "")

    def __str__(self) -> str:
        return self.string

    def __hash__(self) -> int:
        return hash(self.string)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, (Version, str, int, float)) else False

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, (Version, str, int, float)):
            return NotImplemented
        return self._order() < version(other)._order()

    def _order(self) -> tuple[list[int], int, int]:
        if not self.numbers:
            raise TemplateProblem("this is not a version that can be compared", expected="for example `2026.11.0`")
        numbers = [*self.numbers]
        while len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        return numbers, _STAGES[self._stage[0]], int(self._stage[1] or 0)

    def part(self, name: str) -> Any:
        """One of `ATTRIBUTES`."""
        positions = {"major": 0, "minor": 1, "patch": 2}
        if name in positions:
            at = positions[name]
            return self.numbers[at] if at < len(self.numbers) else None
        stage = _STAGES[self._stage[0]]
        return {
            "section": len(self.numbers),
            "dev": stage == 0,
            "alpha": stage == 1,
            "beta": stage == 2,
            "release_candidate": stage == 3,
            "modifier": f"{self._stage[0]}{self._stage[1]}" if self._stage[0] else None,
            "string": self.string,
            "valid": bool(self.numbers),
        }[name]


def version(value: Any) -> Version:
    """The version that a text is."""
    if isinstance(value, Version):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError
    return Version(str(value))
