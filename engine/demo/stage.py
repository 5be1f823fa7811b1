"""The demo's stage: a temporary folder, the simulator and the daemon as processes, and a look at both of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

import httpx
import yaml

from engine.demo.child import Child
from engine.demo.story import Story
from engine.journal.api import JournalError
from engine.journal.sqlite import SqliteJournal
from engine.records import EventRecord

SCENE = Path(__file__).parent / "scene"
RULE = "import_errors"
RULEWHEEL = (sys.executable, "-m", "engine.cli")
LOOK_EVERY = 0.2


def shown_rule(scene: Path = SCENE) -> str:
    """The rule that the demo is about, as it stands in its file."""
    return (scene / "rules.yaml").read_text(encoding="utf-8").split("\n\n")[0]


class Stage:
    """Opened once and closed once; `seconds` tells the time since the beginning."""

    def __init__(
        self, folder: Path, port: int, story: Story, seconds: Callable[[], float], scene: Path = SCENE
    ) -> None:
        self._scene = scene
        self._folder = folder
        self._port = port
        self._story = story
        self._seconds = seconds
        self._simulator = Child("the simulator")
        self._daemon = Child("the daemon")
        self._delivered = 0
        self._imports = [job["id"] for job in yaml.safe_load((scene / "jobs.yaml").read_text(encoding="utf-8"))]

    async def play(self, draw: Callable[[], None]) -> None:
        """Opens, then looks and draws until it is cancelled. Raises ProblemError when a process ends by itself."""
        jobs = ("--jobs", str(self._scene / "jobs.yaml"))
        await self._simulator.start(*RULEWHEEL, "simulate", "--port", str(self._port), *jobs)
        ready = json.loads(await self._simulator.says('{"url"'))
        self._furnish(ready["url"], ready["token"])
        settings = ("--settings", str(self._folder / "rulewheel.yaml"))
        await self._daemon.start(*RULEWHEEL, "run", *settings, "--log-format", "json")
        async with httpx.AsyncClient(base_url=ready["url"], trust_env=False, verify=False) as simulator:
            while True:
                await self._look(simulator)
                draw()
                await asyncio.sleep(LOOK_EVERY)

    async def close(self) -> None:
        """Ends both processes, the daemon first, so that nobody talks to a simulator that is gone."""
        try:
            await self._daemon.end()
        finally:
            await self._simulator.end()

    def _furnish(self, url: str, token: str) -> None:
        """Settings, secrets and rules, as a user has them."""
        settings = Template((self._scene / "rulewheel.yaml").read_text(encoding="utf-8")).substitute(url=url)
        (self._folder / "rulewheel.yaml").write_text(settings, encoding="utf-8")
        secrets = self._folder / "secrets.yaml"
        secrets.touch(mode=0o600)
        secrets.write_text(f"chakra_token: {token}\n", encoding="utf-8")
        rules = self._folder / "rules"
        rules.mkdir()
        (rules / "demo.yaml").write_text((self._scene / "rules.yaml").read_text(encoding="utf-8"), encoding="utf-8")

    async def _look(self, simulator: httpx.AsyncClient) -> None:
        self._simulator.must_run()
        self._daemon.must_run()
        for line in self._daemon.heard():
            with contextlib.suppress(ValueError):
                self._story.hear(self._seconds(), json.loads(line))
        self._story.see((await _asked(simulator, "state"))["jobs"], self._imports)
        self._story.requests = sum((await _asked(simulator, "requests")).values())
        with contextlib.suppress(JournalError):  # the daemon may not have made it yet
            await self._look_at_journal()
        messages = (await _asked(simulator, f"messages?since={self._delivered}"))["messages"]
        self._delivered += len(messages)
        self._story.deliver(self._seconds(), messages)

    async def _look_at_journal(self) -> None:
        journal = SqliteJournal.look(self._folder / "state" / "journal.db")
        try:
            for run in reversed(await journal.runs(rule=RULE)):
                event = await journal.get(EventRecord, (run.event,))
                if event is not None:
                    self._story.fire(self._seconds(), run.rule, event.data)
        finally:
            await journal.close()


async def _asked(simulator: httpx.AsyncClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = (await simulator.get(f"/_simulator/{path}")).json()
    return found
