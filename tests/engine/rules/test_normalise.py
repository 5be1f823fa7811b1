from __future__ import annotations

from typing import Any

import pytest

from engine.rules.normalise import declared_in, normalised, rules_in
from engine.source import read


def draft(text: str) -> Any:
    return normalised(read(text, "a.yaml").value, ("rules", 0))


def body(text: str) -> Any:
    found = draft(text)
    assert found.faults == []
    return found.body


def faults(text: str) -> list[tuple[Any, ...]]:
    return [(fault.path[2:], fault.code) for fault in draft(text).faults]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("- a: 1\n- b: 2\n", [(0,), (1,)]),
        ("rules:\n- a: 1\n", [("rules", 0)]),
        ("automation:\n  alias: x\n", [("automation",)]),
        ("automation morning:\n- a: 1\nrules:\n", [("automation morning", 0)]),
        ("triggers: []\nactions: []\n", [()]),
    ],
)
def test_a_file_is_a_list_of_rules_or_a_mapping_or_one_rule(text: str, paths: list[Any]) -> None:
    rules, wrong = rules_in(read(text, "a.yaml").value)

    assert [written.path for written in rules] == paths
    assert wrong == []


def test_what_comes_later_is_told_from_what_is_unknown() -> None:
    _, wrong = rules_in(read("input_select: {}\nruls: []\n", "a.yaml").value)

    assert [(fault.code, fault.path) for fault in wrong] == [
        ("not-yet", ("input_select",)),
        ("unknown-key", ("ruls",)),
    ]
    assert wrong[1].remedy == 'did you mean "rules"?'
    assert rules_in("text")[1][0].code == "wrong-type"


def test_a_file_declares_entities_by_kind_and_name() -> None:
    text = (
        "counter: {orders: {step: 2}, plain: }\n"
        "sensors: {open_orders: {state: x}}\n"
        "template:\n  - sensor:\n      - {name: Open orders now, state: x}\n  - sensor: {name: Two, state: x}\n"
    )
    found, wrong = rules_in(read(text, "a.yaml").value)

    assert wrong == []
    assert [(each.sort, each.name, each.path) for each in found] == [
        ("entity", "counter.orders", ("counter", "orders")),
        ("entity", "counter.plain", ("counter", "plain")),
        ("entity", "sensor.open_orders", ("sensors", "open_orders")),
        ("entity", "sensor.open_orders_now", ("template", 0, "sensor", 0)),
        ("entity", "sensor.two", ("template", 1, "sensor")),
    ]
    assert found[1].raw == {}
    listed = rules_in(read("sensors: [{name: A b, state: x}]", "a.yaml").value)[0]
    assert [(each.name, each.path) for each in listed] == [("sensor.a_b", ("sensors", 0))]
    assert "counter.orders" in declared_in(read(text, "a.yaml").value)


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("counter: [a]", "wrong-type", ("counter",)),
        ("counter: {Orders: }", "bad-name", ("counter", "Orders")),
        ("sensors: [{state: x}]", "missing-key", ("sensors", 0)),
        ("sensors: 5", "wrong-type", ("sensors",)),
        ("template: [5]", "wrong-type", ("template", 0)),
        ("template: {binary_sensor: []}", "not-yet", ("template", "binary_sensor")),
        ("template: {light: []}", "needs-devices", ("template", "light")),
    ],
)
def test_what_is_declared_in_another_form_is_told(text: str, code: str, path: tuple[object, ...]) -> None:
    ((fault,),) = [rules_in(read(text, "a.yaml").value)[1]]
    assert (fault.code, fault.path) == (code, path)


def test_older_spellings_become_the_newest_and_keep_their_places() -> None:
    found = draft(
        "alias: x\n"
        "trigger:\n  platform: time\n  at: 09:00\n"
        "condition: '{{ true }}'\n"
        "action:\n  service: log.write\n  data_template: {message: hi}\n"
    )

    assert found.faults == []
    assert found.body == {
        "alias": "x",
        "triggers": [{"trigger": "time", "with": {"at": "09:00"}}],
        "conditions": [{"condition": "template", "value_template": "{{ true }}"}],
        "actions": [{"do": "action", "action": "log.write", "data": {"message": "hi"}}],
    }
    assert found.written_at(("triggers", 0, "with", "at")) == ("rules", 0, "trigger", "at")
    assert found.written_at(("triggers", 0, "trigger")) == ("rules", 0, "trigger", "platform")
    assert found.written_at(("conditions", 0, "value_template")) == ("rules", 0, "condition")
    assert found.written_at(("actions", 0, "action")) == ("rules", 0, "action", "service")
    assert found.written_at(("actions", 0, "data", "message")) == ("rules", 0, "action", "data_template", "message")
    assert found.written_at(("alias",)) == ("rules", 0, "alias")


def test_nothing_after_a_key_is_an_empty_list_or_no_key() -> None:
    found = draft("description:\ntriggers:\nconditions:\nactions:\nmode:\n")

    assert found.body == {"triggers": [], "conditions": [], "actions": []}
    assert [(fault.path[2:], fault.severity) for fault in found.faults] == [
        (("triggers",), "warning"),
        (("actions",), "warning"),
    ]


def test_both_spellings_are_a_fault_with_both_places() -> None:
    (fault,) = draft("trigger: []\ntriggers: []\n").faults

    assert (fault.code, fault.path[2:], fault.also) == (
        "given-twice",
        ("trigger",),
        ((("rules", 0, "triggers"), "and here"),),
    )
    assert faults("actions: [{service: a, action: b}]") == [(("actions", 0, "service"), "given-twice")]


def test_a_list_of_triggers_inside_the_list_is_laid_flat() -> None:
    found = draft("triggers:\n- triggers: [{trigger: a}, {trigger: b}]\n- trigger: c\n")

    assert [each["trigger"] for each in found.body["triggers"]] == ["a", "b", "c"]
    assert found.written_at(("triggers", 1, "trigger")) == ("rules", 0, "triggers", 0, "triggers", 1, "trigger")
    assert found.written_at(("triggers", 2, "trigger")) == ("rules", 0, "triggers", 1, "trigger")


def test_common_keys_of_a_trigger_stand_beside_its_own() -> None:
    (trigger,) = body("triggers: {trigger: a, id: x, enabled: no, at: 5, alias: }")["triggers"]

    assert trigger == {"trigger": "a", "id": "x", "enabled": "no", "with": {"at": 5}}


def test_short_conditions_become_long_ones() -> None:
    found = draft("conditions:\n- or: ['{{ a }}', {not: '{{ b }}'}]\n  alias: x\n- condition: '{{ c }}'\n")

    assert found.faults == []
    assert found.body["conditions"] == [
        {
            "alias": "x",
            "condition": "or",
            "conditions": [
                {"condition": "template", "value_template": "{{ a }}"},
                {"condition": "not", "conditions": [{"condition": "template", "value_template": "{{ b }}"}]},
            ],
        },
        {"condition": "template", "value_template": "{{ c }}"},
    ]
    assert found.written_at(("conditions", 0, "conditions", 1, "conditions", 0, "value_template"))[2:] == (
        "conditions",
        0,
        "or",
        1,
        "not",
    )
    assert found.written_at(("conditions", 1, "value_template"))[2:] == ("conditions", 1, "condition")


def test_long_logic_and_trigger_ids_are_normalised_too() -> None:
    found = body(
        "conditions:\n- {condition: and, conditions: '{{ a }}'}\n- {condition: trigger, id: [a, 1], alias: }\n"
    )

    assert found["conditions"][0]["conditions"] == [{"condition": "template", "value_template": "{{ a }}"}]
    assert found["conditions"][1] == {"condition": "trigger", "id": ["a", "1"]}
    assert body("conditions: {condition: trigger, id: a}")["conditions"][0]["id"] == ["a"]


def test_conditions_among_the_steps_belong_to_a_step() -> None:
    found = body(
        "actions:\n- '{{ a }}'\n- {condition: trigger, id: x, alias: y}\n- {and: [], continue_on_error: true}\n"
    )

    assert found["actions"] == [
        {"do": "condition", "condition": {"condition": "template", "value_template": "{{ a }}"}},
        {"do": "condition", "alias": "y", "condition": {"condition": "trigger", "id": ["x"]}},
        {"do": "condition", "continue_on_error": True, "condition": {"condition": "and", "conditions": []}},
    ]


def test_blocks_of_steps_are_normalised_to_any_depth() -> None:
    found = draft(
        "actions:\n"
        "- if: '{{ a }}'\n"
        "  then: {choose: {conditions: '{{ b }}', sequence: {delay: 5}}, default: {stop: }}\n"
        "  else: []\n"
    )

    assert found.faults == []
    assert found.body["actions"] == [
        {
            "do": "if",
            "if": [{"condition": "template", "value_template": "{{ a }}"}],
            "then": [
                {
                    "do": "choose",
                    "choose": [
                        {
                            "conditions": [{"condition": "template", "value_template": "{{ b }}"}],
                            "sequence": [{"do": "delay", "delay": 5}],
                        }
                    ],
                    "default": [{"do": "stop", "stop": ""}],
                }
            ],
            "else": [],
        }
    ]
    at = ("actions", 0, "then", 0, "choose", 0, "sequence", 0, "delay")
    assert found.written_at(at)[2:] == ("actions", 0, "then", "choose", "sequence", "delay")


def test_a_number_of_attempts_becomes_a_mapping() -> None:
    found = draft("actions: [{action: a, retry: 3, data: }]")

    assert found.body["actions"] == [{"do": "action", "action": "a", "retry": {"attempts": 3}}]
    assert found.written_at(("actions", 0, "retry", "attempts"))[2:] == ("actions", 0, "retry")


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ("triggers: [x]", ("triggers", 0), "wrong-type"),
        ("triggers: [{at: 5}]", ("triggers", 0), "missing-key"),
        ("triggers: [{triger: time}]", ("triggers", 0, "triger"), "unknown-key"),
        ("triggers: [{device_id: a}]", ("triggers", 0, "device_id"), "needs-devices"),
        ("conditions: [x]", ("conditions", 0), "wrong-type"),
        ("conditions: [{conditon: a}]", ("conditions", 0, "conditon"), "unknown-key"),
        ("conditions: [{above: 5}]", ("conditions", 0), "missing-key"),
        ("conditions: [{device_id: 5}]", ("conditions", 0, "device_id"), "needs-devices"),
        ("conditions: [{and: [], or: []}]", ("conditions", 0), "missing-key"),
        ("actions: [x]", ("actions", 0), "wrong-type"),
        ("actions: [{dely: 5}]", ("actions", 0, "dely"), "unknown-key"),
        ("actions: [{zzz: 5}]", ("actions", 0), "unknown-step"),
        ("actions: [{set_conversation_response: x}]", ("actions", 0, "set_conversation_response"), "not-yet"),
        ("actions: [{scene: x}]", ("actions", 0, "scene"), "needs-devices"),
        ("actions: [{action: a, target: {area_id: x}}]", ("actions", 0, "target", "area_id"), "needs-devices"),
        ("actions: [{action: a, delay: 5}]", ("actions", 0, "delay"), "two-steps-in-one"),
        ("actions: [{choose: [x]}]", ("actions", 0, "choose", 0), "wrong-type"),
    ],
)
def test_what_cannot_be_understood_is_a_fault_at_its_place(text: str, path: tuple[Any, ...], code: str) -> None:
    assert faults(text) == [(path, code)]


def test_a_value_that_cannot_be_a_list_is_left_to_the_judge() -> None:
    assert body("triggers: 5")["triggers"] == 5


def test_a_rule_that_is_no_mapping_is_a_fault() -> None:
    assert draft("just text").faults[0].message == 'the rule is the text "just text"'
