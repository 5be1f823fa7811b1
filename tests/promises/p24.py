"""P24, it lasts: memory, speed, start and lists of a real daemon that has much behind it."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, EffectRecord, EventRecord, RunRecord, StepRecord
from tests.acceptance.installation import RUN, Daemon, Installation
from tests.acceptance.patience import until
from tests.acceptance.target import Target
from tests.promises.figure import Figure, Stopwatch

SHORT = (1_000, 400, 50)
LONG = (100_000, 20_000, 500)
"""Runs kept beforehand, events that come, rules. The promise speaks of a million events, which would take hours."""
WARM_UP = 0.25
TIMED = 200
CALLERS = 8
REST = 300.0
IDLE_SHORT, IDLE_LONG = 2.0, 30.0
"""Seconds for which it has nothing to do."""
BOUNDS = {"growth_mb": 10.0, "start_s": 1.0, "p95_ms": 250.0, "lists_p95_ms": 100.0, "idle_cpu_percent": 1.0}
TIMES = frozenset(BOUNDS) - {"growth_mb"}
SLACK = 3
"""Times may be so many times their bound, for the machine does other work, too; `make test`, where it always does,
only tells them."""
UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "hoards")
BIN = 1_000
RULE = """\
- id: rule_{number}
  mode: parallel
  triggers: [{{trigger: webhook, webhook_id: hook_{number}}}]
  actions:
    - action: http.request
      data: {{url: "{target}/orders", json: {{event: "{{{{ trigger.json.event }}}}"}}}}
"""


def run(long: bool, *, defended: bool = True) -> Figure:
    """How many of its bounds it went beyond; without its defence, what has come in stays in memory."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        house = Installation(Path(folder) / "house", "http://127.0.0.1:1", "token", run=RUN if defended else UNDEFENDED)
        return asyncio.run(_much(house, *(LONG if long else SHORT), long=long))


def beyond(found: Mapping[str, float], *, timed: bool) -> list[str]:
    """The bounds that these measures go beyond; those of time count only if it is `timed`."""
    slack = {name: SLACK if name in TIMES else 1 for name in BOUNDS}
    return [
        name for name, value in found.items() if value > BOUNDS[name] * slack[name] and (timed or name not in TIMES)
    ]


async def _much(installation: Installation, kept: int, events: int, rules: int, *, long: bool) -> Figure:
    watch = Stopwatch()
    target = Target()
    await _past(installation.state, kept)
    async with target.listening():
        installation.rule("".join(RULE.format(number=number, target=target.url) for number in range(rules)))
        os.utime(installation.rules / "rules.yaml", (0, 0))  # long at rest: the daemon need not wait for an editor
        began = time.monotonic()
        daemon = await installation.start()
        found = {"start_s": time.monotonic() - began}
        with daemon.process:
            found["growth_mb"] = await _growth(daemon, target, events)
            found["p95_ms"] = await _latency(daemon, target)
            found["lists_p95_ms"] = await _lists(installation)
            found["idle_cpu_percent"] = await _idle(daemon, IDLE_LONG if long else IDLE_SHORT)
    told = ", ".join(f"{name} {value:.3g} of {BOUNDS[name]:g}" for name, value in found.items())
    over = beyond(found, timed=long)
    return Figure("P24", events, len(over), watch.seconds, note=f"{told}; {kept:,} runs kept, {rules} rules")


async def _past(state: Path, kept: int) -> None:
    """What as many runs leave behind: an event, a run, a step and a call each."""
    state.parent.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(state, owner="test")
    rows = (row for number in range(kept) for row in _left_behind(number, datetime.now(UTC) - timedelta(hours=1)))
    while bunch := list(itertools.islice(rows, 4 * BIN)):
        await journal.commit(Changes(put=bunch))
    await journal.close()


def _left_behind(number: int, at: datetime) -> Iterator[object]:
    run, rule = f"r{number:025d}", f"rule_{number % 50}"
    yield EventRecord(f"e{number:025d}", rule, "", "t", "", {"json": {"event": number}}, at, "done")
    yield RunRecord(run, f"e{number:025d}", rule, "", "", "done", "finished", "", at, at, 2, {})
    yield StepRecord(run, 0, "action/0", "action", at, "done", "accepted", {"status": 200})
    yield _call(number, run, rule, at)


def _call(number: int, run: str, rule: str, at: datetime) -> EffectRecord:
    values: dict[str, Any] = dict.fromkeys(EffectRecord._fields)
    values |= {"op_id": f"{number:032x}", "run": run, "token": "0", "rule": rule, "connection": "http"}
    values |= {"operation": "request", "body": {}, "shown": {}, "recipient": "", "idempotent": False, "reads": False}
    values |= {"state": "accepted", "created": at, "attempts": 1, "reason": "", "answer": {"status": 200}, "ended": at}
    values |= {"if_unsure": "hold", "limits": [], "caps": []}
    return EffectRecord(**values)


async def _growth(daemon: Daemon, target: Target, events: int) -> float:
    """Megabytes that the daemon grew by after its first events."""
    warm = round(events * WARM_UP)
    await _post(daemon, target, range(warm))
    before = _memory(daemon)
    await _post(daemon, target, range(warm, events))
    return _memory(daemon) - before


async def _post(daemon: Daemon, target: Target, events: Iterable[int]) -> None:
    left = deque(events)
    expected = len(target.calls) + len(left)
    path = daemon.installation.path_of("hook_0")

    async def caller(client: httpx.AsyncClient) -> None:
        while left:
            answer = await client.post(path, json={"event": left.popleft()})
            assert answer.status_code == 200

    async def all_are_there() -> bool:
        return len(target.calls) >= expected

    limits = httpx.Limits(max_connections=CALLERS)
    async with httpx.AsyncClient(
        base_url=daemon.url, trust_env=False, verify=False, limits=limits, timeout=60
    ) as client:
        await asyncio.gather(*[caller(client) for _ in range(CALLERS)])
    await until(all_are_there, REST)


def _memory(daemon: Daemon) -> float:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def _idle(daemon: Daemon, seconds: float) -> float:
    """How much of a processor it takes, in percent, while nothing happens."""

    def taken() -> float:
        fields = Path(f"/proc/{daemon.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return sum(int(ticks) for ticks in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    before = taken()
    await asyncio.sleep(seconds)
    return (taken() - before) / seconds * 100


async def _latency(daemon: Daemon, target: Target) -> float:
    """Milliseconds from a webhook to the call that it sets off, for all but the slowest twentieth."""
    arrived = asyncio.Event()
    target.on_call = lambda call: arrived.set()
    path = daemon.installation.path_of("hook_0")

    async def once(client: httpx.AsyncClient) -> None:
        arrived.clear()
        await client.post(path, json={"event": 0})
        await arrived.wait()

    async with httpx.AsyncClient(base_url=daemon.url, trust_env=False, verify=False) as client:
        return await _p95(lambda: once(client), TIMED)


async def _lists(installation: Installation) -> float:
    """Milliseconds for what `rulewheel runs` and `rulewheel sends` read, the worse of both."""
    async with installation.journal() as journal:
        runs = await _p95(lambda: journal.runs(limit=50), TIMED)
        of_rule = await _p95(lambda: journal.runs(rule="rule_7", limit=50), TIMED)
        sends = await _p95(lambda: journal.sends(states=["accepted", "unsure"], limit=50), TIMED)
    return max(runs, of_rule, sends)


async def _p95(what: Callable[[], Awaitable[object]], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await what()
        taken.append(time.perf_counter() - began)
    return statistics.quantiles(taken, n=20)[-1] * 1000
