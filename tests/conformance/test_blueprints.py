"""Blueprints as Home Assistant's users write and share them: section 9 of the semantics."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

import pytest

from engine.testing import World
from engine.values import Json
from tests.conformance.course import step


@dataclass(frozen=True, slots=True)
class Print:
    """A sentence; a blueprint's inputs and body; what a rule gives; a course, and what its stub was told."""

    says: str
    inputs: str
    body: str
    given: str
    course: str
    told: list[Json]
    beside: str = ""


def prints(*given: Print) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("given", given, ids=[each.says for each in given])


def tell(value: str) -> str:
    return f"{{action: test.act, data: {{told: {value}}}}}"


def act(value: str) -> str:
    return f"actions: {tell(value)}"


def blueprint(inputs: str, body: str, domain: str = "automation") -> str:
    head = f"blueprint:\n  name: A blueprint\n  domain: {domain}\n  input: {inputs}\n"
    return head + dedent(body)


def rule(given: str, beside: str = "", path: str = "a.yaml") -> str:
    return f"- id: r\n  alias: R\n{beside}  use_blueprint: {{path: {path}, input: {given}}}\n"


GO = "triggers: {trigger: event, event_type: go}\n"


@prints(
    Print("a value", "{x: }", GO + act("!input x"), "{x: hello}", "fire go", ["hello"]),
    Print("a number stays one", "{x: }", GO + act("!input x"), "{x: 5}", "fire go", [5]),
    Print("a list", "{x: }", GO + act("!input x"), "{x: [1, 2]}", "fire go", [[1, 2]]),
    Print("a mapping", "{x: }", GO + act("!input x"), "{x: {a: 1}}", "fire go", [{"a": 1}]),
    Print("inside a list", "{x: }", GO + act("[1, !input x]"), "{x: 2}", "fire go", [[1, 2]]),
    Print("inside a mapping", "{x: }", GO + act("{a: !input x}"), "{x: 2}", "fire go", [{"a": 2}]),
    Print("twice", "{x: }", GO + act("[!input x, !input x]"), "{x: 2}", "fire go", [[2, 2]]),
    Print("a default", "{x: {default: 7}}", GO + act("!input x"), "{}", "fire go", [7]),
    Print("a default of nothing", "{x: {default: }}", GO + act("!input x"), "{}", "fire go", [None]),
    Print("a default that is not taken", "{x: {default: 7}}", GO + act("!input x"), "{x: 8}", "fire go", [8]),
    Print("a default that is false", "{x: {default: false}}", GO + act("!input x"), "{}", "fire go", [False]),
    Print(
        "an empty list as default",
        "{x: {default: []}}",
        GO + f"actions: [{tell('1')}, {{sequence: !input x}}]",
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "a name and a description",
        "{x: {name: An x, description: What it is, default: 1}}",
        GO + act("!input x"),
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "through variables into a template",
        "{x: }",
        GO + "variables: {x: !input x}\n" + act("'it is {{ x }}'"),
        "{x: 5}",
        "fire go",
        ["it is 5"],
    ),
    Print(
        "a list through variables",
        "{x: }",
        GO + "variables: {x: !input x}\n" + act("'{{ x[1] }}'"),
        "{x: [4, 5]}",
        "fire go",
        [5],
    ),
    Print("a template as a value", "{x: }", GO + act("!input x"), "{x: '{{ 1 + 1 }}'}", "fire go", [2]),
    Print(
        "trigger variables",
        "{x: }",
        "trigger_variables: {x: !input x}\ntriggers: {trigger: event, event_type: '{{ x }}'}\n" + act("1"),
        "{x: went}",
        "fire go\nfire went",
        [1],
    ),
    Print(
        "the type of an event",
        "{x: }",
        "triggers: {trigger: event, event_type: !input x}\n" + act("1"),
        "{x: went}",
        "fire go\nfire went",
        [1],
    ),
    Print(
        "an entity",
        "{e: {selector: {entity: }}}",
        "triggers: {trigger: state, entity_id: !input e, to: on}\n" + act("'{{ trigger.entity_id }}'"),
        "{e: sensor.a}",
        "sensor.a = on",
        ["sensor.a"],
    ),
    Print(
        "several entities",
        "{e: {selector: {entity: {multiple: true}}}}",
        "triggers: {trigger: state, entity_id: !input e, to: on}\n" + act("'{{ trigger.entity_id }}'"),
        "{e: [sensor.a, sensor.b]}",
        "sensor.b = on",
        ["sensor.b"],
    ),
    Print(
        "an entity of a domain",
        "{e: {selector: {entity: {domain: sensor}}}}",
        "triggers: {trigger: state, entity_id: !input e}\n" + act("1"),
        "{e: sensor.a}",
        "sensor.a = on",
        [1],
    ),
    Print(
        "an entity by a filter",
        "{e: {selector: {entity: {filter: [{domain: sensor}]}}}}",
        "triggers: {trigger: state, entity_id: !input e}\n" + act("1"),
        "{e: sensor.a}",
        "sensor.a = on",
        [1],
    ),
    Print(
        "a bound",
        "{x: {selector: {number: {min: 0, max: 100, unit_of_measurement: '%'}}}}",
        "triggers: {trigger: numeric_state, entity_id: sensor.a, above: !input x}\n" + act("1"),
        "{x: 50}",
        "sensor.a = 1\nsensor.a = 51",
        [1],
    ),
    Print(
        "a duration",
        "{x: {selector: {duration: }}}",
        "triggers: {trigger: state, entity_id: sensor.a, to: on, for: !input x}\n" + act("1"),
        "{x: {hours: 0, minutes: 0, seconds: 10}}",
        "sensor.a = on\nwait 10",
        [1],
    ),
    Print(
        "seconds of a delay",
        "{x: {default: 10, selector: {number: {min: 0, max: 60}}}}",
        GO + f"actions: [{{delay: {{seconds: !input x}}}}, {tell('1')}]",
        "{}",
        "fire go\nwait 10",
        [1],
    ),
    Print(
        "a delay",
        "{x: }",
        GO + f"actions: [{{delay: !input x}}, {tell('1')}]",
        "{x: '00:00:05'}",
        "fire go\nwait 5",
        [1],
    ),
    Print(
        "a time",
        "{x: {selector: {time: }}}",
        "triggers: {trigger: time, at: !input x}\n" + act("1"),
        "{x: '09:30:00'}",
        "wait 1800",
        [1],
    ),
    Print(
        "a switch",
        "{x: {default: false, selector: {boolean: }}}",
        GO
        + "actions: {if: [{condition: template, value_template: !input x}], "
        + f"then: [{tell('1')}], else: [{tell('2')}]}}",
        "{x: '{{ true }}'}",
        "fire go",
        [1],
    ),
    Print(
        "whether a step is on",
        "{x: {default: false, selector: {boolean: }}}",
        GO + f"actions: [{{action: test.act, data: {{told: 1}}, enabled: !input x}}, {tell('2')}]",
        "{}",
        "fire go",
        [2],
    ),
    Print(
        "whether a trigger is on",
        "{x: {selector: {boolean: }}}",
        "triggers: [{trigger: event, event_type: go, enabled: !input x}, {trigger: event, event_type: went}]\n"
        + act("'{{ trigger.id }}'"),
        "{x: false}",
        "fire go\nfire went",
        ["1"],
    ),
    Print(
        "steps",
        "{x: {selector: {action: }}}",
        GO + "actions: !input x",
        f"{{x: [{tell('1')}, {tell('2')}]}}",
        "fire go",
        [1, 2],
    ),
    Print(
        "steps among steps",
        "{x: {selector: {action: }}}",
        GO + f"actions: [{tell('1')}, {{if: '{{{{ true }}}}', then: !input x}}]",
        f"{{x: [{tell('2')}]}}",
        "fire go",
        [1, 2],
    ),
    Print(
        "steps in a choice",
        "{x: {default: [], selector: {action: }}}",
        GO
        + f"actions: [{{choose: [{{conditions: '{{{{ false }}}}', sequence: []}}], default: !input x}}, {tell('2')}]",
        f"{{x: [{tell('1')}]}}",
        "fire go",
        [1, 2],
    ),
    Print(
        "conditions",
        "{x: {default: [], selector: {condition: }}}",
        GO + f"conditions: !input x\nactions: {tell('1')}",
        "{x: [{condition: state, entity_id: sensor.a, state: x}]}",
        "sensor.a = y\nfire go\nsensor.a = x\nfire go",
        [1],
    ),
    Print(
        "no conditions by default",
        "{x: {default: [], selector: {condition: }}}",
        GO + f"conditions: !input x\nactions: {tell('1')}",
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "conditions beside others",
        "{x: {default: [], selector: {condition: }}}",
        GO + f'conditions: ["{{{{ 1 == 1 }}}}", {{and: !input x}}]\nactions: {tell("1")}',
        "{x: ['{{ 1 == 2 }}']}",
        "fire go",
        [],
    ),
    Print(
        "triggers",
        "{x: {selector: {trigger: }}}",
        f"triggers: !input x\nactions: {tell('1')}",
        "{x: [{trigger: event, event_type: went}]}",
        "fire went",
        [1],
    ),
    Print(
        "triggers beside others",
        "{x: {default: [], selector: {trigger: }}}",
        "triggers: [{trigger: event, event_type: go}, {triggers: !input x}]\n" + act("'{{ trigger.idx }}'"),
        "{x: [{trigger: event, event_type: a}, {trigger: event, event_type: b}]}",
        "fire go\nfire b",
        ["0", "2"],
    ),
    Print(
        "triggers beside others, of which there are none",
        "{x: {default: [], selector: {trigger: }}}",
        "triggers: [{trigger: event, event_type: go}, {triggers: !input x}]\n" + act("1"),
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "a choice of words",
        "{x: {selector: {select: {options: [one, two]}}}}",
        GO + act("!input x"),
        "{x: two}",
        "fire go",
        ["two"],
    ),
    Print(
        "a choice of labels",
        "{x: {selector: {select: {options: [{label: One, value: '1'}]}}}}",
        GO + act("!input x"),
        "{x: '1'}",
        "fire go",
        ["1"],
    ),
    Print(
        "a word of one's own",
        "{x: {selector: {select: {options: [one], custom_value: true}}}}",
        GO + act("!input x"),
        "{x: other}",
        "fire go",
        ["other"],
    ),
    Print(
        "text of several lines",
        "{x: {selector: {text: {multiline: true}}}}",
        GO + act("!input x"),
        '{x: "a\\nb"}',
        "fire go",
        ["a\nb"],
    ),
    Print(
        "a template",
        "{x: {selector: {template: }}}",
        GO + act("!input x"),
        "{x: '{{ trigger.event.data.n }}'}",
        "fire go {n: 3}",
        [3],
    ),
    Print(
        "anything at all",
        "{x: {selector: {object: }}}",
        GO + act("!input x"),
        "{x: {a: [1, {b: 2}]}}",
        "fire go",
        [{"a": [1, {"b": 2}]}],
    ),
    Print(
        "a section of inputs",
        "{s: {name: A section, icon: 'mdi:x', collapsed: true, input: {x: {default: 3}}}, y: }",
        GO + act("[!input x, !input y]"),
        "{y: 4}",
        "fire go",
        [[3, 4]],
    ),
    Print("an input that nothing uses", "{x: , y: {default: 1}}", GO + act("!input x"), "{x: 1}", "fire go", [1]),
    Print(
        "an action's target",
        "{x: {selector: {target: }}}",
        GO + "actions: {action: counter.increment, target: !input x}",
        "{x: {entity_id: counter.c}}",
        "fire go",
        [],
    ),
    Print(
        "the old spelling",
        "{x: }",
        "trigger: {platform: event, event_type: !input x}\n" + "action: {service: test.act, data: {told: 1}}",
        "{x: went}",
        "fire went",
        [1],
    ),
    Print(
        "the whole data of an action",
        "{x: }",
        GO + "actions: {action: test.act, data: !input x}",
        "{x: {told: 5}}",
        "fire go",
        [5],
    ),
    Print(
        "the name of an action",
        "{x: }",
        GO + "actions: {action: !input x, data: {told: 5}}",
        "{x: test.act}",
        "fire go",
        [5],
    ),
    Print(
        "how often",
        "{x: {default: 2}}",
        GO + "actions: {repeat: {count: !input x, sequence: [" + tell("'{{ repeat.index }}'") + "]}}",
        "{}",
        "fire go",
        [1, 2],
    ),
    Print(
        "for each",
        "{x: }",
        GO + "actions: {repeat: {for_each: !input x, sequence: [" + tell("'{{ repeat.item }}'") + "]}}",
        "{x: [a, b]}",
        "fire go",
        ["a", "b"],
    ),
    Print(
        "what to wait for",
        "{x: {selector: {trigger: }}}",
        GO + "actions: [{wait_for_trigger: !input x}, " + tell("1") + "]",
        "{x: [{trigger: event, event_type: went}]}",
        "fire go\nfire went",
        [1],
    ),
    Print(
        "variables among the steps",
        "{x: }",
        GO + "actions: [{variables: {y: !input x}}, " + tell("'{{ y }}'") + "]",
        "{x: 5}",
        "fire go",
        [5],
    ),
    Print(
        "an event",
        "{x: }",
        "triggers: [{trigger: event, event_type: go, id: go}, {trigger: event, event_type: went}]\n"
        + "actions: [{if: '{{ trigger.id == \"go\" }}', then: [{event: !input x, event_data: {a: !input x}}], else: ["
        + tell("'{{ trigger.event.data.a }}'")
        + "]}]",
        "{x: went}",
        "fire go",
        ["went"],
        "  mode: parallel\n",
    ),
    Print(
        "an id of a trigger and a condition on it",
        "{x: }",
        "triggers: [{trigger: event, event_type: !input x, id: it}]\nconditions: {condition: trigger, id: it}\n"
        + act("1"),
        "{x: went}",
        "fire went",
        [1],
    ),
    Print(
        "a state to compare with",
        "{e: , x: {default: 'on'}}",
        GO + "conditions: {condition: state, entity_id: !input e, state: !input x}\n" + act("1"),
        "{e: sensor.a}",
        "sensor.a = on\nfire go",
        [1],
    ),
    Print(
        "a time of a condition",
        "{x: {default: '08:00:00', selector: {time: }}}",
        GO + "conditions: {condition: time, after: !input x}\n" + act("1"),
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "days of a condition",
        "{x: {default: [mon], selector: {select: {multiple: true, options: [mon, tue]}}}}",
        GO + "conditions: {condition: time, weekday: !input x}\n" + act("1"),
        "{}",
        "fire go",
        [1],
    ),
    Print(
        "from and to",
        "{a: {default: 'off'}, b: {default: 'on'}}",
        "triggers: {trigger: state, entity_id: sensor.a, from: !input a, to: !input b}\n" + act("1"),
        "{}",
        "sensor.a = off\nsensor.a = on",
        [1],
    ),
    Print(
        "a template trigger with a trigger variable",
        "{x: }",
        "trigger_variables: {x: !input x}\ntriggers: {trigger: template, value_template: \"{{ is_state(x, 'on') }}\"}\n"
        + act("1"),
        "{x: sensor.a}",
        "sensor.a = off\nsensor.a = on",
        [1],
    ),
    Print(
        "how many at most", "{x: {default: 5}}", "mode: parallel\nmax: !input x\n" + GO + act("1"), "{}", "fire go", [1]
    ),
    Print(
        "one entity where several are wanted",
        "{x: {default: [], selector: {entity: {multiple: true}}}}",
        "triggers: {trigger: event, event_type: go}\nvariables: {x: !input x}\n" + act("'{{ x | count }}'"),
        "{}",
        "fire go",
        [0],
    ),
    Print(
        "a mode beside use_blueprint",
        "{}",
        "mode: single\n" + GO + f"actions: [{{delay: 5}}, {tell('1')}]",
        "{}",
        "fire go\nfire go\nwait 5",
        [1, 1],
        "  mode: parallel\n",
    ),
    Print(
        "the mode of the blueprint",
        "{}",
        "mode: single\n" + GO + f"actions: [{{delay: 5}}, {tell('1')}]",
        "{}",
        "fire go\nfire go\nwait 5",
        [1],
    ),
    Print("conditions beside use_blueprint", "{}", GO + act("1"), "{}", "fire go", [], "  conditions: '{{ false }}'\n"),
    Print(
        "variables beside use_blueprint take the place of all",
        "{}",
        GO + "variables: {x: 1}\n" + act("'{{ x }}'"),
        "{}",
        "fire go",
        [2],
        "  variables: {x: 2}\n",
    ),
)
async def test_a_rule_of_a_blueprint(given: Print) -> None:
    async with World(time_zone="UTC") as w:
        w.stub("test.act")
        files = {"blueprints/automation/a.yaml": blueprint(given.inputs, given.body)}
        await w.load({**files, "rules.yaml": rule(given.given, given.beside), "c.yaml": "counter: {c: }\n"})
        assert "r" in w.engine.programs, [problem.text for problem in w.problems]
        for line in given.course.splitlines():
            await step(w, line, "")
        assert [call.data["told"] for call in w.calls] == given.told
        assert not w.problems


ONE = blueprint("{x: }", GO + act("!input x"))


async def test_two_rules_of_one_blueprint_each_with_what_it_gives() -> None:
    async with World() as w:
        w.stub("test.act")
        two = rule("{x: 1}") + rule("{x: 2}").replace("id: r", "id: s").replace("alias: R", "alias: S")
        await w.load({"blueprints/automation/a.yaml": ONE, "rules.yaml": two})
        await w.fire("go")
        assert sorted(call.data["told"] for call in w.calls) == [1, 2]


async def test_a_missing_input_is_a_problem_of_that_rule_and_the_others_run() -> None:
    async with World() as w:
        w.stub("test.act")
        two = rule("{}") + rule("{x: 2}").replace("id: r", "id: s").replace("alias: R", "alias: S")
        await w.load({"blueprints/automation/a.yaml": ONE, "rules.yaml": two})
        await w.fire("go")
        assert [call.data["told"] for call in w.calls] == [2]
        assert len(w.problems) == 1


async def test_a_rule_follows_its_blueprint_when_the_files_are_read_again() -> None:
    async with World() as w:
        w.stub("test.act")
        await w.load({"blueprints/automation/a.yaml": ONE, "rules.yaml": rule("{x: 1}")})
        await w.fire("go")
        other = ONE.replace("event_type: go", "event_type: went")
        await w.load({"blueprints/automation/a.yaml": other, "rules.yaml": rule("{x: 1}")})
        await w.advance(6)
        await w.fire("go")
        await w.fire("went")
        assert len(w.calls) == 2


async def test_a_blueprint_lies_in_a_folder_of_its_author() -> None:
    async with World() as w:
        w.stub("test.act")
        await w.load({"blueprints/automation/someone/a.yaml": ONE, "rules.yaml": rule("{x: 1}", path="someone/a.yaml")})
        await w.fire("go")
        assert len(w.calls) == 1


async def test_what_a_shared_blueprint_says_of_itself_is_taken() -> None:
    head = """
    blueprint:
      name: A blueprint
      description: >-
        Some lines

        of text
      author: Somebody
      source_url: https://example.com/blueprint.yaml
      homeassistant:
        min_version: "2024.6.0"
      domain: automation
      input: {}
    """
    async with World() as w:
        w.stub("test.act")
        text = dedent(head) + GO + act("1")
        await w.load({"blueprints/automation/a.yaml": text, "rules.yaml": "- id: r\n  use_blueprint: {path: a.yaml}\n"})
        await w.fire("go")
        assert len(w.calls) == 1
        assert not w.problems


async def test_a_script_of_a_blueprint_is_called_with_what_its_caller_gives() -> None:
    text = blueprint("{x: }", "fields: {who: {name: Who}}\n" + "sequence: " + tell("['{{ who }}', !input x]"), "script")
    use = "script:\n  greet:\n    alias: Greet\n    use_blueprint: {path: s.yaml, input: {x: 1}}\n"
    async with World() as w:
        w.stub("test.act")
        await w.load({"blueprints/script/s.yaml": text, "scripts.yaml": use})
        assert not w.problems
        await w.call("script.greet", {"who": "you"})
        assert [call.data["told"] for call in w.calls] == [["you", 1]]


async def test_an_input_that_the_blueprint_does_not_have_is_told_which_is_ours() -> None:
    async with World() as w:
        w.stub("test.act")
        await w.load({"blueprints/automation/a.yaml": ONE, "rules.yaml": rule("{x: 1, y: 2}")})
        assert ['"y"' in problem.text for problem in w.problems] == [True]
