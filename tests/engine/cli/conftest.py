from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.cli.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A user's folder, in which the command is given."""
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path)
