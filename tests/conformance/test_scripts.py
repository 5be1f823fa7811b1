"""Scripts (section 8): calling, answers, variables, modes, switching."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

import pytest

from engine.testing import START, World
from engine.values import Json
from tests.conformance.observed import Case, Happening, rule, stubs


def scripts(text: str) -> str:
    return "scripts:\n" + indent(text.strip("\n"), "  ") + "\n"


GREET = scripts("""
greet:
  alias: Greet
  fields: {who: {description: Whom, default: Asha}}
  sequence:
    - {action: test.act, data: {v: "hello {{ who | default('you') }}"}}
""")
SLOW = scripts("""
slow:
  mode: single
  sequence:
    - delay: 10
    - {action: test.act, data: {v: slow}}
""")
ANSWER = scripts("""
answer:
  mode: single
  sequence:
    - variables: {found: {n: "{{ n + 1 }}"}}
    - {stop: done, response_variable: found}
""")
DEFAULTS = scripts("""
d:
  mode: single
  variables: {a: 1, b: "{{ a + 1 }}"}
  sequence: [{action: test.act, data: {v: ["{{ a }}", "{{ b }}"]}}]
""")


def ending(step: str) -> str:
    return scripts(f"""
end:
  mode: single
  sequence:
    - {step}
    - {{action: test.act, data: {{v: after}}}}
""")


CALLS = [
    Case("a script is called with data", "- {action: script.greet, data: {who: Ravi}}", ["hello Ravi"], files=GREET),
    Case(
        "the older word service calls a script",
        "- {service: script.greet, data: {who: Ravi}}",
        ["hello Ravi"],
        files=GREET,
    ),
    Case("the default of a field is for the screen only", "- {action: script.greet}", ["hello you"], files=GREET),
    Case(
        "a script may be called with more than its fields",
        "- {action: script.greet, data: {who: Ravi, more: 1}}",
        ["hello Ravi"],
        files=GREET,
    ),
    Case(
        "a caller waits for its script",
        """
        - {action: script.slow}
        - {action: test.act, data: {v: x}}
        """,
        ["slow", "x"],
        happens=["go", 20],
        at=[10, 10],
        files=SLOW,
    ),
    Case(
        "turn_on does not wait",
        """
        - {action: script.turn_on, target: {entity_id: script.slow}}
        - {action: test.act, data: {v: x}}
        """,
        ["x", "slow"],
        happens=["go", 20],
        at=[0, 10],
        files=SLOW,
    ),
    Case(
        "who turned a script on may wait for its state to be off",
        """
        - {action: script.turn_on, target: {entity_id: script.slow}}
        - wait_template: '{{ is_state("script.slow", "off") }}'
        - {action: test.act, data: {v: x}}
        """,
        ["slow", "x"],
        happens=["go", 20],
        at=[10, 10],
        files=SLOW,
    ),
    Case(
        "who turned two scripts on may wait for both to be off",
        """
        - {action: script.turn_on, target: {entity_id: [script.five, script.seven]}}
        - wait_template: '{{ is_state("script.five", "off") and is_state("script.seven", "off") }}'
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        happens=["go", 20],
        at=[7],
        files="""
        scripts:
          five: {mode: single, sequence: [{delay: 5}]}
          seven: {mode: single, sequence: [{delay: 7}]}
        """,
    ),
    Case(
        "a script that was turned on is on at the next step",
        """
        - {action: script.turn_on, target: {entity_id: script.slow}}
        - {action: test.act, data: {v: '{{ states("script.slow") }}'}}
        """,
        ["on"],
        files=SLOW,
    ),
    Case(
        "a script may go in rounds by turning itself on",
        "- {action: script.turn_on, target: {entity_id: script.round}}",
        [1] * 20,
        happens=["go", 200],
        files="""
        scripts:
          round:
            mode: restart
            sequence:
              - delay: 10
              - {action: test.act, data: {v: 1}}
              - {action: script.turn_on, target: {entity_id: script.round}}
        """,
    ),
    Case(
        "turn_on hands variables in",
        """
        - action: script.turn_on
          target: {entity_id: script.greet}
          data: {variables: {who: Ravi}}
        """,
        ["hello Ravi"],
        files=GREET,
    ),
    Case(
        "homeassistant.turn_on starts a script",
        "- {action: homeassistant.turn_on, target: {entity_id: script.greet}}",
        ["hello you"],
        files=GREET,
    ),
    Case(
        "script.toggle starts a script that does not run",
        "- {action: script.toggle, target: {entity_id: script.greet}}",
        ["hello you"],
        files=GREET,
    ),
    Case(
        "script.turn_off ends a script",
        """
        - {action: script.turn_on, target: {entity_id: script.slow}}
        - {action: script.turn_off, target: {entity_id: script.slow}}
        """,
        [],
        happens=["go", 20],
        files=SLOW,
    ),
    Case(
        "turning a script off lets its caller go on",
        """
        - parallel:
            - {action: script.slow}
            - sequence:
                - {delay: 5}
                - action: script.turn_off
                  target: {entity_id: script.slow}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        happens=["go", 20],
        at=[5],
        files=SLOW,
    ),
    Case(
        "a script's name may be a template",
        "- {action: \"{{ 'script.' ~ 'greet' }}\", data: {who: Ravi}}",
        ["hello Ravi"],
        files=GREET,
    ),
    Case(
        "a script answers",
        """
        - {action: script.answer, data: {n: 4}, response_variable: got}
        - {action: test.act, data: {v: '{{ got.n }}'}}
        """,
        [5],
        files=ANSWER,
    ),
    Case(
        "an answer nobody asks for is dropped",
        """
        - {action: script.answer, data: {n: 4}}
        - {action: test.act, data: {v: '{{ found is defined }}'}}
        """,
        [False],
        files=ANSWER,
    ),
    Case(
        "a script knows nothing of its caller's variables",
        """
        - {variables: {who: Ravi}}
        - {action: script.greet}
        """,
        ["hello you"],
        files=GREET,
    ),
    Case(
        "a caller knows nothing of its script's variables",
        """
        - {action: script.greet, data: {who: Ravi}}
        - {action: test.act, data: {v: '{{ who is defined }}'}}
        """,
        ["hello Ravi", False],
        files=GREET,
    ),
    Case("a script's variables are rendered in order", "- {action: script.d}", [[1, 2]], files=DEFAULTS),
    Case(
        "what is handed in takes the place of a variable",
        "- {action: script.d, data: {a: 5}}",
        [[5, 6]],
        files=DEFAULTS,
    ),
    Case("what is handed in is not rendered over", "- {action: script.d, data: {b: 9}}", [[1, 9]], files=DEFAULTS),
    Case(
        "a script that is called twice in a row runs twice",
        """
        - {action: script.greet, data: {who: a}}
        - {action: script.greet, data: {who: b}}
        """,
        ["hello a", "hello b"],
        files=GREET,
    ),
    Case(
        "a script calls a script",
        "- {action: script.outer}",
        ["in", "out"],
        files=scripts("""
        outer:
          mode: single
          sequence: [{action: script.inner}, {action: test.act, data: {v: out}}]
        inner: {mode: single, sequence: [{action: test.act, data: {v: in}}]}
        """),
    ),
    Case(
        "an answer goes through two scripts",
        """
        - {action: script.outer, response_variable: got}
        - {action: test.act, data: {v: '{{ got.n }}'}}
        """,
        [3],
        files=scripts("""
        outer:
          mode: single
          sequence:
            - {action: script.inner, response_variable: r}
            - {stop: x, response_variable: r}
        inner:
          mode: single
          sequence: [{variables: {a: {n: 3}}}, {stop: x, response_variable: a}]
        """),
    ),
    Case(
        "an answer may be worked out in a block",
        """
        - {action: script.a, response_variable: got}
        - {action: test.act, data: {v: '{{ got.n }}'}}
        """,
        [3],
        files=scripts("""
        a:
          mode: single
          sequence:
            - if: '{{ true }}'
              then: [{variables: {r: {n: 3}}}, {stop: x, response_variable: r}]
        """),
    ),
]

ENDS = [
    Case(
        "a script that stops lets its caller go on",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        files=ending("stop: enough"),
    ),
    Case(
        "a script that stops with error lets its caller go on",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        files=ending("{stop: enough, error: true}"),
    ),
    Case(
        "a script with a false condition lets its caller go on",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        files=ending("'{{ false }}'"),
    ),
    Case(
        "a script whose wait may not time out lets its caller go on",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        happens=["go", 5],
        files=ending("{wait_template: '{{ false }}', timeout: 1, continue_on_timeout: false}"),
    ),
    Case(
        "a script whose action fails fails its caller",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        [],
        ["error"],
        files=ending("action: test.bad"),
    ),
    Case(
        "a caller may go on in spite of its script",
        """
        - {action: script.end, continue_on_error: true}
        - {action: test.act, data: {v: x}}
        """,
        ["x"],
        files=ending("action: test.bad"),
    ),
    Case(
        "a script whose template fails fails its caller",
        """
        - {action: script.end}
        - {action: test.act, data: {v: x}}
        """,
        [],
        ["error"],
        files=ending("variables: {a: '{{ 1 / 0 }}'}"),
    ),
    Case(
        "a caller that is replaced takes its script along",
        "- {action: script.slow}",
        ["slow"],
        ["cancelled", "finished"],
        ["go", 5, "go", 60],
        mode="restart",
        at=[15],
        files=SLOW,
    ),
    Case(
        "a caller that is switched off takes its script along",
        "- {action: script.slow}",
        [],
        ["cancelled"],
        ["go", 5, lambda w: w.turn_off("r"), 60],
        files=SLOW,
    ),
    Case(
        "a caller that is switched off leaves alone what it turned on",
        """
        - {action: script.turn_on, target: {entity_id: script.slow}}
        - {delay: 60}
        """,
        ["slow"],
        ["cancelled"],
        ["go", 5, lambda w: w.turn_off("r"), 60],
        at=[10],
        files=SLOW,
    ),
]


def slow(mode: str, more: str = "") -> str:
    return scripts(f"""
slow:
  mode: {mode}
  {more}
  sequence:
    - delay: 10
    - {{action: test.act, data: {{v: "{{{{ n }}}}"}}}}
""")


TURN_ON = (
    "- {action: script.turn_on, target: {entity_id: script.slow}, data: {variables: {n: '{{ trigger.event.data.n }}'}}}"
)
TWO: Sequence[Happening] = [{"n": 1}, {"n": 2}, 60]

MODES = [
    Case("single refuses a second run of a script", TURN_ON, [1], ["finished"] * 2, TWO, files=slow("single")),
    Case("restart replaces a script's run", TURN_ON, [2], ["finished"] * 2, TWO, files=slow("restart")),
    Case(
        "queued runs of a script go one after the other",
        TURN_ON,
        [1, 2],
        ["finished"] * 2,
        TWO,
        files=slow("queued"),
        at=[10, 20],
    ),
    Case(
        "parallel runs of a script go side by side",
        TURN_ON,
        [1, 2],
        ["finished"] * 2,
        TWO,
        files=slow("parallel"),
        at=[10, 10],
    ),
    Case(
        "max bounds a script's queue",
        TURN_ON,
        [1, 2],
        ["finished"] * 3,
        [{"n": 1}, {"n": 2}, {"n": 3}, 60],
        files=slow("queued", "max: 2"),
    ),
    Case(
        "max bounds parallel runs of a script",
        TURN_ON,
        [1, 2],
        ["finished"] * 3,
        [{"n": 1}, {"n": 2}, {"n": 3}, 60],
        files=slow("parallel", "max: 2"),
    ),
    Case(
        "a caller whose script is refused goes on",
        """
        - {action: script.slow, data: {n: '{{ trigger.event.data.n }}'}}
        - {action: test.act, data: {v: x}}
        """,
        ["x", 1, "x"],
        ["finished"] * 2,
        TWO,
        mode="parallel",
        files=slow("single"),
        at=[0, 10, 10],
    ),
    Case(
        "a caller waits while its script is queued",
        """
        - {action: script.slow, data: {n: '{{ trigger.event.data.n }}'}}
        - {action: test.act, data: {v: x}}
        """,
        [1, "x", 2, "x"],
        ["finished"] * 2,
        TWO,
        mode="parallel",
        files=slow("queued"),
        at=[10, 10, 20, 20],
    ),
    Case(
        "a caller whose script is replaced goes on",
        """
        - {action: script.slow, data: {n: '{{ trigger.event.data.n }}'}}
        - {action: test.act, data: {v: x}}
        """,
        ["x", 2, "x"],
        ["finished"] * 2,
        [{"n": 1}, 5, {"n": 2}, 60],
        mode="parallel",
        files=slow("restart"),
        at=[5, 15, 15],
    ),
]


@pytest.mark.parametrize("case", [*CALLS, *ENDS, *MODES], ids=lambda case: case.name)
async def test_a_script_does_what_people_know(case: Case) -> None:
    await case.holds()


@pytest.mark.parametrize(
    ("mode", "outcomes", "said"),
    [
        ("single", ["failed_single", "finished"], 1),
        ("queued", ["disallowed_recursion_detected", "finished"], 1),
        ("restart", ["disallowed_recursion_detected", "finished"], 1),
        ("parallel", ["failed_max_runs", "finished", "finished", "finished"], 3),
    ],
)
async def test_a_script_that_calls_itself_is_bounded_by_its_mode(mode: str, outcomes: list[str], said: int) -> None:
    me = f"me:\n  mode: {mode}\n  max: 3\n  sequence: [{{action: \"{{{{ 'script.me' }}}}\"}}, {{action: test.act}}]"
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": scripts(me)})
        await world.call("script.me")
        assert sorted(run.outcome for run in world.runs("script.me")) == outcomes
        assert len(world.calls) == said


async def test_a_script_is_an_entity_that_is_on_while_it_runs() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": SLOW})
        assert _state(world) == ("off", 0, None)
        await world.call("script.slow")
        assert _state(world) == ("on", 1, START.isoformat())
        await world.advance(10)
        assert _state(world) == ("off", 0, START.isoformat())


async def test_a_rule_hears_that_a_script_starts_and_ends() -> None:
    listens = rule(
        "- {action: test.act, data: {v: '{{ trigger.to_state.state }}'}}",
        "triggers: {trigger: state, entity_id: script.slow, to: ['on', 'off']}",
        "parallel",
    )
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": listens + SLOW})
        await world.call("script.slow")
        await world.advance(10)
        assert [call.data["v"] for call in world.calls] == ["on", "slow", "off"]


async def test_a_script_tells_that_it_starts() -> None:
    listens = rule(
        """
        - action: test.act
          data: {v: '{{ trigger.event.data.name }} {{ trigger.event.data.entity_id }}'}
        """,
        "triggers: {trigger: event, event_type: script_started}",
    )
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": listens + GREET})
        await world.call("script.greet")
        assert "Greet script.greet" in [call.data["v"] for call in world.calls]


@pytest.mark.parametrize(
    ("name", "data", "answer"), [("script.answer", {"n": 1}, {"n": 2}), ("script.greet", {}, None)]
)
async def test_a_person_calls_a_script(name: str, data: dict[str, Json], answer: Json) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"a.yaml": ANSWER, "b.yaml": GREET})
        assert await world.call(name, data) == answer


async def test_a_script_goes_on_after_a_restart() -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load(
            {
                "rules.yaml": rule("""
        - {action: script.slow}
        - {action: test.act, data: {v: x}}
        """)
                + SLOW
            }
        )
        await world.fire("go")
        await world.advance(5)
        await world.restart()
        await world.advance(5)
        assert [call.data["v"] for call in world.calls] == ["slow", "x"]


@pytest.mark.parametrize(
    "key",
    [
        "description: What it does",
        "icon: mdi:hand",
        "trace: {stored_traces: 3}",
        "max_exceeded: silent",
        "fields: {who: {name: Who, required: true, example: Asha, selector: {text: {}}}}",
        "note: mine",
    ],
)
async def test_a_script_may_say(key: str) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": scripts(f"s:\n  mode: single\n  {key}\n  sequence: [{{action: test.act}}]")})
        await world.call("script.s")
        assert (world.problems, len(world.calls)) == ([], 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s: {mode: single}", "sequence"),
        ("s: {sequence: [], colour: red}", "colour"),
        ("S x: {sequence: []}", "S x"),
        ("s: {sequence: [{action: script.nix}]}", "script.nix"),
    ],
)
async def test_a_script_is_refused_for(text: str, words: str) -> None:
    async with World(seed=1) as world:
        stubs(world)
        await world.load({"rules.yaml": scripts(text)})
        assert any(words in problem.text for problem in world.problems), [each.text for each in world.problems]


def _state(world: World) -> tuple[str, Json, Json]:
    state = world.state("script.slow")
    assert state is not None
    return state.state, state.attributes["current"], state.attributes["last_triggered"]
