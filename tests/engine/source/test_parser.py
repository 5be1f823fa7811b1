from __future__ import annotations

import random
import resource
import subprocess
import sys

import pytest

from engine.source import read
from tests.engine.source.rule_texts import LIBRARY, MUTATIONS, RULE, SEED, mutated, paths


@pytest.mark.parametrize("pure", [False, True])
def test_deep_nesting_needs_no_stack(pure: bool) -> None:
    program = (
        "import sys; from engine.source import read\n"
        "for text in ('[', '{', '- ', '? ', '[{a: ', '&a [', '{? '):\n"
        f"    codes = [problem.code for problem in read(text * 100_000, 'r.yaml', pure={pure}).problems]\n"
        "    assert codes[-1] == 'too-deep', (text, codes)\n"
        "text = chr(10).join(' ' * level + 'a:' for level in range(1400))\n"
        f"assert read(text, 'r.yaml', pure={pure}).problems[-1].code == 'too-deep'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, preexec_fn=small_stack, timeout=60)


def small_stack() -> None:
    resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, resource.RLIM_INFINITY))


@pytest.mark.parametrize("text", [RULE, LIBRARY, "a:\tb\n", "a: b\tc\n", "- a\t\n- 'b'\t# c\n", "a:\n- b\n-\n- - c\n"])
def test_both_parsers_give_the_same_value_and_places(text: str) -> None:
    fast, pure = read(text, "r.yaml"), read(text, "r.yaml", pure=True)
    assert fast.value == pure.value
    assert fast.problems == pure.problems == ()
    for path in paths(fast.value):
        assert fast.places.value(path) == pure.places.value(path)
        assert fast.places.key(path) == pure.places.key(path)


def test_both_parsers_agree_on_mutations() -> None:
    """Where both accept a text they read the same; they differ in what they accept for odd corners only."""
    print("seed", SEED)
    random_ = random.Random(SEED)
    odd = 0
    count = min(MUTATIONS, 600)
    for _ in range(count):
        text = mutated(random_)
        fast, pure = read(text, "r.yaml"), read(text, "r.yaml", pure=True)
        odd += bool(fast.problems) != bool(pure.problems)
        if not fast.problems and not pure.problems:
            assert fast.value == pure.value, text
    assert odd <= count * 0.02
