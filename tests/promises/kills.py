"""One loop of kill -9 on the real daemon, which several promises read: what each of them says of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from tests.acceptance.kill_loop import KillLoop, Report
from tests.acceptance.verdict import Verdict
from tests.promises.figure import Figure, new_seed

SHORT = (30, 300)
LONG = (280, 2_800)
"""Kills and events; 1,000 and 10,000 would take some 18 minutes."""


@cache
def loop(long: bool) -> Report:
    """The loop, run once in this process."""
    kills, events = LONG if long else SHORT
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        return asyncio.run(KillLoop(Path(folder) / "house", kills=kills, events=events, seed=new_seed()).run())


def with_kills(figure: Figure, long: bool, broken: Callable[[Verdict], Sequence[str]]) -> Figure:
    """A figure, and what the loop has of its kind; its seconds are counted where P1 tells of it."""
    report = loop(long)
    found = broken(report.verdict)
    sends = sum(report.verdict.states.values())
    note = f"{figure.note}; of {sends} sends over {report.kills} kill -9 (seed {report.seed}): {len(found)}"
    return replace(figure, cases=figure.cases + sends, figure=figure.figure + len(found), note=note)
