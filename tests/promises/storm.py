"""A daemon in a storm of sends, and the stop switch pressed from another process, as a person presses it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.cli._command import leave_switch
from engine.cli._settings import settings_at
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, EffectRecord
from engine.runs.gate import SEND_BY
from tests.acceptance.process import Process
from tests.acceptance.target import Call, Target

SENDS = 4_000
SLOWEST_MS = 200.0
FIRST = 100
"""Calls that have arrived when the switch is pressed."""
UNDER_WAY = 0.25
"""Seconds after which what had left before the switch has arrived, on one machine."""
AFTERWARDS = 2.0
PATIENCE = 60.0
SETTINGS = """\
sending: live
hosts: {127.0.0.1: {http: true, loopback: true}}
"""


async def stopped_in_a_storm() -> dict[str, int]:
    """What became of a stop: intents and calls after the command had returned, and whether it came in the storm."""
    arrived: list[float] = []
    raging = asyncio.Event()

    def arrives(call: Call) -> None:
        arrived.append(time.time())
        if len(arrived) == FIRST:
            raging.set()

    target = Target(most_ms=SLOWEST_MS / 2)
    target.on_call = arrives
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder, ExitStack() as stack:
        settings = Path(folder) / "rulewheel.yaml"
        settings.write_text(SETTINGS, encoding="utf-8")
        (settings.parent / "rules").mkdir()
        state = settings.parent / "state" / "journal.db"
        async with target.listening():
            await _queue(state, target.url)
            stack.enter_context(Process([sys.executable, "-m", "engine.cli", "run", "--settings", str(settings)]))
            await asyncio.wait_for(raging.wait(), PATIENCE)
            await asyncio.to_thread(_stop, settings)
            returned = time.time()
            await asyncio.sleep(AFTERWARDS)
            effects = await _effects(state)
    intended = [each.send_by - SEND_BY for each in effects if each.send_by is not None]
    return {
        "intents after the command": sum(each > datetime.fromtimestamp(returned, UTC) for each in intended),
        "calls after the command": sum(each > returned + UNDER_WAY for each in arrived),
        "switch without a storm": int(not FIRST <= len(arrived) < SENDS),
    }


def _stop(settings: Path) -> None:
    """What `rulewheel stop-sending` does, without the time that a process takes to end after it."""
    leave_switch(settings_at(settings), "stop-sending", instead_of="resume-sending")


async def _queue(state: Path, url: str) -> None:
    """Leaves calls in the journal as a daemon does that has died before it could make them."""
    journal = SqliteJournal.open(state, owner="the test")
    await journal.commit(Changes(put=[_call(number, url) for number in range(SENDS)]))
    await journal.close()


def _call(number: int, url: str) -> EffectRecord:
    now = datetime.now(UTC)
    body = {"url": url, "method": "POST", "json": {"n": number}}
    return EffectRecord(
        f"{number:032x}", "run", "", "storm", "http", "request", body, {}, "", False, False, None, "queued",
        now, None, None, now + timedelta(hours=1), 0, "", None, None,
    )  # fmt: skip


async def _effects(state: Path) -> list[EffectRecord]:
    journal = SqliteJournal.look(state)
    try:
        return await journal.sends(limit=SENDS)
    finally:
        await journal.close()
