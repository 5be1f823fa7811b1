"""P8, no silent loss: the journal joined with Chakra's own list, after deaths, lost answers and a lagging listing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from connections.chakra.connection import ChakraConnection
from engine.notify import Notifier
from engine.runs import retry
from engine.settle import Settler
from engine.values import Accepted, CannotTell, Outcome, Unsure
from tests.acceptance.verdict import Verdict
from tests.promises.doubt import Judgement, deaths
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.kills import with_kills

SHORT = 80
LONG = 1_000
"""Sends with each `if_unsure`."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Sends that were not told of as they are, or not in time; without its defence, what is in doubt is accepted."""
    figure = lost(LONG if long else SHORT, new_seed(), nullcontext if defended else hopeful)
    return with_kills(figure, long, _silent) if defended else figure


def _silent(verdict: Verdict) -> list[str]:
    """What the loop of kills came to that nobody was told of as it is."""
    wrongly = [*verdict.accepted_but_never_taken, *verdict.taken_but_denied, *verdict.unsent, *verdict.untold]
    return [*wrongly, *verdict.unfound, *verdict.unsettled, *verdict.unshown]


def lost(sends: int, seed: int, meddling: Callable[[], AbstractContextManager[None]]) -> Figure:
    """The figure for so many sends with each `if_unsure`, with something taken away."""
    watch = Stopwatch()
    with meddling():
        hold, again = (asyncio.run(deaths(each, sends, seed)) for each in ("hold", "send_again"))
    kinds = {
        "accepted but never taken": _both(hold, again, lambda each: len(each.never_taken)),
        "shown as not sent but taken": _both(hold, again, lambda each: len(each.denied)),
        "taken but never found": _both(hold, again, lambda each: len(each.unfound)),
        "unsure under send_again": again.states["unsure"],
        "not on Problems within 60 s": _both(hold, again, lambda each: each.shown_late),
        "not told within 15 min": _both(hold, again, lambda each: each.told_late),
    }
    told = ", ".join(f"{what} {count}" for what, count in kinds.items())
    unsure = f"unsure under hold {hold.states['unsure']}, {len(hold.unfound)} of them taken"
    note = f"{told}; {unsure}; {hold.told + again.told} notices"
    return Figure("P8", hold.sends + again.sends, sum(kinds.values()), watch.seconds, seed, note)


def _both(hold: Judgement, again: Judgement, count: Callable[[Judgement], int]) -> int:
    return count(hold) + count(again)


@contextmanager
def hopeful() -> Iterator[None]:
    """Whatever is in doubt is taken for accepted."""

    def settled(effect: Any, outcome: Outcome, *rest: Any) -> object:
        if isinstance(outcome, Unsure):
            outcome = Accepted(None, "it will have arrived")
        return retry.settled(effect, outcome, *rest)

    with patch("engine.effects.settled", settled):
        yield


@contextmanager
def no_look_up() -> Iterator[None]:
    """Nobody looks what became of what is in doubt."""

    async def settle(self: ChakraConnection, *asked: object) -> CannotTell:
        return CannotTell("nobody looked", again=False)

    with patch.object(ChakraConnection, "settle", settle):
        yield


@contextmanager
def no_problem() -> Iterator[None]:
    """What is unsure is on no page."""

    async def recount(self: Settler) -> None:
        """Nothing."""

    with patch.object(Settler, "_recount", recount):
        yield


@contextmanager
def no_notice() -> Iterator[None]:
    """Nobody is told."""

    async def work(self: Notifier) -> bool:
        return False

    with patch.object(Notifier, "work", work):
        yield


DEFENCES = (hopeful, no_look_up, no_problem, no_notice)
