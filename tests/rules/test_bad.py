"""Broken rule files and folders, each beside the full text of what is said about it.

`REWRITE_BAD=1 pytest tests/rules/test_bad.py` writes the texts anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.cli import main
from engine.problem import Place, Problem, render
from engine.registry import Registry
from engine.rules.book import RuleFile, Shelf, make_book, read_tree
from engine.rules.known import Known
from tests.rules.mistakes import MISTAKES

FOLDER = Path(__file__).parent / "bad"
BAD = sorted(path for path in FOLDER.iterdir() if path.suffix != ".txt")
KNOWN = Known(
    Registry.discover(["actions", "triggers"]),
    hosts={"shop.example": {"secrets": ["shop_key"]}},
    secrets=frozenset({"shop_key", "crm_key"}),
)

by_case = pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])


@cache
def checked(path: Path) -> tuple[tuple[Problem, ...], str]:
    """The problems of a broken file or folder, and what a terminal shows of them."""
    files = read_tree(path) if path.is_dir() else [RuleFile(path.name, path.read_bytes())]
    book = make_book(files, Shelf(KNOWN), {})
    return book.problems, "\n\n".join(render(problem, book.sources) for problem in book.problems) + "\n"


@by_case
def test_a_broken_file_is_explained_word_for_word(path: Path) -> None:
    said = checked(path)[1]
    beside = path.with_suffix(".txt")
    if os.environ.get("REWRITE_BAD"):
        beside.write_text(said)

    assert said == beside.read_text()


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings under which `rulewheel check` knows what KNOWN knows."""
    (tmp_path / "secrets.yaml").write_text("shop_key: a\ncrm_key: b\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    found = tmp_path / "rulewheel.yaml"
    found.write_text("sending: live\nhosts: {shop.example: {secrets: [shop_key]}}\n")
    return found


@by_case
def test_the_command_prints_these_words_and_the_same_as_json(
    path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    words = ["check", path.name, "--settings", str(settings)]
    printed = CliRunner().invoke(main, words).output
    problems = json.loads(CliRunner().invoke(main, [*words, "--format", "json"]).output)["problems"]

    assert printed.rpartition("\n\n")[0] + "\n" == path.with_suffix(".txt").read_text()
    assert [_from_json(problem) for problem in problems] == list(checked(path)[0])


def test_every_expected_text_has_its_broken_file() -> None:
    assert {path.stem for path in BAD} == {path.stem for path in FOLDER.glob("*.txt")}


@by_case
def test_a_mistake_is_told_in_its_line_and_only_there(path: Path) -> None:
    problems, _ = checked(path)

    assert tuple(problem.place and problem.place.line for problem in problems) == MISTAKES[path.stem]


@by_case
def test_a_problem_says_what_would_be_right_or_what_to_do(path: Path) -> None:
    for problem in checked(path)[0]:
        assert problem.expected or problem.remedy
        assert problem.message.isprintable()
        assert len(problem.message) < 200


@by_case
def test_every_problem_says_what_to_do(path: Path) -> None:
    problems, said = checked(path)
    assert problems
    assert all(problem.remedy for problem in problems)
    assert said.count("\n  = help: ") == len(problems)


@by_case
def test_a_problem_is_the_same_after_it_was_json(path: Path) -> None:
    for problem in checked(path)[0]:
        assert _from_json(json.loads(json.dumps(problem.to_json()))) == problem


def _from_json(told: dict[str, Any]) -> Problem:
    place = told.pop("place")
    also = tuple((Place(**where), word) for where, word in told.pop("also"))
    return Problem(**told, place=Place(**place) if place else None, also=also)


@pytest.mark.parametrize("number", ["+919876543210", "9876543210", "+91 98765 43210", "0091-98765-43210"])
@pytest.mark.parametrize("words", ["to: §", "§: 5", "message: {{ a }} §", "<<: §", "to: *§", "to: !x §", "§"])
def test_a_message_never_repeats_a_phone_number(number: str, words: str) -> None:
    step = f"- id: a\n  triggers: []\n  actions:\n    - action: whatsapp.send_template\n      data:\n        {words}\n"
    for text in (step, step.replace("        ", "      "), f"- id: '{number}'\n- id: '{number}'\n  §: 1\n"):
        book = make_book([RuleFile("a.yaml", text.replace("§", number).encode())], Shelf(KNOWN), {})
        assert book.problems
        for problem in book.problems:
            assert "43210" not in problem.message.replace("+919876543210", "")


MEND = "- id: a\n  triggers: []\n  actions:\n    - action: log.write\n      data: {message: x}\n"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("message: x", "message: x, message: y"),
        ("message: x", "message: !secert x"),
        ("{message: x}", "{message: {{ x }}}"),
        ("id: a", "id: a\n  note: *gone"),
    ],
)
def test_a_rule_that_was_not_read_as_it_is_written_does_not_run(right: str, wrong: str) -> None:
    other = MEND.replace("id: a", "id: other")
    book = make_book([RuleFile("a.yaml", (MEND.replace(right, wrong) + other).encode())], Shelf(KNOWN), {})

    assert set(book.programs) <= {"other"}
