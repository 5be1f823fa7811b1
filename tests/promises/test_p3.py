"""P3 on the real daemon, with what it has fired written down too late."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.promises.figure import new_seed
from tests.promises.ticks import ticks

UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "keeps_dues")


async def test_a_due_whose_end_is_written_later_than_what_it_set_off_is_seen_to_fire_twice(tmp_path: Path) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    found = await ticks(tmp_path / "house", 6, seed, UNDEFENDED)
    assert found.twice
