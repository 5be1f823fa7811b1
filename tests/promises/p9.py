"""P9, unsure is settled only by proof: what may mislead a look-up or a status webhook, and does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random
from unittest.mock import patch

from connections.chakra.listing import Look
from connections.chakra.receipts import is_signed
from connections.chakra.simulator.statuses import Statuses, StatusSettings, StatusWebhook
from engine.records import EffectRecord
from engine.runs import retry
from engine.testing import World
from engine.values import Arrived, NotFound, Outcome, Settlement
from tests.promises.doubt import LISTING, WEBHOOK, Judgement, fire, judgement, number, rule, settling
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 60
LONG = 1_000
"""Sends in each variant."""
LOST = (
    {"kind": "answer_lost", "match": "messages", "probability": 0.4},
    {"kind": "cut", "match": "messages", "probability": 0.4, "at": "before_reading"},
)
SECRET = "of the team"


async def without_op_id(world: World, sends: int, random: Random) -> None:
    """The listing shows no op_id: each message must be told by what it says."""
    for n in range(sends):
        await fire(world, "send_again", number(n % 7), f"N{n}", f"order-{n}")


async def two_equal(world: World, sends: int, random: Random) -> None:
    """Two equal messages to one phone; of neither, one or both the answer is lost, and any may have arrived."""
    for n in range(sends // 2):
        await fire(world, "send_again", number(n), "Asha", "order-1")
        await world.advance(random.choice((0, 1, 60, 500)))
        await fire(world, "send_again", number(n), "Asha", "order-1")


async def late_listing(world: World, sends: int, random: Random) -> None:
    """The listing shows a message only after a while, equal ones among them."""
    world.simulator.faults.add({"kind": "listing_lag", "match": "messages", "min_ms": 20_000, "max_ms": 110_000})
    for n in range(sends):
        await fire(world, "send_again", number(n // 2), "Asha", "order-1")
        await world.advance(random.choice((0, 30)))


async def forged_status(world: World, sends: int, random: Random) -> None:
    """Statuses with op_ids that nobody gave, with another's message id, and unsigned ones with the right op_id."""
    forger = Statuses(StatusSettings(secret=SECRET, forged=True, loss=1), random.randrange(1000))
    unsigned = Statuses(StatusSettings())
    for n in range(sends):
        await fire(world, "hold", number(n), f"N{n}", f"order-{n}")
        last = list(world.simulator.messages)[-1:]
        webhooks = [webhook for message in last for webhook in forger.of(message)]
        for effect in await world.journal.effects(("unsure",), 3):
            webhooks += [unsigned.signed(_status(effect.op_id))]
        for webhook in webhooks:
            await world.webhook(WEBHOOK, text=webhook.body.decode(), headers=webhook.headers)


async def status_before_answer(world: World, sends: int, random: Random) -> None:
    """The status webhook is here before the answer, which is then lost or says no."""
    world.simulator.faults.clear()
    refused = {"kind": "status", "match": "messages", "status": 400, "code": 131026, "accepted": True}
    world.simulator.faults.add({**refused, "probability": 0.5}, {**LOST[0], "probability": 0.5})
    statuses = Statuses(StatusSettings(formats=("meta", "chakra"), states=("sent",)))
    told: list[StatusWebhook] = []
    world.simulator.on_message = lambda message: told.extend(statuses.of(message))
    chakra = world.connections["chakra"]
    perform = chakra.perform

    async def overtaken(*asked: object) -> Outcome:
        outcome = await perform(*asked)  # type: ignore[arg-type]
        while told:
            webhook = told.pop()
            await world.engine.receivers[WEBHOOK](webhook.headers, webhook.body)  # while a call of the world is on
        return outcome

    vars(chakra)["perform"] = overtaken
    for n in range(sends):
        await fire(world, "hold", number(n), f"N{n}", f"order-{n}")


Variant = Callable[[World, int, Random], Awaitable[None]]
VARIANTS: tuple[Variant, ...] = (without_op_id, two_equal, late_listing, forged_status, status_before_answer)
PROVABLE: tuple[Variant, ...] = (without_op_id, forged_status, status_before_answer)


def run(long: bool, *, defended: bool = True) -> Figure:
    """Sends that were settled wrongly: as arrived though they had not, or as not arrived though they had.

    Nor may one stay in doubt that had arrived, where no other message is like it: then there was a proof.
    """
    sends, seed, watch = LONG if long else SHORT, new_seed(), Stopwatch()
    found = {variant.__name__: settled(variant, sends, seed, defended=defended) for variant in VARIANTS}
    broken = sum(each.wrong for each in found.values())
    missed = sum(len(found[variant.__name__].unfound) for variant in PROVABLE)
    note = ", ".join(f"{name} {each.wrong}" for name, each in found.items())
    note += f"; not settled though there was a proof {missed}"
    return Figure("P9", sum(each.sends for each in found.values()), broken + missed, watch.seconds, seed, note)


def settled(variant: Variant, sends: int, seed: int, *, defended: bool = True) -> Judgement:
    """The judgement on one variant, with or without its own defence."""
    with nullcontext() if defended else UNDEFENDED[variant]():
        return asyncio.run(_played(variant, sends, Random(f"{seed}/{variant.__name__}"), defended))


async def _played(variant: Variant, sends: int, random: Random, defended: bool) -> Judgement:
    settings = settling(1 if variant is late_listing and not defended else 120)
    if variant is forged_status:
        settings["connections"]["chakra"]["webhook_secret"] = SECRET
    async with World(settings=settings, seed=random.randrange(1_000_000)) as world:
        world.simulator.faults.add(*LOST)
        await world.load({"rules.yaml": rule("send_again") + rule("hold")})
        await world.set_state(LISTING, "proven")
        await variant(world, sends, random)
        return await judgement(world)


def _status(op_id: str) -> dict[str, object]:
    status = {"id": "wamid.forged", "status": "delivered", "biz_opaque_callback_data": f"rw1:{op_id}"}
    return {"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]}


@contextmanager
def _any_will_do() -> Iterator[None]:
    """Without looking at what the messages say, or how many there are."""

    def settle(look: Look) -> Settlement:
        return Arrived("there are messages") if look.items else NotFound("there are none")

    with patch.object(Look, "settle", settle):
        yield


@contextmanager
def _no_signature() -> Iterator[None]:
    with patch("connections.chakra.connection.is_signed", lambda *given: is_signed(*given) or True):
        yield


@contextmanager
def _last_word_counts() -> Iterator[None]:
    """The outcome is written whatever has been proven meanwhile."""

    def settled(effect: EffectRecord, outcome: Outcome, *rest: object) -> object:
        changes = retry.settled(effect, outcome, *rest)  # type: ignore[arg-type]
        changes.expect.clear()
        return changes

    with patch("engine.effects.settled", settled):
        yield


UNDEFENDED: dict[Variant, Callable[[], AbstractContextManager[None]]] = {
    without_op_id: _any_will_do,
    two_equal: _any_will_do,
    late_listing: nullcontext,
    forged_status: _no_signature,
    status_before_answer: _last_word_counts,
}
