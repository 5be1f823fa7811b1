"""One event, N rules with different conditions of which one matches: events a second, durable, at N = 1 to 10,000.

Run it as `python -m benchmarks.rules`; prints a line of JSON per figure. Ours is the engine over a state file, synced
at each commit, with 32 callers; an event counts when its rule has run to its end. The peer in the same run is a loop
written by hand: each event is tried on every rule's compiled Jinja expression and the match inserted and committed,
also synced.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import jinja2
import uvloop

from engine.assembly import Engine, Ports
from engine.clock import SystemClock, SystemIds
from engine.due import SchedulerAlarm
from engine.journal.sqlite import SqliteJournal
from engine.log import SilentLog
from engine.registry import Registry
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.rules.model import Program
from engine.rules.program import program_from_record
from engine.source import read
from engine.values import Fact

SIZES = (1, 100, 1_000, 10_000)
EVENTS = 3_000
CALLERS = 32
SECONDS = 3.0
BAR = 1 / 3
KINDS: Sequence[Callable[[int], dict[str, object]]] = (
    lambda n: {"conditions": [f"{{{{ trigger.event.data.n == {n} }}}}"]},
    lambda n: {"conditions": [_compared(equals=n)]},
    lambda n: {"conditions": [_compared(above=n - 1, below=n + 1)]},
    lambda n: {"event_data": {"n": n}},
)


def _compared(**bounds: int) -> dict[str, object]:
    return {"condition": "compare", "value": "{{ trigger.event.data.n }}", **bounds}


def rules(number: int) -> str:
    """As many rules, of four kinds in turns; the rule `r7` runs when `n` is 7, and tells that it did."""
    return json.dumps([_rule(each) for each in range(number)])


def _rule(number: int) -> dict[str, object]:
    asks = KINDS[number % len(KINDS)](number)
    trigger = {
        "trigger": "event",
        "event_type": "order",
        **{key: asks.pop(key) for key in ["event_data"] if key in asks},
    }
    return {"id": f"r{number}", "mode": "parallel", "triggers": [trigger], **asks, "actions": [{"event": "matched"}]}


def programs(number: int, registry: Registry) -> list[Program]:
    """The rules, checked as every file is, a file for each hundred."""
    every = json.loads(rules(number))
    found: list[Program] = []
    for at in range(0, number, 100):
        checked = check_file(read(json.dumps(every[at : at + 100]), f"rules{at}.yaml"), Known(registry))
        found += checked.programs
    if len(found) != number:
        raise RuntimeError(f"{len(found)} rules of {number} are right")
    return found


async def ours(number: int, registry: Registry, folder: Path) -> dict[str, float]:
    """Events a second through the engine."""
    journal = SqliteJournal.open(folder / f"{number}.db", owner="benchmark")
    alarm = SchedulerAlarm()
    clock = SystemClock()
    ports = Ports(
        journal=journal,
        clock=clock,
        ids=SystemIds(clock),
        alarm=alarm,
        log=SilentLog(),
        connections={},
        actions=registry.actions,
        triggers=registry.triggers,
        rebuild=lambda record: program_from_record(record, registry),
    )
    engine = Engine(ports)
    await engine.start()
    book = {program.rule: program for program in programs(number, registry)}
    began = time.perf_counter()
    await engine.adopt(book)
    adopted = time.perf_counter() - began
    working = asyncio.create_task(engine.run())
    await _through(engine, number, 200)
    began = time.perf_counter()
    await _through(engine, number, EVENTS)
    took = time.perf_counter() - began
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    outcomes = [run.outcome for run in await journal.runs(limit=2 * EVENTS)]
    if outcomes.count("finished") != EVENTS + 200:
        raise RuntimeError(f"{outcomes.count('finished')} runs of {EVENTS + 200} events have finished")
    await journal.close()
    alarm.close()
    return {"per_second": EVENTS / took, "adopted_in": adopted}


async def _through(engine: Engine, number: int, events: int) -> None:
    """So many events, from all callers, until each has been handled."""
    matched = asyncio.Event()
    left = events

    def heard(fact: Fact) -> None:
        nonlocal left
        left -= fact.subject == "matched"
        if not left:
            matched.set()

    engine.matcher.on_fact = heard
    numbers = count()

    async def caller() -> None:
        while (n := next(numbers)) < events:
            fact = Fact("event", "order", {"n": n * 7919 % number, "shop": "Pune"}, engine.ports.clock.now())
            await engine.intake.take(("event", "order"), fact)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await matched.wait()
    # the engine has no bell for "all is done", and a measured one would cost what is measured
    while not engine.is_idle or await engine.ports.journal.open_counts():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def by_hand(number: int, folder: Path) -> float:
    """Events a second through a loop over all rules."""
    environment = jinja2.Environment(autoescape=False)
    tests = [environment.compile_expression(f"data.n == {each}") for each in range(number)]
    with closing(sqlite3.connect(folder / f"peer{number}.db")) as state:
        state.execute("PRAGMA journal_mode = WAL")
        state.execute("PRAGMA synchronous = FULL")
        state.execute("CREATE TABLE matched (event INTEGER, rule INTEGER)")
        began, events = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            data = {"n": events * 7919 % number, "shop": "Pune"}
            for rule, test in enumerate(tests):
                if test(data=data):
                    state.execute("INSERT INTO matched VALUES (?, ?)", (events, rule))
            state.commit()
            events += 1
        return events / (time.perf_counter() - began)


async def main() -> None:
    registry = Registry.discover(("actions", "triggers"))
    rates: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in SIZES:
            found = await ours(number, registry, Path(folder))
            peer = by_hand(number, Path(folder))
            rates[number] = found["per_second"]
            figure = {"figure": "rules", "unit": "events/s, durable", "rules": number}
            measured = {"ours": round(found["per_second"]), "peer_loop_by_hand": round(peer, 1)}
            print(json.dumps({**figure, **measured, "adopted_in_s": round(found["adopted_in"], 2)}), flush=True)
    share = rates[SIZES[-1]] / rates[SIZES[0]]
    print(
        json.dumps(
            {
                "figure": "rules_kept",
                "unit": "rate at 10,000 over rate at 1",
                "ours": round(share, 2),
                "bar": round(BAR, 2),
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main())
