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
    """Where a list or mapping stands, and its children (a list or a dict of spots) and keys (a dict of spots)."""

    __slots__ = ("children", "keys", "span")

    def __init__(self, span: Span, children: Any, keys: dict[Any, Any]) -> None:
        self.span = span
        self.children = children
        self.keys = keys


@dataclass(frozen=True, slots=True)
class Graft:
    """A spot of another file in the tree of this one, such as what a blueprint gave to a rule."""

    places: Places
    spot: Spot


Spot = Span | Branch | Graft


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

    def at(self, path: Sequence[Step]) -> tuple[Places, Span | Branch]:
        """The spot at `path`, or the nearest one above it that exists, and the places of the file it is in."""
        return self._way(path)[-1]

    def value(self, path: Sequence[Step]) -> Place:
        """The place of the value at `path`, or of the nearest one above it that exists."""
        places, spot = self.at(path)
        return places.place(span_of(spot))

    def key(self, path: Sequence[Step]) -> Place:
        """The place of the key that `path` ends with; of the value where there is no such key."""
        way = self._way(path[:-1])
        places, spot = way[-1]
        if path and len(way) == len(path) and isinstance(spot, Branch) and path[-1] in spot.keys:
            places, key = _home(places, spot.keys[path[-1]])
            return places.place(span_of(key))
        return self.value(path)

    def _way(self, path: Sequence[Step]) -> list[tuple[Places, Span | Branch]]:
        """From the root down the path, as far as it leads."""
        way = [_home(self, self.root)]
        for step in path:
            places, spot = way[-1]
            below = _child(spot, step)
            if below is None:
                break
            way.append(_home(places, below))
        return way

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


def span_of(spot: Spot) -> Span:
    """The span of a spot in its own file."""
    if isinstance(spot, Graft):
        return span_of(spot.spot)
    return spot.span if isinstance(spot, Branch) else spot


def _home(places: Places, spot: Spot) -> tuple[Places, Span | Branch]:
    """The spot in its own file."""
    while isinstance(spot, Graft):
        places, spot = spot.places, spot.spot
    return places, spot


def _child(spot: Spot, step: Step) -> Spot | None:
    if not isinstance(spot, Branch):
        return None
    try:
        found: Spot = spot.children[step]
    except (KeyError, IndexError, TypeError):
        return None
    return found
