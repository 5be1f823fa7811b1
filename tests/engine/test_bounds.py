"""Bounds on a whole rulewheel: cooldown, caps, chains of rules, the stop switch, and what is cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.journal.memory import MemoryJournal
from engine.plugin import Operation, Outcome, Request, Waiting
from engine.records import Changes, CommandRecord, Conflict, Done, EffectRecord
from engine.runs.gate import SENDING, STOP, STOPPED
from engine.runs.limits import Room
from engine.testing import World
from engine.values import Fact
from tests.house import House, Outside, acting

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RULE = """\
- id: r
  {keys}
  triggers: [{{trigger: event, event_type: go}}]
  actions: [{{action: test.act}}]
"""
SEND = '- {action: http.request, data: {url: "https://a.example", method: POST}}'
STOPS = CommandRecord(STOP, STOP, {}, START)


class Looking(MemoryJournal):
    """Counts the intents that were written."""

    intents = 0

    async def commit(self, changes: Changes) -> Done | Conflict:
        done = await super().commit(changes)
        if isinstance(done, Done):
            self.intents += sum(isinstance(put, EffectRecord) and put.state == "intent" for put in changes.put)
            self.intents += sum(update.values.get("state") == "intent" for update in changes.update)
        return done


async def ordered(world: World, kind: str) -> None:
    command = CommandRecord(world.ids.row_id(), kind, {}, world.now)
    await world.journal.commit(Changes(put=[command]))
    await world.engine.carry_out(command)
    await world.advance(0)


async def states(world: World) -> list[str]:
    return [effect.state for effect in reversed(await world.journal.sends(limit=1000))]


async def test_a_rule_rests_after_a_start_by_its_key_and_over_restarts() -> None:
    async with World(start=START, time_zone="Asia/Kolkata") as world:
        world.stub("test.act")
        keys = 'cooldown: "00:05"\n  per: "{{ trigger.event.data.who }}"'
        await world.load({"rules.yaml": RULE.format(keys=keys)})
        await world.fire("go", {"who": "a"})
        await world.restart()
        await world.fire("go", {"who": "a"})
        await world.fire("go", {"who": "b"})
        assert len(world.calls) == 2
        assert [run.outcome for run in world.runs("r")] == ["finished", "failed_cooldown", "finished"]
        assert world.runs("r")[1].reason == "skipped: cooldown until 14:35"
        await world.advance(300)
        await world.fire("go", {"who": "a"})
        assert len(world.calls) == 3


async def test_a_burst_starts_a_rule_with_a_cooldown_once() -> None:
    async with World() as world:
        world.stub("test.act")
        chain = "- id: burst\n  triggers: [{trigger: event, event_type: burst}]\n  actions:\n" + "  - event: go\n" * 5
        await world.load({"rules.yaml": RULE.format(keys="cooldown: 60"), "burst.yaml": chain})
        await world.fire("burst")
        assert len(world.calls) == 1


async def test_over_max_sends_the_send_is_refused_with_its_reason_also_after_a_restart() -> None:
    async with World(start=START) as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="max_sends: {hour: 2}")})
        for _ in range(2):
            await world.fire("go")
        await world.restart()
        await world.fire("go")
        assert len(world.calls) == 2
        run = world.runs("r")[-1]
        assert run.outcome == "error"
        assert run.reason == (
            "test.act: refused: the rule has sent 2 messages in this hour, max_sends allows 2; "
            "the next is possible at 10:00"
        )
        await world.advance(3600)
        await world.fire("go")
        assert len(world.calls) == 3


async def test_max_sends_may_stand_in_the_settings() -> None:
    async with World(settings={"defaults": {"max_sends": {"day": 1}, "cooldown": 1}}) as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="mode: parallel")})
        await world.fire("go")
        await world.fire("go")
        await world.advance(2)
        await world.fire("go")
        assert [run.outcome for run in world.runs("r")] == ["finished", "failed_cooldown", "error"]


async def test_rules_that_set_each_other_off_end_after_three_with_the_chain_in_words() -> None:
    async with World() as world:
        rules = "".join(
            f"- id: {name}\n  triggers: [{{trigger: event, event_type: {name}}}]\n  actions: [{{event: {other}}}]\n"
            for name, other in (("ping", "pong"), ("pong", "ping"))
        )
        await world.load({"rules.yaml": rules})
        await world.fire("ping")
        last = world.runs()[-1]
        assert len(world.runs()) == 5
        assert last.outcome == "disallowed_recursion_detected"
        assert last.reason == "skipped: rules set each other off more than 3 times: ping → pong → ping → pong → ping"


async def test_a_stop_holds_what_is_to_be_sent_and_lets_it_go_on_resume_over_a_restart() -> None:
    async with World() as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="mode: parallel")})
        await ordered(world, "stop-sending")
        await world.fire("go")
        await world.restart()
        await world.fire("go")
        assert world.calls == []
        assert await states(world) == ["waiting", "waiting"]
        assert {effect.reason for effect in await world.journal.sends()} == {STOPPED}
        state = world.state(SENDING)
        assert state is not None
        assert state.state == "stopped"
        await ordered(world, "resume-sending")
        assert len(world.calls) == 2
        assert await states(world) == ["accepted", "accepted"]


@pytest.mark.parametrize("places", [0, 64])
async def test_a_stop_counts_from_its_commit_on_before_anybody_has_taken_it_up(places: int) -> None:
    """With no place an effect's intent is written by the effects themselves, else with the run."""
    journal = Looking()
    house = House(journal=journal, places=places)
    await house.start(acting(SEND, mode="parallel"))
    await house.journal.commit(Changes(put=[STOPS]))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()))
    await house.engine.executor.work()
    house.engine.gate.room = house.engine.effects._room = Room(64)
    await house.engine.work()
    assert house.outside.performed == []
    assert journal.intents == 0
    assert [(each.state, each.attempts, each.reason) for each in await house.sends()] == [("waiting", 0, STOPPED)]
    await house.engine.carry_out(STOPS)
    await house.engine.carry_out(CommandRecord("resume-sending", "resume-sending", {}, START))
    await house.engine.work()
    assert [each.state for each in await house.sends()] == ["accepted"]
    assert journal.intents == 1


async def test_a_stop_after_the_intent_holds_what_has_not_left() -> None:
    class Stopping(Outside):
        async def perform(self, request: Request, operation: Operation) -> Outcome:
            assert not await operation.is_stopped()
            await house.journal.commit(Changes(put=[STOPS]))
            assert await operation.is_stopped()
            return Waiting("not sent: sending is stopped")

    house = House(outside=Stopping())
    await house.start(acting(SEND, mode="parallel"))
    await house.fire("go")
    house.clock.move(timedelta(seconds=2))
    house.alarm.ring(house.clock.now())
    await house.engine.work()
    assert [(each.state, each.reason) for each in await house.sends()] == [("waiting", STOPPED)]


async def test_what_waits_while_sending_is_stopped_expires_in_its_time() -> None:
    async with World() as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="valid_for: 600")})
        await ordered(world, "stop-sending")
        await world.fire("go")
        await world.advance(601)
        assert await states(world) == ["expired"]


async def test_what_has_not_left_is_cancelled_with_its_rule() -> None:
    async with World() as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="mode: parallel")})
        await ordered(world, "stop-sending")
        await world.fire("go")
        await world.turn_off("r")
        assert await states(world) == ["cancelled"]
        await ordered(world, "resume-sending")
        assert world.calls == []
        assert "the rule was switched off" in (await world.journal.sends())[0].reason


async def test_what_has_not_left_is_cancelled_when_a_newer_run_replaces_it() -> None:
    async with World() as world:
        world.stub("test.act")
        await world.load({"rules.yaml": RULE.format(keys="mode: restart")})
        await ordered(world, "stop-sending")
        await world.fire("go")
        await world.fire("go")
        await ordered(world, "resume-sending")
        assert len(world.calls) == 1
        assert await states(world) == ["cancelled", "accepted"]


async def test_a_timeout_counts_over_all_attempts() -> None:
    async with World() as world:
        world.stub("test.act", refuses="busy")
        keys = "mode: parallel"
        text = RULE.format(keys=keys).replace("test.act}", "test.act, retry: {attempts: 9, wait: 10}, timeout: 25}")
        await world.load({"rules.yaml": text})
        await world.fire("go")
        await world.advance(100)
        assert len(world.calls) == 3
        (run,) = world.runs("r")
        assert run.ended is not None
        assert (run.ended - run.started).total_seconds() == 25
        assert "longer than its timeout" in run.reason


async def test_messages_to_one_contact_go_at_whatsapps_pace_and_keep_their_worth_meanwhile() -> None:
    async with World(start=START) as world:
        rule = RULE.format(keys="mode: parallel\n  valid_for: 10").replace(
            "test.act}", 'whatsapp.send_template, data: {to: "+919876543210", template: hello, language: en}}'
        )
        await world.load({"rules.yaml": rule})
        for _ in range(48):
            await world.fire("go")
        assert (await states(world)).count("waiting") == 3
        waiting = await world.journal.sends(states=("waiting",))
        assert waiting[-1].reason == "1 message in 6 s to this contact, until 09:00:06"
        await world.advance(18)
        assert (await states(world)).count("waiting") == 0
        assert "expired" not in await states(world)
