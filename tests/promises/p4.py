"""P4, history is true and stays: traces beside a reference model, and beside what they were before each kill.

Then one bit is changed in each of many rows, of every kind: an engine that starts on that state has to name each of
them, no other row, and must send nothing of it. How that is counted is in tests/promises/flips.py.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import httpx

from engine.journal.sqlite import SqliteJournal
from engine.records import EventRecord, RunRecord, StepRecord
from tests.acceptance.installation import RUN, Daemon, Installation
from tests.acceptance.patience import until
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.promises.flips import flips

SHORT = 2
LONG = 100
ROWS_SHORT = 150
ROWS_LONG = 1_000
EVENTS = 25
"""Events in one life of the daemon."""
LIFE = 0.3
UNDEFENDED = (sys.executable, "-m", "tests.acceptance.broken", "trace_apart")
RULE = """\
- id: history
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: number}]
  conditions: ["{{ trigger.json.number % 5 != 0 }}"]
  actions:
    - variables: {double: "{{ trigger.json.number * 2 }}"}
    - delay: 0.05
    - if: ["{{ double % 4 == 0 }}"]
      then: [{event: counted, event_data: {double: "{{ double }}"}}]
    - stop: "{{ double }}"
"""

Trace: TypeAlias = tuple[str, ...]
History: TypeAlias = dict[str, tuple[RunRecord, list[StepRecord]]]


def run(long: bool, *, defended: bool = True) -> Figure:
    """Traces that differ from the model or from what they were before a kill, and changed rows that nobody noticed."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        traces = asyncio.run(_kills(Path(folder) / "house", LONG if long else SHORT, defended))
        assert traces.seed is not None
        rows = ROWS_LONG if long else ROWS_SHORT
        missed = asyncio.run(flips(Path(folder) / "flips.db", rows, Random(traces.seed), defended=defended))
    note = f"{traces.note}; {rows - missed} of {rows} changed rows noticed"
    return replace(traces, cases=traces.cases + rows, figure=traces.figure + missed, note=note)


async def _kills(house: Path, kills: int, defended: bool) -> Figure:
    watch = Stopwatch()
    seed = new_seed()
    random = Random(seed)
    installation = Installation(house, "http://127.0.0.1:1", "token", run=RUN if defended else UNDEFENDED)
    installation.rule(RULE)
    answered: list[int] = []
    before: History = {}
    changed = 0
    for life in range(kills):
        async with installation.daemon() as daemon:
            changed += _differences(before, await _history(installation))
            await _live(daemon, random, life * EVENTS, answered)
        before = await _history(installation)
    async with installation.daemon():
        await until(installation.is_idle)
    wrong = await _untrue(installation, answered)
    note = f"traces unlike the model or changed later; {kills} kills"
    return Figure("P4", len(answered), wrong + changed, watch.seconds, seed, note)


async def _live(daemon: Daemon, random: Random, first: int, answered: list[int]) -> None:
    """Takes events until it is killed at a random moment, which ends the calls under way."""

    async def post(client: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(random.uniform(0, LIFE))
        answer = await client.post(daemon.installation.path_of("number"), json={"number": number})
        assert answer.status_code == 200
        answered.append(number)

    async with httpx.AsyncClient(base_url=daemon.url, trust_env=False, verify=False) as client:
        posting = [asyncio.create_task(post(client, number)) for number in range(first, first + EVENTS)]
        await asyncio.sleep(random.uniform(LIFE / 2, LIFE))
        daemon.process.kill()
        results = await asyncio.gather(*posting, return_exceptions=True)
    assert all(result is None or isinstance(result, httpx.TransportError) for result in results), results


async def _history(installation: Installation) -> History:
    """The runs that have ended, as people are shown them."""
    async with installation.journal() as journal:
        ended = [run for run in await journal.runs(limit=1_000_000) if run.state == "done"]
        return {run.id: (run, await journal.steps(run.id)) for run in ended}


def _differences(before: History, after: History) -> int:
    return sum(after.get(run) != told for run, told in before.items())


async def _untrue(installation: Installation, answered: list[int]) -> int:
    """Traces that are not as the model says, and answered events without exactly one run."""
    runs: Counter[int] = Counter()
    wrong = 0
    history = await _history(installation)
    async with installation.journal() as journal:
        for run, steps in history.values():
            number = await _number(journal, run)
            runs[number] += 1
            wrong += [_said(step) for step in steps] != model(number)
    return wrong + sum(runs[number] != 1 for number in answered)


async def _number(journal: SqliteJournal, run: RunRecord) -> int:
    event = await journal.get(EventRecord, (run.event,))
    assert event is not None
    return int(event.data["json"]["number"])


def _said(step: StepRecord) -> Trace:
    """A step without its time."""
    values = "" if step.detail is None else str(step.detail)
    return (step.path, step.kind, step.result, step.reason.partition(" until ")[0], values)


def model(number: int) -> list[Trace]:
    """What the rule does with a number, worked out without the engine."""
    holds = bool(number % 5)
    said = f"{{{{ trigger.json.number % 5 != 0 }}}} is {holds}"
    if not holds:
        return [("condition", "condition", "do not hold", said, "")]
    double = number * 2
    even = double % 4 == 0
    values = str({"double": double})
    return [
        ("condition", "condition", "hold", said, ""),
        ("action/0", "variables", "set", "double", values),
        ("action/1", "delay", "waiting", "waits", ""),
        ("action/1", "delay", "done", "the time is up", ""),
        ("action/2", "if", "then" if even else "else", f"{{{{ double % 4 == 0 }}}} is {even}", ""),
        *([("action/2/then/0", "event", "fired", "counted", values)] if even else []),
        ("action/3", "stop", "finished", str(double), ""),
    ]
