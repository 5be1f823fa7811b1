"""Entities as they stand, in memory, and the snapshot of them that decisions read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from engine.clock import Ids
from engine.records import EntityRecord
from engine.values import Json, State

END_OF_TIME = datetime(9000, 1, 1, tzinfo=UTC)


class States:
    """The current state of every entity; a mirror of what the journal holds."""

    def __init__(self, records: Iterable[EntityRecord] = ()) -> None:
        self._states: dict[str, State] = {}
        self.load(records)

    def load(self, records: Iterable[EntityRecord]) -> None:
        """Forgets everything and takes what the journal holds."""
        self._states = {record.entity: State(*record) for record in records}

    def get(self, entity: str) -> State | None:
        """The entity's state, or None when there is no such entity."""
        return self._states.get(entity)

    def below(self, prefix: str) -> list[State]:
        """All entities whose name begins with `prefix`, by name."""
        return [self._states[name] for name in sorted(self._states) if name.startswith(prefix)]

    def changed(self, entity: str, state: str, attributes: Mapping[str, Json], now: datetime) -> EntityRecord | None:
        """The record of this change, or None when the entity stands so already. Changes nothing itself."""
        before = self._states.get(entity)
        if before is not None and before.state == state and before.attributes == attributes:
            return None
        since = before.changed if before is not None and before.state == state else now
        return EntityRecord(entity, state, dict(attributes), since, now)

    def take(self, record: EntityRecord) -> None:
        """Holds the record as the entity's state from now on."""
        self._states[record.entity] = State(*record)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a decision may read: time, zone, states, ids. Nothing in it changes while the decision is taken."""

    now: datetime
    zone: tzinfo
    ids: Ids
    states: States = field(default_factory=States)

    def after(self, wait: timedelta) -> datetime:
        """The time when this has passed; a wait that no calendar holds lasts to the end of time."""
        return self.now + wait if wait < END_OF_TIME - self.now else END_OF_TIME

    def state(self, entity: str) -> State | None:
        """The entity's state, or None."""
        return self.states.get(entity)

    def entities(self, prefix: str) -> Sequence[State]:
        """All entities whose name begins with `prefix`."""
        return self.states.below(prefix)
