from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from engine.problem import Place, Problem, render
from engine.registry import Registry
from engine.rules.blueprint import Blueprints, blueprint_of, united
from engine.rules.book import RuleFile, Shelf, blueprint_path, make_book, read_tree
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.rules.model import Book
from engine.source import read
from engine.testing import World
from tests.engine.rules.plugins import KNOWN

GREET = """\
blueprint:
  name: Greet
  domain: automation
  input:
    hook: {selector: {text: }}
    words: {default: Hello, selector: {text: }}
    more:
      name: More
      collapsed: true
      input:
        wait: {default: 0, selector: {number: {min: 0, max: 60}}}
        then: {default: [], selector: {action: }}
mode: single
alias: Greet
triggers:
  - trigger: event
    event_type: !input hook
variables:
  words: !input words
actions:
  - delay: !input wait
  - action: crm.tag
    data: {said: "{{ words }}"}
  - if: "{{ true }}"
    then: !input then
"""
PATH = "blueprints/automation/greet.yaml"


def rule(name: str, given: str, beside: str = "", path: str = "greet.yaml") -> str:
    """A rule that uses the blueprint."""
    return f"- id: {name}\n{beside}  use_blueprint: {{path: {path}, input: {{{given}}}}}\n"


def book(files: dict[str, str], shelf: Shelf | None = None, last: Book | None = None) -> Book:
    tree = [RuleFile(name, text.encode(), blueprint=blueprint_path(name)) for name, text in files.items()]
    return make_book(tree, shelf or Shelf(OURS), last.programs if last else {})


OURS = Known(Registry.discover(["actions", "triggers"]))
LOGGED = GREET.replace("crm.tag", "log.write").replace("said:", "message:")


def told(files: dict[str, str]) -> list[str]:
    """The problems as `file:line code message`."""
    return [f"{each.place.file.rpartition('/')[2]}:{each.place.line} {each.code} {each.message}"
            for each in book(files).problems if each.place]  # fmt: skip


def of_blueprint(head: str, body: str = "triggers: []\nactions: []\n") -> list[str]:
    text = f"blueprint:\n  name: A\n  domain: automation\n{head}{body}"
    return [entry.partition(" ")[2] for entry in told({"blueprints/a.yaml": text})]


async def test_a_rule_of_a_blueprint_does_what_the_blueprint_says_with_what_it_was_given() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({
            "rules.yaml": rule("one", "hook: go, words: Bye, wait: 30") + rule("two", "hook: go"),
            PATH: GREET,
        })  # fmt: skip
        assert not world.problems
        await world.fire("go")
        assert [call.data for call in world.calls] == [{"said": "Hello"}]
        await world.advance(30)
        assert [call.data for call in world.calls] == [{"said": "Hello"}, {"said": "Bye"}]


def test_what_a_blueprint_says_for_people_is_taken_along_and_changes_nothing() -> None:
    head = "  author: Asha\n  source_url: https://example.com/greet\n  homeassistant: {min_version: 2025.1.0}\n"
    more = LOGGED.replace("  input:\n    hook", f"{head}  input:\n    hook")
    more = more.replace("More\n", "More\n      icon: mdi:dots\n")
    plain, described = (book({PATH: text, "a.yaml": rule("a", "hook: go")}).programs["a"] for text in (LOGGED, more))
    assert more.count("icon") == 1
    assert described.body == plain.body


async def test_steps_that_a_rule_gives_run_where_the_blueprint_has_them() -> None:
    async with World() as world:
        world.stub("crm.tag")
        steps = "then: [{action: crm.tag, data: {said: '{{ words }} again'}}]"
        await world.load({"rules.yaml": rule("one", f"hook: go, {steps}"), PATH: GREET})
        await world.fire("go")
        assert [call.data["said"] for call in world.calls] == ["Hello", "Hello again"]


async def test_an_input_may_stand_in_every_kind_of_step() -> None:
    text = """\
    blueprint: {name: A, domain: automation, input: {times: {selector: {number: {min: 1, max: 9}}}, steps: , until: }}
    triggers: {trigger: event, event_type: go}
    actions:
      - repeat: {count: !input times, sequence: !input steps}
      - parallel: [{sequence: !input steps}, {delay: 5}]
      - wait_for_trigger: !input until
      - sequence: !input steps
    """
    steps = "steps: [{action: crm.tag, data: {said: '{{ repeat.index | default(0) }}'}}]"
    async with World() as world:
        world.stub("crm.tag")
        given = f"times: 2, {steps}, until: {{trigger: event, event_type: stop}}"
        await world.load({"rules.yaml": rule("one", given, path="a.yaml"), "blueprints/a.yaml": dedent(text)})
        await world.fire("go")
        await world.advance(5)
        assert [call.data["said"] for call in world.calls] == [1, 2, 0]
        await world.fire("stop")
        assert len(world.calls) == 4


async def test_a_key_beside_use_blueprint_takes_the_place_of_the_blueprints_own() -> None:
    async with World() as world:
        world.stub("crm.tag")
        beside = "  alias: Mine\n  mode: parallel\n"
        files = {
            "rules.yaml": rule("one", "hook: go, wait: 30", beside) + rule("two", "hook: go, wait: 30"),
            PATH: GREET,
        }
        await world.load(files)
        await world.fire("go")
        await world.fire("go")
        await world.advance(30)
        assert [run.outcome for run in world.runs("one")] == ["finished", "finished"]
        assert sorted(run.outcome for run in world.runs("two")) == ["failed_single", "finished"]
    assert book({"rules.yaml": rule("one", "hook: go", beside), PATH: LOGGED}).programs["one"].alias == "Mine"


def test_the_older_spelling_of_a_key_takes_the_place_of_the_newer() -> None:
    beside = "  action: {delay: 5}\n"
    made = book({"rules.yaml": rule("one", "hook: go", beside), PATH: LOGGED})
    assert not made.problems
    assert [step["do"] for step in made.programs["one"].body["actions"]] == ["delay"]


async def test_a_rule_follows_its_blueprint_and_leaves_the_others_alone() -> None:
    async with World() as world:
        world.stub("crm.tag")
        other = GREET.replace("Hello", "Good day")
        files = {"rules.yaml": rule("one", "hook: go") + rule("two", "hook: go, wait: 60", path="other.yaml"),
                 PATH: GREET, "blueprints/automation/other.yaml": other}  # fmt: skip
        await world.load(files)
        await world.fire("go")
        await world.load({**files, PATH: GREET.replace("Hello", "Welcome")})
        await world.fire("go")
        assert [call.data["said"] for call in world.calls] == ["Hello", "Welcome"]
        await world.advance(60)
        assert world.calls[-1].data["said"] == "Good day"


async def test_a_broken_blueprint_leaves_its_rules_as_they_last_were() -> None:
    async with World() as world:
        world.stub("crm.tag")
        files = {"rules.yaml": rule("one", "hook: go"), PATH: GREET}
        await world.load(files)
        for broken in (GREET.replace("delay:", "dely:"), GREET + "  - [", "x: 1\n"):
            await world.load({**files, PATH: broken})
            assert world.problems
            await world.advance(10)
            await world.fire("go")
        await world.load({"rules.yaml": files["rules.yaml"]})
        assert [problem.code for problem in world.problems] == ["unknown-blueprint"]
        await world.advance(10)
        await world.fire("go")
        assert [call.data["said"] for call in world.calls] == ["Hello"] * 4


def test_only_rules_whose_blueprint_changed_are_looked_at_again_and_change() -> None:
    shelf = Shelf(OURS)
    files = {"a.yaml": rule("one", "hook: go"), "b.yaml": rule("two", "hook: go", path="other.yaml"),
             PATH: LOGGED, "blueprints/other.yaml": LOGGED}  # fmt: skip
    first = book(files, shelf)
    second = book({**files, PATH: LOGGED.replace("Hello", "Bye")}, shelf, first)
    assert second.programs["two"] is first.programs["two"]
    assert second.programs["one"].hash != first.programs["one"].hash
    third = book({**files, PATH: "# a remark\n" + LOGGED}, shelf, second)
    assert third.programs["one"].hash == first.programs["one"].hash


def test_a_blueprint_that_comes_later_is_found_and_the_folder_of_its_domain_goes_first() -> None:
    shelf = Shelf(OURS)
    rules = rule("one", "hook: go")
    assert [each.code for each in book({"a.yaml": rules}, shelf).problems] == ["unknown-blueprint"]
    general = {"blueprints/greet.yaml": LOGGED, "a.yaml": rules}
    assert book(general, shelf).programs["one"].body["variables"] == {"words": "Hello"}
    own = {**general, PATH: LOGGED.replace("Hello", "Hey")}
    assert book(own, shelf).programs["one"].body["variables"] == {"words": "Hey"}
    whole = book({"a.yaml": rule("one", "hook: go", path="automation/greet.yaml"), PATH: LOGGED}, shelf)
    assert set(whole.programs) == {"one"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", 'a.yaml:2 missing-input the input "hook" is missing'),
        ("hok: go", 'a.yaml:2 unknown-input the blueprint has no input "hok"'),
        ("hook: go, zzz: 1", 'a.yaml:2 unknown-input the blueprint has no input "zzz"'),
        ("hook: go, wait: 61", 'a.yaml:2 wrong-value "wait" is the number 61'),
        ("hook: go, wait: soon", 'a.yaml:2 wrong-value "wait" is the text "soon"'),
        ("hook: go, then: 5", 'a.yaml:2 wrong-value "then" is the number 5'),
        ("hook: go, then: [{dely: 5}]", 'a.yaml:2 unknown-key unknown key "dely"'),
        ("hook: [go]", 'a.yaml:2 wrong-value "hook" is a list'),
        ("hook: !input x", 'a.yaml:2 input-not-here "!input x" stands outside a blueprint'),
        ("hook: go, words: '{{ nothing }}'", "a.yaml:2 undefined-name `nothing` is not defined"),
        ("hook: go, words: '{{ a b }}'", "a.yaml:2 bad-template expected `}}` but found `b`"),
    ],
)
def test_what_is_wrong_with_what_a_rule_gives_is_told_where_it_is_given(given: str, said: str) -> None:
    (problem,) = told({"a.yaml": rule("one", given), PATH: LOGGED})
    assert problem.startswith(said)


def test_one_rule_with_a_missing_input_does_not_stop_the_others() -> None:
    made = book({"a.yaml": rule("one", "") + rule("two", "hook: go"), PATH: LOGGED})
    assert set(made.programs) == {"two"}


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("5", 'wrong-type "use_blueprint" is the number 5'),
        ("{input: {}}", 'missing-key the key "path" is missing'),
        ("{path: greet.yaml, inputs: {}}", 'unknown-key unknown key "inputs"'),
        ("{path: greet.yaml, input: []}", 'wrong-type "input" is an empty list'),
        ("{path: greet}", 'unknown-blueprint there is no blueprint "greet"'),
        ("{path: ../greet.yaml}", 'unknown-blueprint there is no blueprint "../greet.yaml"'),
    ],
)
def test_a_use_that_cannot_be_understood_is_told(use: str, said: str) -> None:
    assert told({"a.yaml": f"id: one\nuse_blueprint: {use}\n", PATH: LOGGED}) == [f"a.yaml:2 {said}"]


def test_a_path_that_is_nearly_right_gets_the_right_one() -> None:
    (problem,) = book({"a.yaml": rule("one", "hook: go", path="gret.yml"), PATH: LOGGED}).problems
    assert (problem.expected, problem.remedy) == ("one of greet.yaml", 'did you mean "greet.yaml"?')


def test_a_mistake_in_the_rule_of_a_blueprint_is_told_once_with_the_rules_that_use_it() -> None:
    text = LOGGED.replace("mode: single", "mode: singel")
    rules = "".join(rule(name, "hook: go") for name in "abcde")
    made = book({"a.yaml": rules, PATH: text})
    (problem,) = made.problems
    assert problem.place == Place(PATH, 13, 7, 6)
    assert [(place.line, word) for place, word in problem.also] == [
        (2, "used here"), (4, "used here"), (6, "used here, and 2 more times"),
    ]  # fmt: skip
    assert "  --> a.yaml:2:3: used here" in render(problem, made.sources)
    assert not made.programs


def test_a_mistake_that_only_one_rule_makes_of_a_blueprint_names_that_rule() -> None:
    text = LOGGED.replace("mode: single", "max: !input n").replace("  input:\n", "  input:\n    n: {default: 5}\n", 1)
    assert not told({PATH: text})
    assert told({"a.yaml": rule("one", "hook: go, n: 1"), PATH: text}) == ['a.yaml:2 wrong-value "max" is the number 1']
    default = text.replace("default: 5", "default: 1")
    assert told({"a.yaml": rule("one", "hook: go"), PATH: default}) == [
        'greet.yaml:5 wrong-value "max" is the number 1'
    ]


def test_a_default_is_written_in_its_blueprint_and_told_there() -> None:
    text = LOGGED.replace("{default: [], selector: {action: }}", "{default: [{dely: 5}]}")
    (problem,) = book({"a.yaml": rule("one", "hook: go"), PATH: text}).problems
    assert problem.place is not None
    assert (problem.place.file, problem.place.line, problem.code) == (PATH, 12, "unknown-key")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("  nam: B\n", ['unknown-key unknown key "nam"']),
        ("  input: [a]\n", ['wrong-type "input" is a list']),
        ("  input: {a: 5}\n", ['wrong-type the input "a" is the number 5']),
        ("  input: {a: {defalt: 5}}\n", ['unknown-key unknown key "defalt"']),
        ("  input: {a: {selector: text}}\n", ['wrong-type "selector" is the text "text"']),
        ("  input: {a: {selector: {tekst: }}}\n", ['unknown-selector there is no selector "tekst"']),
        ("  input: {a: {selector: {number: {mni: 1}}}}\n", ['unknown-key unknown key "mni"']),
        ("  input: {a: {default: x, selector: {number: }}}\n", ['wrong-value "default" is the text "x"']),
        ("  input: {a: {default: maybe, selector: {boolean: }}}\n", ['wrong-value "default" is the text "maybe"']),
        (
            "  input: {a: {default: '{{ a b }}', selector: {template: }}}\n",
            ["bad-template expected `}}` but found `b`"],
        ),
        ("  input: {a: , s: {input: {a: }}}\n", ['input-twice a second input with the name "a"']),
        ("  input: {s: {input: {t: {input: {}}}}}\n", ['unknown-key unknown key "input"']),
        ("  description: !input a\n  input: {a: }\n", ['input-not-here "!input a" stands in what']),
        ("  input: {a: {selector: {area: }}}\n", ['needs-devices the selector "area" needs devices']),
        ("  description:\n  input: {s: {name: , input: }, a: {name: , selector: }}\n", []),
        ("  input:\n", []),
        ("  description: 'Such as {{ trigger.x }}'\n  input: {a: {description: '{{ a }} {%'}}\n", []),
        ("  input: {a: {default: , selector: {number: }}, b: {default: '', selector: {time: }}}\n", []),
    ],
)
def test_what_a_blueprint_says_of_itself_is_checked(head: str, said: list[str]) -> None:
    problems = of_blueprint(head)
    assert len(problems) == len(said), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, said, strict=True)), problems


def test_a_blueprint_needs_a_name_and_a_domain_that_there_is() -> None:
    assert told({"blueprints/a.yaml": "blueprint: {}\n"}) == [
        'a.yaml:1 missing-key the key "name" is missing', 'a.yaml:1 missing-key the key "domain" is missing',
    ]  # fmt: skip
    assert told({"blueprints/a.yaml": "blueprint: {name: A, domain: template}\n"}) == [
        "a.yaml:1 wrong-domain a blueprint for template entities"
    ]
    assert told({"blueprints/a.yaml": "- id: a\n"})[0].startswith("a.yaml:1 no-blueprint")
    assert told({"blueprints/a.yaml": "a: [\n"})[0].startswith("a.yaml:")


def test_a_rule_cannot_be_made_of_a_blueprint_for_scripts() -> None:
    script = "blueprint: {name: A, domain: script}\nsequence: []\n"
    assert told({"a.yaml": rule("one", ""), "blueprints/greet.yaml": script}) == [
        'a.yaml:2 wrong-domain the blueprint "greet.yaml" makes a script, and this is a rule'
    ]


def test_a_gap_that_nothing_fills_is_told_with_the_input_that_was_meant() -> None:
    text = LOGGED.replace("!input words", "!input word")
    (problem,) = book({PATH: text}).problems
    assert (problem.code, problem.remedy) == ("unknown-input", 'did you mean "words"?')


def test_an_input_inside_a_template_is_told_with_what_to_write() -> None:
    (problem,) = book({PATH: LOGGED.replace("{{ words }}", "{{ !input words }}")}).problems
    assert problem.message == "!input does not work inside a template"
    assert problem.remedy == 'give it a name, with "words: !input words" below "variables:", and write {{ words }}'


def test_gaps_may_stand_for_whole_lists_elements_and_kinds() -> None:
    body = """\
    id: !input a
    mode: !input a
    triggers: [!input a, {trigger: !input a}, {triggers: !input a}, {trigger: webhook, webhook_id: !input a}]
    conditions: [!input a, {condition: !input a}, {condition: trigger, id: !input a}, {condition: trigger, id: x}]
    actions:
      - !input a
      - action: !input a
        data: !input a
      - {choose: [!input a, {conditions: !input a, sequence: !input a}], default: !input a}
      - {if: !input a, then: !input a}
      - {delay: {seconds: !input a}}
      - {repeat: {count: !input a, sequence: !input a}}
      - {repeat: {for_each: !input a, sequence: [!input a]}}
      - {repeat: {while: !input a, sequence: []}}
      - {repeat: {until: [!input a], sequence: []}}
      - {repeat: !input a}
      - {parallel: !input a}
      - {parallel: [!input a, {sequence: !input a}]}
      - {sequence: !input a}
      - {wait_template: !input a, timeout: !input a, continue_on_timeout: !input a}
      - {wait_for_trigger: !input a}
      - {wait_for_trigger: [!input a, {trigger: !input a}, {trigger: webhook, webhook_id: !input a}]}
      - "{{ wait.trigger.anything }}"
      - {variables: !input a}
      - {event: !input a, event_data: !input a}
      - {stop: !input a, error: !input a}
      - !input a
      - "{{ trigger.anything }}"
    """
    assert of_blueprint("  input: {a: }\n", dedent(body)) == []


def test_a_blueprint_may_leave_triggers_and_actions_to_the_rules_that_use_it() -> None:
    blueprint = "blueprint: {name: A, domain: automation}\nmode: single\n"
    beside = "  triggers: {trigger: event, event_type: x}\n  actions: {delay: 1}\n"
    made = book({"a.yaml": rule("one", "", beside), "blueprints/greet.yaml": blueprint})
    assert not made.problems
    assert made.programs["one"].body["mode"] == "single"


def test_triggers_of_the_rule_join_those_of_the_blueprint() -> None:
    text = LOGGED.replace("variables:\n", "  - triggers: !input extra\nvariables:\n")
    text = text.replace("  input:\n", "  input:\n    extra: {default: []}\n", 1)
    extra = "extra: [{trigger: time, at: '09:00'}, {trigger: event, event_type: b}]"
    made = book({"a.yaml": rule("one", f"hook: go, {extra}") + rule("two", "hook: go"), PATH: text})
    assert not made.problems
    assert [each["trigger"] for each in made.programs["one"].body["triggers"]] == ["event", "time", "event"]
    assert len(made.programs["two"].body["triggers"]) == 1


def test_what_is_filled_in_stays_within_the_bounds_of_a_file() -> None:
    gaps = "\n".join(f"  a{number}: !input words" for number in range(400))
    text = LOGGED.replace("variables:\n", f"variables:\n{gaps}\n").replace(
        "words: {default: Hello, selector: {text: }}", "words:"
    )
    long = "[" + "1, " * 300 + "1]"
    problems = told({"a.yaml": "".join(rule(name, f"hook: go, words: {long}") for name in "abc"), PATH: text})
    assert problems == [f"a.yaml:{line} too-many-values filled in, this blueprint is too large" for line in (2, 4, 6)]
    deep = "[" * 28 + "]" * 28
    assert told(
        {
            "a.yaml": rule("a", f"hook: go, words: {deep}"),
            PATH: text.replace("  a0:", "  a0: {x: {y: {z: !input words}}}\n  b:"),
        }
    )[0].startswith("a.yaml:2 too-many-values")


def test_the_rules_of_a_file_share_its_bounds() -> None:
    text = LOGGED.replace("variables:\n", "variables:\n  a: !input words\n").replace(
        "words: {default: Hello, selector: {text: }}", "words: {default: []}"
    )
    long = "[" + "1, " * 12_000 + "1]"
    rules = "".join(rule(name, f"hook: go, words: {long}") for name in "abcde")
    assert told({"a.yaml": rules, PATH: text}) == ["a.yaml:10 too-many-values filled in, this blueprint is too large"]


def test_a_rule_or_a_blueprint_with_very_many_mistakes_is_not_told_of_all_of_them() -> None:
    given = ", ".join(f"hok{number}: 1" for number in range(300))
    many = book({"a.yaml": rule("one", f"hook: go, {given}"), PATH: LOGGED}).problems
    assert 100 <= len(many) <= 102
    assert sum(bool(problem.remedy.startswith("did you mean")) for problem in many) <= 5
    gaps = "".join(f"  a{number}: !input gone{number}\n" for number in range(300))
    assert 100 <= len(told({PATH: LOGGED.replace("variables:\n", f"variables:\n{gaps}")})) <= 102


def test_a_rule_may_repeat_the_default_whatever_the_selector_says_of_it() -> None:
    text = LOGGED.replace("words: {default: Hello, selector: {text: }}", "words: {default: '', selector: {number: }}")
    assert not told({"a.yaml": rule("one", "hook: go, words: ''"), PATH: text})


def test_the_host_that_a_rule_gives_to_a_blueprint_must_be_one_that_may_be_called() -> None:
    text = """\
    blueprint: {name: A, domain: automation, input: {url: }}
    triggers: {trigger: event, event_type: go}
    actions: {action: host.call, data: {host: !input url}}
    """
    known = Known(replace(OURS.registry, actions=KNOWN.registry.actions), hosts={"shop.example": {}})
    files = [RuleFile("greet.yaml", dedent(text).encode(), blueprint="greet.yaml")]
    assert not make_book(files, Shelf(known), {}).problems
    rules = rule("one", "url: shop.example") + rule("two", "url: else.example")
    made = make_book([*files, RuleFile("a.yaml", rules.encode())], Shelf(known), {})
    assert [(each.code, each.place and each.place.line) for each in made.problems] == [("not-permitted", 4)]
    assert set(made.programs) == {"one"}


def test_a_rule_is_in_the_file_that_uses_the_blueprint() -> None:
    program = book({"a.yaml": "# mine\n" + rule("one", "hook: go"), PATH: LOGGED}).programs["one"]
    assert (program.file, program.line, program.text.split("\n")[0]) == ("a.yaml", 2, "- id: one")


def test_two_rules_that_take_their_name_from_the_blueprint_are_told_apart_by_people() -> None:
    rules = "- use_blueprint: {path: greet.yaml, input: {hook: go}}\n" * 2
    (problem,) = book({"a.yaml": rules, PATH: LOGGED}).problems
    assert problem.code == "rule-named-twice"


def test_a_blueprint_among_the_rules_is_told_where_it_belongs() -> None:
    (problem,) = book({"a.yaml": LOGGED}).problems
    assert (problem.code, problem.message) == ("blueprint-elsewhere", "a blueprint stands among the rules")


def test_a_blueprint_that_cannot_be_read_is_told_and_its_rules_stay(tmp_path: Path) -> None:
    root = tmp_path / "rules"
    (root / "blueprints").mkdir(parents=True)
    (root / "a.yaml").write_text(rule("one", "hook: go"))
    (root / "blueprints" / "greet.yaml").write_text(LOGGED)
    first = make_book(read_tree(root), Shelf(OURS), {})
    assert set(first.programs) == {"one"}
    (root / "blueprints" / "greet.yaml").unlink()
    (root / "blueprints" / "greet.yaml").symlink_to(tmp_path / "nowhere.yaml")
    second = make_book(read_tree(root), Shelf(OURS), first.programs)
    assert second.stale == {"one"}
    assert [(each.code, [word for _, word in each.also]) for each in second.problems] == [
        ("file-outside", ["used here"])
    ]


def test_what_a_file_gave_names_the_blueprints_that_it_leans_on() -> None:
    blueprints = Blueprints([blueprint_of(read(GREET, PATH), "automation/greet.yaml", "1")])
    source = read(rule("one", "hook: go"), "a.yaml")
    assert check_file(source, KNOWN, blueprints).leans_on == {("greet.yaml", "automation"): "automation/greet.yaml:1"}


def test_equal_problems_become_one_and_others_stay() -> None:
    one, two = (Problem("a", "b", Place("x", line, 1)) for line in (1, 2))
    used = Problem("a", "b", Place("x", 1, 1), also=((Place("y", 1, 1), "used here"),))
    assert united([one, used, two, used]) == [used, two]


def test_no_text_of_a_blueprint_or_of_its_use_stops_the_check() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    pieces = [
        *"\n :-[]{},!&*'\"#",
        "!input hook",
        "!input ",
        "input:",
        "default:",
        "selector:",
        "null",
        "{{ a }}",
        "- ",
    ]
    given = "hook: go, wait: 5, then: [{delay: 5}]"
    for _ in range(400):
        texts = [LOGGED, rule("one", given, "  mode: single\n")]
        for which, text in enumerate(texts):
            for _ in range(chance.randrange(3)):
                at = chance.randrange(len(text))
                text = text[:at] + chance.choice(pieces) + text[at + chance.randrange(6) :]
            texts[which] = text
        made = book({"a.yaml": texts[1], PATH: texts[0]})
        assert made.programs or made.problems
        assert "InputRef" not in str(made.programs)
        for problem in made.problems:
            assert problem.place is not None
            assert problem.place.file in ("a.yaml", PATH)
            render(problem, made.sources)
