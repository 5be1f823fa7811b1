"""`resolved`: steps that run when what fired is over."""

from __future__ import annotations

from typing import Any

import pytest

from connections.chakra.simulator import Linear
from engine.testing import World
from engine.values import Json, SetState

RULE = """
- id: r
  triggers: [{{trigger: numeric_state, entity_id: [sensor.a, sensor.b], above: 10{more}}}]
  conditions: "{{{{ trigger.to_state.state | float < 90 }}}}"
  actions: [{{action: test.act, data: {{message: "{{{{ trigger.entity_id }}}}"}}}}]
  resolved:
    - action: test.well
      data: {{of: "{{{{ trigger.entity_id }}}}", after: "{{{{ resolved.after }}}}"}}
"""


async def begun(world: World, text: str = RULE, more: str = "", keys: str = "") -> None:
    world.stub("test.act")
    world.stub("test.well")
    for name in ("sensor.a", "sensor.b"):
        await world.set_state(name, "1")
    await world.load({"rules.yaml": text.format(more=more) + keys})


def well(world: World) -> list[tuple[Json, ...]]:
    return [tuple(call.data.values()) for call in world.calls if call.name == "test.well"]


async def test_the_steps_run_once_when_it_is_over_and_see_what_fired() -> None:
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "20")
        await world.advance(300)
        assert well(world) == []
        await world.set_state("sensor.a", "5")
        await world.set_state("sensor.a", "4")
        assert well(world) == [("sensor.a", 300)]
        run = world.runs("r")[-1]
        assert (run.steps[0].path, run.steps[0].reason) == (
            "resolved",
            "what the trigger fired for is over, after 300 s",
        )


async def test_each_subject_is_over_for_itself() -> None:
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "20")
        await world.set_state("sensor.b", "20")
        await world.set_state("sensor.b", "5")
        assert [of for of, _ in well(world)] == ["sensor.b"]
        await world.set_state("sensor.a", "5")
        assert [of for of, _ in well(world)] == ["sensor.b", "sensor.a"]


async def test_it_may_fire_and_be_over_again() -> None:
    async with World() as world:
        await begun(world)
        for value in ("20", "5", "20", "5"):
            await world.set_state("sensor.a", value)
        assert len(well(world)) == 2


async def test_nothing_is_over_where_the_conditions_did_not_hold() -> None:
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "95")
        await world.set_state("sensor.a", "5")
        assert well(world) == []
        assert [run.outcome for run in world.runs("r")] == ["failed_conditions"]


async def test_a_run_that_was_turned_away_does_not_hide_the_one_before_it() -> None:
    async with World() as world:
        text = """
        - id: r
          cooldown: 3600
          triggers: [{{trigger: state, entity_id: sensor.a, to: ["bad", "worse"]{more}}}]
          actions: [{{action: test.act}}]
          resolved: [{{action: test.well, data: {{state: "{{{{ trigger.to_state.state }}}}"}}}}]
        """
        await begun(world, text)
        for state in ("bad", "worse", "fine"):
            await world.set_state("sensor.a", state)
        assert [run.outcome for run in world.runs("r")] == ["finished", "failed_cooldown", "finished"]
        assert well(world) == [("bad",)]


@pytest.mark.parametrize("when", ["before", "between", "after"])
async def test_a_restart_forgets_nothing_and_repeats_nothing(when: str) -> None:
    async with World() as world:
        await begun(world)
        for number, value in enumerate(("20", "5", "4")):
            if when == ("before", "between", "after")[number]:
                await world.restart()
            await world.set_state("sensor.a", value)
        assert len(well(world)) == 1


async def test_a_reload_keeps_what_fired_unless_the_trigger_is_another() -> None:
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "20")
        await world.load({"rules.yaml": RULE.format(more="") + "  alias: New\n"})
        await world.set_state("sensor.b", "20")
        await world.load({"rules.yaml": RULE.format(more=", below: 90")})
        for name in ("sensor.a", "sensor.b"):
            await world.set_state(name, "5")
        assert well(world) == []
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "20")
        await world.load({"rules.yaml": RULE.format(more="") + "  alias: New\n"})
        await world.set_state("sensor.a", "5")
        assert len(well(world)) == 1


async def test_it_waits_until_the_rule_is_done_with_what_fired() -> None:
    async with World() as world:
        await begun(world, RULE.replace("actions: [", "actions: [{{delay: 60}}, "), keys="  mode: parallel\n")
        await world.set_state("sensor.a", "20")
        await world.set_state("sensor.a", "5")
        assert world.calls == []
        await world.advance(60)
        assert [call.name for call in world.calls] == ["test.act", "test.well"]


async def test_what_has_to_last_is_over_only_once_it_has_fired() -> None:
    async with World() as world:
        await begun(world, more=", for: 60")
        await world.set_state("sensor.a", "20")
        await world.set_state("sensor.a", "5")
        await world.advance(60)
        assert world.calls == []
        await world.set_state("sensor.a", "20")
        await world.advance(60)
        await world.set_state("sensor.a", "5")
        assert [call.name for call in world.calls] == ["test.act", "test.well"]


async def test_what_is_not_known_any_more_is_not_over() -> None:
    async with World() as world:
        await begun(world)
        await world.set_state("sensor.a", "20")
        await world.set_state("sensor.a", "unavailable")
        assert well(world) == []
        await world.set_state("sensor.a", "5")
        assert len(well(world)) == 1


async def test_on_error_and_finally_belong_to_it_as_well() -> None:
    async with World() as world:
        text = """
        - id: r
          triggers: [{{trigger: template, value_template: "{{{{ states('sensor.a') == 'bad' }}}}"{more}}}]
          actions: [{{action: test.act}}]
          resolved: [{{action: test.fail}}]
          on_error: [{{action: test.act, data: {{message: failed}}}}]
          finally: [{{action: test.act, data: {{message: last}}}}]
        """
        world.stub("test.fail", refuses="no")
        await begun(world, text)
        for state in ("bad", "fine"):
            await world.set_state("sensor.a", state)
        told: list[Any] = [call.data.get("message", "") for call in world.calls]
        assert told == ["", "last", "", "failed", "last"]


async def test_a_job_that_goes_on_is_over_for_its_rule() -> None:
    async with World() as world:
        text = """
        - id: r
          triggers: [{{trigger: job.entries, job: j7, status: NOT_STARTED, above: 5{more}}}]
          actions: [{{action: test.act, data: {{message: "{{{{ trigger.count }}}}"}}}}]
          resolved: [{{action: test.well, data: {{job: "{{{{ trigger.job.id }}}}"}}}}]
        """
        job = world.simulator.jobs.add("j7", 10, Linear(seconds=100)).id
        await begun(world, text)
        await world.advance(30)
        assert (len(world.calls), well(world)) == (1, [])
        await world.advance(120)
        assert well(world) == [(job,)]


async def test_what_is_over_before_the_rule_could_begin_is_over_all_the_same() -> None:
    async with World() as world:
        await begun(world)
        for value in ("20", "5"):
            await world.engine.intake.set(SetState("sensor.a", value))
        await world.advance(1)
        assert [call.name for call in world.calls] == ["test.act", "test.well"]
