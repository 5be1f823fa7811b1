"""A power cut shows each defence of what was answered and of what was begun to be missing, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.blackout import blackouts
from tests.promises.figure import new_seed
from tests.promises.recorder import Unrecordable, library


@pytest.fixture(autouse=True)
def _recordable() -> None:
    try:
        library()
    except Unrecordable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(
    ("switch", "broken"),
    [
        ("unsynced", {"lost", "unbacked"}),
        ("answers_first", {"lost"}),
        ("no_intent", {"unbacked"}),
    ],
)
async def test_without_a_defence_a_power_cut_loses_what_that_defence_keeps(
    tmp_path: Path, switch: str, broken: set[str]
) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    found = await blackouts(tmp_path, 40, 40, 0, seed=seed, switch=switch)
    seen = {name for name in ("lost", "unbacked") if getattr(found, name)}
    assert seen == broken, str(found)
    assert bool(found.unopened) <= (switch == "unsynced"), found.unopened
