from __future__ import annotations

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.registry import Registry
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.rules.normalise import slug
from engine.settings import Defaults, Settings
from engine.source import read
from tests.engine.rules.plugins import KNOWN, REGISTRY, Entries, checked, printed, told

RULE = """\
- id: import_errors
  alias: Tell the team
  triggers:
    - trigger: job.entries
      job: any
      status: ERROR
      above: 25
  conditions:
    - "{{ trigger.count > 3 }}"
  actions:
    - action: message.send
      data:
        to: "+919876543210"
        text: "{{ trigger.count }} of {{ trigger.job.id }}"
"""


def steps(*lines: str) -> str:
    """A file of one rule with these steps; the first of their lines is line 5."""
    below = "\n".join(f"    {line}" for line in lines)
    return "- id: a\n  triggers:\n    - {trigger: job.entries, job: x, status: ERROR, above: 5}\n  actions:\n" + below


def test_a_right_rule_becomes_a_program() -> None:
    found = checked(RULE)
    (program,) = found.programs

    assert found.problems == ()
    assert (program.rule, program.alias, program.file, program.line) == (
        "import_errors",
        "Tell the team",
        "rules/a.yaml",
        1,
    )
    assert program.text == RULE.rstrip()
    (use,) = program.triggers
    assert (use.index, use.id, use.name) == (0, "0", "job.entries")
    assert isinstance(use.plugin, Entries)
    assert use.plugin.above == 25
    assert program.body["actions"][0]["data"]["to"] == "+919876543210"


def test_two_rules_with_one_mistake_give_one_program_and_one_problem() -> None:
    found = checked(
        RULE + "- id: other\n  triggers: []\n  actions:\n    - action: log.writ\n      data: {message: x}\n"
    )

    assert [program.rule for program in found.programs] == ["import_errors"]
    assert [problem.code for problem in found.problems] == ["unknown-action"]
    assert found.broken == {"other"}
    assert not found.unnamed


def test_a_problem_names_line_column_what_was_found_and_what_to_do() -> None:
    assert printed(RULE.replace("trigger.count }}", "trigger.cout }}")) == (
        "rules/a.yaml:14:19: error[undefined-name]: `trigger.cout` is not defined\n"
        "   |\n"
        '14 |         text: "{{ trigger.cout }} of {{ trigger.job.id }}"\n'
        "   |                   ^^^^^^^^^^^^\n"
        "  = expected: one of trigger.alias, trigger.count, trigger.counts, trigger.description, trigger.id, "
        "trigger.idx, trigger.job, trigger.platform, trigger.status\n"
        "  = help: did you mean `trigger.count`?"
    )


def test_a_place_inside_a_template_of_several_lines_is_found() -> None:
    literal = steps("- action: log.write", "  data:", "    message: |", "      hello", "      {{ trigger.cout }}")
    folded = literal.replace("message: |", "message: >")

    for text in (literal, folded):
        assert told(text)[0].startswith("9:14 undefined-name"), text


def test_a_place_that_is_not_written_as_it_reads_is_the_value() -> None:
    assert told(steps('- "{{ a \\x62 }}"'))[0].startswith("5:7 bad-template")


def marked(text: str) -> tuple[str, str]:
    """The text without the § that marks a place, and that place."""
    before, _, after = text.partition("§")
    return before + after, f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("- action: §message.snd", 'unknown-action there is no action "message.snd"; did you mean "message.send"?'),
        ("- delay: §soon", 'wrong-value "delay" is the text "soon"'),
        ("- condition: §tmplate", 'unknown-condition there is no condition "tmplate"; did you mean "template"?'),
        ("- condition: §sun", 'needs-devices the condition "sun" needs a place on earth, and rulewheel has none'),
        ("- condition: §zone", 'needs-devices the condition "zone" needs devices that move, and rulewheel has none'),
        ("- condition: §[a]", "unknown-condition the condition is a list"),
        ("- §condition: compare\n      value: 5", "wrong-value it is compared with nothing"),
        ("- {condition: compare, value: 5, above: 6, below: §6}", "wrong-value nothing is above 6 and below 6"),
        ("- {condition: compare, value: 5, matches: §'(a'}", "bad-expression"),
        ("- {condition: trigger, id: §morning}", 'unknown-trigger-id no trigger of this rule has the id "morning"'),
        ("- {action: log.write, data: {message: x}, retry: §11}", "wrong-value"),
        ("- {action: log.write, data: {message: x}, retry: {attempts: 2, §wat: 1}}", "unknown-key"),
        ("- {action: log.write, data: {message: x}, §response_variable: a}", 'no-answer "log.write" gives no answer'),
        ("- §{action: log.write}", 'missing-key the key "data" is missing'),
        ("- {action: log.write, data: §5}", 'wrong-type "data" is the number 5'),
        ("- {action: host.call, data: {host: §evil.example}}", "not-permitted the settings do not list the host"),
        ("- {action: host.call, data: {host: shop.example, headers: {a: §!secret tokn}}}", "unknown-secret"),
        ("- {action: message.send, data: {to: §'1234567', text: x}}", 'wrong-value "to" is the text "1234567"'),
        ("- {action: log.write, data: {message: §!secret token}}", 'secret-not-here the secret "token"'),
        ("- {action: log.write, data: {message: §!input token}}", 'input-not-here "!input token" stands outside'),
        ("- {event: a, event_data: {b: §!secret token}}", "secret-not-here"),
        ("- {if: '{{ a §b }}', then: []}", "bad-template"),
        ("- {choose: [{conditions: [], sequence: [{delay: §x}]}]}", 'wrong-value "delay"'),
        ("- {choose: [§{sequence: []}]}", 'missing-key the key "conditions" is missing'),
        ("- {choose: [], default: [{delay: §x}]}", 'wrong-value "delay"'),
        ("- {stop: x, error: §perhaps}", 'not-allowed "error" is the text "perhaps"'),
        ("- {delay: 5, §enabld: no}", 'unknown-key unknown key "enabld"; did you mean "enabled"?'),
        ("- {variables: §[a]}", 'wrong-type "variables" is a list'),
        ("- {condition: '{{ a §b }}'}", "bad-template"),
    ],
)
def test_a_mistake_in_a_step_is_told_at_its_place(step: str, expected: str) -> None:
    text, place = marked(steps(step))
    (said,) = told(text)

    assert said.startswith(f"{place} {expected}")


FIELDS = "trigger: job.entries, job: x, status: ERROR"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("trigger: §job.entrie, job: x", 'unknown-trigger there is no trigger "job.entrie"; did you mean'),
        ("trigger: §calendar, event: x", 'not-yet the trigger "calendar" comes with a later release'),
        ("trigger: §zone", 'needs-devices the trigger "zone"'),
        ("trigger: §[a]", 'wrong-type "trigger" is a list'),
        ("trigger: §'{{ a }}'", 'no-template-here "trigger" is a template'),
        (f"{FIELDS}, §abov: 5", 'unknown-key unknown key "abov"; did you mean "above"?'),
        (f"{FIELDS}, above: 5, §enabld: x", 'unknown-key unknown key "enabld"; did you mean "enabled"?'),
        ("trigger: job.entries, job: x, status: §EROR, above: 5", 'not-allowed "status" is the text "EROR"; did you'),
        ("trigger: job.entries, job: '{{ §trigger.id }}', status: ERROR, above: 5", "undefined-name `trigger` is not"),
        ("trigger: job.entries, job: '{{ §now() }}', status: ERROR, above: 5", "no-clock-here `now` cannot be asked"),
        ("trigger: job.entries, job: '{{ §states(1) }}', status: ERROR, above: 5", "no-states-here `states` cannot be"),
        ("trigger: job.entries, job: x, status: §'{{ 1 }}', above: 5", 'wrong-value "status" cannot be used'),
    ],
)
def test_a_mistake_in_a_trigger_is_told_at_its_place(fields: str, expected: str) -> None:
    text, place = marked(f"- id: a\n  triggers:\n    - {{{fields}}}\n  actions: []\n")
    (said,) = told(text)

    assert said.startswith(f"{place} {expected}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (FIELDS, "wrong-value say above or below"),
        (f"{FIELDS}, above: '{{{{ 1 / 0 }}}}'", "template-fails division by zero"),
        ("trigger: fragile", 'plugin-broken the trigger "fragile" cannot be made: out of glass'),
    ],
)
def test_a_mistake_of_a_whole_trigger_is_told_at_the_trigger(fields: str, expected: str) -> None:
    (said,) = told(f"- id: a\n  triggers:\n    - {{{fields}}}\n  actions: []\n")

    assert said.startswith(f"3:7 {expected}")


def test_templates_of_a_trigger_are_worked_out_once() -> None:
    (program,) = checked(RULE.replace("above: 25", 'above: "{{ 20 + 5 }}"')).programs
    plugin = program.triggers[0].plugin

    assert isinstance(plugin, Entries)
    assert plugin.above == 25
    assert program.body["triggers"][0]["with"]["above"] == "{{ 20 + 5 }}"


def test_names_are_known_from_the_step_that_sets_them() -> None:
    text = steps(
        "- variables: {a: '{{ trigger.count }}', b: '{{ a }}'}",
        "- {action: host.call, data: {host: shop.example}, response_variable: answer}",
        "- {action: log.write, data: {message: '{{ a }} {{ b }} {{ answer.status }} {{ context.id }} {{ this.x }}'}}",
        "- {action: log.write, data: {message: '{{ §ansver }}'}}",
        "- {action: log.write, data: {message: '{{ unknown_one | default(3) }}'}}",
    )

    text, place = marked(text)
    assert told(text) == [f"{place} undefined-name `ansver` is not defined; did you mean `answer`?"]
    assert checked(text).programs, "a warning does not stop a rule"


def test_error_is_known_only_where_the_rule_failed() -> None:
    text = steps("- delay: 5") + "\n  on_error:\n    - {action: log.write, data: {message: '{{ error }}'}}\n"

    assert told(text) == []
    assert len(told(steps("- {action: log.write, data: {message: '{{ error }}'}}"))) == 1


def test_templates_of_triggers_and_of_the_rules_own_keys_are_looked_at() -> None:
    text = (
        "- id: a\n"
        "  triggers:\n"
        "    - trigger: job.entries\n"
        "      job: x\n"
        "      status: ERROR\n"
        "      above: 5\n"
        "      variables: {x: '{{ trigger.count }}', y: '{{ x }} {{ trigger.cuont }}'}\n"
        "      dedupe: '{{ trigger.jb }} {{ y }}'\n"
        "  variables: {z: '{{ trigger.cuont }} {{ y }}'}\n"
        "  per: '{{ trigger.jb }} {{ z }}'\n"
        "  actions: []\n"
    )

    assert [said.split(":")[0] for said in told(text)] == ["7", "8", "9", "10"]


def test_whether_a_trigger_is_on_is_worked_out_once() -> None:
    for enabled, words in (("{{ trigger.id }}", "undefined-name"), ("{{ 1 / 0 }}", "template-fails"), ("{{", "bad-")):
        (said,) = told(f"- id: a\n  triggers: [{{{FIELDS}, above: 5, enabled: '{enabled}'}}]\n  actions: []\n")

        assert words in said


def test_a_plugin_that_cannot_check_a_step_is_told_and_stops_nothing() -> None:
    found = checked(steps("- {action: host.call, data: {host: explode}}") + "\n" + RULE)

    assert [problem.message for problem in found.problems] == ['the action "host.call" cannot be checked: boom']
    assert len(found.programs) == 1


def test_a_rule_needs_an_id_or_an_alias() -> None:
    (said,) = told("- triggers: []\n  actions: []\n")

    assert "1:3 rule-without-name this rule has neither id nor alias" in said
    assert checked("- triggers: []\n  actions: []\n").unnamed
    assert (
        checked("- alias: Good morning, Pune!\n  triggers: []\n  actions: []\n").programs[0].rule == "good_morning_pune"
    )
    assert checked("- id: 17\n  triggers: []\n  actions: []\n").programs[0].rule == "17"


def test_a_second_rule_with_the_same_id_is_told_with_both_places() -> None:
    found = checked("- alias: Two\n  triggers: []\n  actions: []\n- id: two\n  triggers: []\n  actions: []\n")
    (problem,) = found.problems

    assert [program.alias for program in found.programs] == ["Two"]
    assert problem.place
    assert (problem.place.line, problem.also[0][0].line) == (4, 1)


def test_a_rule_without_triggers_or_actions_is_told_what_is_missing() -> None:
    assert [said.split(" ", 2)[1] for said in told("- id: a\n")] == ["missing-key", "missing-key"]
    assert told("- just text\n")[0].startswith('1:3 wrong-type the rule is the text "just text"')


def test_a_file_that_cannot_be_read_may_hold_any_rule() -> None:
    assert checked("- id: [").unnamed
    assert checked("ruls: {}\n").unnamed
    assert not checked("").unnamed


def test_what_is_not_known_is_not_judged() -> None:
    text = steps("- {action: host.call, data: {host: evil.example, headers: {a: !secret nope}}}")

    assert told(text, Known(REGISTRY)) == []


def test_settings_say_what_is_known_and_what_rules_have_by_default() -> None:
    settings = Settings("rulewheel.yaml", REGISTRY, Path("rules"), Path("state"), hosts={"shop.example": {}})
    full = replace(settings, defaults=Defaults({"mode": "single", "max": 3, "valid_for": 60}))

    (plain,) = checked(RULE, Known.of(settings)).programs
    (program,) = checked(RULE, Known.of(full)).programs

    assert plain.body["mode"] == "queued"
    assert (program.body["mode"], program.body["max"], program.body["valid_for"]) == ("single", 3, 60)


def test_mangled_rules_always_get_an_answer() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    lines = (RULE + steps("- if: '{{ true }}'", "  then: {action: log.write, data: {message: x}}")).splitlines()
    for _ in range(300):
        mangled = list(lines)
        for _ in range(chance.randint(1, 3)):
            spot = chance.randrange(len(mangled))
            match chance.randrange(4):
                case 0:
                    del mangled[spot]
                case 1:
                    mangled[spot] = mangled[spot].replace(":", ": [", 1)
                case 2:
                    mangled.insert(spot, chance.choice(mangled))
                case _:
                    mangled[spot] = mangled[spot][: chance.randrange(len(mangled[spot]) + 1)]
        check_file(read("\n".join(mangled), "a.yaml"), KNOWN)


@pytest.mark.parametrize(
    "line",
    ["x", "{dely: 5}", "'{{ a%d }}'", "'{{ a%d b'", "{action: log.writ%d}", "{condition: compare}", "{if: x, then: y}"],
)
def test_a_rule_full_of_mistakes_gets_a_short_answer_soon(line: str) -> None:
    text = steps(*(f"- {line.replace('%d', str(number))}" for number in range(4000)))
    start = time.perf_counter()
    found = checked(text)

    assert time.perf_counter() - start < 2
    assert 100 < len(found.problems) < 105
    assert any(problem.code == "too-many-problems" for problem in found.problems)
    assert found.programs == ()


def test_a_file_full_of_broken_rules_gets_a_short_answer_and_may_hold_any_rule() -> None:
    found = checked("- {}\n" * 5000)

    assert found.unnamed
    assert found.problems[-1].code == "too-many-problems"
    assert len(found.problems) < 2000


def test_ids_are_made_of_letters_digits_and_underscores() -> None:
    assert slug("  Bestellung / Größe 12! ") == "bestellung_größe_12"
    assert slug("!!!") == ""


def test_a_hundred_rules_are_checked_in_a_blink() -> None:
    source = read(
        "".join(RULE.replace("import_errors", f"r{n}").replace("> 3", f"> {n}") for n in range(100)), "a.yaml"
    )
    start = time.perf_counter()

    assert len(check_file(source, KNOWN).programs) == 100
    assert time.perf_counter() - start < 1, "1,000 rules take about half a second"


KNOWING = Known(
    Registry.discover(["actions", "triggers"]),
    declared=frozenset({"input_boolean.holidays", "counter.orders", "input_datetime.closing"}),
)
ON_ENTITIES = """
- id: r
  triggers:
    - {trigger: state, entity_id: §, to: on}
    - {trigger: numeric_state, entity_id: counter.orders, above: §}
    - {trigger: time, at: ["09:00", §]}
    - {trigger: time, at: {entity_id: §, offset: 5}}
  conditions:
    - {condition: state, entity_id: ["{{ x }}", §], state: on}
    - {condition: time, after: §, before: "10:00"}
  actions: []
  variables: {x: sensor.x}
"""


def test_an_entity_that_nobody_declares_is_a_warning_with_near_names_wherever_it_is_named() -> None:
    found = checked(ON_ENTITIES.replace("§", "input_bolean.holidays"), KNOWING)
    said = [problem for problem in found.problems if problem.code == "unknown-entity"]
    assert {problem.message for problem in said} == {'there is no entity "input_bolean.holidays"'}
    assert {problem.remedy for problem in said} == {'did you mean "input_boolean.holidays"?'}
    assert [problem.place and problem.place.line for problem in said] == [4, 5, 6, 7, 9, 10]
    assert len(found.programs) == 1


@pytest.mark.parametrize("entity", ["input_boolean.holidays", "job.x1", "script.greet", "'{{ x }}'"])
def test_entities_that_are_declared_or_made_while_running_are_known(entity: str) -> None:
    problems = checked(ON_ENTITIES.replace("§", entity), KNOWING).problems
    assert not [problem for problem in problems if problem.code == "unknown-entity"]


def test_where_entities_are_not_known_they_are_not_judged() -> None:
    known = Known(KNOWING.registry)
    assert not checked(ON_ENTITIES.replace("§", "sensor.x"), known).problems


def test_of_several_entities_with_commas_each_is_judged() -> None:
    text = ON_ENTITIES.replace("entity_id: §", "entity_id: 'sensor.a, sensor.b'", 1).replace("§", "counter.orders")
    said = [problem for problem in checked(text, KNOWING).problems if problem.code == "unknown-entity"]
    assert [problem.message for problem in said] == ['there is no entity "sensor.a"', 'there is no entity "sensor.b"']


def test_an_entity_that_a_template_asks_for_by_name_is_judged_where_it_stands() -> None:
    text = """
- id: r
  triggers: []
  conditions: >-
    {{ states('counter.orders') | int > 5
       and is_state("input_boolean.holiday", 'off') and states('job.x') and states.counter.order.state }}
  actions: []
"""
    assert told(text, KNOWING) == [
        '6:22 unknown-entity there is no entity "input_boolean.holiday"; did you mean "input_boolean.holidays"?',
        '6:84 unknown-entity there is no entity "counter.order"; did you mean "counter.orders"?',
    ]
