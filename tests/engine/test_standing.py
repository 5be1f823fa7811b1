"""Rules and scripts as entities, through a whole world."""

from __future__ import annotations

from engine.testing import World
from engine.values import Json, State

RULES = """
scripts:
  slow:
    sequence: [{delay: 5}]
rules:
  - id: r
    alias: The Rule
    triggers: {trigger: event, event_type: go}
    actions:
      - action: test.act
        data: {x: "{{ this.attributes.last_triggered }}", y: "{{ this.entity_id }}"}
      - delay: 5
  - id: started
    triggers: {trigger: event, event_type: automation_triggered, event_data: {entity_id: automation.the_rule}}
    actions: [{action: test.act, data: {heard: "{{ trigger.event.data.name }}"}}]
"""


def state(world: World, entity: str) -> State:
    found = world.state(entity)
    assert found is not None
    return found


async def loaded(world: World) -> None:
    world.stub("test.act")
    await world.load({"rules.yaml": RULES})
    assert not world.problems, [problem.text for problem in world.problems]


def said(world: World, name: str) -> list[Json]:
    return [call.data[name] for call in world.calls if name in call.data]


async def test_a_rule_is_named_by_its_alias_and_found_by_its_id() -> None:
    async with World() as world:
        await loaded(world)
        assert state(world, "automation.r").entity == "automation.the_rule"
        assert state(world, "automation.the_rule").attributes["id"] == "r"
        assert world.state("automation.other") is None


async def test_the_number_of_runs_and_the_last_time_are_kept_over_a_restart() -> None:
    async with World() as world:
        await loaded(world)
        at = world.now.isoformat()
        await world.fire("go")
        await world.fire("go")
        for _ in range(2):
            attributes = state(world, "automation.the_rule").attributes
            assert (attributes["current"], attributes["last_triggered"]) == (2, at)
            await world.restart()
        await world.advance(10)
        assert state(world, "automation.the_rule").attributes["current"] == 0


async def test_this_tells_how_the_rule_stood_when_it_was_triggered() -> None:
    async with World() as world:
        await loaded(world)
        first = world.now.isoformat()
        await world.fire("go")
        await world.advance(5)
        await world.fire("go")
        assert said(world, "x") == [None, first]
        assert said(world, "y") == ["automation.the_rule"] * 2


async def test_a_rule_is_on_until_it_is_switched_off() -> None:
    async with World() as world:
        await loaded(world)
        await world.turn_off("r")
        await world.restart()
        assert state(world, "automation.the_rule").state == "off"
        await world.turn_on("automation.the_rule")
        assert state(world, "automation.the_rule").state == "on"


async def test_a_script_is_on_while_it_runs() -> None:
    async with World() as world:
        await loaded(world)
        assert state(world, "script.slow").state == "off"
        await world.call("script.slow")
        assert state(world, "script.slow").state == "on"
        await world.advance(5)
        assert state(world, "script.slow").state == "off"


async def test_rules_hear_that_another_has_run_and_templates_list_them() -> None:
    async with World() as world:
        await loaded(world)
        await world.fire("go")
        assert said(world, "heard") == ["The Rule"]
        assert [each.entity for each in world.engine.states.below("automation.")] == [
            "automation.started",
            "automation.the_rule",
        ]
