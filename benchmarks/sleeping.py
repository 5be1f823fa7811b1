"""A million sleeping runs: what they cost the daemon in memory and at its start, and 10,000 of them due in one second.

Run it as `python -m benchmarks.sleeping` (Linux); prints a line of JSON per figure. One run is started by a webhook
and goes to sleep; a million more are written into the state as that one stands, and the daemon is started again. Each
that wakes calls the target server, which notes who called and when: all of them, none twice.

The peer in the same run is APScheduler with 10,000 jobs in its memory, which do nothing and are forgotten at a restart.
Its stores on disk need SQLAlchemy, which rulewheel does not use, so there is none beside the million.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from benchmarks.processes import Child, Workshop, python
from benchmarks.webhook import Target
from engine.clock import SystemClock, SystemIds
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, DueRecord, EventRecord, RunRecord, StepRecord

SLEEPING = 1_000_000
DUE = 10_000
AT_ONCE = 2_000
SOON = timedelta(seconds=40)
"""From writing the last row until the 10,000 are due: more than a start takes."""
LATER = timedelta(days=365)
BAR = 50
RULE = """\
- id: sleeper
  mode: parallel
  triggers:
    - trigger: webhook
      webhook_id: sleep
  actions:
    - delay: {{days: 400}}
    - action: http.request
      data:
        url: {target}
        json: {{n: "{{{{ trigger.json.n }}}}"}}
"""


class Sleeper(NamedTuple):
    """A run that sleeps, with all that the state holds of it."""

    run: RunRecord
    event: EventRecord
    steps: list[StepRecord]
    due: DueRecord

    def again(self, name: str, n: int, at: datetime) -> list[object]:
        """The same for another run, which wakes at its own time."""
        event = self.event._replace(id=f"{name}e", data={**self.event.data, "json": {"n": n}})
        body = {**self.run.body, "trigger": event.data}
        data = {**self.due.data, "run": name}
        return [
            event,
            self.run._replace(id=name, event=event.id, body=body),
            *(step._replace(run=name) for step in self.steps),
            DueRecord(f"run/{name}/{self.due.data['token']}", self.due.kind, at, data),
        ]


def first_sleeper(made: Workshop) -> tuple[Sleeper, float]:
    """One run that was put to sleep by the daemon, and the daemon's memory with it."""
    with made.daemon() as daemon:
        daemon.wait_for(" ready ")
        request = urllib.request.Request(
            made.hook("sleep"), b'{"n": -1}', {"content-type": "application/json"}, method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()
        time.sleep(5)  # the run's commit is over by then, and memory has settled
        memory = daemon.memory_mb()
    return asyncio.run(_asleep(made.folder / "state" / "journal.db")), memory


async def _asleep(state: Path) -> Sleeper:
    journal = SqliteJournal.look(state)
    try:
        (run,) = await journal.runs()
        (due,) = await journal.dues("run/")
        event = await journal.get(EventRecord, (run.event,))
        if event is None or run.state != "running":
            raise RuntimeError(f"the run does not sleep: {run}")
        return Sleeper(run, event, await journal.steps(run.id), due)
    finally:
        await journal.close()


async def fill(state: Path, sleeper: Sleeper) -> datetime:
    """Writes the million, most of them to wake in a year; gives when the others do."""
    journal = SqliteJournal.open(state, owner="benchmark")
    try:
        ids = SystemIds(SystemClock())
        later = datetime.now(UTC) + LATER
        much = (sleeper.again(ids.row_id(), n, later) for n in range(DUE, SLEEPING))
        await _write(journal, much)
        soon = (datetime.now(UTC) + SOON).replace(microsecond=0)
        steps = timedelta(seconds=1) / DUE
        await _write(journal, (sleeper.again(ids.row_id(), n, soon + n * steps) for n in range(DUE)))
        return soon
    finally:
        await journal.close()


async def _write(journal: SqliteJournal, sleepers: Iterator[list[object]]) -> None:
    while some := list(islice(sleepers, AT_ONCE)):
        await journal.commit(Changes(put=[record for rows in some for record in rows]))


def measure(folder: Path) -> Iterator[dict[str, object]]:
    with ExitStack() as stack:
        server = stack.enter_context(Child(python("benchmarks.target"), folder / "target.txt"))
        server.wait_for("\n")
        target = Target(int(server.output))
        made = Workshop(folder / "daemon", {"rules.yaml": RULE.format(target=target.url)})
        sleeper, before = first_sleeper(made)
        began = time.monotonic()
        soon = asyncio.run(fill(made.folder / "state" / "journal.db", sleeper))
        filled = time.monotonic() - began
        daemon = stack.enter_context(made.daemon())
        ready = daemon.wait_for(" ready ", SOON.total_seconds())
        # memory and computing time are read just before the first of them is due
        time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds() - 3))
        asleep, started = daemon.memory_mb(), daemon.cpu_seconds()
        memory = {"ours": round(asleep - before, 1), "bar": BAR, "with_one": round(before, 1)}
        yield {"figure": "sleeping_memory", "unit": "MB more than with one", "runs": SLEEPING, **memory}
        yield {"figure": "sleeping_start", "unit": "s to ready", "ours": round(ready, 2), "filled_in": round(filled, 1)}
        due = time.monotonic() + (soon - datetime.now(UTC)).total_seconds()
        arrivals = target.arrivals(DUE, 180)  # each of them, and none twice, or it fails
        took = {"first": round(min(arrivals.values()) - due, 3), "last": round(max(arrivals.values()) - due, 2)}
        cost = {"cpu_s": round(daemon.cpu_seconds() - started, 1), "memory_mb": round(daemon.memory_mb(), 1)}
        unit = "s from when the first is due to its call, and to the last one's"
        yield {"figure": "due_in_one_second", "unit": unit, "woken": len(arrivals), "twice": 0, **took, **cost}
    yield {"figure": "due_in_one_second, peer", "unit": "s to the last", "peer": round(asyncio.run(peer()), 2)}


async def peer() -> float:
    """Seconds that APScheduler takes for as many jobs as are due, from when the first is."""
    ran: list[int] = []

    async def job(n: int) -> None:
        ran.append(n)

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start(paused=True)
    soon = datetime.now(UTC) + timedelta(seconds=20)
    for n in range(DUE):
        when = soon + n * timedelta(seconds=1) / DUE
        scheduler.add_job(job, "date", (n,), run_date=when, misfire_grace_time=None, max_instances=1)
    scheduler.resume()
    await asyncio.sleep((soon - datetime.now(UTC)).total_seconds())
    began = time.monotonic()
    # the scheduler has no end to await; looking 100 times a second costs it nothing to speak of
    while len(ran) < DUE:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    scheduler.shutdown(wait=False)
    return time.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for figure in measure(Path(folder)):
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
