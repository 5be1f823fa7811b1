"""What every entity that a rule file declares has in common: its name and picture, and how it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import ClassVar, Final, TypeVar

from engine.field import TEXT, Block, Kind, many, optional
from engine.kinds import IS_ENTITY
from engine.values import Json, Later, SetState, State

T = TypeVar("T")

UNKNOWN: Final = "unknown"
UNAVAILABLE: Final = "unavailable"
_ENTITY = re.compile(r"[a-z_]+\.[a-z0-9_]+", re.ASCII)


def literal(kind: Kind[T]) -> Kind[T]:
    """The same kind, for which no template may stand."""
    return Kind(kind.says, {**kind.schema, "literally": True}, kind.read)


WORDS: Final = literal(TEXT)


@dataclass(frozen=True, slots=True)
class Loading:
    """When a declaration is loaded, and whether rulewheel starts with it."""

    now: datetime
    zone: tzinfo
    is_start: bool = False


class Declaration(Block):
    """An entity of one kind as a rule file declares it; its fields are its YAML."""

    domain: ClassVar[str] = ""

    name = optional(WORDS, "Its name for people")
    icon = optional(WORDS, "A picture for it, as in Home Assistant")

    def attributes(self) -> dict[str, Json]:
        """What the declaration says of the entity, whatever its state."""
        shown = {"friendly_name": self.name, "icon": self.icon}
        return {"editable": False, **{name: value for name, value in shown.items() if value is not None}}

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        """How the entity stands once this declaration is loaded; `before` is how it stood."""
        raise NotImplementedError


def entities_of(*domains: str) -> Kind[list[str]]:
    """One entity or several of these kinds, also as one text with commas; `all` is all of them."""
    example = f"{domains[0]}.a_name"

    def one(value: Json) -> str:
        text = value.strip().lower() if isinstance(value, str) else ""
        if text == "all":
            return text
        if not _ENTITY.fullmatch(text):
            meant = f"{domains[0]}.{re.sub(r'[^a-z0-9_]+', '_', text)}" if text.strip("_") else ""
            raise ValueError(f'expected an entity such as "{example}"' + (f'; write "{meant}"' if meant else ""))
        if text.partition(".")[0] not in domains:
            begins = " or ".join(f"{each}." for each in domains)
            raise ValueError(f"expected an entity whose name begins with {begins}; name one of that kind")
        return text

    each = Kind(f'an entity such as "{example}"', {"type": "string", IS_ENTITY: True}, one)
    several = many(each)

    def read(value: Json) -> list[str]:
        split = value.split(",") if isinstance(value, str) and "," in value else value
        return list(dict.fromkeys(several.read(split)))

    return Kind(several.says, several.schema, read)


def stood_as(before: State | None) -> str | None:
    """The state that there was; None where none was known."""
    return None if before is None or before.state in (UNKNOWN, UNAVAILABLE) else before.state


def with_state(entity: str, state: str, *attributes: Mapping[str, Json]) -> SetState:
    """The entity in this state, with all of these attributes."""
    return SetState(entity, state, {name: value for each in attributes for name, value in each.items()})
