"""P2, a run goes on where it stopped: made-up programs with a death at every place there is; and waits by the clock."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.waits import Times, killed
from tests.promises.world import Verdict, enumerate_deaths

SHORT = (12, 12)
LONG = (210, None)
"""Programs, and how many of their deaths (None: all)."""
DISK_SHORT = (3, 4)
DISK_LONG = (60, 12)
"""The same with a state file, of which a death leaves any part of what was not synced."""
WAITS_SHORT = 8
"""Kills of each kind of wait; the long form has every kill there is."""
UNDEFENDED = range(6, 14)
SHOWN = 5


def run(long: bool, *, defended: bool = True) -> Figure:
    """Runs that went another way than undisturbed, and whatever went out twice, over all deaths of all programs.

    And waits that were forgotten, or ended too early, or more than a second after their time or the start.
    """
    watch, first = Stopwatch(), new_seed()
    if not defended:
        return _figure(asyncio.run(_all(UNDEFENDED, SHORT[1], remembers=False)), watch, UNDEFENDED[0])
    (programs, most), (on_disk, most_on_disk) = (LONG, DISK_LONG) if long else (SHORT, DISK_SHORT)
    verdicts = asyncio.run(_all(range(first, first + programs), most))
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        verdicts += asyncio.run(_all(range(first, first + on_disk), most_on_disk, disk=Path(folder)))
    times = asyncio.run(killed(first, None if long else WAITS_SHORT))
    return _with_times(_figure(verdicts, watch, first), times, watch)


async def _all(
    seeds: Iterable[int], most: int | None, *, remembers: bool = True, disk: Path | None = None
) -> list[Verdict]:
    return [await enumerate_deaths(seed, most=most, remembers=remembers, disk=disk) for seed in seeds]


def _with_times(figure: Figure, times: Times, watch: Stopwatch) -> Figure:
    wrong = "; ".join(times.wrong[:SHOWN])
    note = f"{figure.note}; {wrong or times}"
    return replace(
        figure,
        cases=figure.cases + times.kills,
        figure=figure.figure + len(times.wrong),
        seconds=watch.seconds,
        note=note,
    )


def _figure(verdicts: list[Verdict], watch: Stopwatch, first: int) -> Figure:
    broken = sum(bool(verdict.faults) for verdict in verdicts)
    return Figure("P2", sum(verdict.plays for verdict in verdicts), broken, watch.seconds, first, _note(verdicts))


def _note(verdicts: list[Verdict]) -> str:
    faults = [f"seed {verdict.seed}: {fault}" for verdict in verdicts for fault in verdict.faults]
    if faults:
        return "; ".join(faults[:SHOWN])
    used = Counter(name for verdict in verdicts for name in verdict.constructs)
    calls = sum(verdict.calls for verdict in verdicts)
    deaths = sum(verdict.plays - 1 for verdict in verdicts)
    return f"{len(verdicts)} programs of {len(used)} constructs with {calls} calls; {deaths} plays with a death"
