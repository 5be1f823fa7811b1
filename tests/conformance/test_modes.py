"""Modes, max, recursion, switching off, reload (section 7)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.testing import World
from tests.conformance.observed import Case, Happening, rule, stubs

N = "{action: test.act, data: {v: '{{ trigger.event.data.n }}'}}"
LATE = f"- delay: 10\n- {N}"
BOTH = f"- {N}\n- delay: 10\n- {{action: test.act, data: {{v: end}}}}"
RUNS = "- {action: automation.trigger, target: {entity_id: automation.other}}"
OTHER = """
- id: other
  mode: single
  triggers: []
  actions:
    - %s
    - {action: test.act, data: {v: other}}
"""
THREE: Sequence[Happening] = [{"n": 1}, {"n": 2}, {"n": 3}]

MODES = [
    Case("single refuses while it runs", LATE, [1], ["finished", "failed_single", "failed_single"], [*THREE, 60]),
    Case("single runs again when it has ended", LATE, [1, 2], ["finished"] * 2, [{"n": 1}, 10, {"n": 2}, 10]),
    Case(
        "single is refused though its max is higher",
        LATE,
        [1],
        ["finished", "failed_single"],
        [{"n": 1}, {"n": 2}, 60],
        keys="max: 5",
    ),
    Case(
        "restart ends the run before",
        LATE,
        [3],
        ["cancelled", "cancelled", "finished"],
        [*THREE, 60],
        mode="restart",
        at=[10],
    ),
    Case(
        "restart begins the delay anew",
        LATE,
        [2],
        ["cancelled", "finished"],
        [{"n": 1}, 5, {"n": 2}, 60],
        mode="restart",
        at=[15],
    ),
    Case(
        "restart leaves a run alone whose conditions fail",
        LATE,
        [1],
        ["finished", "failed_conditions"],
        [{"n": 1}, {"n": 2}, 60],
        mode="restart",
        keys="conditions: '{{ trigger.event.data.n == 1 }}'",
    ),
    Case(
        "restart in a wait ends it",
        f"- wait_for_trigger: {{trigger: event, event_type: never}}\n- {N}",
        [],
        ["cancelled", ""],
        [{"n": 1}, {"n": 2}],
        mode="restart",
    ),
    Case(
        "restart in a repeat ends it",
        """
        - repeat:
            count: 3
            sequence:
              - {action: test.act, data: {v: '{{ repeat.index }}'}}
              - {delay: 10}
        """,
        [1, 2, 1, 2, 3],
        ["cancelled", "finished"],
        ["go", 15, "go", 100],
        mode="restart",
    ),
    Case(
        "restart in a branch of parallel ends all branches",
        """
        - parallel:
            - {sequence: [{delay: 10}, {action: test.act, data: {v: a}}]}
            - {sequence: [{delay: 20}, {action: test.act, data: {v: b}}]}
        """,
        ["a", "b"],
        ["cancelled", "finished"],
        ["go", 5, "go", 100],
        mode="restart",
    ),
    Case(
        "restart with a max is as without",
        LATE,
        [2],
        ["cancelled", "finished"],
        [{"n": 1}, {"n": 2}, 60],
        mode="restart",
        keys="max: 2",
    ),
    Case(
        "queued runs in order, one at a time",
        BOTH,
        [1, "end", 2, "end", 3, "end"],
        ["finished"] * 3,
        [*THREE, 100],
        mode="queued",
        at=[0, 10, 10, 20, 20, 30],
    ),
    Case(
        "queued counts the running one in max",
        LATE,
        [1, 2],
        ["finished", "finished", "failed_max_runs"],
        [*THREE, 100],
        mode="queued",
        keys="max: 2",
    ),
    Case(
        "queued keeps the variables of the firing",
        """
        - {delay: 10}
        - {action: test.act, data: {v: '{{ x }}'}}
        """,
        ["a", "b"],
        ["finished"] * 2,
        [("sensor.x", "a"), "go", ("sensor.x", "b"), "go", ("sensor.x", "c"), 100],
        mode="queued",
        keys="variables: {x: '{{ states(\"sensor.x\") }}'}",
    ),
    Case(
        "queued looks at conditions when it fires",
        LATE,
        [1, 2],
        ["finished"] * 2,
        [("input_boolean.x", "on"), {"n": 1}, {"n": 2}, ("input_boolean.x", "off"), 100],
        mode="queued",
        keys="conditions: {condition: state, entity_id: input_boolean.x, state: 'on'}",
    ),
    Case(
        "queued takes no place where conditions fail",
        LATE,
        [1, 3],
        ["finished", "failed_conditions", "finished"],
        [*THREE, 100],
        mode="queued",
        keys="""
        max: 2
        conditions: '{{ trigger.event.data.n != 2 }}'
        """,
    ),
    Case(
        "a failing run lets the queue go on",
        f"- {N}\n- delay: 10\n- {{action: test.bad}}",
        [1, 2],
        ["error"] * 2,
        [{"n": 1}, {"n": 2}, 100],
        mode="queued",
    ),
    Case(
        "a place in the queue is free again when a run has ended",
        LATE,
        [1, 2, 3],
        ["finished"] * 3,
        [{"n": 1}, {"n": 2}, 10, {"n": 3}, 100],
        mode="queued",
        keys="max: 2",
    ),
    Case(
        "parallel runs side by side", LATE, [1, 2, 3], ["finished"] * 3, [*THREE, 100], mode="parallel", at=[10, 10, 10]
    ),
    Case(
        "parallel goes up to max",
        LATE,
        [1, 2],
        ["finished", "finished", "failed_max_runs"],
        [*THREE, 100],
        mode="parallel",
        keys="max: 2",
    ),
    Case(
        "parallel has room again when a run has ended",
        LATE,
        [1, 2, 3],
        ["finished"] * 3,
        [{"n": 1}, {"n": 2}, 10, {"n": 3}, 100],
        mode="parallel",
        keys="max: 2",
    ),
    Case(
        "parallel runs end each in its own way",
        f"- '{{{{ trigger.event.data.n != 2 }}}}'\n- {N}",
        [1, 3],
        ["finished", "aborted", "finished"],
        THREE,
        mode="parallel",
    ),
    Case(
        "max_exceeded: silent refuses as well",
        LATE,
        [1],
        ["finished", "failed_single"],
        [{"n": 1}, {"n": 2}, 100],
        keys="max_exceeded: silent",
    ),
    Case(
        "a rule that fires its own event in mode single is refused",
        """
        - {event: go}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished", "failed_single"],
    ),
    Case(
        "a rule that waits while it fires its own event in mode single is refused",
        """
        - {event: go}
        - {delay: 5}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished", "failed_single"],
        ["go", 30],
    ),
    Case(
        "a rule in mode queued that runs itself is refused and goes on",
        """
        - {action: automation.trigger, data: {entity_id: automation.r}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished", "disallowed_recursion_detected"],
        mode="queued",
    ),
    Case(
        "a rule in mode restart that runs itself is refused and goes on",
        """
        - {action: automation.trigger, target: {entity_id: automation.r}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished", "disallowed_recursion_detected"],
        mode="restart",
    ),
    Case(
        "a rule in mode single that runs itself is refused and goes on",
        """
        - {action: automation.trigger, target: {entity_id: automation.r}}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished", "failed_single"],
    ),
    Case(
        "a rule that runs another waits for it",
        f"{RUNS}\n- {N}",
        ["other", 1],
        happens=[{"n": 1}, 5],
        files=OTHER % "{delay: 5}",
        at=[5, 5],
    ),
    Case(
        "a rule hands variables to another that it runs",
        """
        - action: automation.trigger
          target: {entity_id: automation.other}
          data: {variables: {x: '{{ 1 + 1 }}'}}
        """,
        [2],
        files="""
        - id: other
          mode: single
          triggers: []
          variables: {x: 1}
          actions: {action: test.act, data: {v: '{{ x }}'}}
        """,
    ),
    Case(
        "a rule that runs another goes on however that one ends",
        f"{RUNS}\n- {N}",
        [1],
        happens=[{"n": 1}],
        files=OTHER % "{action: test.bad}",
    ),
    Case(
        "a rule in mode parallel that runs itself is bounded by max",
        """
        - {action: automation.trigger, target: {entity_id: automation.r}}
        - {action: test.act, data: {v: 1}}
        """,
        [1, 1, 1],
        ["finished", "finished", "finished", "failed_max_runs"],
        mode="parallel",
        keys="max: 3",
    ),
    Case(
        "a rule may switch itself off and ends there",
        """
        - {action: automation.turn_off, target: {entity_id: automation.r}}
        - {action: test.act, data: {v: 1}}
        """,
        [],
        ["cancelled"],
    ),
    Case(
        "a rule may switch itself off and go on",
        """
        - action: automation.turn_off
          target: {entity_id: automation.r}
          data: {stop_actions: false}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished"],
        ["go", "go"],
    ),
    Case("a rule that is off does not fire", LATE, [], [], [lambda w: w.turn_off("r"), "go", 60]),
    Case(
        "a rule that is on again fires",
        N,
        [1],
        ["finished"],
        [lambda w: w.turn_off("r"), {"n": 0}, lambda w: w.turn_on("r"), {"n": 1}],
    ),
    Case("turning off ends runs", LATE, [], ["cancelled"], ["go", 5, lambda w: w.turn_off("r"), 60]),
    Case(
        "turning off ends the queue",
        LATE,
        [],
        ["cancelled"] * 2,
        ["go", "go", 5, lambda w: w.turn_off("r"), 60],
        mode="queued",
    ),
    Case(
        "turning off drops holds",
        "- {action: test.act, data: {v: 1}}",
        [],
        [],
        [("sensor.x", "off"), ("sensor.x", "on"), 5, lambda w: w.turn_off("r"), lambda w: w.turn_on("r"), 60],
        keys="triggers: {trigger: state, entity_id: sensor.x, to: 'on', for: 10}",
    ),
    Case(
        "turning on what is on leaves its runs alone",
        """
        - {delay: 10}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        ["finished"],
        ["go", 5, lambda w: w.turn_on("r"), 60],
        at=[10],
    ),
]


@pytest.mark.parametrize("case", MODES, ids=lambda case: case.name)
async def test_a_rule_that_is_at_work(case: Case) -> None:
    await case.holds()


@pytest.mark.parametrize(("mode", "most"), [("queued", 3), ("parallel", 3)])
async def test_current_counts_all_runs_also_those_in_the_queue(mode: str, most: int) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- delay: 10", mode=mode)})
        for _ in range(most):
            await world.fire("go")
        state = world.state("automation.r")
        assert state is not None
        assert (state.attributes["current"], world.running("r")) == (most, most)
        await world.advance(100)
        assert world.running("r") == 0


async def test_max_is_told_where_the_mode_counts() -> None:
    for mode, told in (("single", None), ("restart", None), ("queued", 4), ("parallel", 4)):
        async with World(seed=1) as world:
            await world.load({"rules.yaml": rule("[]", "max: 4", mode)})
            state = world.state("automation.r")
            assert state is not None
            assert state.attributes.get("max") == told, mode


WAITS = """
- id: waits
  mode: single
  triggers: {trigger: template, value_template: "{{ is_state('automation.r', 'off') }}"}
  actions: {action: test.act}
"""


async def test_a_template_hears_that_a_rule_is_switched_off() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("[]"), "waits.yaml": WAITS})
        await world.turn_off("r")
        assert len(world.calls) == 1


TOGGLE = """
- id: toggle
  mode: single
  triggers: {trigger: event, event_type: t}
  actions: {action: automation.toggle, target: {entity_id: automation.r}}
"""
OFF = """
- id: off
  mode: single
  triggers: {trigger: event, event_type: off}
  actions: {action: automation.turn_off, target: {entity_id: automation.r}, data: {stop_actions: %s}}
"""


@pytest.mark.parametrize(("stops", "outcomes"), [("true", ["cancelled"]), ("false", ["finished"])])
async def test_a_rule_turns_another_off_with_or_without_its_runs(stops: str, outcomes: list[str]) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- delay: 10"), "off.yaml": OFF % stops})
        await world.fire("go")
        await world.fire("off")
        state = world.state("automation.r")
        assert state is not None
        assert state.state == "off"
        await world.advance(60)
        assert [run.outcome for run in world.runs("r")] == outcomes


async def test_toggle_turns_a_rule_off_and_on() -> None:
    async with World(seed=1) as world:
        await world.load({"rules.yaml": rule("[]"), "toggle.yaml": TOGGLE})
        states = []
        for _ in range(2):
            await world.fire("t")
            state = world.state("automation.r")
            assert state is not None
            states.append(state.state)
        assert states == ["off", "on"]


async def test_a_reload_leaves_an_unchanged_rule_at_work() -> None:
    files = {
        "rules.yaml": rule("""
        - {delay: 10}
        - {action: test.act}
        """)
    }
    async with World(seed=1) as world:
        stubs(world)
        await world.load(files)
        await world.fire("go")
        await world.advance(5)
        await world.load({**files, "more.yaml": "- {id: more, triggers: [], actions: []}"})
        await world.advance(5)
        assert len(world.calls) == 1


async def test_a_reload_leaves_the_hold_of_an_unchanged_rule_alone() -> None:
    files = {
        "rules.yaml": rule("- {action: test.act}", "triggers: {trigger: state, entity_id: sensor.x, to: 'on', for: 10}")
    }
    async with World(seed=1) as world:
        stubs(world)
        await world.load(files)
        await world.set_state("sensor.x", "off")
        await world.set_state("sensor.x", "on")
        await world.advance(5)
        await world.load({**files, "more.yaml": "- {id: more, triggers: [], actions: []}"})
        await world.advance(5)
        assert len(world.calls) == 1


async def test_rules_hear_that_files_were_read_again() -> None:
    files = {"rules.yaml": rule("- {action: test.act}", "triggers: {trigger: event, event_type: automation_reloaded}")}
    async with World(seed=1) as world:
        stubs(world)
        await world.load(files)
        assert world.calls == []
        await world.load({**files, "more.yaml": "- {id: more, triggers: [], actions: []}"})
        await world.restart()
        assert len(world.calls) == 1


async def test_a_rule_that_is_taken_out_fires_no_more() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act}")})
        await world.load({})
        await world.advance(10)
        await world.fire("go")
        assert world.calls == []
        assert world.state("automation.r") is None


async def test_a_rule_that_is_changed_runs_as_it_is_written_now() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act, data: {v: 1}}")})
        await world.load({"rules.yaml": rule("- {action: test.act, data: {v: 2}}")})
        await world.fire("go")
        assert [call.data["v"] for call in world.calls] == [2]


async def test_a_rule_that_is_off_already_is_turned_off_with_its_runs() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load(
            {
                "rules.yaml": rule("""
        - {delay: 10}
        - {action: test.act}
        """)
            }
        )
        await world.turn_off("r")
        await world.trigger("r")
        await world.turn_off("r")
        await world.advance(60)
        assert [run.outcome for run in world.runs("r")] == ["cancelled"]


async def test_a_run_by_hand_of_a_rule_that_is_off_goes_on_when_another_rule_is_switched() -> None:
    other = "- {id: other, mode: single, triggers: [], actions: []}\n"
    async with World(seed=1) as world:
        stubs(world)
        for keys in ("", "initial_state: false"):
            await world.load(
                {
                    "rules.yaml": rule(
                        """
        - {delay: 10}
        - {action: test.act}
        """,
                        keys,
                    ),
                    "other.yaml": other,
                }
            )
            if not keys:
                await world.turn_off("r")
            await world.trigger("r")
            await world.turn_off("other")
            await world.turn_on("other")
            await world.load(
                {
                    "rules.yaml": rule(
                        """
        - {delay: 10}
        - {action: test.act}
        """,
                        keys,
                    )
                }
            )
            await world.restart()
            await world.advance(10)
        assert [run.outcome for run in world.runs("r")] == ["finished", "finished"]


async def test_a_rule_that_its_file_switches_off_ends_its_runs() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- delay: 10")})
        await world.fire("go")
        await world.load({"rules.yaml": rule("- delay: 10", "initial_state: false")})
        assert [run.outcome for run in world.runs("r")] == ["cancelled"]


async def test_what_a_run_fires_and_then_switches_off_has_begun_and_ends() -> None:
    fires = "- id: first\n  mode: single\n  triggers: {trigger: event, event_type: both}\n  actions:\n"
    fires += "    - event: go\n    - {action: automation.turn_off, target: {entity_id: automation.r}}\n"
    async with World(seed=1) as world:
        stubs(world)
        await world.load(
            {
                "rules.yaml": rule("""
        - {action: test.act}
        - {delay: 10}
        - {action: test.act}
        """),
                "f.yaml": fires,
            }
        )
        await world.fire("both")
        await world.advance(60)
        assert ([run.outcome for run in world.runs("r")], len(world.calls)) == (["cancelled"], 1)
