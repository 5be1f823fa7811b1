from __future__ import annotations

from pathlib import Path
from random import Random

from tests.promises.figure import new_seed
from tests.promises.flips import flips


async def test_every_row_with_a_bit_changed_is_noticed_and_no_other(tmp_path: Path) -> None:
    seed = new_seed()
    print("seed", seed)
    assert await flips(tmp_path / "state.db", 200, Random(seed)) == 0


async def test_without_the_defence_most_are_not_noticed(tmp_path: Path) -> None:
    seed = new_seed()
    print("seed", seed)
    assert await flips(tmp_path / "state.db", 200, Random(seed), defended=False) > 100
