"""A world whose engine works by itself as in the daemon, seen by monitoring and by a service manager."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.journal.api import Journal
from engine.readiness import Readiness
from engine.testing import World
from engine.watchdog import Watchdog
from engine.web.health import HealthApp

WATCHDOG = timedelta(seconds=15)
"""`WatchdogSec` of docs/operations.md."""


class Living(World):
    """Its parts are tasks, and nobody but the clock moves them; `last_fed` is when the manager heard of life."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._tasks: list[asyncio.Task[None]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="rulewheel-")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(Path(self._folder.name) / "notify"))
        self._manager.setblocking(False)
        self.last_fed: datetime = self.now

    async def __aexit__(self, *exception: object) -> None:
        await super().__aexit__(*exception)
        self._manager.close()
        self._folder.cleanup()

    async def load(self, files: Mapping[str, str]) -> None:
        """These rules from now on; with the first ones it begins to live."""
        await super().load(files)
        if not self._tasks:
            await self._live()

    async def restart(self, journal: Journal | None = None) -> None:
        """The manager kills it and starts it anew."""
        await super().restart(journal)
        await self._live()

    async def _live(self) -> None:
        self._health = HealthApp(self.engine.pulse, self.engine.notices, self.clock)
        readiness = Readiness(self._manager.getsockname(), WATCHDOG)
        watchdog = Watchdog(self.engine.pulse, readiness, self.clock, self.log)
        self._tasks = [asyncio.create_task(self.engine.run()), asyncio.create_task(watchdog.run())]
        await self._settle()

    @property
    def is_hung(self) -> bool:
        """Whether the manager kills it now."""
        return self.now - self.last_fed >= WATCHDOG

    async def healthy(self) -> bool:
        """What `/healthz` answers to monitoring."""
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await self._health({"type": "http", "method": "GET", "path": "/healthz"}, receive, send)
        start, body = told
        assert (start["status"] == 200) is json.loads(body["body"])["healthy"]
        return bool(start["status"] == 200)

    async def _settle(self) -> None:
        """Until nothing can go on without time passing: no callback waits for its turn in the loop but ours."""
        if not self._tasks:
            await super()._settle()
            return
        while True:
            await asyncio.sleep(0)
            for task in self._tasks:
                if task.done():
                    task.result()
            if self._reload:
                self._reload = False
                await self._read_rules()
            elif not getattr(asyncio.get_running_loop(), "_ready"):  # noqa: B009
                break
        self._listen()

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            while said := self._manager.recv(4096):
                if b"WATCHDOG=1" in said:
                    self.last_fed = self.now

    async def _end(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super()._end()
