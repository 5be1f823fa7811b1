"""An observation: what is loaded, what happens, and what is seen of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import TypeAlias

from engine.testing import START, Run, World
from engine.values import Json

Happening: TypeAlias = str | float | tuple[str, str | None] | Mapping[str, Json] | Callable[[World], Awaitable[object]]
"""An event of this type; seconds that pass; an entity and its new state; the event "go" with data; anything else."""

GO: Sequence[Happening] = ("go",)


@dataclass(frozen=True)
class Seen:
    """What the stubs were told and when, in seconds since the start, and the runs of the rule `r`."""

    said: list[Json]
    at: list[float]
    runs: list[Run]
    outcomes: list[str]
    problems: list[str]


@dataclass(frozen=True)
class Case:
    """One observation, `name` being the sentence that it shows.

    Each call of `test.act` says its `v`; `outcomes` are those of all runs of the rule, open ones are empty.
    """

    name: str
    actions: str
    said: Sequence[Json] = ()
    outcomes: Sequence[str] = ("finished",)
    happens: Sequence[Happening] = GO
    keys: str = ""
    files: str = ""
    at: Sequence[float] | None = None
    mode: str = "single"

    async def holds(self) -> None:
        """Fails unless the world behaves so."""
        found = await seen(rule(self.actions, self.keys, self.mode) + _beside(self.files), self.happens)
        assert not found.problems, found.problems
        assert (found.said, found.outcomes) == (list(self.said), list(self.outcomes)), [
            run.reason for run in found.runs
        ]
        if self.at is not None:
            assert found.at == list(self.at)


def rule(actions: str, keys: str = "", mode: str = "single") -> str:
    """A file with the rule `r`, which the event "go" sets off."""
    keys = dedent(keys).strip()
    head = f"id: r\nalias: r\nmode: {mode}\n{keys}\n"
    if not any(key in keys for key in ("triggers:", "trigger:", "platform:")):
        head += "triggers:\n  - trigger: event\n    event_type: go\n"
    body = head + "actions:\n" + indent(dedent(actions).strip(), "  ")
    return "rules:\n  - " + indent(body, "    ").strip() + "\n"


def _beside(text: str) -> str:
    """More for the same file: rules, as a list, or whole keys such as `scripts:`."""
    text = dedent(text).strip("\n") + "\n"
    return indent(text, "  ") if text.startswith("- ") else text


def stubs(world: World) -> None:
    """The actions that the observations use."""
    world.stub("test.act")
    world.stub("test.bad", refuses="it does not work")
    world.stub("test.slow", takes=10)
    world.stub("test.get", response={"n": 7, "list": [1, 2]})


async def seen(text: str, happens: Sequence[Happening] = GO) -> Seen:
    """What is seen of a world with these rules in which these things happen."""
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": text})
        for each in happens:
            await _happen(world, each)
        calls = [call for call in world.calls if call.name == "test.act"]
        runs = world.runs("r")
        return Seen(
            [call.data.get("v") for call in calls],
            [(call.at - START).total_seconds() for call in calls],
            runs,
            [run.outcome for run in runs],
            [problem.text for problem in world.problems],
        )


async def _happen(world: World, what: Happening) -> None:
    if isinstance(what, str):
        await world.fire(what)
    elif isinstance(what, int | float):
        await world.advance(what)
    elif isinstance(what, tuple):
        await world.set_state(*what)
    elif isinstance(what, Mapping):
        await world.fire("go", what)
    else:
        await what(world)
