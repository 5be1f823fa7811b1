from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.plugin import (
    Accepted,
    Arrived,
    CannotTell,
    NotFound,
    Operation,
    OtherSend,
    Outcome,
    Receipt,
    Request,
    Settlement,
    Unsure,
)
from engine.records import Changes, CommandRecord, DueRecord, EffectRecord, EntityRecord
from engine.settle import UNSURE_KEY, listing_entity
from tests.house import House, Outside, TestLog, acting, program

SEND = '- {action: whatsapp.send_template, data: {to: "+919876543210", template: hello}}'
TWO = '- {action: whatsapp.send_template, data: {to: ["+919876543210", "+919876543211"], template: hello}}'
SETTLED = """
- id: settled
  mode: parallel
  triggers: [{trigger: event, event_type: send.settled}]
  actions: [{action: log.write, data: {message: "{{ trigger.event.data.state }}: {{ trigger.event.data.proof }}"}}]
"""
FAILED = """
- id: failed
  mode: parallel
  triggers: [{trigger: event, event_type: send.failed}]
  actions: [{action: log.write, data: {message: "{{ trigger.event.data.reason }}"}}]
"""


class Doubtful(Outside):
    """Loses answers, and looks them up as the test says."""

    receives = True

    def __init__(self, found: Settlement | None = None) -> None:
        super().__init__(lambda request: Unsure("the answer was lost"))
        self.settle_time = timedelta(seconds=120)
        self.found: Settlement = found or CannotTell("the listing did not come")
        self.looks: list[tuple[Operation, datetime, list[OtherSend]]] = []
        self.receipts: list[Receipt] | str = []
        self.while_sending: Callable[[Operation], Any] | None = None

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        if self.while_sending is not None:
            await self.while_sending(operation)
        return await super().perform(request, operation)

    async def settle(
        self, request: Request, operation: Operation, attempted_at: datetime, others: Sequence[OtherSend] = ()
    ) -> Settlement:
        self.looks.append((operation, attempted_at, list(others)))
        return self.found

    def read_receipts(self, headers: Mapping[str, str], body: bytes) -> list[Receipt] | str:
        return self.receipts


async def unsure(found: Settlement | None = None, *, log: TestLog | None = None, **keys: str) -> House:
    """A house in which one send is unsure."""
    house = House(outside=Doubtful(found), log=log or TestLog())
    await house.start(acting(SEND, **keys), program(SETTLED), program(FAILED))
    await house.fire("go")
    return house


def outside(house: House) -> Doubtful:
    assert isinstance(house.outside, Doubtful)
    return house.outside


async def only(house: House) -> EffectRecord:
    (effect,) = [each for each in await house.sends() if each.rule == "r"]
    return effect


async def run_of(house: House) -> tuple[str, str]:
    (run,) = await house.runs("r")
    return run.state, run.outcome


async def proven(house: House) -> None:
    now = house.clock.now()
    record = CommandRecord("c1", "listing-proven", {"connection": "chakra"}, now)
    await house.journal.commit(Changes(put=[record]))
    await house.engine.carry_out(record)


def log_of(house: House) -> list[str]:
    log = house.engine.ports.log
    assert isinstance(log, TestLog)
    return [line for line in log.said("info") if ":" in line or line.startswith("Meta")]


async def person(house: House, verdict: str) -> None:
    effect = await only(house)
    await house.engine.carry_out(
        CommandRecord("c2", "settle", {"op_id": effect.op_id, "verdict": verdict}, house.clock.now())
    )
    await house.engine.work()


async def receipt(house: House, state: str, *, op_id: str | None = None, message_id: str = "wamid.1") -> str:
    effect = await only(house)
    outside(house).receipts = [
        Receipt(effect.op_id if op_id is None else op_id, message_id, state, reason="no such phone")
    ]
    told = await house.engine.receivers["connection/chakra"]({}, b"")
    await house.engine.work()
    return told


async def test_the_step_waits_until_the_settle_time_counted_from_send_by_is_over() -> None:
    house = await unsure(Arrived("the listing shows it", {"id": "wamid.1"}))
    assert (await only(house)).state == "unsure"
    assert await run_of(house) == ("running", "")
    assert await house.problems() == ["sends-unsure"]
    await house.advance(129)
    assert outside(house).looks == []
    await house.advance(1)
    effect = await only(house)
    assert (effect.state, effect.reason, effect.answer) == ("accepted", "the listing shows it", {"id": "wamid.1"})
    assert await run_of(house) == ("done", "finished")
    assert await house.problems() == []
    assert log_of(house) == ["accepted: the listing shows it"]
    assert await house.journal.next_due() is None


async def test_the_look_knows_when_it_was_attempted_and_what_else_went_to_that_number() -> None:
    house = House(outside=Doubtful())
    await house.start(acting(SEND, mode="parallel"))
    outside(house).answer = lambda request: Accepted({"id": "wamid.0"})
    await house.fire("go")
    outside(house).answer = lambda request: Unsure("lost")
    await house.advance(60)
    at = house.clock.now()
    await house.fire("go")
    await house.advance(200)
    operation, attempted_at, others = outside(house).looks[0]
    assert attempted_at == at
    assert [(each.state, each.answer) for each in others] == [("accepted", {"id": "wamid.0"})]
    assert operation.op_id not in {each.op_id for each in others}


async def test_what_cannot_be_told_ends_the_step_and_is_looked_up_again_up_to_a_bound() -> None:
    house = await unsure()
    await house.advance(130)
    assert await run_of(house) == ("done", "unsure")
    assert len(outside(house).looks) == 1
    await house.advance(10_000)
    assert len(outside(house).looks) == 7
    assert (await only(house)).state == "unsure"
    assert await house.problems() == ["sends-unsure"]
    assert await house.journal.next_due() is None


async def test_proof_that_comes_after_the_step_has_ended_changes_the_send_and_not_the_run() -> None:
    house = await unsure()
    await house.advance(130)
    outside(house).found = Arrived("the listing shows it")
    await house.advance(60)
    assert (await only(house)).state == "accepted"
    assert await run_of(house) == ("done", "unsure")
    assert log_of(house) == ["accepted: the listing shows it"]


async def test_what_nobody_can_look_up_is_held_after_one_look() -> None:
    house = await unsure(CannotTell("nobody can look", again=False))
    await house.advance(10_000)
    assert len(outside(house).looks) == 1
    assert (await only(house)).reason == "nobody can look"


async def test_a_connection_without_a_settle_time_ends_the_step_at_once() -> None:
    house = House(outside=Outside(lambda request: Unsure("lost")))
    await house.start(acting(SEND))
    await house.fire("go")
    assert await house.outcomes() == ["unsure"]
    assert await house.problems() == ["sends-unsure"]


async def test_drop_takes_it_off_the_list_without_a_look_where_nobody_can_look() -> None:
    house = House(outside=Outside(lambda request: Unsure("lost")))
    await house.start(acting(SEND, if_unsure="drop"))
    await house.fire("go")
    (send,) = await house.sends()
    assert send.state == "dropped"
    assert send.reason == "it may have arrived, and is not sent again (if_unsure: drop): lost"
    assert await house.outcomes() == ["unsure"]
    assert await house.problems() == []


@pytest.mark.parametrize(("if_unsure", "state"), [("hold", "unsure"), ("drop", "dropped"), ("send_again", "unsure")])
async def test_what_was_not_found_is_never_sent_again_unless_that_is_asked_for_and_proven(
    if_unsure: str, state: str
) -> None:
    house = await unsure(NotFound("it is not listed"), if_unsure=if_unsure)
    await house.advance(10_000)
    assert len(outside(house).performed) == 1
    effect = await only(house)
    assert effect.state == state
    assert ("--prove-listing" in effect.reason) is (if_unsure == "send_again")
    assert await run_of(house) == ("done", "unsure")


async def test_send_again_sends_the_same_op_id_once_a_proven_listing_does_not_show_it() -> None:
    house = await unsure(NotFound("it is not listed"), if_unsure="send_again")
    await proven(house)
    outside(house).answer = lambda request: Accepted({"id": "wamid.2"}, "message id wamid.2")
    await house.advance(130)
    assert len({operation.op_id for _, operation in house.outside.performed}) == 1
    assert len(house.outside.performed) == 2
    effect = await only(house)
    assert (effect.state, effect.reason, effect.attempts) == ("accepted", "message id wamid.2", 2)
    assert await run_of(house) == ("done", "finished")
    assert log_of(house) == ["sent_again: sent again: it is not listed"]


async def test_drop_is_dropped_when_every_look_failed() -> None:
    house = await unsure(if_unsure="drop")
    await house.advance(10_000)
    assert (await only(house)).state == "dropped"
    assert await house.problems() == []


@pytest.mark.parametrize("mistake", [RuntimeError("oops"), None])
async def test_a_connection_with_a_mistake_proves_nothing(mistake: Exception | None) -> None:
    class Wrong(Doubtful):
        async def settle(self, *_: Any) -> Settlement:
            if mistake:
                raise mistake
            return None  # type: ignore[return-value]

    house = House(outside=Wrong(), log=TestLog())
    await house.start(acting(SEND))
    await house.fire("go")
    await house.advance(130)
    assert (await only(house)).state == "unsure"
    assert "failed while looking" in (await only(house)).reason


async def test_a_connection_that_is_gone_cannot_tell() -> None:
    house = await unsure()
    following = House(names=(), journal=house.journal, clock=house.clock, rebuild=house.engine.ports.rebuild)
    await following.start(*house.programs.values())
    await following.advance(130)
    assert "there is no connection chakra" in (await only(following)).reason


async def test_a_look_up_that_was_cut_off_by_a_restart_is_made_again() -> None:
    house = await unsure(Arrived("the listing shows it"))
    house.clock.move(timedelta(seconds=130))
    await house.engine.due.work()
    following = house.again()
    await following.start(*house.programs.values())
    assert (await only(following)).state == "unsure"
    await following.advance(120)
    assert (await only(following)).state == "accepted"


async def test_an_intent_found_at_the_start_is_settled_counted_from_its_send_by() -> None:
    house = House(outside=Doubtful(Arrived("the listing shows it")))
    await house.start(acting(SEND))
    await house.engine.intake.take(*_go(house))
    await house.engine.executor.work()
    assert (await only(house)).state == "intent"
    house.clock.move(timedelta(seconds=40))
    following = house.again()
    await following.start(*house.programs.values())
    (row,) = await following.journal.dues("settle/")
    assert row.at == house.clock.now() + timedelta(seconds=120)
    await following.advance(121)
    assert (await only(following)).state == "accepted"


def _go(house: House) -> Any:
    from engine.values import Fact

    return ("event", "go"), Fact("event", "go", {}, house.clock.now())


@pytest.mark.parametrize(
    ("verdict", "state", "told"),
    [
        ("arrived", "accepted", "accepted: a person says that it arrived"),
        ("drop", "dropped", "dropped: it may have arrived, and is not sent again: a person says so"),
    ],
)
async def test_a_person_settles(verdict: str, state: str, told: str) -> None:
    house = await unsure()
    await person(house, verdict)
    assert (await only(house)).state == state
    assert log_of(house) == [told]
    assert await house.problems() == []
    assert await house.journal.next_due() is None


async def test_a_person_has_it_sent_again_even_late() -> None:
    house = await unsure()
    await house.advance(7200)
    outside(house).answer = lambda request: Accepted({"id": "wamid.2"}, "message id wamid.2")
    await person(house, "send-again")
    assert (await only(house)).state == "accepted"
    assert len(house.outside.performed) == 2


async def test_a_person_settles_nothing_that_is_not_unsure() -> None:
    house = await unsure()
    await person(house, "arrived")
    op_id = (await only(house)).op_id
    assert await house.engine.settler.decide(op_id, "drop") == "it is accepted, not unsure"
    assert await house.engine.settler.decide("nobody", "drop") == "there is no such send"


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed"])
async def test_a_status_with_our_op_id_settles(state: str) -> None:
    house = await unsure()
    assert await receipt(house, state) == ""
    effect = await only(house)
    assert effect.state == "accepted"
    assert effect.reason == f'status webhook "{state}" with our op_id'
    assert effect.answer == {"id": "wamid.1"}
    assert await run_of(house) == ("done", "finished")
    assert await house.journal.next_due() is None


@pytest.mark.parametrize("op_id", ["", "f" * 32])
async def test_a_status_without_our_op_id_settles_nothing(op_id: str) -> None:
    house = await unsure()
    assert await receipt(house, "delivered", op_id=op_id) == ""
    assert (await only(house)).state == "unsure"


async def test_a_status_that_is_not_believed_says_why() -> None:
    house = await unsure()
    outside(house).receipts = "the signature does not fit"
    assert await house.engine.receivers["connection/chakra"]({}, b"") == "the signature does not fit"


async def test_a_connection_that_fails_at_reading_a_status_is_answered_and_logged() -> None:
    class Wrong(Doubtful):
        def read_receipts(self, headers: Mapping[str, str], body: bytes) -> list[Receipt] | str:
            raise RuntimeError

    house = House(outside=Wrong(), log=TestLog())
    await house.start()
    assert await house.engine.receivers["connection/chakra"]({}, b"") == "it could not be read"


async def test_a_status_before_the_answer_counts_and_the_later_outcome_is_ignored() -> None:
    house = House(outside=Doubtful(), log=TestLog())
    await house.start(acting(SEND))

    async def status(operation: Operation) -> None:
        outside(house).receipts = [Receipt(operation.op_id, "wamid.1", "sent")]
        await house.engine.receivers["connection/chakra"]({}, b"")

    outside(house).while_sending = status
    await house.fire("go")
    effect = await only(house)
    assert (effect.state, effect.reason) == ("accepted", 'status webhook "sent" with our op_id')
    assert await run_of(house) == ("done", "finished")
    assert await house.problems() == []
    assert house.engine.effects.under_way == 0


async def test_a_status_that_comes_while_it_is_to_be_sent_again_keeps_it_from_being_sent() -> None:
    house = await unsure(NotFound("it is not listed"), if_unsure="send_again")
    effect = await only(house)
    await house.journal.commit(
        Changes(
            put=[
                effect._replace(state="queued", send_by=None),
                EntityRecord(listing_entity("chakra"), "proven", {}, house.clock.now(), house.clock.now()),
            ]
        )
    )
    await receipt(house, "delivered")
    house.engine.wakes.effects.sweep()
    await house.engine.work()
    assert len(house.outside.performed) == 1
    assert (await only(house)).state == "accepted"


async def test_a_message_that_fails_after_it_was_taken_is_told_once_and_clears_when_others_arrive() -> None:
    house = House(outside=Doubtful(), log=TestLog())
    await house.start(acting(SEND), program(FAILED))
    outside(house).answer = lambda request: Accepted({"id": "wamid.1"}, "message id wamid.1")
    await house.fire("go")
    await receipt(house, "failed", op_id="")
    await receipt(house, "failed")
    assert await house.problems() == ["delivery-failed"]
    assert len(await house.runs("failed")) == 1
    assert (await only(house)).state == "accepted"
    await receipt(house, "delivered")
    assert await house.problems() == []


async def test_each_message_that_fails_later_counts_as_new() -> None:
    house = House(outside=Doubtful(), log=TestLog())
    await house.start(acting(SEND, mode="parallel"))
    outside(house).answer = lambda request: Accepted({"id": "wamid.1"}, "message id wamid.1")
    for number in range(3):
        await house.fire("go")
        newest = (await house.sends())[-1]
        outside(house).receipts = [Receipt(newest.op_id, "", "failed", reason=f"reason {number}")]
        await house.engine.receivers["connection/chakra"]({}, b"")
        await house.advance(60)
    (problem,) = await house.journal.problems()
    assert problem.text.endswith("reason 2")
    assert house.engine.notices.came("deliveries/chakra", problem.since) == 2


async def test_a_send_that_becomes_unsure_later_counts_as_new_also_where_the_number_stays() -> None:
    house = House(outside=Doubtful(), log=TestLog())
    await house.start(acting(SEND, mode="parallel"))
    for _ in range(2):
        await house.fire("go")
        await house.advance(60)
    told = house.clock.now()
    assert house.engine.notices.came(UNSURE_KEY, told) == 0
    await house.engine.settler.decide((await house.sends())[0].op_id, "drop")
    await house.advance(60)
    await house.fire("go")
    (problem,) = await house.journal.problems()
    assert problem.text.startswith("2 sends are unsure")
    assert house.engine.notices.came(UNSURE_KEY, told) == 1
    again = house.again()
    await again.start(acting(SEND, mode="parallel"))
    assert again.engine.notices.came(UNSURE_KEY, told) == 1


async def test_the_count_of_unsure_sends_is_kept_up_to_date() -> None:
    house = House(outside=Doubtful(), log=TestLog())
    await house.start(acting(TWO))
    await house.fire("go")
    (problem,) = await house.journal.problems()
    assert problem.text.startswith("2 sends are unsure")
    effect = (await house.sends())[0]
    assert await house.engine.settler.decide(effect.op_id, "drop") == "drop"
    await house.engine.work()
    (problem,) = await house.journal.problems()
    assert problem.text.startswith("1 send is unsure")


async def test_a_row_whose_send_is_no_longer_unsure_is_dropped() -> None:
    house = await unsure()
    effect = await only(house)
    await house.journal.commit(Changes(put=[effect._replace(state="accepted")]))
    await house.advance(130)
    assert outside(house).looks == []
    assert await house.journal.get(DueRecord, (f"settle/{effect.op_id}",)) is None


async def test_a_settlement_that_loses_against_another_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    house = await unsure()
    effect = await only(house)

    class Slow(Doubtful):
        async def settle(self, *_: Any) -> Settlement:
            await house.journal.commit(Changes(put=[effect._replace(state="accepted", reason="a status")]))
            return NotFound("it is not listed")

    monkeypatch.setattr(house.outside, "settle", Slow().settle)
    await house.advance(200)
    assert (await only(house)).reason == "a status"


async def test_looks_are_made_a_few_at_a_time() -> None:
    house = House(outside=Doubtful(Arrived("listed")))
    await house.start(acting(SEND, mode="parallel"))
    for _ in range(20):
        await house.engine.intake.take(*_go(house))
    await house.engine.work()
    await house.advance(130)
    assert {each.state for each in await house.sends()} == {"accepted"}
