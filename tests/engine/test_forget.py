from __future__ import annotations

from pathlib import Path

import pytest

from engine.forget import Forgetting
from engine.journal.api import Journal
from engine.journal.sqlite import SqliteJournal
from engine.records import (
    Changes,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    InboxRecord,
    MemoryRecord,
    ProblemRecord,
    RunRecord,
    SeenRecord,
)
from engine.testing import CountedIds
from tests.engine.journal.records import NOON, due, effect, event, run, step
from tests.house import House, acting

PHONE = "+919876543210"
DIGITS = b"9876543210"


def forgetting(journal: Journal) -> Forgetting:
    return Forgetting(journal, PHONE, NOON, CountedIds())


async def keep(journal: Journal, *records: object) -> None:
    await journal.commit(Changes(put=list(records)))


@pytest.mark.parametrize(
    "value",
    [
        "+919876543210",
        "call 98765 43210 now",
        "00919876543210",
        "+91 (98765) 432-10",
        "09876543210",
        919876543210,
        {"a": [{"+919876543210": 1}]},
    ],
)
async def test_the_number_is_found_however_it_is_written(journal: Journal, value: object) -> None:
    assert forgetting(journal).holds(value)


@pytest.mark.parametrize("value", ["+919876543211", "1919876543210", "98765432101", 9876543, True, None, "wamid.98765"])
async def test_other_numbers_are_not_taken_for_it(journal: Journal, value: object) -> None:
    assert not forgetting(journal).holds(value)


async def test_nothing_of_the_contact_is_left_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    journal = SqliteJournal.open(path, owner="a test")
    data = {"from": PHONE, "name": "Asha", "n": 919876543210}
    await keep(
        journal,
        event("e1", "done")._replace(key=PHONE, data=data),
        event("e2")._replace(data=data),
        run("r1", "done")._replace(key=PHONE, body={"response": data}, reason=f"sent to {PHONE}"),
        step("r1", 1)._replace(detail=data, reason=f"to {PHONE}"),
        effect("op1", "accepted")._replace(recipient=PHONE, body=data, shown=data, answer=data),
        InboxRecord("i1", "r1", "t", "outcome", data),
        DueRecord(f"hold/r/t/{PHONE}", "hold", NOON, data),
        MemoryRecord("r", "t", PHONE, {"armed": True}),
        SeenRecord("r/t", PHONE, NOON),
        EntityRecord("sensor.last", PHONE, data, NOON, NOON),
        ProblemRecord("p", "own-mistake", f"about {PHONE}", NOON, NOON),
    )
    assert any(DIGITS in found.read_bytes() for found in path.parent.iterdir())
    changed = await forgetting(journal).run()
    assert changed["effects"] == changed["runs"] == changed["steps"] == 1
    assert changed["events"] == 2
    await journal.close()
    left = b"".join(found.read_bytes() for found in path.parent.iterdir())
    assert DIGITS not in left
    assert b"Asha" not in left


async def test_a_send_that_was_made_keeps_its_outcome_and_nothing_of_the_contact(journal: Journal) -> None:
    await keep(journal, effect("op1", "accepted")._replace(recipient=PHONE, reason="message id wamid.1"))
    await forgetting(journal).run()
    (left,) = await journal.sends()
    assert (left.recipient, left.body, left.state, left.reason) == (
        "forgotten",
        {"forgotten": True},
        "accepted",
        "message id wamid.1",
    )


async def test_what_does_not_speak_of_the_contact_stays(journal: Journal) -> None:
    rows = [event("e1"), run("r1"), step("r1", 1), effect("op1"), due("d1", 1)]
    await keep(journal, *rows)
    assert not await forgetting(journal).run()
    assert await journal.new_events(9) == [event("e1")]
    assert await journal.open_runs() == [run("r1")]
    assert await journal.sends() == [effect("op1")]


@pytest.mark.parametrize(
    ("state", "left"), [("queued", "dropped"), ("waiting", "dropped"), ("intent", "unsure"), ("unsure", "unsure")]
)
async def test_an_open_send_is_never_made(journal: Journal, state: str, left: str) -> None:
    await keep(journal, effect("op1", state)._replace(recipient=PHONE), due("effect/op1", 1), due("settle/op1", 1))
    await forgetting(journal).run()
    found = await journal.get(EffectRecord, ("op1",))
    assert found is not None
    assert found.state == left
    assert found.recipient == "forgotten"
    names = {each.key for each in await journal.dues("")}
    assert names == ({"effect/op1"} if state == "unsure" else {"settle/op1"})


async def test_an_event_that_waits_is_not_handled_any_more(journal: Journal) -> None:
    await keep(journal, event("e1")._replace(data={"from": PHONE}))
    await forgetting(journal).run()
    assert await journal.new_events(9) == []
    left = await journal.get(EventRecord, ("e1",))
    assert left is not None
    assert left.data == {"forgotten": True}


async def test_a_run_that_knows_the_contact_ends_and_the_one_behind_it_goes_on(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting('- delay: "01:00:00"'))
    await house.fire("go", phone=PHONE)
    await house.fire("go", phone="+14155550100")
    assert await house.outcomes() == ["running", "queued"]
    await forgetting(journal).run()
    first = (await house.runs())[0]
    assert (first.outcome, first.reason) == ("cancelled", "the contact was forgotten on request")
    again = house.again()
    await again.start(*house.programs.values())
    await again.advance(3600)
    assert await again.outcomes() == ["cancelled", "finished"]
    assert await journal.get(RunRecord, (first.id,)) is not None
