"""Sends of which some are in doubt, in a world with its own Chakra, whose list of what it took is the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from connections.chakra.simulator.simulator import Simulator
from engine.records import EffectRecord
from engine.settle import listing_entity, receipts_webhook
from engine.testing import World
from engine.values import Json
from tests.promises.onlooker import Onlooker

LISTING = listing_entity("chakra")
WEBHOOK = receipts_webhook("chakra")
SETTLED = 4_000.0
"""Seconds after which no look-up is to come any more."""
EVERYTHING = 1_000_000
IN_DOUBT = frozenset({"unsure", "dropped"})
SHOWN_AS_NOT_SENT = frozenset({"queued", "waiting", "refused", "expired", "cancelled"})
FAULTS = (
    {"kind": "latency", "match": "messages", "max_ms": 8},
    {"kind": "latency", "match": "messages", "max_ms": 8, "at": "before_answer"},
    {"kind": "status", "match": "messages", "probability": 0.02, "status": 400, "code": 131026},
    {"kind": "answer_lost", "match": "messages", "probability": 0.03},
    {"kind": "cut", "match": "messages", "probability": 0.03, "at": "before_reading"},
    {"kind": "listing_lag", "match": "messages", "max_ms": 60_000},
)
"""As promise P7 has them; the listing shows a message after at most half the settle time."""


def rule(if_unsure: str) -> str:
    """A rule that sends a message for each event."""
    return f"""\
- id: {if_unsure}
  mode: parallel
  if_unsure: {if_unsure}
  triggers: [{{trigger: event, event_type: {if_unsure}}}]
  actions:
    - action: whatsapp.send_template
      data:
        to: "{{{{ trigger.event.data.to }}}}"
        template: order_update
        body: ["{{{{ trigger.event.data.name }}}}", "{{{{ trigger.event.data.order }}}}", paid]
"""


def number(n: int) -> str:
    """A phone number of its own for each."""
    return f"+9198{n:08d}"


@dataclass(slots=True)
class Judgement:
    """What the journal says beside what the simulated Chakra took: each list is empty when all is well.

    `unfound` were taken and are shown as in doubt to the end, or as never to be known.
    """

    sends: int = 0
    states: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    never_taken: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    unfound: list[str] = field(default_factory=list)
    shown_late: int = 0
    told_late: int = 0
    told: int = 0

    @property
    def wrong(self) -> int:
        """Sends that were settled wrongly, in whichever way."""
        return len({*self.twice, *self.never_taken, *self.denied})


def judged(effects: Iterable[EffectRecord], simulator: Simulator) -> Judgement:
    """The judgement on a world at rest."""
    taken = simulator.messages.op_ids()
    found = Judgement(twice=[op_id for op_id, count in taken.items() if count > 1])
    for effect in effects:
        found.sends += 1
        found.states[effect.state] += 1
        if effect.state == "accepted" and effect.op_id not in taken:
            found.never_taken.append(effect.op_id)
        if effect.state in SHOWN_AS_NOT_SENT and effect.op_id in taken:
            found.denied.append(effect.op_id)
        if effect.state in IN_DOUBT and effect.op_id in taken:
            found.unfound.append(effect.op_id)
    return found


async def fire(world: World, if_unsure: str, to: str, name: str, order: str) -> None:
    """One event, hence one message."""
    await world.fire(if_unsure, {"to": to, "name": name, "order": order})


async def judgement(world: World, onlooker: Onlooker | None = None) -> Judgement:
    """The judgement once every look-up has had its time."""
    await (onlooker or world).advance(SETTLED)
    effects = await world.journal.sends(limit=EVERYTHING)
    return judged(effects, world.simulator)


def settling(seconds: float) -> dict[str, Json]:
    """Settings with this settle time."""
    return {"connections": {"chakra": {"settle_time": seconds, "timeout": min(seconds, 10)}}}


async def deaths(if_unsure: str, sends: int, seed: int, *, settle: float = 120) -> Judgement:
    """A daemon that dies again and again while it sends, under the faults of P7."""
    random = Random(f"{seed}/{if_unsure}")
    async with World(settings=settling(settle), seed=seed) as world:
        onlooker = Onlooker(world)
        world.simulator.faults.add(*FAULTS)
        await world.load({"rules.yaml": rule(if_unsure)})
        await world.set_state(LISTING, "proven")
        for n in range(sends):
            await fire(world, if_unsure, number(random.randrange(sends // 3 + 1)), f"N{n}", f"order-{n}")
            if random.random() < 0.12:
                await onlooker.advance(random.choice((0.0, 0.002, 0.005, 0.02, 5, 200)))
                await onlooker.restart()
            elif random.random() < 0.5:
                await onlooker.advance(random.uniform(0, 20))
        found = await judgement(world, onlooker)
        found.shown_late, found.told_late = len(onlooker.shown_late), len(onlooker.told_late)
        found.told = onlooker.told
        return found
