from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.pulse import Pulse
from engine.web.health import HealthApp
from tests.house import FailingJournal, TestClock, TestLog


class Monitor:
    """Asks a health application without a network."""

    def __init__(self) -> None:
        self.clock = TestClock()
        self.journal = FailingJournal(MemoryJournal())
        self.notices = Notices(self.journal, self.clock, TestLog())
        self.pulse = Pulse(self.clock)
        self.app = HealthApp(self.pulse, self.notices, self.clock)

    async def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        await self.app({"type": "http", "method": method, "path": path}, receive, send)
        start, body = sent
        assert int(dict(start["headers"])[b"content-length"]) == len(body["body"])
        return start["status"], json.loads(body["body"])


WELL = (200, {"healthy": True, "reasons": []})


async def test_it_is_well_when_nothing_is_wrong() -> None:
    assert await Monitor().ask("/healthz") == WELL


async def test_a_part_that_is_stuck_makes_it_unwell() -> None:
    monitor = Monitor()
    with monitor.pulse.beat("executor"):
        monitor.clock.move(timedelta(seconds=20))
        status, said = await monitor.ask("/healthz")
    assert (status, said["reasons"]) == (503, ["executor has not got on for 20 seconds"])
    assert await monitor.ask("/healthz") == WELL


async def test_a_journal_that_cannot_write_makes_it_unwell_at_once() -> None:
    monitor = Monitor()
    monitor.journal.fails_after = 0
    await monitor.notices.journal_failed(JournalError("disk-full", "The disk is full."))
    status, said = await monitor.ask("/healthz")
    assert (status, said["reasons"]) == (503, ["the journal cannot be written: disk-full"])
    monitor.journal.fails_after = None
    await monitor.notices.try_journal()
    assert await monitor.ask("/healthz") == WELL


async def test_a_problem_that_stays_makes_it_unwell_and_its_text_is_not_shown() -> None:
    monitor = Monitor()
    await monitor.notices.report("connection/chakra/token-refused", "token-refused", "about +919876543210")
    assert await monitor.ask("/healthz") == WELL
    monitor.clock.move(timedelta(minutes=16))
    assert await monitor.ask("/healthz") == (
        503,
        {"healthy": False, "reasons": ["problem token-refused since 2026-03-02 09:00:00 UTC"]},
    )
    await monitor.notices.clear("connection/chakra/")
    assert await monitor.ask("/healthz") == WELL


async def test_it_is_ready_when_the_daemon_says_so() -> None:
    monitor = Monitor()
    assert await monitor.ask("/readyz") == (503, {"ready": False, "reasons": ["it is starting or stopping"]})
    monitor.app.ready = True
    assert await monitor.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_nothing_else_is_there() -> None:
    monitor = Monitor()
    assert (await monitor.ask("/"))[0] == 404
    assert (await monitor.ask("/healthz", "POST"))[0] == 405


async def test_what_is_no_request_is_not_answered() -> None:
    async def nothing() -> dict[str, Any]:
        raise AssertionError("nobody waits for this")

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    await Monitor().app({"type": "websocket"}, nothing, send)
