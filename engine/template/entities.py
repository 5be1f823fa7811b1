"""How entities stand, as templates see them: as functions, filters and tests, and through `states.sensor.kitchen`.

An entity is a mapping of the shape of `trigger.to_state`: entity_id, state, attributes and times. Of a mapping of this
shape, wherever it comes from, times can be read as dates, and `domain`, `object_id` and `name` follow from the rest.
Everything is looked up through the view that the render was handed, and through nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from engine.template.budget import SEQUENCES, Listing, TemplateProblem, current, kind, settled
from engine.template.moments import moment_in
from engine.values import Json, State, state_object

_NOTHING = ("unknown", "unavailable")
_DOMAIN = re.compile(r"(?!_)(?!.*__)[a-z0-9_]+(?<!_)")
_ENTITY = re.compile(r"(?!_)(?!.*__)[a-z0-9_]+(?<!_)\.(?!_)[a-z0-9_]+(?<!_)")
TIMES = frozenset({"last_changed", "last_updated", "last_reported"})
FOLLOWING = frozenset({"domain", "object_id", "name", "state_with_unit", "last_reported", "context"})
_NOBODY: Mapping[str, Json] = {"id": None, "parent_id": None, "user_id": None}


class Standing(Protocol):
    """Where entities are looked up."""

    def state(self, entity: str) -> State | None: ...

    def entities(self, prefix: str) -> Sequence[State]: ...


def standing() -> Standing:
    """The view of the current render; raises TemplateProblem where states cannot be asked for."""
    view = current().view
    if view is None:
        raise TemplateProblem("how entities stand cannot be asked here", remedy="write a fixed value")
    current().pay()
    return view


def is_entity(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping has the shape of an entity."""
    return "last_changed" in value and "entity_id" in value and "state" in value


def part_of(entity: Mapping[str, Any], key: str) -> Any:
    """One of the times as a date, or one of `FOLLOWING`."""
    if key in TIMES:
        written = entity.get(key, entity.get("last_updated"))
        return moment_in(written) or written
    if key == "context":
        return _NOBODY  # who changed an entity is not kept; people ask whether it was a user
    if key == "state_with_unit":
        return in_unit(entity["state"], entity.get("attributes") or {})
    domain, _, object_id = str(entity["entity_id"]).partition(".")
    if key == "name":
        return (entity.get("attributes") or {}).get("friendly_name") or object_id.replace("_", " ")
    return domain if key == "domain" else object_id


def in_unit(state: Any, attributes: Mapping[str, Any]) -> str:
    unit = attributes.get("unit_of_measurement")
    return f"{state} {unit}" if unit else str(state)


def look_up(entity: Any) -> State | None:
    """The entity of this name, in capitals or not, or None where there is none."""
    entity = settled(entity)
    if not isinstance(entity, str):
        raise TemplateProblem(f"an entity is named by text, not by {kind(entity)}", expected="such as `'sensor.x'`")
    return standing().state(entity.lower())


class Domain(Listing):
    """All entities of a domain, `states.sensor`; one of them is `states.sensor.kitchen`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def entries(self) -> list[Any]:
        return _all_below(f"{self._name}.")

    def part(self, key: str) -> Any:
        return _entity(f"{self._name}.{key}")


class AllStates(Listing):
    """All entities, `states`; called with a name, the state of one."""

    __slots__ = ()

    def entries(self) -> list[Any]:
        return _all_below("")

    def part(self, key: str) -> Any:
        if "." in key:
            return _entity(key)
        if not _DOMAIN.fullmatch(key):
            raise TemplateProblem(f"`{key}` is not the first part of an entity's name", subject=key)
        return Domain(key)

    def __call__(self, entity: Any, rounded: bool | None = None, with_unit: bool = False) -> str:
        """The state, "unknown" where there is no such entity. `rounded` is taken, but nothing here has a precision."""
        found = look_up(entity)
        if found is None:
            return "unknown"
        return in_unit(found.state, found.attributes) if with_unit else found.state


STATES = AllStates()


def _all_below(prefix: str) -> list[Any]:
    meter = current()
    if prefix not in meter.listed:
        found = standing().entities(prefix)
        meter.pay(len(found))
        meter.listed[prefix] = [state_object(state) for state in found]
    return meter.listed[prefix]


def _entity(name: str) -> Json:
    if not _ENTITY.fullmatch(name.lower()):
        raise TemplateProblem(f"`{name}` cannot be the name of an entity", subject=name.partition(".")[2] or name)
    found = look_up(name)
    return state_object(found)


def state_attr(entity: Any, name: Any) -> Json:
    """An attribute of an entity, none where either is not there."""
    found = look_up(entity)
    return found.attributes.get(name) if found else None


def is_state(entity: Any, state: Any) -> bool:
    """Whether the entity is there and has this state, or one of these."""
    found = look_up(entity)
    if found is None:
        return False
    return bool(found.state in state) if isinstance(state, SEQUENCES) else bool(found.state == state)


def is_state_attr(entity: Any, name: Any, value: Any) -> bool:
    """Whether the entity has this attribute, with this value; none is no value."""
    found = state_attr(entity, name)
    return found is not None and bool(found == value)


def has_value(entity: Any) -> bool:
    """Whether the entity is there and its state is neither "unknown" nor "unavailable"."""
    found = look_up(entity)
    return found is not None and found.state not in _NOTHING


def expand(*entities: Any) -> list[Any]:
    """The entities that these names, entities and lists of them stand for, groups replaced by their members."""
    meter, search = current(), list(entities)
    found: dict[Any, Any] = {}
    while search:
        meter.pay()
        one = search.pop()
        if isinstance(one, str):
            state = standing().state(one)
            one = state_object(state)
        if isinstance(one, Mapping) and is_entity(one):
            members = _members(one)
            if members is not None:
                meter.pay(len(members))
                search += members if one["entity_id"] not in found else ()
            found.setdefault(one["entity_id"], None if members is not None else one)
        elif isinstance(one, SEQUENCES):
            meter.pay(len(one))
            search += one
    return [entity for entity in found.values() if entity is not None]


def _members(entity: Mapping[str, Any]) -> Any:
    """The names that a group or a zone holds; None for any other entity."""
    key = {"group": "entity_id", "zone": "persons"}.get(part_of(entity, "domain"))
    if key is None:
        return None
    named = (entity.get("attributes") or {}).get(key) or []
    return named if isinstance(named, SEQUENCES) else []


ASKING: dict[str, Callable[..., Any]] = {
    "expand": expand,
    "has_value": has_value,
    "is_state": is_state,
    "is_state_attr": is_state_attr,
    "state_attr": state_attr,
}
