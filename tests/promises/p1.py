"""P1, no event is lost: kill -9 at random moments while webhooks come in and imports are polled, and lost power."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.acceptance.imports import WATCH_RULE
from tests.acceptance.installation import Installation
from tests.acceptance.kill_loop import Report
from tests.acceptance.verdict import judge
from tests.promises.blackout import blackouts
from tests.promises.figure import Figure, Stopwatch
from tests.promises.kills import loop
from tests.promises.recorder import Unrecordable

CUTS_SHORT = (60, 40, 1)
CUTS_LONG = (800, 600, 8)
"""Events of a life that is recorded, moments when the power goes off, and from how many of them a daemon goes on."""
UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "answers_first")


def run(long: bool, *, defended: bool = True) -> Figure:
    """Events that were answered with 200, and that nobody handled; and what else a power cut makes lost."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        house = Path(folder) / "house"
        if not defended:
            return asyncio.run(_answered_first(house))
        return _with_cuts(_kills(loop(long)), Path(folder), long)


def _with_cuts(kills: Figure, folder: Path, long: bool) -> Figure:
    """Both figures in one. Only the short form may do without power cuts, where this Python cannot be listened to."""
    watch = Stopwatch()
    try:
        found = asyncio.run(blackouts(folder, *(CUTS_LONG if long else CUTS_SHORT), seed=kills.seed or 0))
    except Unrecordable as reason:
        if long:
            raise
        return replace(kills, note=f"{kills.note}; no power cuts: {reason}")
    return replace(
        kills,
        cases=kills.cases + found.cuts,
        figure=kills.figure + found.broken,
        seconds=round(kills.seconds + watch.seconds, 2),
        note=f"{kills.note}; {found}",
    )


def _kills(report: Report) -> Figure:
    lost = len(report.verdict.lost) + len(report.verdict.unfinished)
    told = f"{report.kills} kill -9, {report.accepted} of {report.posted} events answered"
    return Figure(
        "P1", report.accepted, lost, round(report.seconds, 2), report.seed, f"answered but not handled; {told}"
    )


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
