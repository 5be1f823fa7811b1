"""kill -9 at random moments, again and again, while webhooks come in and imports fail."""

from __future__ import annotations

import asyncio
import re
import signal
import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from engine.journal.sqlite import leave_command
from engine.records import CommandRecord
from tests.acceptance.chakra import Chakra
from tests.acceptance.imports import WATCH_RULE, import_rule
from tests.acceptance.installation import RUN, Daemon, Installation
from tests.acceptance.patience import until
from tests.acceptance.process import Process
from tests.acceptance.target import Target
from tests.acceptance.verdict import Taken, Verdict, judge

CALLERS = 4
LIFE = 0.3
"""Seconds that a daemon lives at most once it is ready."""
START = 0.4
"""Seconds within which a daemon that is killed while it starts is killed."""
STOP = 0.05
"""Seconds within which a daemon that was told to stop is killed."""
WEBHOOKS = {"hold": "hold", "drop": "drop", "again": "again", "call": "order_called", "import": "import_started"}
"""By the kind of event: messages with each `if_unsure`, calls of a service, imports that go wrong."""
IF_UNSURE = {"hold": "hold", "drop": "drop", "again": "send_again"}
REST = 120
"""Seconds in which the last daemon finishes what is left: a second for each 429 in a queue, 15 for what is unsure."""
FAULTS = (
    {"kind": "latency", "match": "messages", "max_ms": 8},
    {"kind": "latency", "match": "messages", "max_ms": 8, "at": "before_answer"},
    {"kind": "status", "match": "messages", "probability": 0.02, "status": 400, "code": 131026},
    {"kind": "status", "match": "messages", "probability": 0.01, "status": 429, "retry_after": 1},
    {"kind": "answer_lost", "match": "messages", "probability": 0.03},
    {"kind": "cut", "match": "messages", "probability": 0.02, "at": "before_reading"},
    {"kind": "listing_lag", "match": "messages", "max_ms": 2_500},
)
"""The listing shows a message after at most half the settle time."""
_ORDERS = """\
- id: NAME
  mode: parallel
  if_unsure: IF_UNSURE
  triggers: [{trigger: webhook, webhook_id: NAME}]
  actions:
    - action: whatsapp.send_template
      data: {to: "TO", template: order_update, body: [Asha, "{{ trigger.json.event }}", paid]}
"""
_CALLS = """\
- id: calls
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: order_called}]
  actions:
    - delay: 0.1
    - action: http.request
      data: {url: "TARGET/orders", json: {event: "{{ trigger.json.event }}"}}
"""
_TO = "+9198{{ '%08d' | format(EVENT.split('-')[1] | int) }}"
"""A number of its own for each event: to one person there may be a message every six seconds only."""
_EVENT = re.compile(r"your order (\S+) is|Import (\S+) has")


@dataclass(slots=True)
class Report:
    """What a loop did, and what the judge found."""

    seed: int
    kills: int
    kills_while_starting: int
    kills_while_stopping: int
    posted: int
    accepted: int
    starts: list[float]
    seconds: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The figures, flat."""
        states = ("accepted", "refused", "expired", "unsure", "dropped", "waiting")
        starts = sorted(self.starts)
        return {
            "kills": self.kills,
            "kills_while_starting": self.kills_while_starting,
            "kills_while_stopping": self.kills_while_stopping,
            "events_posted": self.posted,
            "events_accepted": self.accepted,
            "accepted_and_lost": len(self.verdict.lost) + len(self.verdict.unfinished),
            "sent_twice": len(self.verdict.sent_twice),
            "sends": dict.fromkeys(states, 0) | self.verdict.states,
            "sends_by_connection": self.verdict.sends,
            "in_doubt": self.verdict.in_doubt,
            "in_doubt_that_had_arrived": self.verdict.in_doubt_and_taken,
            "faults": self.verdict.faults,
            "start_to_ready_p50": round(statistics.median(starts), 3),
            "start_to_ready_most": round(starts[-1], 3),
            "seconds": round(self.seconds, 1),
            "seed": self.seed,
        }


class KillLoop:
    """`events` are posted over `kills` lives of one daemon and a last one, which finishes what is left."""

    def __init__(self, folder: Path, *, kills: int, events: int, seed: int, run: Sequence[str] = RUN) -> None:
        self._folder = folder
        self._kills = kills
        self._seed = seed
        self._run = run
        self._random = Random(seed)
        self._left = deque(_name(number) for number in range(events))
        self._accepted: set[str] = set()
        self._posted = 0
        self._kills_while_starting = 0
        self._kills_while_stopping = 0
        self._starts: list[float] = []

    async def run(self) -> Report:
        """Runs the whole loop. Raises AssertionError when a daemon does not start, or does not come to rest."""
        began = time.monotonic()
        self._target = Target(self._seed, refused=0.02, lost=0.03, most_ms=8)
        self._chakra = await Chakra.start("--seed", str(self._seed))
        try:
            async with self._target.listening():
                verdict = await self._all_lives()
        finally:
            self._chakra.close()
        return Report(
            self._seed,
            self._kills,
            self._kills_while_starting,
            self._kills_while_stopping,
            self._posted,
            len(self._accepted),
            self._starts,
            time.monotonic() - began,
            verdict,
        )

    async def _all_lives(self) -> Verdict:
        self._chakra.fault(*FAULTS)
        installation = Installation(self._folder, self._chakra.url, self._chakra.token, run=self._run)
        self._installation = installation
        installation.rule(_rules(self._target.url))
        proven = CommandRecord("0", "listing-proven", {"connection": "chakra"}, datetime.now(UTC))
        await leave_command(installation.state, proven)
        for life in range(self._kills):
            with installation.launch() as process:
                await self._live(process, share=len(self._left) // (self._kills - life))
        with installation.launch() as process:
            await self._post(await self._ready(process), len(self._left), pause=0)
            self._unseen = [event for event in self._accepted if event.startswith("import")]
            await until(self._at_rest, seconds=REST)
        async with installation.journal() as journal:
            return await judge(journal, self._accepted, self._taken())

    async def _live(self, process: Process, share: int) -> None:
        """One life, ended at a random moment by the caller."""
        if self._random.random() < 0.2:
            self._kills_while_starting += 1
            await asyncio.sleep(self._random.uniform(0, START))
            return
        daemon = await self._ready(process)
        posting = asyncio.create_task(self._post(daemon, share, pause=LIFE * CALLERS / max(1, share) / 2))
        await asyncio.sleep(self._random.uniform(0, LIFE))
        if self._random.random() < 0.2:
            self._kills_while_stopping += 1
            process.signal(signal.SIGTERM)
            await asyncio.sleep(self._random.uniform(0, STOP))
        process.kill()
        await posting

    async def _ready(self, process: Process) -> Daemon:
        began = time.monotonic()
        daemon = await Daemon.ready(self._installation, process)
        self._starts.append(time.monotonic() - began)
        return daemon

    async def _post(self, daemon: Daemon, share: int, pause: float) -> None:
        """Posts so many events by several callers; stops when the daemon is gone."""
        mine = deque(self._left.popleft() for _ in range(share))
        limits = httpx.Limits(max_connections=CALLERS)
        async with httpx.AsyncClient(base_url=daemon.url, trust_env=False, verify=False, limits=limits) as client:
            await asyncio.gather(*[self._caller(client, mine, pause) for _ in range(CALLERS)])
        self._left.extendleft(reversed(mine))

    async def _caller(self, client: httpx.AsyncClient, mine: deque[str], pause: float) -> None:
        while mine:
            event = mine.popleft()
            kind = event.split("-")[0]
            if kind == "import":
                self._chakra.job(id=event, counts={"ERROR": 30, "SUCCESS": 740})
            self._posted += 1
            try:
                answer = await client.post(self._installation.path_of(WEBHOOKS[kind]), json={"event": event})
            except httpx.ConnectError:
                mine.appendleft(event)
                self._posted -= 1
                return
            except httpx.TransportError:
                return
            if answer.status_code == 200:
                self._accepted.add(event)
            await asyncio.sleep(self._random.uniform(0, 2 * pause))

    async def _at_rest(self) -> bool:
        """Whether nothing is open and every import was looked at; what was looked at is not asked for again."""
        if not await self._installation.is_idle():
            return False
        while self._unseen and await self._installation.state_of(f"job.{self._unseen[-1]}") == "finished":
            self._unseen.pop()
        return not self._unseen and await self._installation.is_idle()

    def _taken(self) -> list[Taken]:
        messages = self._chakra.messages()
        calls = [Taken(call.key, call.body["event"]) for call in self._target.calls]
        return calls + [Taken(message["op_id"], _event(message["rendered"])) for message in messages]


def _name(number: int) -> str:
    """Two fifths of all events send a message, with each `if_unsure` in turn, two call, and one names an import."""
    kind = "import" if number % 5 == 4 else tuple(IF_UNSURE)[number // 2 % 3] if number % 2 else "call"
    return f"{kind}-{number}"


def _rules(target: str) -> str:
    to = _TO.replace("EVENT", "trigger.json.event")
    orders = [
        _ORDERS.replace("NAME", name).replace("IF_UNSURE", if_unsure).replace("TO", to)
        for name, if_unsure in IF_UNSURE.items()
    ]
    imports = import_rule(to=_TO.replace("EVENT", "trigger.job.id"))
    return "".join([*orders, _CALLS.replace("TARGET", target), imports, WATCH_RULE])


def _event(rendered: str) -> str:
    found = _EVENT.search(rendered)
    assert found, rendered
    return f"order {found[1]}" if found[1] else f"errors of {found[2]}"
