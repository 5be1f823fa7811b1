"""docs/reference.md is what the plugins say; RULEWHEEL_WRITE=1 writes it anew."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from engine.cli import main
from engine.plugin import BOOLEAN, DURATION, TEXT, Action, Connection, Example, Plan, View, default, many, required
from engine.reference import reference
from engine.registry import Registry
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.source import read

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference.md"


class Ring(Action):
    """Rings a bell."""

    name = "bell.ring"
    aliases = ("bell.strike",)
    examples = (Example("Just ring", "{}\n"), Example("A tune", "tune: a|b\n"))
    responds = True
    tune = required(TEXT, "What to play, a|b")
    pause = default(DURATION, timedelta(minutes=2), "How long to wait")
    once = default(DURATION, timedelta(seconds=90), "Another one")
    loud = default(BOOLEAN, True, "Whether it is loud")
    bells = default(many(TEXT), ["north", "south"], "Which bells")

    def plan(self, view: View) -> list[Plan]:
        return []


class Silent(Action):
    """Does nothing."""

    name = "silent"
    examples: ClassVar = ()


class Tower(Connection):
    """Access to one tower."""

    name = "tower"
    key = required(TEXT, "The key of the tower", secret=True)


@pytest.fixture(scope="module")
def page() -> str:
    return reference(Registry.of(Ring, Silent, Tower))


def test_the_page_in_docs_is_the_one_that_the_plugins_make() -> None:
    made = reference(Registry.discover())
    if os.environ.get("RULEWHEEL_WRITE"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made, "run: RULEWHEEL_WRITE=1 pytest tests/engine/test_reference.py"


def test_a_field_is_a_row_with_what_it_is_for_its_value_and_what_is_assumed_without_it(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith(("| `tune`", "| `pause`", "| `loud`", "| `bells`"))]
    duration = 'a duration: seconds, "HH:MM:SS", or a mapping such as {minutes: 5}'
    assert rows == [
        "| `tune` | What to play, a\\|b | text | **needed** |",
        f"| `pause` | How long to wait | {duration} | 2 minutes |",
        "| `loud` | Whether it is loud | true or false | true |",
        "| `bells` | Which bells | text, or a list of them | north, south |",
    ]
    assert "| 90 seconds |" in page


def test_a_plugin_stands_once_under_its_own_name_with_its_examples_as_steps(page: str) -> None:
    assert page.count("### action: bell.ring") == 1
    assert "bell.strike" not in page
    assert "Just ring:\n\n```yaml\n- action: bell.ring\n```\n" in page
    assert "A tune:\n\n```yaml\n- action: bell.ring\n  data:\n    tune: a|b\n```\n" in page
    assert "Its answer can be kept with `response_variable`." in page


def test_a_plugin_without_keys_says_so(page: str) -> None:
    assert "### action: silent\n\nDoes nothing.\n\nIt has no keys of its own.\n" in page


def test_settings_of_a_connection_are_there(page: str) -> None:
    assert "### connections: tower\n\nAccess to one tower.\n" in page
    assert "| `key` | The key of the tower | text | **needed** |" in page


def test_every_example_of_the_page_is_found_right_in_a_rule() -> None:
    known = Known(Registry.discover())
    blocks = re.findall(r"```yaml\n(- (trigger|action): .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 20
    for block, kind in blocks:
        triggers = block if kind == "trigger" else "- {trigger: event, event_type: go}\n"
        actions = block if kind == "action" else "- {delay: 1}\n"
        checked = check_file(read(f"id: r\ntriggers:\n{triggers}actions:\n{actions}".encode(), "page.yaml"), known)
        assert not checked.problems, f"{block}\n{checked.problems}"


def test_the_command_prints_the_page() -> None:
    result = CliRunner().invoke(main, ["reference"])
    assert (result.exit_code, result.output) == (0, reference(Registry.discover()))


def test_the_command_writes_the_page_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "reference.md"
    result = CliRunner().invoke(main, ["reference", "--write", str(path)])
    assert (result.exit_code, result.output) == (0, f"written: {path}\n")
    assert path.read_text(encoding="utf-8") == reference(Registry.discover())


def test_a_file_that_cannot_be_written_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["reference", "--write", str(tmp_path / "nowhere" / "reference.md")])
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.output
    assert "name a file in a folder that exists" in result.output
