from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.registry import Registry
from engine.rules.schema import published
from engine.source import read
from tests.engine.rules.plugins import REGISTRY, checked

SCHEMA = published(REGISTRY)
TRIGGER = "{trigger: job.entries, job: x, status: ERROR, above: 5}"


def rule(step: str, trigger: str = TRIGGER, conditions: str = "[]") -> str:
    return f"- id: a\n  triggers: [{trigger}]\n  conditions: {conditions}\n  actions:\n    - {step}\n"


def accepts(text: str) -> bool:
    value: Any = read(text, "a.yaml").value
    return not any(Draft202012Validator(SCHEMA).iter_errors(value))


RIGHT = [
    rule("{action: message.send, data: {to: '+919876543210', text: x}, retry: 3, timeout: '00:10'}"),
    rule("{action: message.send, data: {to: ['{{ x }}', '+919876543210'], text: '{{ y }}'}, retry: {attempts: 2}}"),
    rule("{delay: {minutes: 5}}", trigger="{trigger: job.entries, job: x, status: '{{ s }}', above: '{{ 5 }}', id: x}"),
    rule("'{{ true }}'", conditions="'{{ true }}'"),
    rule("{if: '{{ true }}', then: {delay: 5}, else: [{stop: x}]}", conditions="[{or: ['{{ true }}']}]"),
    rule("{choose: {conditions: {condition: trigger, id: a}, sequence: []}, default: []}"),
    rule("{condition: compare, value: '{{ x }}', above: 5}"),
    rule("{variables: {a: 1}}"),
    rule("{event: a, event_data: {b: 1}}"),
    "counter: {a: , b: {step: 2}}\ninput_number: {c: {min: 0, max: 5}}\ntimer: {d: {duration: '00:05'}}\n",
    "sensors: {a: {state: '{{ 5 }}', attributes: {b: '{{ 6 }}'}}}\nrules: []\n",
    "sensors: [{name: A, poll: {action: message.send, data: {to: '+919876543210', text: x}}, value: '{{ 5 }}'}]\n",
    "template: [{sensor: [{name: A, state: '{{ 5 }}'}]}, {sensor: {name: B, state: x}}]\n",
]
WRONG = [
    "counter: {a: {setp: 2}}\n",
    "counter: [a]\n",
    "input_number: {c: {min: 0}}\n",
    "sensors: {a: {poll: {action: message.send, data: {too: x}}, value: x}}\n",
    "template: [{light: []}]\n",
    rule("{action: message.sent}"),
    rule("{action: message.send, data: {too: x}}"),
    rule("{dely: 5}"),
    rule("{delay: 5, enabld: x}"),
    rule("{if: '{{ true }}'}"),
    rule("{delay: 5}", trigger="{trigger: job.entrie}"),
    rule("{delay: 5}", trigger="{trigger: job.entries, job: x, status: EROR, above: 5}"),
    rule("{delay: 5}", trigger="{trigger: job.entries, job: x, status: ERROR, abov: 5}"),
    rule("{delay: 5}", conditions="[{condition: compar}]"),
    "- id: a\n",
    "ruls: 5",
]


@pytest.mark.parametrize(
    "text",
    [
        "- id: a\n  use_blueprint: {path: a.yaml, input: {x: 5}}\n",
        "id: a\nmode: single\nuse_blueprint: {path: a.yaml}\n",
        "blueprint: {name: A, domain: automation}\n",
        "blueprint: {name: A, domain: script, input: {a: , b: {selector: {number: {min: 1}}}}}\nsequence: []\n",
        "blueprint: {name: A, domain: automation, input: {s: {collapsed: yes, input: {a: {selector: {text: }}}}}}\n",
    ],
)
def test_editors_know_blueprints_and_the_rules_that_use_them(text: str) -> None:
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "- id: a\n  use_blueprint: {paht: a.yaml}\n",
        "- id: a\n  use_blueprint: {path: a.yaml}\n  moed: single\n",
        "blueprint: {name: A}\n",
        "blueprint: {name: A, domain: rule}\n",
        "blueprint: {name: A, domain: automation, input: {a: 5}}\n",
        "blueprint: {name: A, domain: automation, input: {a: {defalt: 5}}}\n",
        "blueprint: {name: A, domain: automation, input: {a: {selector: {txt: }}}}\n",
        "blueprint: {name: A, domain: automation, input: {s: {input: {a: {defalt: 5}}}}}\n",
    ],
)
def test_editors_refuse_mistakes_of_blueprints(text: str) -> None:
    assert not accepts(text)


@pytest.mark.parametrize("text", RIGHT)
def test_editors_accept_what_the_checker_accepts(text: str) -> None:
    assert accepts(text)
    assert not [
        problem for problem in checked(text).problems if problem.code not in ("undefined-name", "unknown-trigger-id")
    ]


@pytest.mark.parametrize("text", WRONG)
def test_editors_refuse_what_the_checker_refuses(text: str) -> None:
    assert not accepts(text)
    assert checked(text).problems


def test_a_file_may_be_a_list_or_a_mapping_with_rules() -> None:
    for key in ("rules", "automation"):
        assert accepts(f"{key}:\n{RIGHT[0]}")
        assert not accepts(f"{key}:\n{WRONG[2]}")


def test_the_schema_is_valid_and_the_same_every_time() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert json.dumps(published(REGISTRY)) == json.dumps(SCHEMA)
    turned = Registry(
        dict(reversed(list(REGISTRY.actions.items()))),
        dict(reversed(list(REGISTRY.triggers.items()))),
        REGISTRY.connections,
    )
    assert json.dumps(published(turned)) == json.dumps(SCHEMA)


def test_every_key_has_words_for_the_reader() -> None:
    rule_keys = SCHEMA["$defs"]["rule"]["else"]["properties"]

    assert all(each["description"] for each in rule_keys.values())
    assert "literally" not in json.dumps(SCHEMA)
    assert '"of"' not in json.dumps(SCHEMA)


def test_a_value_or_a_template_of_it_is_one_shared_kind() -> None:
    text = json.dumps(SCHEMA)
    references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}

    assert references <= SCHEMA["$defs"].keys()
    assert text.count('"title": "a template"') <= 3
