"""A case of behaviour as a few lines of text: what was done to an engine, and what a rule told of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.source import read
from engine.testing import World
from engine.values import Json

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, the trigger of a rule, what happens line by line, and what the rule told of `tells`.

    The lines are `entity = state {attributes}`, `remove entity`, `fire type {data}`, `wait seconds`, `until time`,
    `on`, `off`, `trigger`, `restart` and `load`; the rule is loaded at `load`, or else before the first line.
    """

    says: str
    trigger: str
    course: str
    told: list[Json]
    tells: str = "{{ trigger.to_state.state if trigger.to_state else 'gone' }}"
    more: str = ""
    start: datetime = START
    zone: str = "UTC"


def cases(*given: Case) -> pytest.MarkDecorator:
    """The test once for each case, under its sentence."""
    return pytest.mark.parametrize("case", given, ids=[case.says for case in given])


async def observed(case: Case) -> list[Json]:
    """What the case's rule told, with what it told taken from `tells`."""
    rule = case.more + f"\n  mode: parallel\n  max: 100\n  triggers: {case.trigger.strip()}\n"
    rule += f"  actions: [{{action: test.act, data: {{told: {_quoted(case.tells)}}}}}]\n"
    async with World(start=case.start, time_zone=case.zone) as w:
        w.stub("test.act")
        lines = [line.strip() for line in case.course.strip().splitlines() if line.strip()]
        if "load" not in lines:
            lines = ["load", *lines]
        for line in lines:
            await step(w, line, f"- id: r{rule}")
        return [call.data["told"] for call in w.calls]


def _quoted(template: str) -> str:
    return "'" + template.replace("'", "''") + "'"


async def step(w: World, line: str, rule: str) -> None:
    word, _, rest = line.partition(" ")
    match word:
        case "load":
            await w.load({"rules.yaml": rule})
            assert not w.problems, [problem.text for problem in w.problems]
        case "wait":
            await w.advance(float(rest))
        case "until":
            await w.advance((datetime.fromisoformat(rest) - w.now).total_seconds())
        case "remove":
            await w.set_state(rest, None)
        case "fire":
            name, _, data = rest.partition(" ")
            await w.fire(name, _mapping(data))
        case "on":
            await w.turn_on("r")
        case "off":
            await w.turn_off("r")
        case "trigger":
            await w.trigger("r")
        case "restart":
            await w.restart()
        case entity:
            state, _, attributes = rest.removeprefix("= ").partition(" {")
            await w.set_state(entity, state.strip().strip('"'), _mapping(attributes and "{" + attributes))


def _mapping(text: str) -> dict[str, Any]:
    return dict(read(text.encode(), "data").value or {}) if text else {}
