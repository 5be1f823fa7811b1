"""Entities as they stand, in memory, and the snapshot of them that decisions read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, TypeAlias

from engine.clock import Ids
from engine.declaration import Declaration
from engine.records import EntityRecord
from engine.scope import Scope
from engine.values import Fact, Json, State, moved

Channel: TypeAlias = tuple[str, str]
END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


class States:
    """The current state of every entity; a mirror of what the journal holds.

    `of_rules` tells how rules and scripts stand, which are entities too: their states are not kept as rows. `declared`
    tells what the rule files say of an entity.
    """

    def __init__(self, records: Iterable[EntityRecord] = ()) -> None:
        self._states: dict[str, State] = {}
        self.of_rules: Callable[[str], State | None] = lambda entity: None
        self.rules: Callable[[], Iterable[str]] = tuple
        self.declared: Callable[[str], Declaration | None] = lambda entity: None
        self.load(records)

    def load(self, records: Iterable[EntityRecord]) -> None:
        """Forgets everything and takes what the journal holds."""
        self._states = {record.entity: State(*record) for record in records}

    def get(self, entity: str) -> State | None:
        """The entity's state, or None when there is no such entity."""
        return self._states.get(entity) or self.of_rules(entity)

    def below(self, prefix: str) -> list[State]:
        """All entities whose name begins with `prefix`, by name."""
        names = {name for name in (*self._states, *self.rules()) if name.startswith(prefix)}
        return [state for name in sorted(names) if (state := self.get(name)) is not None]

    def changed(self, entity: str, state: str, attributes: Mapping[str, Json], now: datetime) -> EntityRecord | None:
        """The record of this change, or None when the entity stands so already. Changes nothing itself."""
        before = self.get(entity)
        if before is not None and before.state == state and before.attributes == attributes:
            return None
        since = before.changed if before is not None and before.state == state else now
        return EntityRecord(entity, state, dict(attributes), since, now)

    def take(self, record: EntityRecord) -> None:
        """Holds the record as the entity's state from now on."""
        self._states[record.entity] = State(*record)

    def drop(self, entity: str) -> None:
        """The entity is there no more."""
        self._states.pop(entity, None)


class Overlay(States):
    """States with changes on top that are not committed yet."""

    def __init__(self, below: States | None = None) -> None:
        super().__init__()
        self._below = below or States()
        self._gone: set[str] = set()
        self.of_rules = self._below.of_rules
        self.rules = self._below.rules
        self.declared = self._below.declared

    def get(self, entity: str) -> State | None:
        if entity in self._gone:
            return None
        return self._states.get(entity) or self._below.get(entity)

    def below(self, prefix: str) -> list[State]:
        found = {state.entity: state for state in self._below.below(prefix)}
        found |= {name: state for name, state in self._states.items() if name.startswith(prefix)}
        return [found[name] for name in sorted(found) if name not in self._gone]

    def take(self, record: EntityRecord) -> None:
        self._gone.discard(record.entity)
        super().take(record)

    def drop(self, entity: str) -> None:
        super().drop(entity)
        self._gone.add(entity)

    def as_now(self) -> Overlay:
        """A copy in which later changes do not show."""
        copy = Overlay(self._below)
        copy._states = dict(self._states)
        copy._gone = set(self._gone)
        return copy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision may read: time, zone, states, ids. Nothing in it changes while the decision is taken.

    `variables` are what its templates see beside what they are handed.
    """

    now: datetime
    zone: tzinfo
    ids: Ids
    states: Overlay = field(default_factory=Overlay)
    variables: Mapping[str, Json] = field(default_factory=dict)

    def with_variables(self, variables: Mapping[str, Json]) -> Snapshot:
        """The same, with these variables for templates."""
        return replace(self, variables=variables) if variables else self

    def render(self, value: Json, variables: Mapping[str, Json] | None = None, *, strict: bool = False) -> Json:
        """The value with every template in it worked out. Raises TemplateProblem."""
        return Scope({**self.variables, **(variables or {})}, self).render(value, strict=strict)

    def frozen(self) -> Snapshot:
        """The same, in which later changes do not show."""
        return replace(self, states=self.states.as_now())

    def after(self, wait: timedelta) -> datetime:
        """The time when this has passed; a wait that no calendar holds lasts to the end of time."""
        return self.now + wait if wait < END_OF_TIME - self.now else END_OF_TIME

    def state(self, entity: str) -> State | None:
        """The entity's state, or None."""
        return self.states.get(entity)

    def declared(self, entity: str) -> Declaration | None:
        """What the rule files say of the entity, or None."""
        return self.states.declared(entity)

    def entities(self, prefix: str) -> Sequence[State]:
        """All entities whose name begins with `prefix`."""
        return self.states.below(prefix)


class Heard(NamedTuple):
    """A fact, on which channel it came, and how everything stood when it did."""

    channel: Channel
    fact: Fact
    view: Snapshot


def heard(fact: Fact, view: Snapshot) -> Heard:
    """A fact on its own channel."""
    return Heard((fact.kind, fact.subject), fact, view)


def heard_to_stand(before: State, after: State, view: Snapshot, depth: int = 0, cause: str = "") -> Heard:
    """That a rule or script stands otherwise than before; whoever hears of it sees it so, though it is not written."""
    then = view.frozen()
    then.states.take(EntityRecord(after.entity, after.state, dict(after.attributes), after.changed, after.updated))
    return heard(moved(before, after, view.now, depth, cause), then)
