"""Which of many spans of numbers hold a number: a search tree in a sorted list, built when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")


class Spans(Generic[T]):
    """Spans by a number that names each; both ends belong to a span, and may be infinite."""

    def __init__(self) -> None:
        self._spans: dict[int, tuple[float, float, T]] = {}
        self._sorted: list[tuple[float, float, T]] = []
        self._highest: list[float] = []
        self._is_built = True

    def __bool__(self) -> bool:
        return bool(self._spans)

    def add(self, name: int, low: float, high: float, item: T) -> None:
        """One more span, and what is found by it."""
        self._spans[name] = (low, high, item)
        self._is_built = False

    def remove(self, name: int) -> None:
        """This span is no more."""
        del self._spans[name]
        self._is_built = False

    def holding(self, number: float) -> Iterator[T]:
        """What is found by the number; it costs what is found, and a few looks."""
        if not self._is_built:
            self._sorted = sorted(self._spans.values(), key=lambda span: span[0])
            self._highest = [-inf] * len(self._sorted)
            self._build(0, len(self._sorted))
            self._is_built = True
        return self._within(0, len(self._sorted), number)

    def _build(self, first: int, beyond: int) -> float:
        """Notes at the middle of each part of the list how far the spans of that part reach."""
        if first >= beyond:
            return -inf
        middle = (first + beyond) // 2
        reach = max(self._sorted[middle][1], self._build(first, middle), self._build(middle + 1, beyond))
        self._highest[middle] = reach
        return reach

    def _within(self, first: int, beyond: int, number: float) -> Iterator[T]:
        middle = (first + beyond) // 2
        if first >= beyond or self._highest[middle] < number:
            return
        yield from self._within(first, middle, number)
        low, high, item = self._sorted[middle]
        if low <= number:
            if number <= high:
                yield item
            yield from self._within(middle + 1, beyond, number)
