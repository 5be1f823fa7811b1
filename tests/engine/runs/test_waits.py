"""Semantics section 5, `wait_template` and `wait_for_trigger`, through a whole world."""

from __future__ import annotations

from textwrap import indent

import pytest

from engine.records import DueRecord
from engine.testing import World
from engine.values import Json

TELL = """
- action: test.act
  data: {w: "{{ wait }}"}
"""
REPLY = """
- wait_for_trigger:
    - trigger: event
      event_type: reply
      event_data: {who: "{{ trigger.event.data.who }}"}
      id: answered
"""


async def begun(world: World, actions: str, mode: str = "queued", **data: Json) -> None:
    world.stub("test.act")
    head = f"- id: r\n  mode: {mode}\n  triggers: {{trigger: event, event_type: go}}\n"
    text = f"{head}  actions:\n{indent(actions, '    ')}\n"
    await world.load({"rules.yaml": text})
    assert not world.problems, [problem.text for problem in world.problems]
    await world.fire("go", data)


def told(world: World) -> list[Json]:
    return [call.data["w"] for call in world.calls]


def outcome(world: World) -> str:
    return world.runs("r")[-1].outcome


async def test_a_template_that_is_true_already_goes_on_at_once() -> None:
    async with World() as world:
        await begun(world, "- wait_template: '{{ true }}'\n  timeout: 30" + TELL)
        assert told(world) == [{"completed": True, "remaining": 30.0}]


async def test_a_template_is_waited_for_over_a_restart_and_tells_what_is_left() -> None:
    async with World() as world:
        await begun(world, "- wait_template: \"{{ is_state('sensor.x', 'on') }}\"\n  timeout: {minutes: 1}" + TELL)
        await world.set_state("sensor.x", "off")
        await world.advance(20)
        await world.restart()
        await world.set_state("sensor.x", "on")
        assert told(world) == [{"completed": True, "remaining": 40.0}]
        assert await world.journal.waits() == []
        assert await world.journal.dues("run/") == []


async def test_without_a_timeout_nothing_remains_to_be_told() -> None:
    async with World() as world:
        await begun(world, "- wait_template: \"{{ is_state('sensor.x', 'on') }}\"" + TELL)
        await world.advance(86_400 * 30)
        await world.set_state("sensor.x", "on")
        assert told(world) == [{"completed": True, "remaining": None}]


async def test_a_template_that_asks_for_the_time_is_looked_at_each_minute() -> None:
    async with World() as world:
        await begun(world, '- wait_template: "{{ now().minute == 2 }}"' + TELL)
        await world.advance(119)
        assert told(world) == []
        await world.restart()
        await world.advance(1)
        assert told(world) == [{"completed": True, "remaining": None}]
        assert [row.key for row in await world.journal.dues("schedule/") if "wait" in row.key] == []


@pytest.mark.parametrize("step", ["wait_template: '{{ false }}'", "wait_for_trigger: {trigger: event, event_type: x}"])
async def test_when_the_time_is_up_the_run_goes_on_unless_it_shall_not(step: str) -> None:
    async with World() as world:
        await begun(world, f"- {step}\n  timeout: 10" + TELL)
        await world.advance(9)
        assert told(world) == []
        await world.advance(1)
        (wait,) = told(world)
        assert (wait["completed"], wait["remaining"]) == (False, 0.0)
        assert ("trigger" in wait) == step.startswith("wait_for")
    async with World() as world:
        await begun(world, f"- {step}\n  timeout: 10\n  continue_on_timeout: false" + TELL)
        await world.advance(10)
        assert (outcome(world), told(world)) == ("aborted", [])


@pytest.mark.parametrize("step", ["wait_template: '{{ false }}'", "wait_for_trigger: {trigger: event, event_type: x}"])
async def test_a_timeout_of_nothing_looks_once(step: str) -> None:
    async with World() as world:
        await begun(world, f"- {step}\n  timeout: 0" + TELL)
        assert [wait["completed"] for wait in told(world)] == [False]


async def test_a_bad_timeout_aborts() -> None:
    async with World() as world:
        await begun(world, "- wait_template: '{{ false }}'\n  timeout: '{{ trigger.event.data.n }}'", n="soon")
        assert outcome(world) == "aborted"


async def test_a_trigger_is_waited_for_with_what_the_run_knows_and_tells_how_it_fired() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, who="anna")
        await world.fire("reply", {"who": "bert"})
        await world.restart()
        assert told(world) == []
        await world.fire("reply", {"who": "anna", "text": "yes"})
        (wait,) = told(world)
        assert wait["completed"]
        assert wait["trigger"]["id"] == "answered"
        assert wait["trigger"]["event"]["data"] == {"who": "anna", "text": "yes"}


async def test_what_fired_before_the_wait_does_not_count() -> None:
    async with World() as world:
        await begun(world, "- event: reply\n  event_data: {who: anna}" + REPLY + TELL, who="anna")
        assert world.running("r") == 1
        await world.fire("reply", {"who": "anna"})
        assert len(told(world)) == 1


async def test_a_text_from_outside_is_never_read_as_a_template() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, who="{{ 1 / 0 }}")
        await world.fire("reply", {"who": "{{ 1 / 0 }}"})
        assert len(told(world)) == 1


async def test_each_run_hears_its_own_trigger() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, mode="parallel", who="anna")
        await world.fire("go", {"who": "bert"})
        await world.fire("reply", {"who": "bert"})
        assert [wait["trigger"]["event"]["data"]["who"] for wait in told(world)] == ["bert"]
        assert world.running("r") == 1


async def test_a_run_that_is_replaced_or_switched_off_listens_no_more() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, mode="restart", who="anna")
        await world.fire("go", {"who": "bert"})
        assert len(await world.journal.waits()) == 1
        await world.fire("reply", {"who": "anna"})
        assert told(world) == []
        await world.turn_off("r")
        assert await world.journal.waits() == []
        assert not world.engine.matcher.hears(("event", "reply"))


async def test_a_reload_leaves_a_wait_alone() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, who="anna")
        await world.load({"rules.yaml": "- {id: other, triggers: [], actions: []}\n" + world._files["rules.yaml"]})
        await world.fire("reply", {"who": "anna"})
        assert len(told(world)) == 1


async def test_a_wait_in_a_branch_is_its_own() -> None:
    async with World() as world:
        branch = "- - wait_for_trigger: {trigger: event, event_type: %s}\n    timeout: 60\n" + indent(TELL, "  ")
        branches = indent(branch % "one" + branch % "two", "    ")
        await begun(world, f"- parallel:\n{branches}")
        await world.fire("two")
        assert len(told(world)) == 1
        await world.advance(60)
        assert [wait["completed"] for wait in told(world)] == [True, False]
        assert outcome(world) == "finished"


async def test_of_two_that_fire_at_once_the_first_counts() -> None:
    async with World() as world:
        await begun(world, "- wait_for_trigger: {trigger: event, event_type: [a, b]}" + TELL + "- delay: 5")
        text = "- id: both\n  triggers: {trigger: event, event_type: both}\n  actions: [{event: a}, {event: b}]\n"
        await world.load({**world._files, "more.yaml": text})
        await world.fire("both")
        assert [wait["trigger"]["event"]["event_type"] for wait in told(world)] == ["a"]


async def test_nothing_of_a_wait_stays_when_it_is_over() -> None:
    async with World() as world:
        await begun(world, REPLY + TELL, who="anna")
        await world.fire("reply", {"who": "anna"})
        assert await world.journal.waits() == []
        assert [row for row in await world.journal.dues("") if isinstance(row, DueRecord)] == []
        assert await world.journal.memories() == []
