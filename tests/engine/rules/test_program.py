from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.problem import ProblemError
from engine.records import ProgramRecord
from engine.registry import Registry
from engine.rules.model import Program
from engine.rules.program import program_from_record, starts_on
from tests.engine.rules.plugins import REGISTRY, Entries, checked

ENTRIES = "{trigger: job.entries, job: x, status: ERROR, above: 5%s}"


def program(text: str) -> Program:
    found = checked(text)
    assert [problem for problem in found.problems if problem.severity == "error"] == []
    return found.programs[0]


def rule(*triggers: str, actions: str = "[]", more: str = "") -> Program:
    return program(f"- id: a\n  triggers: [{', '.join(triggers)}]\n  actions: {actions}\n{more}")


def record(kept: Program) -> ProgramRecord:
    body: Any = json.loads(json.dumps(kept.body))
    return ProgramRecord(kept.hash, kept.rule, body, kept.file, kept.line, kept.text, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_program_comes_back_from_its_record_as_it_was() -> None:
    kept = rule(ENTRIES % ", id: x, variables: {y: 1}", ENTRIES % ", enabled: no")
    again = program_from_record(record(kept), REGISTRY)

    assert (again.hash, again.rule, again.alias, again.body, again.text) == (kept.hash, "a", "a", kept.body, kept.text)
    assert [use.key for use in again.triggers] == [use.key for use in kept.triggers] == ["x"]
    assert isinstance(again.triggers[0].plugin, Entries)


def test_a_program_whose_plugin_is_gone_or_changed_is_a_problem() -> None:
    kept = record(rule(ENTRIES % ""))

    with pytest.raises(ProblemError, match="cannot be used any more"):
        program_from_record(kept, Registry())
    kept.body["triggers"][0]["with"] = {"job": "x"}
    with pytest.raises(ProblemError, match="status is missing"):
        program_from_record(kept, REGISTRY)


def test_remarks_do_not_change_the_hash_and_content_does() -> None:
    plain = rule(ENTRIES % "")

    assert rule(ENTRIES % ", note: hi", more="  note: x\n  trace: {stored_traces: 5}\n").hash == plain.hash
    assert rule(ENTRIES % "", more="  max: 5\n").hash != plain.hash


def test_older_names_of_plugins_become_the_present_ones() -> None:
    old = rule(
        "{trigger: job.entry_count, job: x, status: ERROR, above: 5}",
        actions="[{action: message.old_send, data: {to: '+919876543210', text: x}, metadata: {}}]",
    )

    assert old.body["triggers"][0]["trigger"] == "job.entries"
    assert old.body["actions"] == [
        {"do": "action", "action": "message.send", "data": {"to": "+919876543210", "text": "x"}}
    ]


def test_a_trigger_is_its_id_or_else_its_content_wherever_it_stands() -> None:
    one, two = ENTRIES % "", ENTRIES % ", below: 9"

    first, second = rule(one, two).triggers
    again_second, again_first = rule(two, one).triggers

    assert (first.key, second.key) == (again_first.key, again_second.key)
    assert first.key != second.key
    assert rule(ENTRIES % ", id: x").triggers[0].key == "x"


def test_triggers_that_share_an_id_or_are_the_same_are_told_apart() -> None:
    keys = [
        use.key for use in rule(ENTRIES % ", id: x", ENTRIES % ", id: x, below: 9", ENTRIES % "", ENTRIES % "").triggers
    ]

    assert len(set(keys)) == 4
    assert [key.startswith("x.") for key in keys] == [True, True, False, False]
    assert keys[3] == f"{keys[2]}.2"


@pytest.mark.parametrize(
    ("more", "on"),
    [
        ("  initial_state: false\n", False),
        ("  initial_state: no\n", False),
        ("  initial_state: 'off'\n", False),
        ("  initial_state: true\n", True),
        ("  initial_state: yes\n", True),
        ("", None),
    ],
)
def test_a_file_may_say_whether_a_rule_is_on_at_every_start(more: str, on: bool | None) -> None:
    kept = rule(ENTRIES % "", more=more)
    assert starts_on(kept.body) is on
    assert len(program_from_record(record(kept), REGISTRY).triggers) == 1


def test_a_trigger_that_is_off_is_left_out_and_the_others_keep_their_index() -> None:
    (use,) = rule(ENTRIES % ", enabled: off", ENTRIES % ", below: 9, enabled: '{{ 1 == 1 }}'").triggers

    assert (use.index, use.id) == (1, "1")


def test_secrets_stay_references() -> None:
    found = rule(actions="[{action: host.call, data: {host: shop.example, headers: {a: !secret token}}}]")

    assert found.body["actions"][0]["data"]["headers"] == {"a": {"!secret": "token"}}


def test_blocks_keep_their_canonical_form() -> None:
    found = rule(
        actions="""
    - if: "{{ true }}"
      note: a remark
      then: {choose: {conditions: "{{ true }}", sequence: {delay: 5, note: x}}, default: {stop: }}
    - {condition: and, conditions: ["{{ true }}"], note: x}
    - {action: log.write, data: {message: x}}
""",
        more="  on_error: {stop: x}\n  initial_state: false\n",
    )
    holds = {"condition": "template", "value_template": "{{ true }}"}

    assert found.body["actions"] == [
        {
            "do": "if",
            "if": [holds],
            "then": [
                {
                    "do": "choose",
                    "choose": [{"conditions": [holds], "sequence": [{"do": "delay", "delay": 5}]}],
                    "default": [{"do": "stop", "stop": ""}],
                }
            ],
        },
        {"do": "condition", "condition": {"condition": "and", "conditions": [holds]}},
        {"do": "action", "action": "log.write", "data": {"message": "x"}},
    ]
    assert found.body["on_error"] == [{"do": "stop", "stop": "x"}]
    assert found.body["initial_state"] is False
    assert {"id", "alias", "mode", "triggers", "conditions", "actions", "variables"} <= found.body.keys()
