"""Good rules with random mistakes in them, through the whole check: there is always an answer, and soon.

`RULE_MUTATIONS=5000 pytest -s tests/rules/test_mutations.py` tries more; `RULE_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

from engine.problem import render
from engine.rules.book import RuleFile, Shelf, make_book
from tests.engine.source.rule_texts import FRAGMENTS, LIBRARY, RULE
from tests.rules.test_bad import KNOWN

COUNT = int(os.environ.get("RULE_MUTATIONS", "300"))
EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "rules").glob("*.yaml"))
GOOD = [RULE, LIBRARY, *(path.read_text() for path in EXAMPLES)]
WORDS = ("trigger", "action", "condition", "data", "if", "choose", "id", "{{ x }}", "null", "5", "[]", "{}", "to", "*a")


def _without_a_line(chance: random.Random, lines: list[str]) -> None:
    del lines[chance.randrange(len(lines))]


def _line_twice(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    lines.insert(chance.choice((at, chance.randrange(len(lines)))), lines[at])


def _lines_swapped(chance: random.Random, lines: list[str]) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _line_moved_aside(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    lines[at] = chance.choice(("  ", " ", "\t", "- ")) + lines[at] if chance.random() < 0.5 else lines[at][2:]


def _key_or_value_changed(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    key, colon, value = lines[at].partition(": ")
    indent = key[: len(key) - len(key.lstrip(" -"))]
    lines[at] = chance.choice((f"{indent}{chance.choice(WORDS)}{colon}{value}", f"{key}: {chance.choice(WORDS)}", key))


def _characters_changed(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    start = chance.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:start] + chance.choice(FRAGMENTS) + lines[at][start + chance.choice((0, 1, 3)) :]


MISTAKES: tuple[Callable[[random.Random, list[str]], None], ...] = (
    _without_a_line,
    _line_twice,
    _lines_swapped,
    _line_moved_aside,
    _key_or_value_changed,
    _characters_changed,
)


def with_mistakes(chance: random.Random) -> str:
    lines = chance.choice(GOOD).splitlines()
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        if lines:
            chance.choice(MISTAKES)(chance, lines)
    return "\n".join(lines) + "\n"


def test_any_mistake_gets_an_answer_soon() -> None:
    seed = int(os.environ.get("RULE_SEED", random.randrange(2**32)))
    chance = random.Random(seed)
    print(f"seed {seed}")
    slowest, wrong = 0.0, 0
    for _ in range(COUNT):
        text = with_mistakes(chance)
        began = time.perf_counter()
        book = make_book([RuleFile("a.yaml", text.encode())], Shelf(KNOWN), {})
        for problem in book.problems:
            assert problem.place is not None, text
            assert problem.message.isprintable(), (text, problem)
            assert render(problem, book.sources)
        slowest = max(slowest, time.perf_counter() - began)
        wrong += bool(book.problems)
    print(f"{COUNT} files, {wrong} with problems, the slowest took {slowest * 1000:.0f} ms")
