"""A world with one rule that keeps what its trigger tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from engine.log import Log
from engine.testing import START, World
from engine.values import Json


def rule(trigger: str, more: str = "") -> str:
    """A rule whose triggers are these, in YAML on one line; `more` are further keys of it."""
    return f"""
- id: r
  triggers: {trigger}
  actions: [{{action: test.heard, data: {{trigger: "{{{{ trigger }}}}"}}}}]
{more}"""


@asynccontextmanager
async def listening(
    trigger: str,
    known: Mapping[str, str | tuple[str, Mapping[str, Json]]] | None = None,
    *,
    more: str = "",
    start: datetime = START,
    time_zone: str | None = None,
    log: Log | None = None,
) -> AsyncIterator[World]:
    """A world in which these entities are known before the rule is loaded."""
    async with World(start=start, time_zone=time_zone, log=log) as w:
        w.stub("test.heard")
        for entity, stands in (known or {}).items():
            state, attributes = stands if isinstance(stands, tuple) else (stands, {})
            await w.set_state(entity, state, attributes)
        await w.load({"a.yaml": rule(trigger, more)})
        assert "r" in w.engine.programs, w.problems
        yield w


def heard(w: World) -> list[Any]:
    """What the trigger told each time that it fired."""
    return [call.data["trigger"] for call in w.calls if call.name == "test.heard"]


def moves(w: World) -> list[tuple[str | None, str | None]]:
    """From which state to which, each time that it fired."""
    return [(_state(told["from_state"]), _state(told["to_state"])) for told in heard(w)]


def _state(told: Json) -> str | None:
    return None if told is None else str(told["state"])
