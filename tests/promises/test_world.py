"""The simulated world is a judge worth having: it repeats itself exactly, and it sees what a worse engine does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.effects import Effects
from engine.records import Changes, EffectRecord, Update
from tests.promises.peril import Death
from tests.promises.programs import Story, story
from tests.promises.world import Comparison, Ending, Player, enumerate_deaths

CONSTRUCTS = """
mode queued, mode single, mode restart, mode parallel, max, per, valid_for, on_error, finally, resolved, digest
each, skip, enabled, retry, timeout, continue_on_error, response_variable, answer, continue_on_timeout
webhook, dedupe, event_data, job.entries, for, time, time_pattern, cron, state, state for, numeric_state
numeric_state for, template trigger, timer.finished, sensor
template, compare, trigger, and, or, not, state condition, state condition for, numeric_state condition
time condition, action, send, delay, if, choose, variables, stop, event, condition, sequence, parallel, repeat, count
for_each, while, until, wait_template, wait_for_trigger, call, script.turn_on, by hand, automation.trigger
switch, automation.turn_off, automation.turn_on, automation.toggle, turned off and on
entity, counter.increment, counter.reset, input_boolean.toggle, input_number.set_value, input_text.set_value
input_datetime.set_datetime, timer.start, timer.cancel
"""


@pytest.mark.parametrize("seed", [2, 40])
async def test_a_seed_tells_the_same_story_and_the_same_ending_each_time(seed: int) -> None:
    assert story(seed) == story(seed)
    deaths = (Death("sync", 9, 0.5), Death("sync", 2))
    assert await Player(story(seed), deaths).play() == await Player(story(seed), deaths).play()


def test_stories_hold_every_construct() -> None:
    used = {name for seed in range(300) for name in story(seed).constructs}
    assert not set(CONSTRUCTS.replace("\n", ", ").split(", ")) - used - {""}


async def test_an_engine_that_sends_again_what_was_under_way_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    async def again(self: Effects) -> int:
        left = await self._journal.effects(("intent",), 1000)
        values = {"state": "queued", "send_by": None}
        update = [Update(EffectRecord, (effect.op_id,), values) for effect in left]
        await self._journal.commit(Changes(update=update))
        return 0

    monkeypatch.setattr(Effects, "recover", again)
    verdicts = [await enumerate_deaths(seed, most=25) for seed in (3, 4)]
    assert any("was done 2 times" in fault for verdict in verdicts for fault in verdict.faults)


async def test_an_engine_that_forgets_its_delays_is_caught() -> None:
    verdicts = [await enumerate_deaths(seed, most=10, remembers=False) for seed in range(4)]
    assert any("left open" in fault for verdict in verdicts for fault in verdict.faults)


async def test_a_change_of_an_entity_that_was_done_twice_or_not_at_all_is_seen() -> None:
    told, calm = await with_a_counter()
    name, state = next((name, state) for name, state in calm.entities.items() if name.startswith("counter."))
    for struck in (str(int(state) + 1), str(int(state) - 1)):
        worse = replace(calm, entities={**calm.entities, name: struck})
        assert list(Comparison(told, calm, worse).faults()) == [f"{name} is {struck}, undisturbed {state}"]
    assert list(Comparison(told, calm, calm).faults()) == []


async def with_a_counter() -> tuple[Story, Ending]:
    """A story in which a rule counts that runs one event after the other and is let alone by all others."""
    for seed in range(500):
        told = story(seed)
        rules = [rule for rule, body in told.rules.items() if body["mode"] == "queued" and "counter.incr" in str(body)]
        if rules and not told.raced and not told.chains:
            calm = await Player(told).play()
            if any(calm.entities.get(f"counter.{rule}", "0") != "0" for rule in rules) and not calm.left:
                return told, calm
    raise AssertionError("no story counts")
