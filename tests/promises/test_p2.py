"""An engine that keeps the times of its waits badly is seen to be early, late or forgetful."""

from __future__ import annotations

import pytest

from tests.promises.figure import new_seed
from tests.promises.waits import Meddling, begins_anew, forgets, hurries, killed


@pytest.mark.parametrize(
    ("meddling", "kind"),
    [(forgets, "forgotten"), (begins_anew, "late"), (hurries, "early")],
    ids=lambda each: str(each),
)
async def test_waits_that_are_kept_badly_over_a_restart_are_noticed(meddling: Meddling, kind: str) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    times = await killed(seed, 8, meddling)
    assert getattr(times, kind), times.wrong
