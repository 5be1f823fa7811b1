"""P7, no duplicate that we caused: a daemon that dies while it sends, answers that are lost, a listing that lags."""

from __future__ import annotations

import asyncio

from tests.promises.doubt import deaths
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 200
LONG = 1_000
"""Sends with each `if_unsure`."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Messages that Chakra took twice. Without its defence, `send_again` does not wait for the settle time."""
    sends, seed, watch = LONG if long else SHORT, new_seed(), Stopwatch()
    if not defended:
        hasty = asyncio.run(deaths("send_again", 3 * sends, seed, settle=0.5))
        return Figure("P7", hasty.sends, len(hasty.twice), watch.seconds, seed, f"again {dict(hasty.states)}")
    found = [asyncio.run(deaths(each, sends, seed)) for each in ("hold", "drop", "send_again")]
    cases = sum(each.sends for each in found)
    note = "; ".join(f"{name} {dict(each.states)}" for name, each in zip(("hold", "drop", "again"), found, strict=True))
    return Figure("P7", cases, sum(len(each.twice) for each in found), watch.seconds, seed, note)
