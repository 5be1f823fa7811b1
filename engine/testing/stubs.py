"""Actions that do as a test says, and what stands where a connection would need a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple

from engine.clock import Clock
from engine.plugin import Accepted, Action, Connection, Operation, Outcome, Plan, Refused, Request, SetState, View
from engine.values import Json

STUBS = "stubs"

Answer = Json | Callable[[Json], Json]


class Call(NamedTuple):
    """One call of a stub: its name, what it was called with, and when."""

    name: str
    data: Mapping[str, Json]
    time: datetime

    @property
    def at(self) -> datetime:
        """The time, in the word that events have for theirs."""
        return self.time


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a stub does when it is called."""

    response: Answer = None
    refuses: str | Callable[[Json], str | None] | None = None
    crashes: bool = False
    takes: float = 0.0
    sets: Mapping[str, str] | None = None


class StubAction(Action):
    """An action of a test, which takes whatever data a step gives it."""

    sets: ClassVar[Mapping[str, str]] = {}
    reads: ClassVar[bool] = False

    def __init__(self, values: Mapping[str, Json]) -> None:
        super().__init__({})
        self._data = dict(values)

    @classmethod
    def schema(cls) -> dict[str, Json]:
        """Any mapping."""
        return {"type": "object"}

    def plan(self, view: View) -> list[Plan]:
        """One request to the stubs, and the states that the test wants set."""
        changes: list[Plan] = [SetState(entity, state) for entity, state in self.sets.items()]
        asked = Request(STUBS, self.name, self._data, changes_world=not self.reads, shown=self._data)
        return [asked, *changes]


class Stubs(Connection):
    """The other end of all stubs: records each call and answers as the test says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__({})
        self._clock = clock
        self.behaviours: dict[str, Behaviour] = {}
        self.calls: list[Call] = []

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Records the call and does as it was told."""
        name, data = request.operation, dict(request.body)
        behaviour = self.behaviours[name]
        self.calls.append(Call(name, data, self._clock.now()))
        if behaviour.takes:
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=behaviour.takes))
        if behaviour.crashes:
            raise ConnectionError(f"the stub {name} crashes, as the test says")
        refusal = behaviour.refuses(data) if callable(behaviour.refuses) else behaviour.refuses
        if refusal is not None:
            return Refused(refusal)
        return Accepted(behaviour.response(data) if callable(behaviour.response) else behaviour.response, "stub")


class Nowhere(Connection):
    """Stands where a connection would need a network."""

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Refuses, and says what to do."""
        return Refused("a World has no network; stub the action that this rule calls")
