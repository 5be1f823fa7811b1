"""A world whose files declare entities, with a rule for each action that a test does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from engine.testing import World
from engine.values import Json


def rule(action: str) -> str:
    """A rule that does this action with the data of the event that is named like it."""
    return f"""\
- id: {action.replace(".", "_")}
  mode: parallel
  triggers: [{{trigger: event, event_type: {action}}}]
  actions: [{{action: {action}, data: "{{{{ trigger.event.data }}}}"}}]
"""


@asynccontextmanager
async def world(declared: str, *actions: str, **options: Any) -> AsyncIterator[World]:
    """A world with these declarations, and a rule for each of the actions."""
    async with World(**options) as found:
        await found.load({"rules.yaml": "".join(map(rule, actions)), "entities.yaml": declared})
        assert not found.problems, [problem.text for problem in found.problems]
        yield found


async def do(found: World, action: str, data: Mapping[str, Json]) -> tuple[str, str]:
    """Does the action; gives the outcome of the run, and why."""
    await found.fire(action, data)
    run = found.runs(action.replace(".", "_"))[-1]
    return run.outcome, run.reason


def state(found: World, entity: str) -> str | None:
    """The state of an entity, or None."""
    stands = found.state(entity)
    return stands.state if stands is not None else None
