"""The trigger on other rules: one of their runs has ended."""

from __future__ import annotations

import pytest

from engine.testing import World
from engine.values import Json
from tests.triggers.listening import heard

OTHER = """
- id: other
  triggers: [{trigger: event, event_type: go}]
  §
"""
LISTENER = """
- id: r
  triggers: [{trigger: rule, rule: §, outcome: [finished, failed, refused, skipped, expired, unsure, cancelled]}]
  mode: parallel
  actions: [{action: test.heard, data: {trigger: "{{ trigger }}"}}]
"""
WAITS = "actions: [{delay: 60}]"


async def world(w: World, other: str, follows: str = "other") -> None:
    w.stub("test.heard")
    await w.load({"a.yaml": OTHER.replace("§", other), "b.yaml": LISTENER.replace("§", follows)})
    assert {"other", "r"} <= set(w.engine.programs), w.problems


def told(w: World) -> list[tuple[Json, Json]]:
    return [(each["outcome"], each["reason"]) for each in heard(w)]


@pytest.mark.parametrize(
    ("other", "outcome", "reason"),
    [
        ('actions: [{stop: "all sold"}]', "finished", "all sold"),
        ('actions: [{stop: "no stock", error: true}]', "failed", "no stock"),
        ("actions: [{action: test.refusing}]", "failed", "test.refusing"),
        ('actions: [{delay: 1}]\n  conditions: "{{ false }}"', "skipped", "false"),
        ("actions: [{action: test.lost}]", "unsure", ""),
    ],
)
@pytest.mark.parametrize("follows", ["other", "any", "[nobody, other]"])
async def test_it_tells_how_a_run_of_another_rule_ended_and_why(
    other: str, outcome: str, reason: str, follows: str
) -> None:
    async with World() as w:
        w.stub("test.refusing", refuses="test.refusing is closed")
        w.stub("test.lost", crashes=True)
        await world(w, other, follows)
        await w.fire("go")
        await w.advance(3600)
        found = [each for each in heard(w) if each["rule"] == "other"]
        assert [each["outcome"] for each in found] == [outcome]
        assert reason.lower() in found[0]["reason"].lower()
        assert found[0]["run"] in [run.id for run in await w.journal.runs(rule="other", limit=9)]


async def test_it_tells_who_was_refused_and_who_was_cancelled() -> None:
    async with World() as w:
        await world(w, WAITS + "\n  mode: single")
        await w.fire("go")
        await w.fire("go")
        assert [outcome for outcome, _ in told(w)] == ["refused"]
        await w.turn_off("other")
        assert [outcome for outcome, _ in told(w)] == ["refused", "cancelled"]


async def test_a_cooldown_refuses_as_well() -> None:
    async with World() as w:
        await world(w, "actions: [{stop: a}]\n  cooldown: 60")
        await w.fire("go")
        await w.fire("go")
        assert [outcome for outcome, _ in told(w)] == ["finished", "refused"]


async def test_only_the_outcomes_that_are_asked_for_fire() -> None:
    async with World() as w:
        w.stub("test.heard")
        listener = LISTENER.replace("§", "other").replace("[finished, failed, ", "[")
        await w.load({"a.yaml": OTHER.replace("§", "actions: [{stop: a}]"), "b.yaml": listener})
        await w.fire("go")
        assert not heard(w)


async def test_a_run_that_ends_right_before_a_restart_is_told_once() -> None:
    async with World() as w:
        await world(w, WAITS)
        await w.fire("go")
        await w.restart()
        await w.advance(60)
        await w.restart()
        assert [outcome for outcome, _ in told(w)] == ["finished"]


async def test_no_rule_hears_of_its_own_end() -> None:
    async with World() as w:
        await world(w, "actions: [{stop: a}]", "any")
        await w.fire("go")
        assert [each["rule"] for each in heard(w)] == ["other"]
        assert len(w.runs("r")) == 1


async def test_rules_that_follow_each_other_are_stopped() -> None:
    async with World() as w:
        await w.load(
            {
                "a.yaml": OTHER.replace("§", "actions: [{stop: a}]")
                + "- id: x\n  triggers: [{trigger: rule, rule: [other, y], outcome: finished}]\n  actions: {stop: a}\n"
                + "- id: y\n  triggers: [{trigger: rule, rule: any, outcome: [finished, failed, refused]}]\n"
                + "  actions: [{stop: a}]\n"
            }
        )
        await w.fire("go")
        runs = [run.outcome for run in w.runs()]
        assert runs.count("finished") <= 8
        assert "disallowed_recursion_detected" in runs


async def test_that_a_run_was_refused_for_going_in_circles_is_told_to_nobody() -> None:
    ends: list[Json] = []
    async with World() as w:
        rules = "".join(
            f"- id: {one}\n  triggers: {{trigger: rule, rule: any, outcome: finished}}\n  actions: [{{stop: a}}]\n"
            for one in "xy"
        )
        await w.load({"a.yaml": OTHER.replace("§", "actions: [{stop: a}]"), "b.yaml": rules})
        w.engine.matcher.on_fact = lambda fact: ends.append(fact.data["outcome"]) if fact.kind == "ended" else None
        await w.fire("go")
        assert "disallowed_recursion_detected" in [run.outcome for run in w.runs()]
        assert set(ends) == {"finished"}


async def test_several_ends_count() -> None:
    text = (
        "- id: r\n  triggers: {trigger: count, of: {trigger: rule, rule: other, outcome: failed},"
        ' times: 3, within: 600}\n  actions: [{stop: "{{ trigger.events | length }}"}]\n'
    )
    async with World() as w:
        await w.load({"a.yaml": OTHER.replace("§", "actions: [{stop: a, error: true}]"), "b.yaml": text})
        for _ in range(3):
            await w.fire("go")
        assert [run.reason for run in w.runs("r")] == ["3"]


async def test_a_run_waits_for_another_rule() -> None:
    text = """
- id: r
  triggers: [{trigger: event, event_type: begin}]
  actions:
    - wait_for_trigger: {trigger: rule, rule: other, outcome: finished}
    - stop: "{{ wait.trigger.reason }}"
"""
    async with World() as w:
        await w.load({"a.yaml": OTHER.replace("§", "actions: [{stop: sold}]"), "b.yaml": text})
        await w.fire("begin")
        await w.restart()
        await w.fire("go")
        assert [run.reason for run in w.runs("r")] == ["sold"]
