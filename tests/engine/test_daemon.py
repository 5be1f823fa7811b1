"""The process as those see it who run it: signals, service manager, monitoring."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.daemon import Daemon
from engine.journal.sqlite import SqliteJournal, leave_command
from engine.readiness import Readiness
from engine.records import CommandRecord
from engine.settings import load_settings
from tests.acceptance.process import Process
from tests.house import TestLog

SETTINGS = """\
sending: live
listen: {health: "127.0.0.1:PORT"}
hosts: {127.0.0.1: {http: true, loopback: true}}
"""
RULE = """\
- id: call
  triggers: [{trigger: homeassistant, event: start}]
  actions: [{action: http.request, data: {url: "http://127.0.0.1:PORT/", method: POST, json: {a: 1}}}]
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Place:
    """Settings without rules, and a manager's socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "rules").mkdir()
        self.file = folder / "rulewheel.yaml"
        self.file.write_text(SETTINGS.replace("PORT", str(self.port)))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.setblocking(False)
        self.log = TestLog()

    def rule(self, port: int) -> None:
        (self.folder / "rules" / "call.yaml").write_text(RULE.replace("PORT", str(port)))

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Daemon]:
        """A daemon in this process, ready; it is stopped at the end."""
        settings = load_settings(self.file).settings
        assert settings is not None
        ready = asyncio.Event()
        daemon = Daemon(settings, self.log, on_ready=lambda port: ready.set())
        daemon.readiness = Readiness(self.manager.getsockname(), timedelta(seconds=0.02))
        serving = asyncio.create_task(daemon.serve())
        try:
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            yield daemon
        finally:
            daemon.stop()
            await serving

    async def hears(self, word: str) -> str:
        """Waits until the manager hears this."""
        async with asyncio.timeout(10):
            while True:
                said = (await asyncio.get_running_loop().sock_recv(self.manager, 4096)).decode()
                if word in said:
                    return said

    def unheard(self) -> str:
        """What the manager has not listened to yet."""
        said = ""
        with suppress(BlockingIOError):
            while True:
                said += self.manager.recv(4096).decode()
        return said

    async def asks(self, path: str) -> tuple[int, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return int(head.split()[1]), json.loads(body)


@pytest.fixture
def place(tmp_path: Path) -> Any:
    found = Place(tmp_path)
    yield found
    found.manager.close()


class Slow:
    """A server that answers when it is told to."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
            self.may_answer.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.called.set()
        await self.may_answer.wait()
        with suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()


async def states(place: Place) -> list[str]:
    journal = SqliteJournal.look(place.folder / "state" / "journal.db")
    try:
        return [each.state for each in await journal.sends()]
    finally:
        await journal.close()


async def test_the_manager_hears_of_start_reload_life_and_stop(place: Place) -> None:
    async with place.daemon() as daemon:
        assert "STATUS=0 rules, 0 open problems" in await place.hears("READY=1")
        await place.hears("WATCHDOG=1")
        daemon.reload()
        await place.hears("RELOADING=1")
        await place.hears("READY=1")
    await place.hears("STOPPING=1")


async def test_a_part_that_is_stuck_starves_the_watchdog_and_is_told(place: Place) -> None:
    async with place.daemon() as daemon:
        with daemon.engine.pulse.beat("executor", timedelta(microseconds=1)):
            await place.hears("STATUS=executor has not got on")
            place.unheard()
            await place.hears("STATUS=executor has not got on")
            assert "WATCHDOG=1" not in place.unheard()
            assert (await place.asks("/healthz"))[0] == 503
        await place.hears("WATCHDOG=1")
        assert "a part is stuck" in place.log.said("error")


@pytest.mark.parametrize(("part", "hangs"), [("commands", "carry_out"), ("rules", "adopt")])
async def test_commands_and_the_reading_of_rules_are_watched_as_the_parts_are(
    place: Place, monkeypatch: pytest.MonkeyPatch, part: str, hangs: str
) -> None:
    async def hang(*given: object) -> None:
        await asyncio.Event().wait()

    async with place.daemon() as daemon:
        monkeypatch.setattr(daemon.engine, hangs, hang)
        daemon.engine.pulse._longest = timedelta(seconds=0.1)
        record = CommandRecord("c", "watch-job", {"job": "j"}, daemon.clock.now())
        await leave_command(daemon.settings.state_file, record)
        daemon.reload()
        await place.hears(f"STATUS={part} has not got on")


async def test_notices_are_watched_and_given_the_time_that_a_mail_takes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging:
        async def load(self) -> None:
            """Nothing was told before."""

        async def work(self) -> bool:
            await asyncio.Event().wait()
            return False

    monkeypatch.setattr("engine.daemon.notifiers", lambda *given: [Hanging()])
    monkeypatch.setattr("engine.daemon.NOTICE_LONGEST", timedelta(seconds=0.1))
    async with place.daemon():
        await place.hears("STATUS=notices has not got on")


async def test_monitoring_is_told_that_it_is_well_and_ready(place: Place) -> None:
    async with place.daemon():
        assert await place.asks("/healthz") == (200, {"healthy": True, "reasons": []})
        assert await place.asks("/readyz") == (200, {"ready": True, "reasons": []})


async def test_calls_under_way_are_finished_before_it_stops(place: Place) -> None:
    slow = Slow()
    async with slow.listening() as port:
        place.rule(port)
        async with place.daemon() as daemon:
            await asyncio.wait_for(slow.called.wait(), 10)
            daemon.stop()
            await place.hears("STOPPING=1")
            assert (await place.asks("/readyz"))[0] == 503
            slow.may_answer.set()
    assert await states(place) == ["accepted"]


async def test_a_second_signal_ends_it_at_once(place: Place) -> None:
    slow = Slow()
    async with slow.listening() as port:
        place.rule(port)
        with Process([sys.executable, "-m", "engine.cli", "run", "--settings", str(place.file)]) as process:
            await process.says("ready")
            await asyncio.wait_for(slow.called.wait(), 10)
            process.signal(signal.SIGTERM)
            await process.says("stopping")
            assert process.running
            process.signal(signal.SIGTERM)
            assert await process.ends() == -signal.SIGTERM
    assert await states(place) == ["intent"]


async def test_a_rule_on_shutdown_does_its_work_before_the_process_ends(place: Place) -> None:
    slow = Slow()
    slow.may_answer.set()
    async with slow.listening() as port:
        place.rule(port)
        rule = place.folder / "rules" / "call.yaml"
        rule.write_text(rule.read_text().replace("event: start", "event: shutdown"))
        with Process([sys.executable, "-m", "engine.cli", "run", "--settings", str(place.file)]) as process:
            await process.says("ready")
            assert not slow.called.is_set()
            process.signal(signal.SIGTERM)
            assert await process.ends() == 0
    assert slow.called.is_set()
    assert await states(place) == ["accepted"]


async def test_a_rule_on_shutdown_that_takes_too_long_holds_the_end_up_for_a_few_seconds_only(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.daemon.FAREWELL_SECONDS", 0.2)
    slow = Slow()
    async with slow.listening() as port:
        place.rule(port)
        rule = place.folder / "rules" / "call.yaml"
        rule.write_text(rule.read_text().replace("event: start", "event: shutdown"))
        async with place.daemon() as daemon:
            stop = daemon.engine.stop

            async def answered_at_last() -> None:
                slow.may_answer.set()
                await stop()

            monkeypatch.setattr(daemon.engine, "stop", answered_at_last)
    assert await states(place) == ["accepted"]
    assert "rules on shutdown were not over in time; they go on after the next start" in place.log.said("warning")


async def test_every_file_beside_the_state_is_its_owners_alone(place: Place) -> None:
    place.file.write_text(place.file.read_text().replace("{health", '{webhooks: "127.0.0.1:0", health'))
    old = os.umask(0)
    try:
        async with place.daemon():
            modes = {found.name: found.stat().st_mode & 0o777 for found in (place.folder / "state").iterdir()}
    finally:
        os.umask(old)
    assert set(modes) == {
        "journal.db",
        "journal.db-shm",
        "journal.db-wal",
        "journal.db.key",
        "journal.db.lock",
        "webhook.key",
    }
    assert set(modes.values()) == {0o600}


async def test_rules_that_have_not_changed_are_read_without_a_word_unless_somebody_asks(place: Place) -> None:
    async with place.daemon() as daemon:
        for _ in range(3):
            await daemon._read_rules()
        assert place.log.said("info").count("rules read") == 1
        os.kill(os.getpid(), signal.SIGHUP)
        while place.log.said("info").count("rules read") < 2:
            await place.hears("WATCHDOG=1")


async def test_a_rules_folder_that_is_gone_is_told_once(place: Place) -> None:
    (place.folder / "rules").rmdir()
    async with place.daemon() as daemon:
        while not place.log.said("warning"):
            await place.hears("WATCHDOG=1")
        daemon.reload()
        await place.hears("RELOADING=1")
        (problem,) = daemon.engine.notices.open()
        assert problem.code == "no-rules"
    assert place.log.said("info").count("rules read") == 1
    assert place.log.said("warning") == ["the rules folder cannot be watched; looking again"]
