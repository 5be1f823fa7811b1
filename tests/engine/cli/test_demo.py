from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.cli.home import said, told


def test_it_shows_a_rule_at_work_and_ends_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.cli", "demo", "--for", "4s"]
    surroundings = {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=surroundings, check=True)
    assert "This rule is running:" in done.stdout
    assert "The daemon is ready" in done.stdout
    assert "entries of 3 imports watched" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("time", ["soon", "0", "-3s", "20 hours"])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    result = said("demo", "--for", time)
    assert result.exit_code == 2
    assert "is not a length of time such as 20s or 2m" in result.output


def test_even_the_shortest_demo_ends_well() -> None:
    text = told("demo", "--for", "0.05")
    assert "This rule is running:" in text
    assert "What you saw" in text


def test_a_port_that_there_is_not_is_refused() -> None:
    result = said("demo", "--port", "70000")
    assert result.exit_code == 2
    assert "is not in the range" in result.output
