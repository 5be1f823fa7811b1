"""Semantics section 5, `repeat` and `parallel`, through a whole world."""

from __future__ import annotations

from textwrap import indent

import pytest

from engine.runs.loops import MOST_ROUNDS
from engine.testing import Run, World
from engine.values import Json


def rule(actions: str, more: str = "") -> str:
    head = f"- id: r\n  triggers: {{trigger: event, event_type: go}}\n{indent(more, '  ')}\n"
    return f"{head}  actions:\n{indent(actions, '    ')}\n"


async def went(world: World, actions: str, **data: Json) -> Run:
    """The run of a rule with these actions, and what it called in `world.calls`."""
    world.stub("test.act")
    world.stub("test.bad", refuses="no")
    await world.load({"rules.yaml": rule(actions)})
    assert not world.problems, [problem.text for problem in world.problems]
    await world.fire("go", data)
    return world.runs("r")[0]


def said(world: World, name: str) -> list[Json]:
    return [call.data[name] for call in world.calls if name in call.data]


async def test_a_count_repeats_and_tells_index_first_and_last() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- repeat:
    count: 3
    sequence:
      - action: test.act
        data: {x: ["{{ repeat.index }}", "{{ repeat.first }}", "{{ repeat.last }}"]}
""",
        )
        assert run.outcome == "finished"
        assert said(world, "x") == [[1, True, False], [2, False, False], [3, False, True]]


@pytest.mark.parametrize(("count", "rounds"), [("0", 0), ("'{{ 1 + 1 }}'", 2), ("'{{ trigger.event.data.n }}'", 4)])
async def test_a_count_may_be_nothing_or_a_template(count: str, rounds: int) -> None:
    async with World() as world:
        actions = f"- repeat:\n    count: {count}\n    sequence:\n      - action: test.act\n- action: test.act\n"
        run = await went(world, actions, n=4)
        assert run.outcome == "finished"
        assert len(world.calls) == rounds + 1


@pytest.mark.parametrize("given", ["count: '{{ trigger.event.data.n }}'", "for_each: '{{ trigger.event.data.n }}'"])
async def test_a_bad_count_or_list_aborts(given: str) -> None:
    async with World() as world:
        run = await went(world, f"- repeat:\n    {given}\n    sequence:\n      - action: test.act\n", n="many")
        assert run.outcome == "aborted"
        assert "expected a" in run.reason


async def test_a_list_is_gone_through_and_the_outer_repeat_comes_back_after_an_inner_one() -> None:
    async with World() as world:
        await went(
            world,
            """
- repeat:
    for_each: [a, "{{ 1 + 1 }}"]
    sequence:
      - repeat:
          count: 2
          sequence:
            - action: test.act
              data: {x: "{{ repeat.index }}"}
      - action: test.act
        data: {x: "{{ repeat.item }}"}
- action: test.act
  data: {x: "{{ repeat is defined }}"}
""",
        )
        assert said(world, "x") == [1, 2, "a", 1, 2, 2, False]


async def test_while_is_looked_at_before_each_round_and_until_after_it() -> None:
    async with World() as world:
        await went(
            world,
            """
- variables: {n: 0}
- repeat:
    while: "{{ n < 2 }}"
    sequence:
      - variables: {n: "{{ n + 1 }}"}
      - action: test.act
        data: {x: "{{ n }}"}
- repeat:
    while: "{{ false }}"
    sequence:
      - action: test.act
        data: {x: never}
- repeat:
    until: "{{ repeat.index >= 1 }}"
    sequence:
      - action: test.act
        data: {x: once}
""",
        )
        assert said(world, "x") == [1, 2, "once"]


async def test_a_while_that_fails_ends_the_loop_and_so_does_an_until() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- repeat:
    while: "{{ 1 / 0 }}"
    sequence: [{action: test.act}]
- repeat:
    until: "{{ 1 / 0 }}"
    sequence: [{action: test.act}]
""",
        )
        assert (run.outcome, len(world.calls)) == ("finished", 1)


async def test_a_false_condition_in_a_repeat_goes_on_with_the_next_round() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- repeat:
    count: 3
    sequence:
      - "{{ repeat.index != 2 }}"
      - action: test.act
        data: {x: "{{ repeat.index }}"}
""",
        )
        assert (run.outcome, said(world, "x")) == ("finished", [1, 3])


async def test_a_loop_without_end_is_aborted() -> None:
    async with World() as world:
        actions = '- repeat:\n    while: "{{ true }}"\n    sequence:\n      - variables: {x: 1}\n'
        run = await went(world, actions)
        assert run.outcome == "aborted"
        assert f"more than {MOST_ROUNDS} rounds" in run.reason
        assert len([step for step in run.steps if "/repeat/" in step.path]) == 20


async def test_a_long_loop_lets_other_events_have_their_turn() -> None:
    async with World() as world:
        await went(world, "- repeat:\n    count: 4000\n    sequence:\n      - variables: {x: 1}\n- action: test.act\n")
        assert len(world.calls) == 1
        assert world.runs("r")[0].outcome == "finished"


async def test_a_loop_goes_on_in_its_round_after_a_restart() -> None:
    async with World() as world:
        await went(
            world,
            """
- repeat:
    for_each: [a, b, c]
    sequence:
      - action: test.act
        data: {x: "{{ repeat.item }}"}
      - delay: 10
""",
        )
        for _ in range(3):
            await world.restart()
            await world.advance(10)
        assert said(world, "x") == ["a", "b", "c"]
        assert world.runs("r")[0].outcome == "finished"


async def test_a_loop_begun_before_a_reload_ends_as_it_was_written() -> None:
    async with World() as world:
        steps = "      - delay: 10\n      - action: test.act\n        data: {x: old}\n"
        actions = f"- repeat:\n    count: 2\n    sequence:\n{steps}"
        await went(world, actions)
        await world.load({"rules.yaml": rule(actions.replace("old", "new"))})
        await world.advance(30)
        assert said(world, "x") == ["old", "old"]


async def test_parallel_goes_on_when_all_branches_are_done() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- parallel:
    - sequence:
        - delay: 20
        - action: test.act
          data: {x: slow}
    - - delay: 10
      - action: test.act
        data: {x: quick}
    - action: test.act
      data: {x: at once}
- action: test.act
  data: {x: after}
""",
        )
        assert run.outcome == ""
        await world.advance(10)
        await world.restart()
        await world.advance(10)
        assert said(world, "x") == ["at once", "quick", "slow", "after"]


async def test_parallel_waits_for_every_branch_before_it_fails_with_the_first() -> None:
    async with World() as world:
        await went(
            world,
            """
- parallel:
    - sequence:
        - delay: 10
        - variables: {x: "{{ 1 / 0 }}"}
    - action: test.bad
    - sequence:
        - delay: 20
        - action: test.act
          data: {x: done}
- action: test.act
  data: {x: never}
""",
        )
        await world.advance(20)
        run = world.runs("r")[0]
        assert (run.outcome, said(world, "x")) == ("error", ["done"])
        assert "division by zero" in run.reason


async def test_a_false_condition_ends_only_its_branch_of_parallel() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- parallel:
    - - "{{ false }}"
      - action: test.act
        data: {x: never}
    - action: test.act
      data: {x: beside}
- action: test.act
  data: {x: after}
""",
        )
        assert (run.outcome, said(world, "x")) == ("finished", ["beside", "after"])


async def test_stop_in_a_branch_ends_the_run_when_the_others_are_done() -> None:
    async with World() as world:
        await went(
            world,
            """
- parallel:
    - stop: enough
    - - delay: 10
      - action: test.act
        data: {x: beside}
- action: test.act
  data: {x: never}
""",
        )
        await world.advance(10)
        run = world.runs("r")[0]
        assert (run.outcome, run.reason, said(world, "x")) == ("finished", "enough", ["beside"])


async def test_a_step_that_holds_others_goes_on_in_spite_of_their_failure_if_asked_to() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- parallel:
    - action: test.bad
    - action: test.act
      data: {x: beside}
  continue_on_error: true
- if: "{{ true }}"
  then:
    - action: test.bad
  continue_on_error: true
- repeat:
    count: 2
    sequence: [{action: test.bad}]
  continue_on_error: true
- action: test.act
  data: {x: after}
""",
        )
        assert (run.outcome, said(world, "x")) == ("finished", ["beside", "after"])


async def test_variables_of_a_branch_are_the_runs_and_wait_is_its_own() -> None:
    async with World() as world:
        await went(
            world,
            """
- variables: {n: 0}
- parallel:
    - - variables: {n: 1}
      - wait_template: "{{ true }}"
    - - delay: 5
      - action: test.act
        data: {x: ["{{ n }}", "{{ wait is defined }}"]}
- action: test.act
  data: {x: ["{{ n }}", "{{ wait is defined }}"]}
""",
        )
        await world.advance(5)
        assert said(world, "x") == [[1, False], [1, False]]


async def test_a_branch_and_a_sequence_that_are_switched_off_do_nothing() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- parallel:
    - sequence: [{action: test.act, data: {x: off}}]
      enabled: false
    - sequence: [{action: test.act, data: {x: on}}]
- sequence:
    - action: test.act
      data: {x: grouped}
""",
        )
        assert (run.outcome, said(world, "x")) == ("finished", ["on", "grouped"])


async def test_stop_in_a_loop_ends_the_run_with_its_answer() -> None:
    async with World() as world:
        run = await went(
            world,
            """
- repeat:
    for_each: [1, 2]
    sequence:
      - action: test.act
        data: {x: "{{ repeat.item }}"}
      - stop: found
- action: test.act
""",
        )
        assert (run.outcome, run.reason, said(world, "x")) == ("finished", "found", [1])


async def test_on_error_follows_when_a_branch_fails() -> None:
    async with World() as world:
        world.stub("test.act")
        world.stub("test.bad", refuses="no")
        actions = "- parallel:\n    - action: test.bad\n    - delay: 5\n"
        await world.load(
            {"rules.yaml": rule(actions, 'on_error:\n  - action: test.act\n    data: {x: "{{ error.step }}"}')}
        )
        await world.fire("go")
        await world.advance(5)
        assert said(world, "x") == ["action/0/parallel/0/sequence/0"]
        assert world.runs("r")[0].outcome == "error"
