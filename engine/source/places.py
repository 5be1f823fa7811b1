"""Where each value and key of a file stands: a tree of spans beside the tree of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from engine.problem import Place

Step = str | int
Span = tuple[int, int, int]
"""Line and column, counted from 0, and length; length 0 means: to the end of the line."""


class Branch:
    """Where a list or mapping stands, and its children (a list or a dict of spots) and keys."""

    __slots__ = ("children", "keys", "span")

    def __init__(self, span: Span, children: Any, keys: dict[Any, Span]) -> None:
        self.span = span
        self.children = children
        self.keys = keys


Spot = Span | Branch


def span_between(start: Any, end: Any) -> Span:
    """The span from one mark of the parser to another."""
    line, column = start.line, start.column
    return (line, column, end.column - column or 1) if end.line == line else (line, column, 0)


@dataclass(frozen=True)
class Places:
    """Looks up where a value or a key stands; a path is a tuple of keys and indexes, `("rules", 0, "alias")`.

    An alias stands where it is written; what is below it, and what `<<` merges in, stands at its anchor.
    """

    file: str
    text: str = field(repr=False)
    root: Spot = field(default=(0, 0, 1), repr=False, compare=False)

    def value(self, path: Sequence[Step]) -> Place:
        """The place of the value at `path`, or of the nearest one above it that exists."""
        spot = self.root
        for step in path:
            below = _child(spot, step)
            if below is None:
                break
            spot = below
        return self.place(spot.span if isinstance(spot, Branch) else spot)

    def key(self, path: Sequence[Step]) -> Place:
        """The place of the key that `path` ends with; of the value where there is no such key."""
        spot: Spot | None = self.root
        for step in path[:-1]:
            spot = None if spot is None else _child(spot, step)
        if path and isinstance(spot, Branch) and (span := spot.keys.get(path[-1])):
            return self.place(span)
        return self.value(path)

    def place(self, span: Span) -> Place:
        """The span as a person reads it."""
        line, column, length = span
        return Place(self.file, line + 1, column + 1, length or self._rest(line, column))

    def _rest(self, line: int, column: int) -> int:
        return max(1, len(self.lines[line].rstrip()) - column) if line < len(self.lines) else 1

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, as the parsers count them."""
        return self.text.splitlines()


def _child(spot: Spot, step: Step) -> Spot | None:
    if not isinstance(spot, Branch):
        return None
    try:
        found: Spot = spot.children[step]
    except (KeyError, IndexError, TypeError):
        return None
    return found
