"""docs/schema/rules.json is what the plugins say; RULEWHEEL_WRITE=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from engine.cli.schema import schema_text
from tests.engine.cli.home import said, told

FILE = Path(__file__).parents[3] / "docs" / "schema" / "rules.json"


def test_the_schema_in_docs_is_the_one_that_the_plugins_make() -> None:
    made = schema_text()
    if os.environ.get("RULEWHEEL_WRITE"):
        FILE.write_text(made, encoding="utf-8")
    assert FILE.read_text(encoding="utf-8") == made, "run: RULEWHEEL_WRITE=1 pytest tests/engine/cli/test_schema.py"


def test_the_command_prints_it_or_writes_it_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    assert told("schema") == schema_text()
    assert told("schema", "--write", path) == f"written: {path}\n"
    assert path.read_text(encoding="utf-8") == schema_text()


def test_a_file_that_cannot_be_written_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    result = said("schema", "--write", tmp_path / "nowhere" / "schema.json")
    assert result.exit_code == 2
    assert "name a file in a folder that exists" in result.output
