"""Problems of connections: who waits because of each, when one is disproved, and when nobody waits any more.

A problem is of one part of the other side, as `Connection.subject` names it: what another part answers says nothing of
it. Its key is `connection/<connection>/<subject>/<code>`, without the subject where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from engine.clock import Alarm, Clock
from engine.journal.api import Journal
from engine.notices import Notices
from engine.plugin import Connection, Request
from engine.records import EffectRecord
from engine.values import Accepted, Outcome, Refused, Unsure, Waiting
from engine.wake import Wake

LOOK_EVERY = timedelta(minutes=1)
POLL = "poll/"
"""With this begin the names of polls among those who wait; all others are op_ids of effects."""
_KEYS = "connection/"
_OF_THE_WAY = frozenset(("unreachable", "address-not-allowed"))
"""Problems on the way to the other side: whoever has an answer proves that they are over for all."""


class Outages:
    """Opens what connections tell of, and clears it when all who waited because of it are served or gone."""

    def __init__(
        self, journal: Journal, connections: Mapping[str, Connection], clock: Clock, alarm: Alarm, notices: Notices
    ) -> None:
        self._journal = journal
        self._connections = connections
        self._clock = clock
        self._alarm = alarm
        self._notices = notices
        self._waiting: dict[str, dict[str, None]] = {}
        self._look_at: datetime | None = None
        self.wake: Wake[None] = Wake()

    def load(self, waiting: Iterable[tuple[str, Request]]) -> None:
        """After a start: any of these effects may wait because of what is open; polls ask again at once."""
        self._waiting = {key: {} for key in self._opened()}
        for op_id, request in waiting:
            for key in self._of(self._place(request)):
                self._waiting[key][op_id] = None

    async def tell(self, who: str, request: Request, outcome: Outcome) -> None:
        """What came of a request of `who`: the op_id of an effect, or a poll's key after `POLL`."""
        problem = outcome.problem if isinstance(outcome, Waiting) else ""
        if not self._waiting and not problem:
            return
        place = self._place(request)
        for key in self._of(place):
            await self._look_over(key, who, outcome)
        if problem:
            key = f"{place}{problem}"
            self._waiting.setdefault(key, {})[who] = None
            await self._notices.report(key, problem, outcome.reason if isinstance(outcome, Waiting) else "")
            self.wake.say()
        elif isinstance(outcome, Accepted | Refused):
            await self.left(who)

    async def left(self, who: str) -> None:
        """Nothing is asked for on behalf of `who` any more."""
        for key in [key for key, waiting in self._waiting.items() if who in waiting]:
            await self._leave(key, who)

    async def work(self) -> bool:
        """Once a minute looks whether anybody still waits because of what is open; false when it was not yet time."""
        self.wake.take()
        now = self._clock.now()
        is_time = self._look_at is not None and now >= self._look_at
        if is_time:
            for key in list(self._waiting):
                await self._look(key)
        if not self._waiting:
            self._look_at = None
        elif is_time or self._look_at is None:
            self._look_at = now + LOOK_EVERY
        self._alarm.at("outages", self._look_at, self.wake.say)
        return is_time

    async def _look(self, key: str) -> None:
        """Clears the problem where the last who waited has ended otherwise: dropped, expired, or with its rule."""
        waiting = self._waiting.get(key, {})
        while waiting:
            who = next(iter(waiting))
            if who.startswith(POLL):
                return
            effect = await self._journal.get(EffectRecord, (who,))
            if effect is not None and effect.ended is None:
                return
            waiting.pop(who, None)
        await self._clear(key)

    async def _look_over(self, key: str, who: str, outcome: Outcome) -> None:
        if not _disproves(outcome, key.rpartition("/")[2]):
            return
        if key.rpartition("/")[2] in _OF_THE_WAY:
            await self._clear(key)
        else:
            await self._leave(key, who)

    async def _leave(self, key: str, who: str) -> None:
        waiting = self._waiting.get(key, {})
        if who not in waiting:
            return
        del waiting[who]
        if not waiting:
            await self._clear(key)

    async def _clear(self, key: str) -> None:
        self._waiting.pop(key, None)
        await self._notices.clear(key)
        if key in self._opened():  # it could not be written down: the next look tries again
            self._waiting.setdefault(key, {})

    def _opened(self) -> list[str]:
        return [record.key for record in self._notices.open() if record.key.startswith(_KEYS)]

    def _of(self, place: str) -> list[str]:
        return [key for key in self._waiting if key.rpartition("/")[0] == place.rstrip("/")]

    def _place(self, request: Request) -> str:
        connection = self._connections.get(request.connection)
        subject = connection.subject(request) if connection is not None else ""
        return f"{_KEYS}{request.connection}/{subject}/" if subject else f"{_KEYS}{request.connection}/"


def _disproves(outcome: Outcome, code: str) -> bool:
    """Whether what came of a request shows that this problem of its subject is over for whoever asked."""
    if isinstance(outcome, Accepted):
        return True
    if isinstance(outcome, Refused):
        return outcome.answer is not None
    if not outcome.answered:
        return False
    problem = "" if isinstance(outcome, Unsure) else outcome.problem
    return code in _OF_THE_WAY or (code == "token-refused" and problem != code)
