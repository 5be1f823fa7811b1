"""P8, no silent loss: the journal joined with Chakra's own list, after deaths, lost answers and a lagging listing."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from engine.runs import retry
from engine.values import Accepted, Outcome, Unsure
from tests.promises.doubt import deaths
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 80
LONG = 1_000
"""Sends with each `if_unsure`."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Shown as accepted but never taken, or taken but shown as not sent, or unsure and no problem.

    Without its defence, whatever is in doubt is taken for accepted.
    """
    sends, seed, watch = LONG if long else SHORT, new_seed(), Stopwatch()
    with patch("engine.effects.settled", retry.settled if defended else _hopeful):
        found = [asyncio.run(deaths(each, sends, seed)) for each in ("hold", "send_again")]
    wrong = sum(len(each.never_taken) + len(each.denied) + each.without_problem for each in found)
    note = (
        f"unsure after settling: {found[0].states['unsure']} under hold, {found[1].states['unsure']} under send_again"
    )
    return Figure("P8", sum(each.sends for each in found), wrong, watch.seconds, seed, note)


def _hopeful(effect: object, outcome: Outcome, *rest: object) -> object:
    if isinstance(outcome, Unsure):
        outcome = Accepted(None, "it will have arrived")
    return retry.settled(effect, outcome, *rest)  # type: ignore[arg-type]
