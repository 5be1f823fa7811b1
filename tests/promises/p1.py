"""P1, no event is lost: kill -9 at random moments while webhooks come in and imports are polled."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.acceptance.imports import WATCH_RULE
from tests.acceptance.installation import Installation
from tests.acceptance.kill_loop import KillLoop
from tests.acceptance.verdict import judge
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = (5, 50)
LONG = (280, 2800)
"""Kills and events; 1,000 and 10,000 would take some 18 minutes."""
UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "answers_first")


def run(long: bool, *, defended: bool = True) -> Figure:
    """Events that were answered with 200, and that nobody handled."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        house = Path(folder) / "house"
        return asyncio.run(_loop(house, *(LONG if long else SHORT)) if defended else _answered_first(house))


async def _loop(house: Path, kills: int, events: int) -> Figure:
    report = await KillLoop(house, kills=kills, events=events, seed=new_seed()).run()
    lost = len(report.verdict.lost) + len(report.verdict.unfinished)
    note = f"answered but not handled; {kills} kills, {report.accepted} of {report.posted} events answered"
    return Figure("P1", report.accepted, lost, round(report.seconds, 2), report.seed, note)


async def _answered_first(house: Path, events: int = 10) -> Figure:
    """The answer before the commit, and one kill: what was answered is gone."""
    watch = Stopwatch()
    installation = Installation(house, "http://127.0.0.1:1", "token")
    installation.rule(WATCH_RULE)
    names = [f"import-{number}" for number in range(events)]
    async with installation.daemon(UNDEFENDED) as daemon:
        for name in names:
            assert (await daemon.post("import_started", event=name)).status_code == 200
    async with installation.daemon(), installation.journal() as journal:
        verdict = await judge(journal, names, [])
    return Figure("P1", events, len(verdict.lost), watch.seconds, note="answered before the commit")
