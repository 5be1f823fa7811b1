"""What the journal costs: commits a second and their latency, idle and beside a busy loop, and the hot reads.

Run it as `python -m benchmarks.journal`; prints a line of JSON per figure. A commit holds two small rows, as an event
and its identity do. The busy loop is a task that computes for 0.5 ms between awaits, as rules and webhooks do; the
`slices` it gets through say what the journal left it. The peer in the same run is Python's own sqlite3 in a loop: two
rows and one commit that is on disk (WAL, synchronous FULL) before the next one begins.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, DueRecord, EffectRecord, EventRecord, InboxRecord, SeenRecord

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
DATA = {"body": {"id": 7, "text": "x" * 60, "list": [1, 2, 3]}, "headers": {"user-agent": "curl"}}
SECONDS = 2.0
SLICE = 0.0005


def two_rows(name: str) -> Changes:
    return Changes(
        put=[EventRecord(name, "welcome", "p1", "t1", "+91", DATA, NOW, "done"), SeenRecord("webhook", name, NOW)]
    )


async def commits(journal: SqliteJournal, callers: int, busy: bool) -> dict[str, object]:
    """`callers` tasks that commit again as soon as they have their answer, for some seconds."""
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS

    async def caller(name: str) -> None:
        number = 0
        while (began := time.perf_counter()) < end:
            await journal.commit(two_rows(f"{name}-{number}"))
            latencies.append(time.perf_counter() - began)
            number += 1

    slices = [0]
    burning = asyncio.create_task(burn(slices)) if busy else None
    cpu = time.process_time()
    await asyncio.gather(*(caller(f"{callers}-{busy}-{n}") for n in range(callers)))
    cpu = time.process_time() - cpu - slices[0] * SLICE
    if burning:
        burning.cancel()
        with suppress(asyncio.CancelledError):
            await burning
    return {
        "figure": "commits",
        "callers": callers,
        "beside": "busy loop" if busy else "idle",
        **told(latencies),
        "cpu_us_each": round(cpu / len(latencies) * 1e6, 1),
        "slices_per_second": round(slices[0] / SECONDS),
    }


def told(latencies: list[float]) -> dict[str, object]:
    """How many a second, and how long each took."""
    latencies.sort()
    return {
        "per_second": round(len(latencies) / SECONDS),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p95_ms": round(latencies[len(latencies) * 95 // 100] * 1000, 2),
    }


def peer(path: Path) -> dict[str, object]:
    """The same two rows by hand, as fast as one after the other goes; it answers nobody meanwhile."""
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE events (id TEXT PRIMARY KEY, rule TEXT, data TEXT, at TEXT);"
        "CREATE TABLE seen (scope TEXT, identity TEXT, at TEXT, PRIMARY KEY (scope, identity));"
    )
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < end:
        name = f"peer-{len(latencies)}"
        database.execute("BEGIN")
        database.execute("INSERT INTO events VALUES (?, 'welcome', ?, ?)", (name, json.dumps(DATA), NOW.isoformat()))
        database.execute("INSERT INTO seen VALUES ('webhook', ?, ?)", (name, NOW.isoformat()))
        database.execute("COMMIT")
        latencies.append(time.perf_counter() - began)
    database.close()
    return {"figure": "commits", "by": "peer", "callers": 1, "beside": "idle", **told(latencies)}


async def burn(slices: list[int]) -> None:
    """Computes in slices, as the rest of the daemon does."""
    while True:
        end = time.perf_counter() + SLICE
        while time.perf_counter() < end:
            pass
        slices[0] += 1
        await asyncio.sleep(0)


async def reads(journal: SqliteJournal) -> list[dict[str, object]]:
    """The hot reads with one row each to find, each after a commit, as in the daemon."""
    effect = EffectRecord(
        op_id="op", run="r1", token="t", rule="welcome", connection="chakra", operation="send", body=DATA, shown=DATA,
        recipient="x", idempotent=False, reads=False, timeout=None, state="queued", created=NOW, send_by=NOW, due=None,
        valid_until=None, attempts=0, reason="", answer=None, ended=None,
    )  # fmt: skip
    rows = [InboxRecord("i", "r", "t", "outcome", DATA), DueRecord("d", "delay", NOW, None), effect]
    await journal.commit(Changes(put=[*rows, EventRecord("new", "welcome", "p1", "t1", "+91", DATA, NOW, "new")]))
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "new_events": lambda: journal.new_events(100),
        "inbox": lambda: journal.inbox(100),
        "effects": lambda: journal.effects(("queued", "waiting"), 100),
        "due_before": lambda: journal.due_before(NOW, 100),
        "next_due": lambda: journal.next_due(),
        "get": lambda: journal.get(EventRecord, ("new",)),
    }
    return [await read(journal, name, ask) for name, ask in asked.items()]


async def read(journal: SqliteJournal, name: str, ask: Callable[[], Awaitable[object]]) -> dict[str, object]:
    after_commit: list[float] = []
    again: list[float] = []
    for number in range(500):
        await journal.commit(two_rows(f"{name}-{number}"))
        for times in (after_commit, again):
            began = time.perf_counter()
            await ask()
            times.append(time.perf_counter() - began)
    middle = [round(sorted(times)[250] * 1e6, 1) for times in (after_commit, again)]
    return {"figure": "read", "read": name, "after_commit_us": middle[0], "again_us": middle[1]}


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = SqliteJournal.open(Path(folder) / "state.db", owner="benchmark")
        print(json.dumps(peer(Path(folder) / "peer.db")), flush=True)
        for busy in (False, True):
            for callers in (1, 10, 50):
                print(json.dumps(await commits(journal, callers, busy)), flush=True)
        for figure in await reads(journal):
            print(json.dumps(figure), flush=True)
        await journal.close()


if __name__ == "__main__":
    asyncio.run(main())
