"""A number is found in the spans that hold it, and in no others."""

from __future__ import annotations

from math import inf
from random import Random

from engine.spans import Spans
from tests.promises.figure import new_seed


def test_spans_hold_what_a_look_at_each_of_them_finds() -> None:
    seed = new_seed()
    print(f"seed {seed}")
    random = Random(seed)
    spans: Spans[int] = Spans()
    known: dict[int, tuple[float, float]] = {}
    for name in range(300):
        low, high = random.choice((-inf, random.randint(0, 50))), random.choice((inf, random.randint(0, 50)))
        spans.add(name, low, high, name)
        known[name] = (low, high)
        if random.random() < 0.3:
            gone = random.choice(list(known))
            spans.remove(gone)
            del known[gone]
        number = random.choice((random.randint(-1, 51), 10**400))
        assert sorted(spans.holding(number)) == [name for name, (low, high) in known.items() if low <= number <= high]


def test_few_spans_are_looked_at() -> None:
    spans: Spans[int] = Spans()
    looked = []

    class Item(float):
        def __ge__(self, other: float) -> bool:  # `number <= high`, asked of this end
            looked.append(self)
            return float(self) >= other

    for name in range(1000):
        spans.add(name, name, Item(name + 1), name)
    list(spans.holding(0))
    looked.clear()
    assert list(spans.holding(500)) == [499, 500]
    assert len(looked) < 30
