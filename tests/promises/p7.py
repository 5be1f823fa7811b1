"""P7, no duplicate that we caused: a daemon that dies while it sends, answers that are lost, a listing that lags."""

from __future__ import annotations

import asyncio

from tests.promises.doubt import deaths
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 70
LONG = 3_300
"""Sends with each `if_unsure`."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Messages that Chakra took twice. Without its defence, `send_again` does not wait for the settle time."""
    sends, seed, watch = LONG if long else SHORT, new_seed(), Stopwatch()
    settle = 120 if defended else 0.5
    found = [asyncio.run(deaths(each, sends, seed, settle=settle)) for each in ("hold", "drop", "send_again")]
    cases = sum(each.sends for each in found)
    note = "; ".join(f"{name} {dict(each.states)}" for name, each in zip(("hold", "drop", "again"), found, strict=True))
    return Figure("P7", cases, sum(len(each.twice) for each in found), watch.seconds, seed, note)
