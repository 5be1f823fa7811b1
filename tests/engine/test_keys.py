"""The keys of rules and steps together with scripts, blocks and waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.testing import START, World

RULE = """
rules:
  - id: r
    triggers: [{trigger: event, event_type: go}]
KEYS
    actions:
ACTIONS
scripts:
  s:
    fields: {n: {}}
    sequence:
SCRIPT
"""
HOLDERS = {
    "the rule": "      - STEP",
    "a sequence": "      - sequence: [STEP]",
    "if": '      - {if: "{{ true }}", then: [STEP]}',
    "choose": '      - {choose: [{conditions: "{{ true }}", sequence: [STEP]}]}',
    "repeat": "      - repeat: {count: 1, sequence: [STEP]}",
    "parallel": "      - parallel: [STEP, {delay: 1}]",
    "a script": "      - action: script.s",
    "parallel scripts": "      - parallel: [{action: script.s}, {delay: 1}]",
}
inside = pytest.mark.parametrize("holder", HOLDERS)


def rule(holder: str, step: str, keys: str = "", after: str = "") -> str:
    """A rule that does this step somewhere inside, or in a script that it calls."""
    actions = HOLDERS[holder].replace("STEP", step) + (f"\n      - {after}" if after else "")
    filled = RULE.replace("KEYS", keys).replace("ACTIONS", actions).replace("SCRIPT", f"      - {step}")
    return filled.replace("\n\n", "\n")


class Flaky:
    """Refuses so many times, then does it."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, data: Any) -> str | None:
        self.left -= 1
        return "busy" if self.left >= 0 else None


def names(world: World) -> list[str]:
    return [call.name for call in world.calls]


@inside
async def test_what_is_refused_is_tried_again_wherever_it_stands(holder: str) -> None:
    async with World() as world:
        world.stub("test.act", refuses=Flaky(2))
        await world.load({"r.yaml": rule(holder, "{action: test.act, retry: {attempts: 3, wait: 10}}")})
        await world.fire("go")
        assert len(world.calls) == 1
        await world.restart()
        await world.advance(20)
        assert [call.at - START for call in world.calls] == [timedelta(seconds=each) for each in (0, 10, 20)]
        assert world.runs("r")[0].outcome == "finished"


@inside
async def test_a_step_that_takes_too_long_is_over_wherever_it_stands(holder: str) -> None:
    async with World() as world:
        world.stub("test.act", takes=60)
        world.stub("test.error")
        step = "{action: test.act, timeout: 5}"
        await world.load({"r.yaml": rule(holder, step, "    on_error: [{action: test.error}]")})
        await world.fire("go")
        await world.restart()
        await world.advance(6)
        assert world.runs("r")[0].outcome in ("error", "unsure")
        assert names(world)[-1] == "test.error"


@inside
async def test_a_failure_reaches_on_error_and_finally_of_the_rule_from_wherever_it_comes(holder: str) -> None:
    async with World() as world:
        for name in ("test.error", "test.last"):
            world.stub(name)
        world.stub("test.act", refuses="no")
        keys = """    on_error: [{action: test.error, data: {message: "{{ error.message }}"}}]
    finally: [{action: test.last}]"""
        await world.load({"r.yaml": rule(holder, "{action: test.act}", keys)})
        await world.fire("go")
        await world.advance(2)
        assert names(world) == ["test.act", "test.error", "test.last"]
        assert "refused: no" in world.calls[1].data["message"]
        assert world.runs("r")[0].outcome == "error"


@inside
async def test_each_contact_waits_and_rests_for_itself_wherever_the_wait_stands(holder: str) -> None:
    async with World() as world:
        world.stub("test.act")
        keys = '    per: "{{ trigger.event.data.k }}"\n    cooldown: 100\n    mode: parallel'
        step = "{wait_for_trigger: {trigger: event, event_type: on}, timeout: 30}"
        await world.load({"r.yaml": rule(holder, step, keys, after="{action: test.act}")})
        for k in ("a", "b", "a"):
            await world.fire("go", {"k": k})
        await world.restart()
        await world.advance(200)
        assert len(world.calls) == 2
        await world.fire("go", {"k": "a"})
        await world.advance(30)
        outcomes = [run.outcome for run in world.runs("r")]
        assert outcomes == ["finished", "finished", "failed_cooldown", "finished"]


@inside
async def test_a_message_that_waited_too_long_expires_wherever_it_stands(holder: str) -> None:
    async with World() as world:
        data = "{to: '+919876543210', template: import_failed, body: ['1', x]}"
        text = rule(holder, f"{{action: whatsapp.send_template, data: {data}}}", "    valid_for: 60")
        await world.load({"r.yaml": text})
        world.simulator.faults.add({"kind": "status", "status": 429, "retry_after": 25, "times": 20})
        await world.fire("go")
        await world.advance(150)
        assert world.messages == []
        assert world.runs()[0].outcome == "expired" or world.runs("script.s")[0].outcome == "expired"


@inside
async def test_caps_hold_for_every_round_and_branch(holder: str) -> None:
    async with World() as world:
        world.stub("test.act")
        step = "{repeat: {count: 5, sequence: [{action: test.act, continue_on_error: true}]}}"
        text = rule(holder, step, "    max_sends: {hour: 3}")
        await world.load({"r.yaml": text.replace("  s:\n", "  s:\n    max_sends: {hour: 3}\n")})
        await world.fire("go")
        await world.restart()
        await world.advance(5)
        assert len(world.calls) == 3


async def test_a_script_that_fails_is_called_again_as_often_as_retry_says() -> None:
    async with World() as world:
        world.stub("test.act", refuses=Flaky(2))
        text = rule("the rule", "{action: test.act}").replace(
            "      - {action: test.act}\nscripts", "      - {action: script.s, retry: {attempts: 3, wait: 10}}\nscripts"
        )
        await world.load({"r.yaml": text})
        await world.fire("go")
        await world.restart()
        await world.advance(20)
        assert len(world.calls) == 3
        assert world.runs("r")[0].outcome == "finished"


async def test_a_script_that_takes_too_long_is_cancelled_with_what_it_waits_for() -> None:
    async with World() as world:
        world.stub("test.act")
        text = rule("the rule", "{delay: 60}").replace(
            "      - {delay: 60}\nscripts", "      - {action: script.s, timeout: 5}\nscripts"
        )
        await world.load({"r.yaml": text})
        await world.fire("go")
        await world.advance(5)
        assert [run.outcome for run in world.runs()] == ["error", "cancelled"]
        assert world.running("script.s") == 0


SENDS = "{action: whatsapp.send_template, data: {to: '+919876543210', template: import_failed, body: ['1', x]}}"


@inside
async def test_a_message_keeps_to_the_quiet_hours_of_the_rule_wherever_it_stands(holder: str) -> None:
    async with World() as world:
        quiet = '    quiet_hours: {from: "08:00", to: "10:00", zone: rule}'
        await world.load({"r.yaml": rule(holder, SENDS, quiet)})
        await world.fire("go")
        await world.advance(3_000)
        await world.restart()
        assert world.messages == []
        await world.advance(700)
        assert len(world.messages) == 1
        assert {run.outcome for run in world.runs()} == {"finished"}


async def test_what_a_script_says_itself_counts_more_than_what_its_caller_says() -> None:
    async with World() as world:
        text = rule("a script", SENDS, '    quiet_hours: {from: "08:00", to: "10:00", zone: rule}')
        own = '  s:\n    quiet_hours: {from: "20:00", to: "22:00", zone: rule}\n'
        await world.load({"r.yaml": text.replace("  s:\n", own)})
        await world.fire("go")
        assert len(world.messages) == 1
