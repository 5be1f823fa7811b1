"""Semantics section 8, scripts, and rules that are run by name, through a whole world."""

from __future__ import annotations

from textwrap import indent

import pytest

from engine.testing import World
from engine.values import Json

GREET = """
greet:
  variables: {who: nobody, said: "hello {{ who }}"}
  sequence:
    - action: test.act
      data: {x: "{{ said }}"}
    - delay: 5
    - variables: {r: {said: "{{ said }}"}}
    - stop: done
      response_variable: r
"""


async def loaded(world: World, scripts: str, actions: str = "[]", mode: str = "queued") -> None:
    world.stub("test.act")
    world.stub("test.bad", refuses="no")
    rule = f"- id: r\n  alias: The Rule\n  mode: {mode}\n  triggers: {{trigger: event, event_type: go}}\n  actions:\n"
    text = f"scripts:\n{indent(scripts, '  ')}\nrules:\n{rule}{indent(actions, '    ')}\n"
    await world.load({"rules.yaml": text})
    assert not world.problems, [problem.text for problem in world.problems]


def said(world: World, name: str = "x") -> list[Json]:
    return [call.data[name] for call in world.calls if name in call.data]


async def test_a_script_is_waited_for_and_answers() -> None:
    async with World() as world:
        call = "- action: script.greet\n  data: {who: Anna}\n  response_variable: got\n"
        await loaded(world, GREET, call + '- action: test.act\n  data: {x: "{{ got.said }}"}\n')
        await world.fire("go")
        assert said(world) == ["hello Anna"]
        await world.restart()
        await world.advance(5)
        assert said(world) == ["hello Anna", "hello Anna"]
        assert [run.outcome for run in world.runs("script.greet")] == ["finished"]


async def test_its_own_variables_stand_for_what_is_not_handed_in() -> None:
    async with World() as world:
        await loaded(world, GREET, "- action: script.greet\n")
        await world.fire("go")
        assert said(world) == ["hello nobody"]


async def test_turn_on_goes_on_at_once_and_turn_off_ends_it() -> None:
    async with World() as world:
        actions = """
- action: script.turn_on
  target: {entity_id: script.greet}
  data: {variables: {who: Bob}}
- action: test.act
  data: {x: at once}
- delay: 1
- action: script.turn_off
  target: {entity_id: script.greet}
- action: test.act
  data: {x: "{{ states('script.greet') }}"}
"""
        await loaded(world, GREET, actions)
        await world.fire("go")
        assert sorted(said(world)) == ["at once", "hello Bob"]
        await world.advance(5)
        assert said(world)[-1] == "off"
        assert [run.outcome for run in world.runs("script.greet")] == ["cancelled"]


async def test_a_script_that_fails_fails_its_caller_unless_it_goes_on() -> None:
    async with World() as world:
        script = "bad:\n  sequence: [{action: test.bad}]\n"
        actions = "- action: script.bad\n  continue_on_error: true\n- action: script.bad\n- action: test.act\n"
        await loaded(world, script, actions)
        await world.fire("go")
        (run,) = world.runs("r")
        assert (run.outcome, len(world.runs("script.bad"))) == ("error", 2)
        assert run.reason == "script.bad: refused: test.bad: refused: no"


async def test_a_script_that_is_aborted_lets_its_caller_go_on() -> None:
    async with World() as world:
        script = "bad:\n  sequence: [{stop: enough, error: true}]\n"
        await loaded(world, script, "- action: script.bad\n- action: test.act\n  data: {x: after}\n")
        await world.fire("go")
        assert (world.runs("r")[0].outcome, said(world)) == ("finished", ["after"])


async def test_a_script_knows_no_trigger_of_its_caller() -> None:
    async with World() as world:
        script = 'look:\n  sequence: [{action: test.act, data: {x: "{{ trigger is defined }}"}}]\n'
        await loaded(world, script, "- action: script.look\n")
        await world.fire("go")
        assert said(world) == [False]


async def test_whoever_cancels_a_run_cancels_what_it_called() -> None:
    async with World() as world:
        await loaded(world, GREET, "- action: script.greet\n", mode="restart")
        await world.fire("go")
        await world.fire("go")
        assert [run.outcome for run in world.runs("script.greet")] == ["cancelled", ""]
        await world.turn_off("r")
        assert [run.outcome for run in world.runs("script.greet")] == ["cancelled", "cancelled"]


async def test_a_call_in_a_queue_waits_for_its_turn() -> None:
    async with World() as world:
        await loaded(world, GREET, "- action: script.greet\n  data: {who: '{{ trigger.event.data.n }}'}\n", "parallel")
        await world.fire("go", {"n": 1})
        await world.fire("go", {"n": 2})
        assert said(world) == ["hello 1"]
        await world.advance(10)
        assert said(world) == ["hello 1", "hello 2"]
        assert [run.outcome for run in world.runs("r")] == ["finished", "finished"]


@pytest.mark.parametrize(("mode", "outcome"), [("single", "failed_single"), ("queued", ""), ("restart", "")])
async def test_a_script_that_calls_itself_is_refused_and_goes_on(mode: str, outcome: str) -> None:
    async with World() as world:
        script = f"me:\n  mode: {mode}\n  sequence: [{{action: script.me}}, {{action: test.act, data: {{x: after}}}}]\n"
        await loaded(world, script, "- action: script.me\n")
        await world.fire("go")
        outcomes = [run.outcome for run in world.runs("script.me")]
        assert outcomes == ["finished", outcome or "disallowed_recursion_detected"]
        assert said(world) == ["after"]


async def test_calls_without_end_are_ended() -> None:
    async with World() as world:
        await loaded(world, "me:\n  mode: parallel\n  sequence: [{action: script.me}]\n", "- action: script.me\n")
        await world.fire("go")
        assert len(world.runs("script.me")) == 11
        assert world.runs("script.me")[-1].outcome == "disallowed_recursion_detected"
        assert world.runs("r")[0].outcome == "finished"


async def test_a_script_may_be_called_by_a_name_that_is_worked_out() -> None:
    async with World() as world:
        await loaded(world, GREET, "- action: \"{{ 'script.' ~ 'greet' }}\"\n- action: script.{{ 'nobody' }}\n")
        await world.fire("go")
        await world.advance(5)
        assert said(world) == ["hello nobody"]
        assert world.runs("r")[0].reason == "there is no script script.nobody"


async def test_a_person_calls_a_script_and_gets_its_answer() -> None:
    async with World() as world:
        steps = "[{variables: {r: '{{ a + b }}'}}, {stop: x, response_variable: r}]"
        await loaded(world, f"sum:\n  fields: {{a: {{}}, b: {{}}}}\n  sequence: {steps}\n")
        assert await world.call("script.sum", {"a": 1, "b": 2}) == 3


async def test_a_rule_is_run_by_name_though_it_is_off_and_waited_for() -> None:
    async with World() as world:
        await loaded(world, GREET, '- action: test.act\n  data: {x: "{{ trigger.platform is none }}"}\n- delay: 5\n')
        await world.load({**world._files, "more.yaml": CALLER})
        await world.turn_off("r")
        await world.fire("call")
        await world.advance(5)
        assert said(world) == [True, "after"]


CALLER = """
- id: caller
  triggers: {trigger: event, event_type: call}
  actions:
    - action: automation.trigger
      target: {entity_id: automation.the_rule}
    - action: test.act
      data: {x: after}
"""


async def test_a_rule_that_switches_itself_off_ends_there() -> None:
    async with World() as world:
        actions = "- action: automation.turn_off\n  target: {entity_id: automation.the_rule}\n- action: test.act\n"
        await loaded(world, GREET, actions)
        await world.fire("go")
        await world.fire("go")
        assert ([run.outcome for run in world.runs("r")], world.calls) == (["cancelled"], [])


async def test_runs_go_on_when_a_rule_is_switched_off_without_stopping_them() -> None:
    async with World() as world:
        actions = """
- action: automation.turn_off
  target: {entity_id: automation.the_rule}
  data: {stop_actions: false}
- delay: 5
- action: automation.turn_on
  target: {entity_id: automation.the_rule}
- action: test.act
  data: {x: after}
"""
        await loaded(world, GREET, actions)
        await world.fire("go")
        state = world.state("automation.the_rule")
        assert state is not None
        assert state.state == "off"
        await world.advance(5)
        assert said(world) == ["after"]
        state = world.state("automation.the_rule")
        assert state is not None
        assert state.state == "on"
