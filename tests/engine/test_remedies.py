from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.remedies import REMEDIES, RULES, remedy_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "operations.md"
ROW = re.compile(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| .* \| (.*) \|$", re.MULTILINE)


def on_the_page() -> dict[str, str]:
    """What docs/operations.md says to do, by code."""
    problems = PAGE.read_text(encoding="utf-8").partition("## Problems")[2].partition("\n## ")[0]
    rows = ROW.findall(problems)
    return {code: says.replace("`", "") for codes, says in rows for code in re.findall("`(.+?)`", codes)}


def test_the_page_names_the_same_problems_and_says_the_same_to_do() -> None:
    assert on_the_page() == dict(REMEDIES)


@pytest.mark.parametrize("package", ["engine", "connections"])
def test_every_problem_that_the_source_names_has_its_remedy(package: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (PAGE.parent.parent / package).rglob("*.py")]
    named = {code for text in texts for code in re.findall(r'\b(?:problem=|waiting\()"([a-z-]+)"', text)}
    assert "token-refused" in named or package == "engine"
    assert named <= set(REMEDIES)


def test_a_mistake_in_a_rule_file_is_mended_there() -> None:
    assert remedy_of("file/rules/a.yaml:1:1/unknown-key", "unknown-key") == RULES
    assert remedy_of("x/strange", "strange") == ""
