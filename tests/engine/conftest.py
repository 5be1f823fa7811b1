"""Both journals, for tests of what must hold over either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.journal.sqlite import SqliteJournal


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An empty journal of each kind."""
    opened: Journal
    opened = MemoryJournal() if request.param == "memory" else SqliteJournal.open(tmp_path / "state.db", owner="test")
    yield opened
    await opened.close()
