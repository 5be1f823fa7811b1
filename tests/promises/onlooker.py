"""Somebody who looks at a world again and again: how soon what is unsure is a problem, and how soon that is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.log import SilentLog
from engine.notify import Notifier, notifiers
from engine.plugin import Accepted, Connection, Operation, Outcome, Request
from engine.settings import NoticeKeys
from engine.testing import World

SHOWN_WITHIN = timedelta(seconds=60)
TOLD_WITHIN = timedelta(minutes=15)
LOOK_EVERY = 30.0
"""Seconds between two looks, and between two of the daemon's own, which in truth looks every second."""
PROBLEM = "sends-unsure"


class Mailbox(Connection):
    """Where notices come in."""

    def __init__(self) -> None:
        super().__init__({})
        self.texts: list[str] = []

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        self.texts.append(str(request.body["text"]))
        return Accepted(None, "heard")


class Onlooker:
    """Sends that were unsure for too long with no problem, and problems that were open for too long with nobody told.

    They are `shown_late` and `told_late`; `told` counts the problems that somebody was told of.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._mailbox = Mailbox()
        self._notifier: Notifier | None = None
        self._since: dict[str, datetime] = {}
        self._told: set[datetime] = set()
        self.shown_late: set[str] = set()
        self.told_late: set[datetime] = set()

    @property
    def told(self) -> int:
        return len(self._told)

    async def advance(self, seconds: float) -> None:
        """Lets time pass in the world, and looks every half minute of it."""
        while seconds > 0:
            await self._world.advance(min(seconds, LOOK_EVERY))
            seconds -= LOOK_EVERY
            await self.look()

    async def restart(self) -> None:
        """The world's daemon dies and starts again, and with it who tells of problems."""
        await self._world.restart()
        self._notifier = None
        await self.look()

    async def look(self) -> None:
        """One look, and the daemon's own look for what is to be told."""
        now = self._world.now
        unsure = {effect.op_id for effect in await self._world.journal.effects(("unsure",), 100_000)}
        self._since = {op_id: self._since.get(op_id, now) for op_id in unsure}
        shown = {problem.since for problem in self._world.problems if problem.code == PROBLEM}
        if not shown:
            self.shown_late |= {op_id for op_id, since in self._since.items() if now - since > SHOWN_WITHIN}
        heard = len(self._mailbox.texts)
        await (await self._daemons_own()).work()
        if any("unsure" in text for text in self._mailbox.texts[heard:]):
            self._told |= shown
        self.told_late |= {since for since in shown - self._told if now - since >= TOLD_WITHIN}

    async def _daemons_own(self) -> Notifier:
        if self._notifier is None:
            world = self._world
            keys, mailbox = NoticeKeys({"mail_to": ["ops@example.com"]}), {"mail": self._mailbox}
            notices = world.engine.notices
            (self._notifier,) = notifiers(keys, mailbox, notices, world.journal, world.clock, world.ids, SilentLog())
            await self._notifier.load()
        return self._notifier
