"""A view for tests that stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from engine.declared import DECLARED
from engine.plugin import Declaration, State
from engine.scope import Scope
from engine.values import Json

NOW = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
INDIA = ZoneInfo("Asia/Kolkata")


class Snapshot:
    """The time, the zone, entities with these states, and what the rule files declare."""

    declarations: Mapping[str, Declaration] = {}

    def __init__(self, states: Mapping[str, Json] | None = None, now: datetime = NOW, zone: tzinfo = INDIA) -> None:
        self.now = now
        self.zone = zone
        self._states = {
            name: _state(name, stands, now) for name, stands in (states or {}).items() if stands is not None
        }

    def with_states(self, states: Mapping[str, Json]) -> Snapshot:
        """The same with other states; None takes an entity away."""
        return Snapshot({**self._states, **states}, self.now, self.zone)

    def state(self, entity: str) -> State | None:
        return self._states.get(entity)

    def entities(self, prefix: str) -> Sequence[State]:
        return [state for name, state in self._states.items() if name.startswith(prefix)]

    def declaring(self, declared: Mapping[str, Mapping[str, Json]]) -> Snapshot:
        """The same, where a rule file declares these entities with these keys."""
        self.declarations = {name: DECLARED[name.partition(".")[0]](keys) for name, keys in declared.items()}
        return self

    def declared(self, entity: str) -> Declaration | None:
        return self.declarations.get(entity)

    def render(self, value: Json, variables: Mapping[str, Json] | None = None, *, strict: bool = False) -> Json:
        return Scope(variables or {}, self).render(value, strict=strict)


def _state(name: str, stands: Json, now: datetime) -> State:
    """An entity by the text of its state, or by {"state", "attributes"}."""
    if isinstance(stands, State):
        return stands
    given = stands if isinstance(stands, Mapping) else {"state": stands}
    return State(name, given["state"], given.get("attributes", {}), now, now)
