"""Promises P1, P6, P7 and P8 under kill -9 at random moments."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.acceptance.kill_loop import KillLoop


async def test_after_thirty_kills_nothing_is_lost_nothing_was_sent_twice_and_every_send_is_accounted_for(
    tmp_path: Path,
) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")
    report = await KillLoop(tmp_path, kills=30, events=300, seed=seed).run()
    print(json.dumps(report.to_json()))
    assert report.verdict.faults == []
    assert report.accepted > 200
    assert set(report.verdict.states) <= {"accepted", "refused", "unsure"}
