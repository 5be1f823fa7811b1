"""`digest`: events are gathered, and one run handles them all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.runs.digest import LARGEST
from engine.testing import World
from engine.values import Fact, Json

START = datetime(2026, 3, 2, 9, 7, 30, tzinfo=UTC)
RULE = """
- id: r
  digest: {digest}
  triggers: [{{trigger: event, event_type: go}}]
  conditions: "{{{{ trigger.event.data.n > 0 }}}}"
{keys}
  actions:
    - action: test.act
      data:
        count: "{{{{ trigger.count }}}}"
        n: "{{{{ trigger.events | map(attribute='event.data.n') | list }}}}"
        now: "{{{{ now().strftime('%d %H:%M:%S') }}}}"
"""


def world(zone: str = "UTC") -> World:
    return World(start=START, time_zone=zone)


async def begun(world: World, digest: str = "{for: 60}", keys: str = "") -> None:
    world.stub("test.act")
    await world.load({"rules.yaml": RULE.format(digest=digest, keys=keys)})


async def fire(world: World, *numbers: int) -> None:
    for n in numbers:
        await world.fire("go", {"n": n, "k": n % 2})


def told(world: World) -> list[list[int]]:
    return [call.data["n"] for call in world.calls]


async def test_one_run_handles_what_was_gathered_in_a_time_from_the_first_event_on() -> None:
    async with world() as w:
        await begun(w)
        await fire(w, 1, 2)
        await w.advance(59)
        await fire(w, 3)
        assert w.calls == []
        await w.advance(1)
        assert told(w) == [[1, 2, 3]]
        await fire(w, 4)
        await w.advance(60)
        assert told(w) == [[1, 2, 3], [4]]
        assert [run.outcome for run in w.runs("r")] == ["finished", "finished"]


@pytest.mark.parametrize(
    ("digest", "zone", "at"),
    [
        ("{every: {minutes: 15}}", "UTC", "02 09:15:00"),
        ("{every: {hours: 1}}", "Asia/Kolkata", "02 15:00:00"),
        ("{every: {hours: 10}}", "UTC", "02 10:00:00"),
        ("{every: {hours: 48}}", "UTC", "03 00:00:00"),
        ('{at: "18:00"}', "Asia/Kolkata", "02 18:00:00"),
        ('{at: ["08:00", "18:30"]}', "UTC", "02 18:30:00"),
        ('{at: "09:00"}', "UTC", "03 09:00:00"),
        ('{for: "{{ 45 + 45 }}"}', "UTC", "02 09:09:00"),
    ],
)
async def test_when_it_is_time(digest: str, zone: str, at: str) -> None:
    async with world(zone) as w:
        await begun(w, digest)
        await fire(w, 1)
        await w.advance(86_400)
        assert [call.data["now"] for call in w.calls] == [at]


async def test_conditions_are_looked_at_for_each_event_when_it_comes() -> None:
    async with world() as w:
        await begun(w)
        await fire(w, 1, 0, 2)
        await w.advance(60)
        assert told(w) == [[1, 2]]
        assert sorted(run.outcome for run in w.runs("r")) == ["failed_conditions", "finished"]
        lines = [(step.result, step.reason) for step in w.runs("r")[0].steps if step.path == "digest"]
        assert lines[0] == ("waiting", "gathers until 2026-03-02 09:08:30")
        assert [reason.split(";")[0] for result, reason in lines if result == "gathered"] == ["event 1", "event 2"]
        seen = [step.values["event"]["data"]["n"] for step in w.runs("r")[0].steps if step.result == "gathered"]
        assert seen == [1, 2]
        assert lines[-1] == ("begins", "the time is up; 2 events")


async def test_a_full_digest_is_handled_at_once_and_the_next_one_has_a_time_of_its_own() -> None:
    async with world() as w:
        await begun(w, "{for: 60, max: 2}")
        await w.advance(1)
        await fire(w, 1, 2, 3)
        assert told(w) == [[1, 2]]
        await w.advance(60)
        assert told(w) == [[1, 2], [3]]


async def test_a_digest_of_large_events_is_full_before_it_is_too_large_for_a_run() -> None:
    async with world() as w:
        await begun(w)
        for _ in range(9):
            await w.fire("go", {"n": 1, "text": "x" * (LARGEST // 8)})
        assert [len(each) for each in told(w)] == [8]
        await w.advance(60)
        assert [len(each) for each in told(w)] == [8, 1]


async def test_each_value_of_per_has_its_own_digest() -> None:
    async with world() as w:
        await begun(w, keys='  per: "{{ trigger.event.data.k }}"')
        await fire(w, 1, 2, 3, 4)
        await w.advance(60)
        assert told(w) == [[1, 3], [2, 4]]


@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_a_restart_anywhere_loses_nothing_and_repeats_nothing(at: int) -> None:
    async with world() as w:
        await begun(w)
        for number in range(4):
            if number == at:
                await w.restart()
            await fire(w, number + 1)
            await w.advance(10)
        await w.advance(60)
        assert told(w) == [[1, 2, 3, 4]]


async def test_a_digest_whose_time_passed_while_rulewheel_was_off_is_handled_at_the_start() -> None:
    async with world() as w:
        await begun(w)
        await fire(w, 1, 2)
        w.clock.move(timedelta(hours=3))
        await w.restart()
        assert told(w) == [[1, 2]]


@pytest.mark.parametrize("mode", ["queued", "parallel", "restart"])
async def test_events_are_gathered_while_the_rule_is_at_work_on_the_digest_before(mode: str) -> None:
    async with world() as w:
        w.stub("test.act", takes=90)
        await w.load({"rules.yaml": RULE.format(digest="{for: 60}", keys=f"  mode: {mode}")})
        await fire(w, 1)
        await w.advance(61)
        await fire(w, 2, 3)
        await w.advance(300)
        assert told(w) == [[1], [2, 3]]
        assert [run.outcome for run in w.runs("r")][-1] == "finished"


async def test_who_runs_the_rule_by_its_name_waits_for_no_digest() -> None:
    async with world() as w:
        text = "[{id: r, digest: {for: 60}, triggers: {trigger: event, event_type: go}, actions: {action: test.act}}]"
        w.stub("test.act")
        await w.load({"rules.yaml": text})
        await fire(w, 1)
        await w.trigger("r")
        assert len(w.calls) == 1
        await w.advance(60)
        assert len(w.calls) == 2


async def test_a_rule_that_is_switched_off_drops_its_digest_and_says_so() -> None:
    async with world() as w:
        await begun(w, keys="  finally: [{action: test.act}]")
        await fire(w, 1, 2)
        await w.turn_off("r")
        await w.advance(100)
        (run,) = w.runs("r")
        assert (run.outcome, run.reason) == ("cancelled", "the rule was switched off")
        assert w.calls == []
        assert list(await w.journal.dues("run/")) == []


async def test_after_an_edit_events_are_gathered_anew_and_the_old_digest_ends_as_it_began() -> None:
    async with world() as w:
        await begun(w)
        await fire(w, 1)
        await begun(w, keys="  alias: New")
        await fire(w, 2)
        await w.advance(60)
        assert told(w) == [[1], [2]]


async def test_a_time_that_cannot_be_worked_out_ends_the_run_with_the_reason() -> None:
    async with world() as w:
        await begun(w, '{for: "{{ trigger.event.data.k }} apples"}')
        await fire(w, 1)
        (run,) = w.runs("r")
        assert run.outcome == "error"
        assert run.reason.startswith("digest for: ")


async def test_an_event_that_comes_with_others_in_one_go_is_gathered_with_them() -> None:
    async with world() as w:
        await begun(w, "{for: 60, max: 3}")
        for n in range(1, 8):
            data: Json = {"n": n}
            await w.engine.intake.take(("event", "go"), Fact("event", "go", data, w.now))
        await w.advance(0)
        await w.advance(60)
        assert told(w) == [[1, 2, 3], [4, 5, 6], [7]]
