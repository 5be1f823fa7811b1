from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.plugin import Accepted, Operation, Outcome, Refused, Request, Unsure, Waiting
from engine.records import Changes
from engine.values import Fact
from tests.engine.journal.records import effect
from tests.house import START, FailingJournal, House, Outside, PatientClock, TestLog, acting

CALL = '- {action: http.request, data: {url: "https://a.example/{{ trigger.event.data.n }}"}}'
READ = '- {action: http.request, data: {method: GET, url: "https://a.example"}}'
SEND = '- {action: whatsapp.send_template, data: {to: "+919876543210", template: hello}}'


class Gated(Outside):
    """Answers when the gate opens; `most` is how many were asked at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.now = self.most = 0

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        self.performed.append((request, operation))
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1
        return Accepted()


async def states(house: House) -> list[str]:
    return [effect.state for effect in await house.sends()]


async def fired(house: House, count: int) -> None:
    for n in range(count):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, house.clock.now()))


async def test_the_intent_is_on_disk_before_the_request_leaves(journal: Journal) -> None:
    seen: list[str] = []

    class Looks(Outside):
        async def perform(self, request: Request, operation: Operation) -> Outcome:
            from engine.records import EffectRecord

            record = await journal.get(EffectRecord, (operation.op_id,))
            assert record is not None
            assert record.send_by == operation.send_by == house.clock.now() + timedelta(seconds=10)
            seen.append(record.state)
            return Accepted()

    house = House(journal=journal, outside=Looks(), places=1)
    await house.start(acting(CALL, mode="parallel"))
    await fired(house, 3)
    await house.engine.work()
    assert seen == ["intent"] * 3
    assert await states(house) == ["accepted"] * 3


async def test_a_read_has_no_intent() -> None:
    house = House()
    await house.start(acting(READ))
    await house.fire("go")
    (record,) = await house.sends()
    assert (record.state, record.attempts, record.send_by) == ("accepted", 0, None)


async def test_no_more_intents_than_places_at_a_time() -> None:
    outside = Gated()
    house = House(outside=outside, places=3)
    await house.start(acting(CALL, mode="parallel"))
    await fired(house, 10)
    await house.engine.executor.work()
    await house.engine.effects.work()
    await asyncio.sleep(0)
    assert sorted(await states(house)) == ["intent"] * 3 + ["queued"] * 7
    assert house.engine.effects.under_way == 3
    outside.gate.set()
    await house.engine.work()
    assert outside.most == 3
    assert await states(house) == ["accepted"] * 10
    assert house.engine.executor._gate.room.taken == 0


async def test_more_than_a_batch_in_the_queue_is_worked_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.effects.BATCH", 4)
    house = House(places=2)
    await house.start(acting(CALL, mode="parallel"))
    await fired(house, 30)
    await house.engine.executor.work()
    house.engine.wakes.effects.sweep()
    await house.engine.work()
    assert await states(house) == ["accepted"] * 30


async def test_more_than_a_batch_that_expired_is_worked_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.effects.BATCH", 4)
    house = House()
    await house.start()
    old = [effect(f"{n:032}")._replace(valid_until=START) for n in range(11)]
    await house.journal.commit(Changes(put=old))
    house.engine.wakes.effects.sweep()
    await house.engine.work()
    assert await states(house) == ["expired"] * 11


async def test_what_was_queued_when_the_daemon_died_is_sent_after_it(journal: Journal) -> None:
    house = House(journal=journal, places=0)
    await house.start(acting(CALL, mode="parallel"))
    await fired(house, 3)
    await house.engine.work()
    assert await states(house) == ["queued"] * 3
    following = house.again()
    await following.start(*house.programs.values())
    assert await states(following) == ["accepted"] * 3


async def test_an_intent_that_the_executor_commits_before_the_first_sweep_is_begun() -> None:
    house = House()
    await house.start(acting(CALL))
    await fired(house, 1)
    house.engine.wakes.effects.sweep()
    await house.engine.executor.work()
    house.engine.wakes.effects.sweep()
    await house.engine.work()
    assert await states(house) == ["accepted"]


async def test_what_waits_is_tried_again_when_it_is_due(journal: Journal) -> None:
    left: list[Outcome] = [Waiting("busy", timedelta(seconds=40)), Waiting("busy")]
    house = House(journal=journal, outside=Outside(lambda request: left.pop(0) if left else Accepted()))
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await states(house) == ["waiting"]
    await house.advance(39)
    assert len(house.outside.performed) == 1
    await house.advance(1)
    assert len(house.outside.performed) == 2
    await house.advance(2)
    assert await states(house) == ["accepted"]
    assert len({operation.op_id for _, operation in house.outside.performed}) == 1


async def test_what_became_due_while_the_daemon_was_down_or_died_in_between_is_tried_again(journal: Journal) -> None:
    house = House(journal=journal, outside=Outside(lambda request: Waiting("busy", timedelta(seconds=40))))
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    house.clock.move(timedelta(minutes=5))
    await house.engine.due.work()
    assert await states(house) == ["queued"]
    following = house.again()
    following.outside.answer = lambda request: Accepted()
    await following.start(*house.programs.values())
    assert await states(following) == ["accepted"]


async def test_a_stale_message_expires_instead_of_being_sent_after_downtime() -> None:
    house = House(places=0)
    await house.start(acting(SEND))
    await house.fire("go")
    house.clock.move(timedelta(hours=2))
    following = house.again()
    await following.start(*house.programs.values())
    assert await states(following) == ["expired"]
    assert await following.outcomes() == ["expired"]
    (record,) = await following.sends()
    assert record.reason == "not sent: it was worth sending until 2026-03-02 10:00 UTC"
    assert following.outside.performed == []


async def test_a_problem_opens_while_sending_waits_for_a_person_and_clears_by_itself() -> None:
    house = House(outside=Outside(lambda request: Waiting("refused token", problem="token-refused")))
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await house.problems() == ["token-refused"]
    house.outside.answer = lambda request: Refused("no")
    await house.advance(5)
    assert await house.problems() == []


async def test_waiting_without_a_problem_opens_none_and_unsure_clears_none() -> None:
    house = House(outside=Outside(lambda request: Waiting("busy")))
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await house.problems() == []


class Wrong(Outside):
    """A connection with a mistake."""

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        if "raise" in str(request.body["url"]):
            raise RuntimeError("oops")
        return None  # type: ignore[return-value]


@pytest.mark.parametrize("n", ["raise", "nothing"])
async def test_a_connection_with_a_mistake_makes_the_effect_unsure(n: str) -> None:
    log = TestLog()
    house = House(outside=Wrong(), log=log)
    await house.start(acting(CALL))
    await house.fire("go", n=n)
    assert await states(house) == ["unsure"]
    assert log.said("error") == ["a connection failed", "problem"]
    assert log.said("warning") == ["a send is unsure"]
    assert house.engine.executor._gate.room.taken == 0


async def test_an_effect_without_its_connection_waits_with_a_problem() -> None:
    house = House(names=())
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await states(house) == ["waiting"]
    assert await house.problems() == ["no-connection"]


async def test_an_answer_that_cannot_be_kept_does_not_hide_the_outcome() -> None:
    house = House(outside=Outside(lambda request: Accepted({"n": float("inf")}, "message id")))
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    (record,) = await house.sends()
    assert (record.state, record.answer) == ("accepted", None)
    assert await house.outcomes() == ["finished"]


async def test_an_outcome_is_written_as_often_as_it_takes() -> None:
    failing = FailingJournal(MemoryJournal())

    class Full(Outside):
        async def perform(self, request: Request, operation: Operation) -> Outcome:
            failing.fails_after = failing.commits
            asyncio.get_running_loop().call_later(0.01, setattr, failing, "fails_after", None)
            return await super().perform(request, operation)

    house = House(journal=failing, outside=Full(), clock=PatientClock())
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await states(house) == ["accepted"]
    assert len(house.outside.performed) == 1


async def test_a_journal_that_closes_ends_the_waiting_for_it() -> None:
    failing = FailingJournal(MemoryJournal(), code="closed")

    class Closing(Outside):
        async def perform(self, request: Request, operation: Operation) -> Outcome:
            failing.fails_after = failing.commits
            return Unsure("cut")

    house = House(journal=failing, outside=Closing())
    await house.start(acting(CALL))
    await house.fire("go", n=1)
    assert await states(house) == ["intent"]


async def test_an_intent_that_cannot_be_written_is_not_sent_and_tried_again() -> None:
    failing = FailingJournal(MemoryJournal())
    house = House(journal=failing, places=1)
    await house.start(acting(CALL, mode="parallel"))
    await fired(house, 2)
    await house.engine.executor.work()
    await house.engine.effects.work()
    await house.engine.effects.finish()
    failing.fails_after = failing.commits
    with pytest.raises(Exception, match="disk is full"):
        await house.engine.effects.work()
    assert len(house.outside.performed) == 1
    assert house.engine.executor._gate.room.taken == 0
    failing.fails_after = None
    await house.engine.work()
    assert await states(house) == ["accepted"] * 2


async def test_an_effect_that_changed_meanwhile_is_not_begun() -> None:
    house = House()
    await house.start()
    record: Any = effect("op", "queued")
    await house.journal.commit(Changes(put=[record._replace(state="dropped", connection="http")]))
    house.engine.wakes.effects.say(record._replace(connection="http"))
    await house.engine.work()
    assert house.outside.performed == []
    assert house.engine.executor._gate.room.taken == 0


async def test_an_effect_that_is_under_way_is_not_begun_again() -> None:
    outside = Gated()
    house = House(outside=outside)
    await house.start(acting(READ))
    await fired(house, 1)
    await house.engine.executor.work()
    await house.engine.effects.work()
    await asyncio.sleep(0)
    (record,) = await house.sends()
    house.engine.wakes.effects.say(record)
    await house.engine.effects.work()
    house.engine.wakes.effects.sweep()
    await house.engine.effects.work()
    outside.gate.set()
    await house.engine.work()
    assert len(outside.performed) == 1


async def test_recovering_counts_what_is_unsure_and_repeats_what_is_safe_to_repeat(journal: Journal) -> None:
    left = [
        effect("a" * 32, "intent")._replace(idempotent=False),
        effect("b" * 32, "intent")._replace(idempotent=True, connection="http"),
    ]
    await journal.commit(Changes(put=left))
    log = TestLog()
    house = House(journal=journal, log=log)
    await house.start()
    assert await states(house) == ["unsure", "waiting"]
    assert log.said("warning") == ["sends were under way when rulewheel stopped; they are unsure"]
    await house.advance(1)
    assert await states(house) == ["unsure", "accepted"]


async def test_a_message_of_a_test_goes_to_the_one_number_only() -> None:
    house = House(test_to="+911111111111")
    await house.start(acting(SEND + "\n" + CALL))
    await house.fire("go", n=1)
    assert [request.recipient for request, _ in house.outside.performed] == ["+911111111111", None]


async def test_a_message_of_a_test_without_its_connection_is_not_planned() -> None:
    house = House(test_to="+911111111111", names=())
    await house.start(acting(SEND))
    await house.fire("go")
    assert await house.outcomes() == ["error"]
    assert await house.sends() == []
