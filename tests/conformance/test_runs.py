"""Keys of a rule, durations, older spellings (section 1), and in what order a firing is looked at (section 2)."""

from __future__ import annotations

import pytest

from engine.testing import START, World
from tests.conformance.observed import Case, rule, seen, stubs

KEYS = [
    Case(
        "triggers may be one mapping",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="triggers: {trigger: event, event_type: go}",
    ),
    Case(
        "trigger is the older word for triggers",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="trigger: {platform: event, event_type: go}",
    ),
    Case(
        "platform is the older word in a trigger",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="triggers: [{platform: event, event_type: go}]",
    ),
    Case(
        "condition is the older word for conditions",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["failed_conditions"],
        keys="condition: {condition: template, value_template: '{{ false }}'}",
    ),
    Case("conditions may be one template", "- {action: test.act, data: {v: 1}}", [1], keys="conditions: '{{ true }}'"),
    Case(
        "conditions may be one mapping",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["failed_conditions"],
        keys="conditions: {condition: template, value_template: '{{ false }}'}",
    ),
    Case(
        "conditions may be a list of templates",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["failed_conditions"],
        keys="conditions: ['{{ true }}', '{{ false }}']",
    ),
    Case("no conditions hold", "- {action: test.act, data: {v: 1}}", [1], keys="conditions: []"),
    Case("no triggers never fire", "- {action: test.act, data: {v: 1}}", [], [], keys="triggers: []"),
    Case(
        "a description changes nothing", "- {action: test.act, data: {v: 1}}", [1], keys="description: What it is for"
    ),
    Case("an empty description changes nothing", "- {action: test.act, data: {v: 1}}", [1], keys="description: ''"),
    Case("initial_state: true is on", "- {action: test.act, data: {v: 1}}", [1], keys="initial_state: true"),
    Case("initial_state: 'on' is on", "- {action: test.act, data: {v: 1}}", [1], keys="initial_state: 'on'"),
    Case("initial_state: false is off", "- {action: test.act, data: {v: 1}}", [], [], keys="initial_state: false"),
    Case("stored traces may be bounded", "- {action: test.act, data: {v: 1}}", [1], keys="trace: {stored_traces: 3}"),
    Case(
        "notes on triggers, conditions and steps change nothing",
        "- {action: test.act, data: {v: 1}, note: say it}",
        [1],
        keys="""
        triggers: {trigger: event, event_type: go, note: off}
        conditions: {condition: template, value_template: '{{ true }}', note: always}
        """,
    ),
    Case(
        "triggers in triggers are laid flat",
        "- {action: test.act, data: {v: '{{ trigger.idx }}'}}",
        ["1"],
        keys="""
        triggers:
          - {trigger: event, event_type: a}
          - {triggers: [{trigger: event, event_type: go}]}
        """,
    ),
    Case(
        "a trigger that is switched off does not fire",
        "- {action: test.act, data: {v: 1}}",
        [],
        [],
        keys="triggers: {trigger: event, event_type: go, enabled: false}",
    ),
    Case(
        "a trigger may be switched off by a template",
        "- {action: test.act, data: {v: 1}}",
        [],
        [],
        keys="""
        trigger_variables: {wanted: false}
        triggers: {trigger: event, event_type: go, enabled: '{{ wanted }}'}
        """,
    ),
    Case(
        "a trigger whose enabled is other text fires",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="triggers: {trigger: event, event_type: go, enabled: \"{{ 'maybe' }}\"}",
    ),
    Case(
        "a condition that is switched off is as if absent",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="conditions: {condition: template, value_template: '{{ false }}', enabled: false}",
    ),
    Case(
        "each trigger fires the rule",
        "- {action: test.act, data: {v: '{{ trigger.id }}'}}",
        ["a", "b"],
        ["finished"] * 2,
        ["x", "y"],
        keys="""
        triggers:
          - {trigger: event, event_type: x, id: a}
          - {trigger: event, event_type: y, id: b}
        """,
    ),
    Case(
        "triggers may share an id",
        "- {action: test.act, data: {v: '{{ trigger.id }}'}}",
        ["a", "a"],
        ["finished"] * 2,
        ["x", "y"],
        keys="""
        triggers:
          - {trigger: event, event_type: x, id: a}
          - {trigger: event, event_type: y, id: a}
        """,
    ),
    Case(
        "a trigger may name several event types",
        "- {action: test.act, data: {v: '{{ trigger.event.event_type }}'}}",
        ["x", "y"],
        ["finished"] * 2,
        ["x", "y"],
        keys="triggers: {trigger: event, event_type: [x, y]}",
    ),
    Case("actions may be one mapping", "{action: test.act, data: {v: 1}}", [1]),
    Case("actions may be none", "[]", []),
]

ORDER = [
    Case(
        "the first false condition ends the run",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["failed_conditions"],
        keys="conditions: ['{{ false }}', '{{ true }}']",
    ),
    Case(
        "a condition in error counts as false",
        "- {action: test.act, data: {v: 1}}",
        [],
        ["failed_conditions"],
        keys="conditions: '{{ 1 / 0 }}'",
    ),
    Case(
        "conditions see the trigger",
        "- {action: test.act, data: {v: '{{ trigger.event.data.n }}'}}",
        [3],
        ["failed_conditions", "finished"],
        [{"n": 1}, {"n": 3}],
        keys="conditions: '{{ trigger.event.data.n > 2 }}'",
    ),
    Case(
        "conditions tell triggers apart by id",
        "- {action: test.act, data: {v: '{{ trigger.id }}'}}",
        ["b"],
        ["failed_conditions", "finished"],
        ["x", "y"],
        keys="""
        triggers:
          - {trigger: event, event_type: x, id: a}
          - {trigger: event, event_type: y, id: b}
        conditions: {condition: trigger, id: b}
        """,
    ),
    Case(
        "conditions tell triggers apart by index",
        "- {action: test.act, data: {v: '{{ trigger.event.event_type }}'}}",
        ["y"],
        ["failed_conditions", "finished"],
        ["x", "y"],
        keys="""
        triggers: [{trigger: event, event_type: x}, {trigger: event, event_type: y}]
        conditions: {condition: trigger, id: '1'}
        """,
    ),
    Case(
        "conditions see variables of the rule",
        "- {action: test.act, data: {v: 1}}",
        [1],
        keys="""
        variables: {x: 1}
        conditions: '{{ x == 1 }}'
        """,
    ),
    Case(
        "conditions are looked at when the trigger fires",
        """
        - {delay: 5}
        - {action: test.act, data: {v: 1}}
        """,
        [1],
        happens=[("input_boolean.x", "on"), "go", ("input_boolean.x", "off"), 5],
        keys="conditions: {condition: state, entity_id: input_boolean.x, state: 'on'}",
    ),
]


@pytest.mark.parametrize("case", [*KEYS, *ORDER], ids=lambda case: case.name)
async def test_a_rule_is_read_and_fired_as_people_know(case: Case) -> None:
    await case.holds()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            rule(
                "- {action: test.act}",
                """
        trigger: {platform: event, event_type: go}
        triggers: []
        """,
            ),
            "trigger",
            id="both spellings",
        ),
        pytest.param(rule("- {action: test.act}", "colour: red"), "colour", id="an unknown key"),
        pytest.param(rule("- {action: test.act, colour: red}"), "colour", id="an unknown key of a step"),
        pytest.param(rule("- {action: test.act}", mode="often"), "often", id="an unknown mode"),
        pytest.param(rule("- {action: test.act}", "max: -1"), "max", id="a max below one"),
        pytest.param(rule("- {action: test.act}", "max_exceeded: loud"), "loud", id="an unknown loudness"),
        pytest.param(rule("- {delay: -5}"), "delay", id="a delay before now"),
        pytest.param(rule("- {delay: {seconds: -5}}"), "negative", id="a delay before now in a mapping"),
        pytest.param(rule("- {delay: soon}"), "delay", id="a delay in words"),
        pytest.param(rule("- {delay: {fortnights: 1}}"), "fortnights", id="a delay in unknown units"),
        pytest.param(
            rule("- {repeat: {count: 1, while: '{{ true }}', sequence: []}}"), "while", id="two kinds of repeat"
        ),
        pytest.param(rule("- {repeat: {sequence: []}}"), "repeat", id="no kind of repeat"),
        pytest.param(
            rule("- {stop: x, error: true, response_variable: y}"), "answer", id="an answer of a stop with error"
        ),
        pytest.param(rule("- {if: '{{ true }}'}"), "then", id="an if without then"),
        pytest.param(rule("- {action: test.act, delay: 5}"), "delay", id="two steps in one"),
        pytest.param(rule("- {event: x, event_data: 5}"), "event_data", id="data that is no mapping"),
        pytest.param(
            rule("- {wait_template: '{{ ', timeout: 5}"), "end of template", id="a template that cannot be read"
        ),
        pytest.param(rule("- {variables: 5}"), "variables", id="variables that are no mapping"),
        pytest.param("- {id: r, mode: single, actions: []}\n", "triggers", id="no triggers at all"),
        pytest.param("- {id: r, triggers: []}\n", "actions", id="no actions at all"),
    ],
)
async def test_a_rule_is_refused_for(text: str, words: str) -> None:
    async with World(seed=1) as world:
        stubs(world)
        good = "- {id: good, triggers: {trigger: event, event_type: go}, actions: {action: test.act, data: {v: 1}}}\n"
        await world.load({"bad.yaml": text, "good.yaml": good})
        assert any(words in problem.text for problem in world.problems), [each.text for each in world.problems]
        await world.fire("go")
        assert [call.name for call in world.calls] == ["test.act"], "the other rules go on"


async def test_a_rule_is_an_entity_named_by_its_alias() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("[]").replace("alias: r", "alias: My First Rule!")})
        state = world.state("automation.my_first_rule")
        assert state is not None
        assert (state.state, state.attributes["id"], state.attributes["friendly_name"]) == ("on", "r", "My First Rule!")
        assert (state.attributes["mode"], state.attributes["current"]) == ("single", 0)


@pytest.mark.parametrize(
    ("initial", "states"),
    [
        ("", ["on", "off", "off", "on", "on"]),
        ("initial_state: true", ["on", "off", "on", "on", "on"]),
        ("initial_state: false", ["off", "off", "off", "on", "off"]),
    ],
)
async def test_initial_state_counts_at_every_start_and_switching_in_between(initial: str, states: list[str]) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act}", initial)})
        found = [_on(world)]
        for switch in (world.turn_off, world.turn_on):
            await switch("r")
            found.append(_on(world))
            await world.fire("go")
            await world.load({"rules.yaml": rule("- {action: test.act}", initial)})
            assert _on(world) == found[-1], "reading the same file again is no start"
            await world.restart()
            found.append(_on(world))
        assert (found, len(world.calls)) == (states, 1)


async def test_initial_state_counts_for_a_rule_that_has_changed() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act}", "initial_state: true")})
        await world.turn_off("r")
        await world.load({"rules.yaml": rule("- {action: test.act, data: {v: 1}}", "initial_state: true")})
        assert _on(world) == "on"
        await world.load({"rules.yaml": rule("- {action: test.act}", "initial_state: false")})
        assert _on(world) == "off"


async def test_last_triggered_is_set_only_where_conditions_hold() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("[]", "conditions: '{{ trigger.event.data.n == 1 }}'")})
        await world.fire("go", {"n": 0})
        assert _last(world) is None
        await world.advance(60)
        await world.fire("go", {"n": 1})
        assert _last(world) == world.now.isoformat()
        await world.advance(60)
        await world.fire("go", {"n": 0})
        assert _last(world) != world.now.isoformat()


async def test_last_triggered_and_being_off_survive_a_restart() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act}")})
        await world.fire("go")
        await world.turn_off("r")
        await world.restart()
        assert _last(world) == START.isoformat()
        await world.fire("go")
        assert len(world.calls) == 1


LISTENS = """
  - id: other
    mode: single
    triggers: {trigger: event, event_type: automation_triggered, event_data: {entity_id: automation.the_rule}}
    actions: {action: test.act, data: {v: "{{ trigger.event.data.name }}: {{ trigger.event.data.source }}"}}
"""


@pytest.mark.parametrize(("condition", "said"), [("true", ["The Rule: "]), ("false", [])])
async def test_a_rule_tells_that_it_starts_unless_its_conditions_fail(condition: str, said: list[str]) -> None:
    text = rule("- delay: 5", f"conditions: '{{{{ {condition} }}}}'").replace("alias: r", "alias: The Rule")
    found = await seen(text + LISTENS.lstrip("\n"))
    assert [each[: len("The Rule: ")] for each in found.said] == said


async def test_a_rule_run_by_hand_skips_its_conditions() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load(
            {
                "rules.yaml": rule(
                    "- {action: test.act, data: {v: '{{ trigger.platform }}'}}", "conditions: '{{ false }}'"
                )
            }
        )
        await world.trigger("r")
        assert [call.data["v"] for call in world.calls] == [None]
        await world.trigger("r", skip_conditions=False)
        assert [run.outcome for run in world.runs("r")] == ["finished", "failed_conditions"]


async def test_a_rule_that_is_off_runs_by_hand() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": rule("- {action: test.act}")})
        await world.turn_off("r")
        await world.fire("go")
        assert world.calls == []
        await world.trigger("automation.r")
        assert len(world.calls) == 1


async def test_a_rule_run_by_hand_has_its_variables() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load(
            {
                "rules.yaml": rule(
                    "- {action: test.act, data: {v: '{{ x }} {{ trigger.id }}'}}",
                    """
        variables: {x: 3}
        trigger_variables: {y: 1}
        """,
                )
            }
        )
        await world.trigger("r")
        assert [call.data["v"] for call in world.calls] == ["3 None"]


async def test_runs_of_a_rule_are_told_with_their_steps() -> None:
    found = await seen(
        rule("""
        - {action: test.act, data: {v: 1}}
        - {delay: 5}
        """),
        ["go", 5],
    )
    (run,) = found.runs
    assert (run.state, run.outcome, run.reason) == ("done", "finished", "all steps done")
    assert [step.path for step in run.steps] == ["action/0", "action/0", "action/1", "action/1"]


def _on(world: World) -> str:
    state = world.state("automation.r")
    assert state is not None
    return state.state


def _last(world: World) -> object:
    state = world.state("automation.r")
    assert state is not None
    return state.attributes["last_triggered"]
