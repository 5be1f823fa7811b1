"""Broken rule files, each beside the full text of what is said about it.

`REWRITE_BAD=1 pytest tests/rules/test_bad.py` writes the texts anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.problem import render
from engine.registry import Registry
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.source import read

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
KNOWN = Known(
    Registry.discover(["actions", "triggers"]),
    hosts={"shop.example": {"secrets": ["shop_key"]}},
    secrets=frozenset({"shop_key", "crm_key"}),
)


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_a_broken_file_is_explained_word_for_word(path: Path) -> None:
    source = read(path.read_bytes(), path.name)
    problems = check_file(source, KNOWN).problems
    said = "\n\n".join(render(problem, {path.name: source.text}) for problem in problems) + "\n"
    beside = path.with_suffix(".txt")
    if os.environ.get("REWRITE_BAD"):
        beside.write_text(said)

    assert said == beside.read_text()


def test_every_expected_text_has_its_broken_file() -> None:
    assert {path.stem for path in BAD} == {path.stem for path in (Path(__file__).parent / "bad").glob("*.txt")}
