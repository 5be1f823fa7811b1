"""Triggers made of others: what does not come, what comes too often, and what comes in order."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from engine.testing import World
from engine.values import Json
from tests.house import TestLog
from tests.triggers.listening import heard, listening, rule

ALIVE = "{trigger: absence, of: {trigger: event, event_type: alive}, for: {hours: 2}}"
TILLS = (
    '{trigger: absence, of: {trigger: event, event_type: alive}, for: {hours: 2}, per: "{{ trigger.event.data.till }}"}'
)
THRICE = "{trigger: count, of: {trigger: event, event_type: failed}, times: 3, within: {minutes: 10}}"
EACH_THRICE = (
    "{trigger: count, of: {trigger: event, event_type: failed}, times: 3, within: {minutes: 10}, "
    'per: "{{ trigger.event.data.who }}"}'
)
EACH_IN_ORDER = (
    "{trigger: sequence, of: [{trigger: event, event_type: failed}, {trigger: event, event_type: failed},"
    ' {trigger: event, event_type: failed}], within: {minutes: 10}, per: "{{ trigger.event.data.who }}"}'
)
ORDER = (
    "{trigger: sequence, of: [{trigger: event, event_type: a}, {trigger: event, event_type: b},"
    " {trigger: event, event_type: c}], within: {minutes: 10}}"
)
ONCE = (
    "{trigger: count, times: 2, within: {minutes: 10}, "
    'of: {trigger: webhook, webhook_id: x, dedupe: "{{ trigger.json.id }}"}}'
)
HOUR = 3600


async def test_absence_fires_when_nothing_came_since_the_rule_was_loaded() -> None:
    async with listening(ALIVE) as w:
        await w.advance(2 * HOUR - 1)
        assert not heard(w)
        await w.advance(1)
        (told,) = heard(w)
        assert (told["last"], told["for"], told["key"], told["platform"]) == (None, "2:00:00", "", "absence")


async def test_absence_fires_once_until_something_comes_again() -> None:
    async with listening(ALIVE) as w:
        await w.advance(10 * HOUR)
        assert len(heard(w)) == 1
        await w.fire("alive", {"n": 1})
        await w.advance(2 * HOUR)
        _first, second = heard(w)
        assert second["last"]["event"]["data"] == {"n": 1}
        assert second["last"]["at"] == "2026-03-02T19:00:00+00:00", "when it came last"


async def test_absence_waits_anew_with_each_that_comes() -> None:
    async with listening(ALIVE) as w:
        for _ in range(5):
            await w.advance(1.5 * HOUR)
            await w.fire("alive")
        assert not heard(w)


async def test_absence_goes_on_over_a_restart_and_fires_right_after_one_that_lasted_too_long() -> None:
    async with listening(ALIVE) as w:
        await w.advance(HOUR)
        await w.fire("alive")
        await w.restart()
        await w.advance(HOUR)
        assert not heard(w)
        w.clock.move(timedelta(hours=2))
        await w.restart()
        assert len(heard(w)) == 1


async def test_absence_goes_on_when_the_rule_is_loaded_again_unchanged() -> None:
    async with listening(ALIVE) as w:
        await w.advance(HOUR)
        await w.load({"a.yaml": rule(ALIVE) + "  mode: single\n"})
        await w.advance(HOUR)
        assert len(heard(w)) == 1


async def test_absence_begins_anew_when_the_trigger_is_another() -> None:
    async with listening(ALIVE) as w:
        await w.advance(HOUR)
        await w.load({"a.yaml": rule(ALIVE.replace("hours: 2", "minutes: 90"))})
        await w.advance(HOUR)
        assert not heard(w)
        await w.advance(HOUR / 2)
        assert len(heard(w)) == 1


async def test_absence_begins_anew_when_a_trigger_of_the_same_id_is_another() -> None:
    named = ALIVE.replace("absence,", "absence, id: silent,")
    async with listening(named) as w:
        await w.advance(HOUR)
        await w.load({"a.yaml": rule(named.replace("hours: 2", "minutes: 90"))})
        await w.advance(1.5 * HOUR)
        assert [told["for"] for told in heard(w)] == ["1:30:00"]


async def test_conditions_of_many_rules_are_asked_of_the_outer_trigger_alone() -> None:
    condition = "{condition: template, value_template: \"{{ trigger.platform == 'count' }}\"}"
    rules = [rule(THRICE, f"  conditions: {condition}\n").replace("- id: r", f"- id: r{n}") for n in range(40)]
    async with World() as w:
        w.stub("test.heard")
        await w.load({"a.yaml": "".join(rules)})
        for _ in range(3):
            await w.fire("failed")
        assert len(heard(w)) == 40


async def test_absence_of_a_rule_that_is_off_is_not_told_and_begins_anew() -> None:
    async with listening(ALIVE) as w:
        await w.turn_off("r")
        await w.advance(10 * HOUR)
        await w.turn_on("r")
        await w.advance(2 * HOUR - 1)
        assert not heard(w)
        await w.advance(1)
        assert len(heard(w)) == 1


async def test_absence_per_key_misses_each_that_came_once() -> None:
    async with listening(TILLS) as w:
        await w.advance(3 * HOUR)
        assert not heard(w), "no till is known yet"
        await w.fire("alive", {"till": 1})
        await w.advance(HOUR)
        await w.fire("alive", {"till": 2})
        await w.restart()
        await w.advance(HOUR)
        assert [told["key"] for told in heard(w)] == ["1"]
        await w.advance(HOUR)
        assert [told["key"] for told in heard(w)] == ["1", "2"]


async def test_count_fires_at_the_nth_within_the_time_and_then_counts_anew() -> None:
    async with listening(THRICE) as w:
        for n in range(7):
            await w.fire("failed", {"n": n})
            await w.advance(60)
        assert [[each["event"]["data"]["n"] for each in told["events"]] for told in heard(w)] == [[0, 1, 2], [3, 4, 5]]
        assert heard(w)[0]["count"] == 3


async def test_count_forgets_what_is_older() -> None:
    async with listening(THRICE) as w:
        for pause in (0, 300, 301, 299):
            await w.advance(pause)
            await w.fire("failed")
        assert len(heard(w)) == 1, "the last three lie within ten minutes, the first three do not"


async def test_count_takes_what_is_just_as_old_as_allowed() -> None:
    async with listening(THRICE) as w:
        for pause in (0, 300, 300):
            await w.advance(pause)
            await w.fire("failed")
        assert len(heard(w)) == 1


async def test_count_per_key_counts_each_by_itself_over_a_restart_and_a_reload() -> None:
    async with listening(EACH_THRICE) as w:
        for who in "aabb":
            await w.fire("failed", {"who": who})
        await w.restart()
        await w.load({"a.yaml": rule(EACH_THRICE) + "  mode: single\n"})
        assert not heard(w)
        await w.fire("failed", {"who": "a"})
        assert [told["key"] for told in heard(w)] == ["a"]


async def test_the_key_is_that_of_the_run() -> None:
    async with listening(EACH_THRICE, more="  mode: single\n") as w:
        for who in "aaabbb":
            await w.fire("failed", {"who": who})
        assert {run.key for run in await w.journal.runs(rule="r", limit=10)} == {"a", "b"}


async def test_several_occasions_within_one_run_count_each() -> None:
    teller = """
- id: teller
  triggers: [{trigger: event, event_type: go}]
  actions: [{event: failed}, {event: failed}, {event: failed}]
"""
    async with listening(THRICE) as w:
        await w.load({"a.yaml": rule(THRICE), "b.yaml": teller})
        await w.fire("go")
        assert [told["count"] for told in heard(w)] == [3]
        assert [run.outcome for run in w.runs("teller")] == ["finished"]


async def test_the_same_occasion_told_twice_counts_once() -> None:
    async with listening(ONCE) as w:
        for each in (1, 1, 1):
            await w.webhook("x", json={"id": each})
        assert not heard(w)
        await w.webhook("x", json={"id": 2})
        assert len(heard(w)) == 1
        for each in (1, 2, 1, 3):
            await w.webhook("x", json={"id": each})
        assert len(heard(w)) == 1, "1 and 2 have fired before"


async def test_sequence_fires_when_all_came_in_order_whatever_lies_between() -> None:
    async with listening(ORDER) as w:
        for event_type in "cbabac":
            await w.fire(event_type)
        (told,) = heard(w)
        assert [each["event"]["event_type"] for each in told["events"]] == ["a", "b", "c"]
        await w.fire("c")
        assert len(heard(w)) == 1


async def test_sequence_does_not_fire_when_it_took_too_long_or_the_order_is_another() -> None:
    async with listening(ORDER) as w:
        await w.fire("a")
        await w.fire("b")
        await w.advance(601)
        await w.fire("c")
        for event_type in "cba":
            await w.fire(event_type)
        assert not heard(w)


async def test_sequence_goes_by_the_latest_beginning() -> None:
    async with listening(ORDER) as w:
        for event_type, pause in zip("aabc", (400, 100, 100, 100), strict=True):
            await w.advance(pause)
            await w.fire(event_type)
            await w.restart()
        assert len(heard(w)) == 1


async def test_one_occasion_is_one_step_of_a_sequence() -> None:
    twice = "{trigger: sequence, of: [{trigger: event, event_type: a}, {trigger: event, event_type: a}], within: 60}"
    async with listening(twice) as w:
        await w.fire("a")
        assert not heard(w)
        await w.fire("a")
        assert len(heard(w)) == 1


async def test_triggers_inside_may_hold_and_may_be_made_of_others() -> None:
    twice_silent = (
        "{trigger: count, times: 2, within: {days: 1}, of: {trigger: absence, for: {hours: 1},"
        " of: {trigger: state, entity_id: sensor.a, to: up, for: 60}}}"
    )
    async with listening(twice_silent, {"sensor.a": "down"}) as w:
        await w.advance(HOUR)
        await w.set_state("sensor.a", "up")
        await w.advance(HOUR)
        assert not heard(w), "an hour without since the minute was over, not since it came"
        await w.restart()
        await w.advance(60)
        assert len(heard(w)) == 1


async def test_a_run_waits_for_a_combined_trigger() -> None:
    text = """
- id: r
  triggers: [{trigger: event, event_type: go}]
  actions:
    - variables: {who: Asha}
    - wait_for_trigger:
        trigger: count
        of: {trigger: event, event_type: failed, event_data: {who: "{{ who }}"}}
        times: 2
        within: 600
      timeout: 1000
    - stop: "{{ wait.trigger.count if wait.trigger else 'nothing' }}"
"""
    async with World() as w:
        await w.load({"a.yaml": text})
        assert "r" in w.engine.programs, w.problems
        await w.fire("go")
        await w.fire("failed", {"who": "Asha"})
        await w.restart()
        await w.fire("failed", {"who": "Ravi"})
        assert w.running("r") == 1
        await w.fire("failed", {"who": "Asha"})
        assert [run.reason for run in w.runs("r")] == ["2"]
        await w.fire("go")
        await w.advance(1000)
        assert [run.reason for run in w.runs("r")] == ["2", "nothing"]


async def test_a_per_that_cannot_be_worked_out_is_told_and_nothing_is_counted() -> None:
    log = TestLog()
    counted = "trigger: count, of: {trigger: event, event_type: e}, times: 2, within: 60"
    per = f'{{{counted}, per: "{{{{ trigger.event.data.x.y }}}}"}}'
    async with listening(per, log=log) as w:
        await w.fire("e", {})
        await w.fire("e", {"x": {"y": "z" * 201}})
        assert not heard(w)
        assert "per" in str(log.lines)


async def test_very_large_events_lose_their_data_but_count() -> None:
    async with listening("{trigger: count, of: {trigger: webhook, webhook_id: x}, times: 3, within: 60}") as w:
        for letter in "abc":
            await w.webhook("x", json=letter * 30_000)
        (told,) = heard(w)
        assert [(each.get("json") or "-")[0] for each in told["events"]] == ["-", "b", "c"]


@pytest.mark.parametrize("trigger", [EACH_THRICE, EACH_IN_ORDER])
async def test_what_is_remembered_of_a_key_is_forgotten_within_a_day_once_it_is_too_old(trigger: str) -> None:
    async with listening(trigger) as w:
        for who in range(20):
            await w.fire("failed", {"who": who})
        assert len(await w.journal.memories()) == 20
        await w.advance(23.9 * HOUR)
        await w.fire("failed", {"who": "new"})
        await w.advance(0.1 * HOUR)
        assert [memory.subject for memory in await w.journal.memories()] == ["new"]
        assert [subject for _, _, subject in w.engine.matcher.remembered()] == ["new"]
        await w.fire("failed", {"who": 1})
        await w.restart()
        await w.fire("failed", {"who": 1})
        await w.fire("failed", {"who": 1})
        assert len(heard(w)) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_what_a_sequence_says_is_what_its_definition_says(seed: int) -> None:
    """Against a search over all ways, for a random course of events."""

    chance = random.Random(seed)
    course: list[tuple[float, Json]] = [(chance.choice((60, 200)), chance.choice("abc")) for _ in range(40)]
    async with listening(ORDER) as w:
        fired, at, left = [], 0.0, list[tuple[float, str]]()
        for number, (pause, event_type) in enumerate(course):
            at += pause
            left.append((at, event_type))
            await w.advance(pause)
            before = len(heard(w))
            await w.fire(event_type)
            fired += [number] * (len(heard(w)) - before)
            found = event_type == "c" and any(
                a[1] == "a" and b[1] == "b" and at - a[0] <= 600 for i, a in enumerate(left) for b in left[i + 1 : -1]
            )
            assert (number in fired) is found, (seed, number)
            if found:
                left = []
        print(f"seed {seed}: fired {len(fired)} times")
