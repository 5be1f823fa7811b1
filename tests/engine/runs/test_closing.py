"""`finally`: steps that run however the actions ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.runs.closing import CHANCE
from engine.testing import World

RULE = """
- id: r
  mode: {mode}
  triggers: [{{trigger: event, event_type: go}}]
  conditions: "{{{{ trigger.event.data.n | default(1) > 0 }}}}"
  actions:
{actions}
  finally:
    - action: test.end
      data: {{error: "{{{{ error.message if error else '' }}}}", outcome: "{{{{ error.outcome if error else '' }}}}"}}
"""
WAITS = "    - delay: 60"
FAILS = "    - action: test.fail"


async def world_with(world: World, actions: str, mode: str = "queued", more: str = "") -> None:
    world.stub("test.end")
    world.stub("test.act")
    world.stub("test.fail", refuses="no")
    await world.load({"rules.yaml": RULE.format(actions=actions, mode=mode) + more})


def ended(world: World) -> list[tuple[str, str]]:
    return [(call.data["outcome"], call.data["error"]) for call in world.calls if call.name == "test.end"]


@pytest.mark.parametrize(
    ("actions", "outcome", "told"),
    [
        ("    - action: test.act", "finished", ("", "")),
        ("    - stop: enough", "finished", ("", "")),
        ('    - condition: "{{ false }}"', "aborted", ("", "")),
        ("    - {stop: enough, error: true}", "aborted", ("aborted", "enough")),
        (FAILS, "error", ("error", "test.fail: refused: no")),
        ("    - parallel: [{action: test.fail}, {delay: 60}]", "error", ("error", "test.fail: refused: no")),
        (
            "    - repeat: {count: 2, sequence: [{variables: {x: '{{ 1 / 0 }}'}}]}",
            "error",
            ("error", "variables: x: division by zero"),
        ),
    ],
)
async def test_it_runs_however_the_actions_end_and_the_outcome_stays(
    actions: str, outcome: str, told: tuple[str, str]
) -> None:
    async with World() as world:
        await world_with(world, actions)
        await world.fire("go")
        await world.advance(60)
        (run,) = world.runs("r")
        assert (run.outcome, ended(world)) == (outcome, [told])
        assert "finally" in [step.path for step in run.steps]


async def test_it_comes_after_on_error_and_sees_the_same_error() -> None:
    async with World() as world:
        await world_with(world, FAILS, more="  on_error: [{action: test.act, data: {message: '{{ error.step }}'}}]\n")
        await world.fire("go")
        assert [call.name for call in world.calls] == ["test.fail", "test.act", "test.end"]
        assert ended(world) == [("error", "test.fail: refused: no")]
        assert world.runs("r")[0].outcome == "error"


async def test_it_comes_after_an_on_error_that_fails_itself() -> None:
    async with World() as world:
        await world_with(world, FAILS, more="  on_error: [{action: test.fail}]\n")
        await world.fire("go")
        assert [call.name for call in world.calls] == ["test.fail", "test.fail", "test.end"]
        assert world.runs("r")[0].reason.endswith("then on_error failed: test.fail: refused: no")


async def test_a_rule_whose_conditions_do_not_hold_has_begun_nothing_that_would_have_to_end() -> None:
    async with World() as world:
        await world_with(world, "    - action: test.act")
        await world.fire("go", {"n": 0})
        assert world.calls == []
        assert world.runs("r")[0].outcome == "failed_conditions"


async def test_a_run_that_failed_in_its_finally_only_has_failed() -> None:
    async with World() as world:
        rule = "{id: r, triggers: {trigger: event, event_type: go}, actions: {stop: x}, finally: {action: test.fail}}"
        world.stub("test.fail", refuses="no")
        await world.load({"rules.yaml": f"[{rule}]"})
        await world.fire("go")
        (run,) = world.runs("r")
        assert (run.outcome, run.reason) == ("error", "x; then finally failed: test.fail: refused: no")


async def test_what_failed_first_decides_the_outcome() -> None:
    async with World() as world:
        rule = """
        - id: r
          triggers: {trigger: event, event_type: go}
          actions: {stop: first, error: true}
          finally: {action: test.fail}
        """
        world.stub("test.fail", refuses="no")
        await world.load({"rules.yaml": rule})
        await world.fire("go")
        (run,) = world.runs("r")
        assert (run.outcome, run.reason) == ("aborted", "first; then finally failed: test.fail: refused: no")


async def test_a_false_condition_in_it_ends_only_the_finally() -> None:
    async with World() as world:
        rule = """
        - id: r
          triggers: {trigger: event, event_type: go}
          actions: {stop: done}
          finally: [{condition: "{{ false }}"}, {stop: never, error: true}]
        """
        await world.load({"rules.yaml": rule})
        await world.fire("go")
        assert (world.runs("r")[0].outcome, world.runs("r")[0].reason) == ("finished", "done")


async def test_a_run_that_is_replaced_does_its_finally_beside_the_new_one() -> None:
    async with World() as world:
        await world_with(world, WAITS, mode="restart")
        await world.fire("go")
        await world.fire("go")
        assert ended(world) == [("cancelled", "a newer run replaces it")]
        await world.advance(60)
        assert [run.outcome for run in world.runs("r")] == ["cancelled", "finished"]
        assert len(ended(world)) == 2


@pytest.mark.parametrize("how", ["off", "removed"])
async def test_runs_of_a_rule_that_goes_do_their_finally(how: str) -> None:
    async with World() as world:
        await world_with(world, WAITS)
        await world.fire("go")
        if how == "off":
            await world.turn_off("r")
        else:
            await world.load({})
            await world.advance(10)
        why = "the rule was switched off" if how == "off" else "the rule was removed or switched off"
        assert ended(world) == [("cancelled", why)]
        assert [run.outcome for run in world.runs("r")] == ["cancelled"]


async def test_a_run_that_never_began_has_no_finally() -> None:
    async with World() as world:
        await world_with(world, WAITS)
        await world.fire("go")
        await world.fire("go")
        await world.turn_off("r")
        assert len(ended(world)) == 1
        assert [run.outcome for run in world.runs("r")] == ["cancelled", "cancelled"]


SLOW = """
- id: r
  mode: restart
  triggers: [{trigger: event, event_type: go}]
  actions: [{delay: 60}]
  finally: [{action: test.end}, {delay: {hours: 1}}, {action: test.end}]
"""


@pytest.mark.parametrize("restarts", [False, True])
async def test_the_finally_of_a_cancelled_run_is_cut_off_after_its_chance(restarts: bool) -> None:
    async with World() as world:
        world.stub("test.end")
        await world.load({"rules.yaml": SLOW})
        await world.fire("go")
        await world.turn_off("r")
        assert world.running("r") == 1
        if restarts:
            await world.restart()
        await world.advance(CHANCE.total_seconds() - 1)
        assert world.running("r") == 1
        await world.advance(1)
        (run,) = world.runs("r")
        assert run.outcome == "cancelled"
        assert run.reason.endswith("then finally took longer than 5 minutes and was cut off")
        assert len(world.calls) == 1


async def test_the_finally_of_a_run_that_ended_by_itself_takes_its_time_until_somebody_cancels_it() -> None:
    async with World() as world:
        world.stub("test.end")
        await world.load({"rules.yaml": SLOW})
        await world.fire("go")
        await world.advance(60 + CHANCE.total_seconds() + 60)
        assert world.running("r") == 1
        await world.turn_off("r")
        await world.advance(CHANCE.total_seconds())
        (run,) = world.runs("r")
        assert (run.outcome, run.reason.startswith("all steps done; then finally took")) == ("finished", True)


async def test_a_finally_goes_on_after_a_restart_at_its_step() -> None:
    async with World() as world:
        world.stub("test.end")
        await world.load({"rules.yaml": SLOW})
        await world.fire("go")
        await world.advance(70)
        world.clock.move(timedelta(minutes=30))
        await world.restart()
        await world.advance(1800)
        assert len(world.calls) == 2
        assert world.runs("r")[0].outcome == "finished"


async def test_who_calls_a_script_gets_its_answer_after_the_scripts_finally() -> None:
    async with World() as world:
        world.stub("test.end")
        text = """
        rules:
          - id: r
            triggers: {trigger: event, event_type: go}
            actions:
              - {action: script.s, response_variable: x}
              - {action: test.end, data: {message: "{{ x.n }}"}}
        scripts:
          s:
            sequence: [{variables: {a: {n: 5}}}, {stop: done, response_variable: a}]
            finally: [{delay: 5}, {action: test.end, data: {message: last of the script}}]
        """
        await world.load({"rules.yaml": text})
        await world.fire("go")
        await world.advance(5)
        assert [call.data["message"] for call in world.calls] == ["last of the script", 5]
