"""A process that dies where a test says: what it had not synced is lost, what it had begun outside is begun."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from engine.journal.api import Journal, JournalError, proof
from engine.plugin import Connection, Operation, Outcome, Request
from engine.records import Changes, Conflict, Done, EventRecord

SYNC, BEFORE, AFTER = "sync", "before", "after"


@dataclass(frozen=True, slots=True)
class Death:
    """Where it dies: at the `number`th sync, or right before or after the `number`th call, counted since it began.

    At a sync, a share of what waits to be synced was written all the same; nobody was told so. It stays dead for `down`
    seconds.
    """

    at: str
    number: int
    share: float = 0.0
    down: float = 0.0


class Power:
    """Counts what happens and says when it is over."""

    def __init__(self) -> None:
        self._deaths: list[Death] = []
        self.is_off = False
        self.down = 0.0
        self.groups: list[int] = []
        self.calls = 0
        self.times_off = 0

    def arm(self, deaths: Sequence[Death]) -> None:
        """These deaths come from now on, one after the other."""
        self._deaths = list(deaths)
        self.begin()

    def begin(self) -> None:
        """The process starts anew."""
        self.times_off += self.is_off
        self.down = 0.0
        self.is_off = False
        self.groups = []
        self.calls = 0

    def death(self, at: str, number: int) -> Death | None:
        """The death that comes here, if one does; from then on the power is off."""
        if self._deaths and (self._deaths[0].at, self._deaths[0].number) == (at, number):
            death = self._deaths.pop(0)
            self.is_off = True
            self.down = death.down
            return death
        return None


class PerilousJournal:
    """A journal in front of another: changes are synced in groups, and those not synced at a death may be lost."""

    def __init__(self, inner: Journal, power: Power) -> None:
        self.inner = inner
        self.power = power
        self._events: list[str] = []
        self._waiting: list[tuple[Changes, asyncio.Future[Done | Conflict]]] = []

    async def commit(self, changes: Changes) -> Done | Conflict:
        self._live()
        answer: asyncio.Future[Done | Conflict] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._sync)
        self._waiting.append((changes, answer))
        return await answer

    async def prove(self, now: datetime) -> None:
        await self.commit(proof(now))

    def _sync(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.power.groups.append(len(waiting))
        death = None if self.power.is_off else self.power.death(SYNC, len(self.power.groups))
        written = round(death.share * len(waiting)) if death else len(waiting)
        if self.power.is_off and not death:
            written = 0
        for index, (changes, answer) in enumerate(waiting):
            try:
                result = self._write(changes) if index < written else None
            except JournalError as error:
                answer.set_exception(error)
                continue
            if self.power.is_off or result is None:
                answer.set_exception(off())
            else:
                answer.set_result(result)

    async def revive(self) -> None:
        """What the process finds that starts after a death."""

    def _write(self, changes: Changes) -> Done | Conflict:
        writing = self.inner.commit(changes)
        try:
            writing.send(None)
        except StopIteration as done:
            result: Done | Conflict = done.value
        if isinstance(result, Done):
            self._events += [json.dumps(record.data) for record in changes.put if isinstance(record, EventRecord)]
        return result

    def knows(self, fact: str) -> bool:
        """Whether an event was written that this fact gave rise to."""
        return any(f'"{fact}' in event for event in self._events)

    def __getattr__(self, name: str) -> Any:
        self._live()
        return getattr(self.inner, name)

    def _live(self) -> None:
        if self.power.is_off:
            raise off()


class Door(Connection):
    """A connection in front of another: counts what goes out, and lets nothing out when the power is off."""

    def __init__(self, inner: Connection, power: Power, performed: list[tuple[str, Request]]) -> None:
        super().__init__({})
        self._inner = inner
        self._power = power
        self._performed = performed

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        if not request.changes_world:
            self._live()
            return await self._inner.perform(request, operation)
        self._live()
        self._power.calls += 1
        number = self._power.calls
        self._power.death(BEFORE, number)
        self._live()
        self._performed.append((operation.op_id, request))
        outcome = await self._inner.perform(request, operation)
        self._power.death(AFTER, number)
        self._live()
        return outcome

    def redirected(self, request: Request, to: str) -> Request:
        return self._inner.redirected(request, to)

    def _live(self) -> None:
        if self._power.is_off:
            raise asyncio.CancelledError


def points(groups: Sequence[int], calls: int, random: Random) -> list[tuple[Death, ...]]:
    """Every place where a process may die that synced these groups and called so often; some die again in recovery."""
    found = [
        Death(SYNC, number, share)
        for number, size in enumerate(groups, 1)
        for share in ((0.0, 1.0) if size == 1 else (0.0, 0.5, 1.0))
    ]
    found += [Death(at, number) for number in range(1, calls + 1) for at in (BEFORE, AFTER)]
    again = [Death(SYNC, number, share) for number in (1, 2, 3) for share in (0.0, 1.0)]
    return [_with_more(death, again, random) for death in found]


def _with_more(death: Death, again: Sequence[Death], random: Random) -> tuple[Death, ...]:
    if random.random() < 0.2:
        death = replace(death, down=random.choice((7, 40, 4000)))
    return (death, random.choice(again)) if random.random() < 0.2 else (death,)


def off() -> JournalError:
    return JournalError("closed", "the test has switched the power off")
