"""Who listens to one channel, found by what each asks of a fact instead of by asking each (design decision 13)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Generic, NamedTuple, TypeVar

from engine.predicates import (
    MISSING,
    ORDERED,
    UNKNOWN,
    Asks,
    Predicate,
    dig,
    is_modest,
    is_scalar,
    number_of,
    ruled_out,
)
from engine.spans import Spans
from engine.template.clauses import Path
from engine.values import Fact, Json

T = TypeVar("T")
Place = tuple[str, str]

FEW = 32
"""As many may listen to one channel before those that a fact does not concern are not even asked."""
KEPT = 8
"""How many of the newest facts are kept, to say why a rule was passed over."""


def _keys(predicate: Predicate) -> Iterator[Hashable]:
    """Under which keys a predicate of equality stands in its field's table."""
    for operand in predicate.operands:
        if predicate.sign == "==":
            yield "==", operand
            continue
        yield "same", isinstance(operand, bool), operand
        if predicate.sign != "is":
            yield ("read", operand) if isinstance(operand, str) else ("text", str(operand))


def _looked_up(value: Json) -> Iterator[Hashable]:
    """Under which keys stands what is equal to this value, each comparison in its own way."""
    if is_scalar(value):
        yield "==", value
        yield "same", isinstance(value, bool), value
    yield ("text", value) if isinstance(value, str) else ("read", str(value))


class PassedOver(NamedTuple):
    """How often a trigger was not asked, since it listens; why the last time, as far as that is still known."""

    times: int
    reason: str


class Span(NamedTuple):
    """The bounds that one who listens sets to a field, read as templates or as the condition `compare` read values."""

    path: Path
    sign: str
    low: float
    high: float


@dataclass(slots=True)
class Entry(Generic[T]):
    """One who listens, and what that asks of a fact's data; `came` facts had come before, `by` is how it is found."""

    number: int
    item: T
    asks: Asks
    came: int
    considered: int = 0
    by: Predicate | Span | None = None


@dataclass(slots=True)
class Table(Generic[T]):
    """Who asks something of one field: by what it is equal to, and by the bounds that it keeps to."""

    equal: dict[Hashable, dict[int, Entry[T]]] = field(default_factory=dict)
    spans: dict[str, Spans[Entry[T]]] = field(default_factory=dict)
    entries: dict[int, Entry[T]] = field(default_factory=dict)

    def crowd(self, predicate: Predicate) -> int:
        """How many would be looked up together with this one."""
        return max((len(self.equal.get(key, ())) for key in _keys(predicate)), default=0)

    def add(self, entry: Entry[T], by: Predicate | Span) -> None:
        """Takes one in."""
        self.entries[entry.number] = entry
        if isinstance(by, Span):
            self.spans.setdefault(by.sign, Spans()).add(entry.number, by.low, by.high, entry)
            return
        for key in _keys(by):
            self.equal.setdefault(key, {})[entry.number] = entry

    def remove(self, entry: Entry[T], by: Predicate | Span) -> None:
        """Lets one go."""
        del self.entries[entry.number]
        if isinstance(by, Span):
            self.spans[by.sign].remove(entry.number)
            return
        for key in dict.fromkeys(_keys(by)):
            del self.equal[key][entry.number]
            if not self.equal[key]:
                del self.equal[key]

    def found(self, value: Json) -> Iterator[Entry[T]]:
        """Whose predicate the value may fulfil."""
        if value is MISSING:
            return
        if value is UNKNOWN:
            yield from self.entries.values()
            return
        for key in _looked_up(value) if self.equal else ():
            yield from self.equal.get(key, {}).values()
        for sign, spans in self.spans.items():
            number = number_of(value, sign)
            if number is not None:
                yield from spans.holding(number)


def _spans(predicates: Sequence[Predicate]) -> list[Span]:
    """The bounds among the predicates, those of one field as one."""
    ends: dict[tuple[Path, str], list[float]] = defaultdict(lambda: [-inf, inf])
    for each in predicates:
        reading = "above" if each.sign in ("above", "below") else ">"
        low_high = ends[each.path, reading]
        if each.sign in ("above", ">", ">="):
            low_high[0] = max(low_high[0], each.operand)
        else:
            low_high[1] = min(low_high[1], each.operand)
    return [Span(path, sign, low, high) for (path, sign), (low, high) in ends.items()]


def _width(span: Span) -> float:
    try:
        return float(span.high) - float(span.low)
    except OverflowError:  # a number that is too large for it
        return inf


class Index(Generic[T]):
    """Who listens to one channel, by the one thing each asks that the fewest others ask too."""

    def __init__(self) -> None:
        self._entries: dict[Place, Entry[T]] = {}
        self._tables: dict[Path, Table[T]] = {}
        self._always: dict[int, Entry[T]] = {}
        self._readers: dict[Path, dict[int, Entry[T]]] = {}
        self._numbers = count()
        self._came = 0
        self._last: deque[Json] = deque(maxlen=KEPT)

    def add(self, place: Place, item: T, asks: Asks) -> None:
        """From now on `item` is to be considered where all holds that it asks."""
        entry = Entry(next(self._numbers), item, asks, self._came)
        self._entries[place] = entry
        for path in asks.reads:
            self._readers.setdefault(path, {})[entry.number] = entry
        if asks.never:
            return
        entry.by = self._telling(asks.predicates)
        if entry.by is None:
            self._always[entry.number] = entry
        else:
            self._tables.setdefault(entry.by.path, Table()).add(entry, entry.by)

    def remove(self, place: Place) -> None:
        """It listens no more."""
        entry = self._entries.pop(place, None)
        if entry is None:
            return
        self._always.pop(entry.number, None)
        for path in dict.fromkeys(entry.asks.reads):
            del self._readers[path][entry.number]
            if not self._readers[path]:
                del self._readers[path]
        if entry.by is not None:
            table = self._tables[entry.by.path]
            table.remove(entry, entry.by)
            if not table.entries:
                del self._tables[entry.by.path]

    def concerned(self, fact: Fact) -> list[T]:
        """Whom the fact may concern, in the order in which they were added."""
        found = dict(self._always)
        for path, table in self._tables.items():
            for entry in table.found(dig(fact.data, path)):
                found[entry.number] = entry
        left = {number: entry for number, entry in found.items() if not ruled_out(entry.asks.predicates, fact.data)}
        for path, readers in self._readers.items():
            if not is_modest(dig(fact.data, path)):
                left |= readers
        self._came += 1
        self._last.append(fact.data)
        for entry in left.values():
            entry.considered += 1
        return [left[number].item for number in sorted(left)]

    def passed_over(self, place: Place) -> PassedOver | None:
        """How often this one was not considered, and why; None where it does not listen here."""
        entry = self._entries.get(place)
        if entry is None:
            return None
        times = self._came - entry.came - entry.considered
        return PassedOver(times, entry.asks.never or (self._why(entry) if times else ""))

    def _why(self, entry: Entry[T]) -> str:
        for data in reversed(self._last):
            if refusal := ruled_out(entry.asks.predicates, data):
                return refusal.reason(data)
        return ""

    def _telling(self, predicates: Sequence[Predicate]) -> Predicate | Span | None:
        """What tells this one from most others: an equality that few share, or else the narrowest bounds."""
        equal = [each for each in predicates if each.sign not in ORDERED]
        tables = self._tables
        if equal:
            return min(equal, key=lambda each: tables[each.path].crowd(each) if each.path in tables else 0)
        return min(_spans(predicates), key=_width, default=None)
