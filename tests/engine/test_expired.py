from __future__ import annotations

from typing import Any

import pytest

from engine.testing import World
from tests.engine.test_bounds import ordered

RULES = "".join(
    f"""\
- id: {rule}
  mode: parallel
  valid_for: 600
  triggers: [{{trigger: event, event_type: [{rule}, all]}}]
  actions: [{{action: test.act}}]
"""
    for rule in ("slow", "late")
)


@pytest.fixture
async def world() -> Any:
    async with World() as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULES})
        await ordered(world, "stop-sending")
        yield world


def texts(world: World) -> list[str]:
    return sorted(problem.text.partition(";")[0] for problem in world.problems)


async def test_what_expires_is_one_problem_a_rule_with_how_many_and_since_when(world: World) -> None:
    await world.fire("all")
    await world.advance(60)
    await world.fire("slow")
    assert world.problems == []
    await world.advance(541)
    assert texts(world) == [
        "1 send has expired since 2026-03-02 09:10 UTC in the rule late",
        "1 send has expired since 2026-03-02 09:10 UTC in the rule slow",
    ]
    await world.advance(60)
    assert texts(world)[1] == "2 sends have expired since 2026-03-02 09:10 UTC in the rule slow"
    assert {problem.code for problem in world.problems} == {"sends-expired"}
    assert "last: sending is stopped" in world.problems[0].text


async def test_it_clears_when_a_send_of_the_rule_is_accepted_again_for_good(world: World) -> None:
    await world.fire("all")
    await world.advance(601)
    await ordered(world, "resume-sending")
    await world.fire("slow")
    assert [problem.key for problem in world.problems] == ["expired/late/sends-expired"]
    await world.restart()
    assert [problem.key for problem in world.problems] == ["expired/late/sends-expired"]


async def test_it_clears_a_day_after_the_last_one_also_over_a_restart(world: World) -> None:
    await world.fire("slow")
    await world.advance(12 * 3600)
    await world.fire("slow")
    await world.restart()
    await world.advance(24 * 3600)
    assert texts(world) == ["2 sends have expired since 2026-03-02 09:10 UTC in the rule slow"]
    await world.advance(700)
    assert world.problems == []


async def test_what_has_cleared_is_not_counted_again(world: World) -> None:
    await world.fire("slow")
    await world.advance(601)
    await ordered(world, "resume-sending")
    await world.fire("slow")
    await world.advance(600)
    await ordered(world, "stop-sending")
    await world.fire("slow")
    await world.advance(601)
    assert texts(world) == ["1 send has expired since 2026-03-02 09:30 UTC in the rule slow"]
    assert world.engine.notices.came("expired/slow/sends-expired", world.problems[0].since) == 0
