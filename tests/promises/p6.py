"""P6, intent before act: at each arrival the intent, with recipient and body, is already in the state file."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import deque
from pathlib import Path

import httpx

from engine.journal.sqlite import SqliteJournal
from engine.records import EffectRecord
from tests.acceptance.installation import RUN, Daemon, Installation
from tests.acceptance.patience import until
from tests.acceptance.target import Call, Target
from tests.promises.figure import Figure, Stopwatch, at_once
from tests.promises.kills import with_kills

SHORT = 200
LONG = 10_000
CALLERS = 8
PATIENCE = 300.0
UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "no_intent")
RULE = """\
- id: orders
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: order}]
  actions:
    - action: http.request
      data: {url: "TARGET/orders", json: {event: "{{ trigger.json.event }}"}}
"""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Requests that arrived at a server while the state file knew nothing of them."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        figure = asyncio.run(_arrivals(Path(folder) / "house", LONG if long else SHORT, defended))
    return with_kills(figure, long, lambda verdict: verdict.not_in_journal) if defended else figure


async def _arrivals(house: Path, events: int, defended: bool) -> Figure:
    watch = Stopwatch()
    installation = Installation(house, "http://127.0.0.1:1", "token")
    trap = Trap(installation.state)
    async with trap.target.listening():
        installation.rule(RULE.replace("TARGET", trap.target.url))
        async with installation.daemon(RUN if defended else UNDEFENDED) as daemon:
            await _post(daemon, installation.path_of("order"), events)
            await until(lambda: _as_many(trap, events), PATIENCE)
    looks = len(trap.target.calls)
    return Figure("P6", looks, trap.without_intent, watch.seconds, note="arrivals without an intent on disk")


class Trap:
    """A server that looks into the state file of its caller whenever something arrives."""

    def __init__(self, state: Path) -> None:
        self.target = Target()
        self.target.on_call = self._look
        self.without_intent = 0
        self._state = state

    def _look(self, call: Call) -> None:
        intent = _intent(self._state, call.key)
        is_known = intent is not None and intent.state == "intent" and intent.body["json"] == call.body
        self.without_intent += not is_known


def _intent(state: Path, op_id: str) -> EffectRecord | None:
    """What the state says to whoever opens it now; looking never waits, so no loop is needed."""

    async def look() -> EffectRecord | None:
        journal = SqliteJournal.look(state)
        try:
            return await journal.get(EffectRecord, (op_id,))
        finally:
            await journal.close()

    return at_once(look())


async def _as_many(trap: Trap, events: int) -> bool:
    return len(trap.target.calls) >= events


async def _post(daemon: Daemon, path: str, events: int) -> None:
    left = deque(range(events))

    async def caller(client: httpx.AsyncClient) -> None:
        while left:
            answer = await client.post(path, json={"event": f"order-{left.popleft()}"})
            assert answer.status_code == 200

    limits = httpx.Limits(max_connections=CALLERS)
    async with httpx.AsyncClient(
        base_url=daemon.url, trust_env=False, verify=False, limits=limits, timeout=60
    ) as client:
        await asyncio.gather(*[caller(client) for _ in range(CALLERS)])
