"""What a run's trace holds (section 12): the path of every step, in the words of the rule itself, with its values."""

from __future__ import annotations

import pytest

from tests.conformance.observed import rule, seen

SAY = "{action: test.act, data: {v: 1}}"


@pytest.mark.parametrize(
    ("actions", "path"),
    [
        (SAY, "action/0"),
        (f"- if: '{{{{ true }}}}'\n  then: [{SAY}]", "action/0/then/0"),
        (f"- if: '{{{{ false }}}}'\n  then: []\n  else: [{SAY}]", "action/0/else/0"),
        (f"- delay: 0\n- choose: [{{conditions: [], sequence: [{SAY}]}}]", "action/1/choose/0/sequence/0"),
        (f"- choose: []\n  default: [{SAY}]", "action/0/default/0"),
        (f"- repeat: {{count: 1, sequence: [{SAY}]}}", "action/0/repeat/sequence/0"),
        (f"- parallel: [{{delay: 0}}, {SAY}]", "action/0/parallel/1/sequence/0"),
        (f"- sequence: [{{delay: 0}}, {SAY}]", "action/0/sequence/1"),
    ],
)
async def test_a_step_is_found_by_its_path(actions: str, path: str) -> None:
    (run,) = (await seen(rule(actions))).runs
    steps = [step for step in run.steps if step.kind == "test.act"]
    assert [(step.path, step.result) for step in steps] == [(path, "asked"), (path, "accepted")]
    assert steps[0].values["v"] == 1


async def test_of_a_step_that_is_repeated_the_last_twenty_lines_are_kept() -> None:
    actions = "- repeat: {count: 30, sequence: [{variables: {n: '{{ repeat.index }}'}}]}"
    (run,) = (await seen(rule(actions))).runs
    values = [step.values for step in run.steps if step.kind == "variables"]
    assert values == [{"n": number} for number in range(11, 31)]


async def test_a_step_that_fails_says_where_and_why() -> None:
    (run,) = (await seen(rule("- sequence: [{delay: 0}, {action: test.bad}]"))).runs
    failed = [step for step in run.steps if step.result == "failed"]
    assert [(step.path, "it does not work" in step.reason) for step in failed] == [("action/0/sequence/1", True)]
    assert "it does not work" in run.reason


async def test_conditions_say_why_they_do_not_hold() -> None:
    (run,) = (await seen(rule("[]", "conditions: '{{ trigger.event.event_type == \"x\" }}'"))).runs
    assert [(step.path, step.result) for step in run.steps] == [("condition", "do not hold")]
    assert run.reason == run.steps[0].reason
