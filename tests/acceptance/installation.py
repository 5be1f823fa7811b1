"""What a user has on disk (settings, secrets, rules, state), and the daemon that runs on it."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from engine.journal.sqlite import SqliteJournal
from engine.records import EffectRecord, EntityRecord, ProblemRecord, RunRecord
from engine.web.key import webhook_key
from engine.web.webhooks import hook_path
from tests.acceptance.process import Process

RULEWHEEL = (sys.executable, "-m", "engine.cli")
RUN = (*RULEWHEEL, "run", "--settings")

_SETTINGS = """\
rules: rules
state: state
sending: live
listen: {{webhooks: "127.0.0.1:0"}}
hosts:
  127.0.0.1: {{http: true, loopback: true}}
connections:
  chakra:
    base_url: {url}
    token: !secret chakra_token
    plugin_id: 9aefeafc-a1c1-4d27-a0c6-10f66a25a80a
    phone_number_id: "105954558954427"
    allow_private: true
    timeout: {timeout}
    settle_time: {timeout}
"""


class Installation:
    """One folder of a user. `run` is the command that starts the daemon; the settings' path is added to it."""

    def __init__(self, folder: Path, url: str, token: str, *, run: Sequence[str] = RUN, timeout: float = 5) -> None:
        self.folder = folder
        self.run = tuple(run)
        self.rules = folder / "rules"
        self.state = folder / "state" / "journal.db"
        self.settings = folder / "rulewheel.yaml"
        self.rules.mkdir(parents=True)
        self.settings.write_text(_SETTINGS.format(url=url, timeout=timeout), encoding="utf-8")
        self.secret(token)

    def secret(self, token: str) -> None:
        """Writes the token for Chakra."""
        secrets = self.folder / "secrets.yaml"
        secrets.touch(mode=0o600)
        secrets.write_text(f'chakra_token: "{token}"\n', encoding="utf-8")

    def rule(self, text: str, file: str = "rules.yaml") -> None:
        """Writes a file of rules as an editor does: beside it first, then renamed."""
        written = self.folder / f"{file}.new"
        written.write_text(text, encoding="utf-8")
        written.replace(self.rules / file)

    def launch(self, run: Sequence[str] | None = None) -> Process:
        """The daemon as a process, which may not be ready yet."""
        return Process([*(run or self.run), str(self.settings)], self.folder / "daemon.log")

    async def says(self, command: str) -> str:
        """What `rulewheel command` prints about this installation."""
        with Process([*RULEWHEEL, command, "--settings", str(self.settings)]) as process:
            await process.ends()
            return process.output

    async def start(self, run: Sequence[str] | None = None) -> Daemon:
        """The daemon, ready."""
        process = self.launch(run)
        try:
            return await Daemon.ready(self, process)
        except BaseException:
            process.kill()
            raise

    @asynccontextmanager
    async def daemon(self, run: Sequence[str] | None = None) -> AsyncIterator[Daemon]:
        """The daemon for a while; killed at the end if it still runs."""
        daemon = await self.start(run)
        with daemon.process:
            yield daemon

    def path_of(self, webhook: str) -> str:
        """Where this webhook listens."""
        return hook_path(webhook_key(self.state.parent), webhook)

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[SqliteJournal]:
        """The journal, looked at beside whoever owns it."""
        journal = SqliteJournal.look(self.state)
        try:
            yield journal
        finally:
            await journal.close()

    async def sends(self, *states: str) -> list[EffectRecord]:
        """Effects in these states, or all, newest first."""
        async with self.journal() as journal:
            return await journal.sends(states=states, limit=1_000_000)

    async def runs(self) -> list[RunRecord]:
        """All runs, newest first."""
        async with self.journal() as journal:
            return await journal.runs(limit=1_000_000)

    async def problems(self, *codes: str) -> list[ProblemRecord]:
        """Open problems with these codes, or all open ones."""
        async with self.journal() as journal:
            return [problem for problem in await journal.problems() if not codes or problem.code in codes]

    async def cleared(self, code: str) -> list[ProblemRecord]:
        """Problems with this code that are not there any more."""
        async with self.journal() as journal:
            found = await journal.problems(open_only=False)
            return [problem for problem in found if problem.code == code and problem.cleared is not None]

    async def state_of(self, entity: str) -> str:
        """An entity's state; empty when there is none."""
        async with self.journal() as journal:
            found = await journal.get(EntityRecord, (entity,))
            return found.state if found else ""

    async def is_idle(self) -> bool:
        """Whether nothing is left to do: no event, run, message or call is open."""
        async with self.journal() as journal:
            waiting = [await journal.new_events(1), await journal.open_runs(), await journal.inbox(1)]
            return not any([*waiting, await journal.effects(("queued", "intent", "waiting"), 1)])


class Daemon:
    """A daemon that is ready."""

    def __init__(self, installation: Installation, process: Process, port: int) -> None:
        self.installation = installation
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    async def ready(cls, installation: Installation, process: Process) -> Daemon:
        """Waits for the line that says so."""
        found = await process.says(r"\bready\b.*\bwebhooks=(\d+)")
        return cls(installation, process, int(found[1]))

    async def post(self, webhook: str, **data: object) -> httpx.Response:
        """Calls a webhook."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, verify=False, timeout=10) as client:
            return await client.post(self.installation.path_of(webhook), json=data)

    async def stop(self) -> int:
        """SIGTERM; gives the exit status."""
        self.process.signal(signal.SIGTERM)
        return await self.process.ends()
