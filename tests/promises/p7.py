"""P7, no duplicate that we caused: a daemon that dies while it sends, answers that are lost, a listing that lags."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from unittest.mock import patch

from connections.chakra.connection import ChakraConnection
from engine.values import NotFound
from tests.promises.doubt import deaths
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.kills import with_kills

SHORT = 200
LONG = 1_000
"""Sends with each `if_unsure`."""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Messages that Chakra took twice. Without its defence, `send_again` does not wait for the settle time."""
    sends, seed, watch = LONG if long else SHORT, new_seed(), Stopwatch()
    if not defended:
        return undefended(hasty, seed)
    found = [asyncio.run(deaths(each, sends, seed)) for each in ("hold", "drop", "send_again")]
    cases = sum(each.sends for each in found)
    note = "; ".join(f"{name} {dict(each.states)}" for name, each in zip(("hold", "drop", "again"), found, strict=True))
    figure = Figure("P7", cases, sum(len(each.twice) for each in found), watch.seconds, seed, note)
    return with_kills(figure, long, lambda verdict: verdict.sent_twice)


Switch = tuple[float, Callable[[], AbstractContextManager[None]]]
"""The settle time, and what else is taken away."""


def undefended(switch: Switch, seed: int) -> Figure:
    """The figure of `send_again` without a defence."""
    watch, (settle, meddling) = Stopwatch(), switch
    with meddling():
        found = asyncio.run(deaths("send_again", 3 * SHORT, seed, settle=settle))
    return Figure("P7", found.sends, len(found.twice), watch.seconds, seed, f"again {dict(found.states)}")


@contextmanager
def _never_looked() -> Iterator[None]:
    """What is in doubt is taken for not sent, and nobody looks."""

    async def settle(self: ChakraConnection, *asked: object) -> NotFound:
        return NotFound("nobody looked")

    with patch.object(ChakraConnection, "settle", settle):
        yield


hasty: Switch = (0.5, nullcontext)
blind: Switch = (120, _never_looked)
