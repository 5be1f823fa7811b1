from __future__ import annotations

import sqlite3
from base64 import b64encode
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from engine.forget import Forgetting
from engine.journal.api import Journal, JournalError
from engine.journal.sqlite import SqliteJournal
from engine.plugin import Accepted, Outcome, Waiting
from engine.records import (
    RECORDS,
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
from engine.scrub import audits
from engine.testing import CountedIds
from tests.engine.journal.records import NOON, due, effect, event, run, step
from tests.house import FailingJournal, House, Outside, acting, programs, rule

PHONE = "+919876543210"
DIGITS = b"9876543210"


def wamid(number: str) -> str:
    """A message id as WhatsApp makes them: the number stands in it, in base64."""
    return f"wamid.{b64encode(bytes([0x1C, 0x18, len(number), *number.encode(), 0x15, 2, 0])).decode()}"


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
        f"message id {wamid('919876543210')}",
    ],
)
async def test_the_number_is_found_however_it_is_written(journal: Journal, value: object) -> None:
    assert forgetting(journal).holds(value)


@pytest.mark.parametrize(
    "value", ["+919876543211", "1919876543210", "98765432101", 9876543, True, None, "wamid.A", wamid("919876543211")]
)
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
    done = await forgetting(journal).run()
    assert done.erased["effect"] == done.erased["run"] == done.erased["step"] == 1
    assert done.erased["event"] == 2
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
    assert not any(await forgetting(journal).run())
    assert await journal.new_events(9) == [event("e1")]
    assert await journal.open_runs() == [run("r1")]
    assert await journal.sends() == [effect("op1")]


@pytest.mark.parametrize(
    ("state", "left"), [("queued", "cancelled"), ("waiting", "cancelled"), ("intent", "dropped"), ("unsure", "dropped")]
)
async def test_an_open_send_is_never_made(journal: Journal, state: str, left: str) -> None:
    await keep(journal, effect("op1", state)._replace(recipient=PHONE), due("effect/op1", 1), due("settle/op1", 1))
    await forgetting(journal).run()
    found = await journal.get(EffectRecord, ("op1",))
    assert found is not None
    assert found.state == left
    assert found.recipient == "forgotten"
    assert found.reason.endswith("the contact was forgotten on request")
    assert ("it may have arrived" in found.reason) is (left == "dropped")
    assert await journal.dues("") == []


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


NAME = "Asha Rao"
ORDER = {"trigger": "event", "event_type": "order"}
ADDRESS = "12 Lake Road"
BUSY = Waiting("busy", timedelta(hours=1))


async def lived(journal: Journal, outcome: Outcome = BUSY) -> House:
    """Orders of two contacts: each sets off a run that tells the crm and waits, and a run of another rule."""
    house = House(journal=journal, outside=Outside(lambda request: outcome))
    order = rule(
        [
            {"variables": {"name": "{{ trigger.event.data.name }}"}},
            {"event": "welcomed", "event_data": {"name": "{{ name }}"}},
            {"action": "http.request", "data": {"url": "https://crm.example/", "json": {"name": "{{ name }}"}}},
        ],
        trigger=ORDER,
        mode="parallel",
    )
    welcomed = rule(
        [{"action": "http.request", "data": {"url": "https://x.example/", "json": "{{ trigger.event.data.name }}"}}],
        trigger={"trigger": "event", "event_type": "welcomed"},
        mode="parallel",
    )
    await house.start(*programs(yaml.safe_dump([order, {**welcomed, "id": "second"}])))
    await house.fire("order", phone="+14155550100", name="Ben", address="1 Hill Street")
    await house.fire("order", phone=PHONE, name=NAME, address=ADDRESS)
    return house


async def test_what_hangs_from_a_run_of_the_contact_goes_with_it_and_with_what_it_set_off(tmp_path: Path) -> None:
    path = tmp_path / "state" / "journal.db"
    journal = SqliteJournal.open(path, owner="a test")
    house = await lived(journal)
    assert [each.state for each in await house.sends()] == ["waiting"] * 4
    asked = len(house.outside.performed)
    done = await forgetting(journal).run()
    assert done.ended == {"run": 2, "effect": 2}
    assert "inbox" not in done.erased
    assert [each.state for each in await house.sends()] == ["waiting", "waiting", "cancelled", "cancelled"]
    again = house.again()
    await again.start(*house.programs.values())
    await again.advance(4000)
    bodies = [str(request.body) for request, _ in house.outside.performed[asked:]]
    assert bodies
    assert not [body for body in bodies if NAME in body]
    await journal.close()
    left = b"".join(found.read_bytes() for found in path.parent.iterdir())
    assert b"Ben" in left
    assert not [text for text in (NAME, ADDRESS, DIGITS.decode()) if text.encode() in left]


async def test_a_run_of_the_contact_keeps_when_it_ran_and_how_it_ended(journal: Journal) -> None:
    await keep(
        journal,
        event("e1", "done")._replace(data={"from": PHONE}, key=NAME),
        run("r1", "done")._replace(key=NAME, outcome="finished", reason=f"greeted {NAME}"),
        step("r1", 1)._replace(detail={"name": NAME}, reason=f"to {NAME}"),
        effect("op1", "refused", "r1")._replace(body={"name": NAME}, reason=f"400: {NAME} is unknown", recipient=""),
    )
    await forgetting(journal).run()
    (found,) = await journal.runs()
    assert (found.state, found.outcome, found.started) == ("done", "finished", NOON)
    assert (found.key, found.reason, found.body) == ("forgotten", "forgotten", {"forgotten": True})
    (line,) = await journal.steps("r1")
    assert (line.path, line.result, line.reason, line.detail) == (
        "actions[0]",
        "sent",
        "forgotten",
        {"forgotten": True},
    )
    (send,) = await journal.sends()
    assert (send.state, send.reason, send.body) == ("refused", "forgotten", {"forgotten": True})


async def test_one_contact_of_many_is_forgotten_and_the_others_still_hear(journal: Journal) -> None:
    others = {"phone": "+14155550100"}
    await keep(
        journal,
        event("e1", "done")._replace(data={"job": "j7"}),
        run("r1"),
        *[step("r1", n)._replace(detail={"op_id": f"op{n}", "body": [NAME if n == 1 else "Ben"]}) for n in (1, 2)],
        effect("op1", "waiting")._replace(recipient=PHONE, body={"text": NAME}),
        effect("op2", "waiting")._replace(recipient=others["phone"], body={"text": "Ben"}),
    )
    await forgetting(journal).run()
    assert [each.state for each in await journal.runs()] == ["running"]
    assert [each.detail.get("body") for each in await journal.steps("r1")] == [None, ["Ben"]]
    found = {each.op_id: (each.state, each.body) for each in await journal.sends()}
    assert found == {"op1": ("cancelled", {"forgotten": True}), "op2": ("waiting", {"text": "Ben"})}
    (told,) = await journal.inbox(9)
    assert (told.data["op_id"], told.data["state"]) == ("op1", "cancelled")


async def test_a_run_that_is_over_and_spoke_to_nobody_else_was_about_the_contact(journal: Journal) -> None:
    await keep(
        journal,
        event("e1", "done")._replace(data={"order": 77}),
        run("r1", "done"),
        step("r1", 1)._replace(detail={"message": f"greeted {NAME}"}),
        effect("op1", "accepted")._replace(recipient=PHONE),
    )
    await forgetting(journal).run()
    (line,) = await journal.steps("r1")
    assert line.detail == {"forgotten": True}


@pytest.mark.parametrize("outcome", [BUSY, Accepted()], ids=["open", "over"])
@pytest.mark.parametrize("commits", range(16))
async def test_interrupted_at_any_moment_it_is_finished_by_running_it_again(
    journal: Journal, commits: int, outcome: Outcome
) -> None:
    await lived(journal, outcome)
    fetched = {"variables": {"customer": {"name": NAME, "phone": PHONE}}}
    await keep(
        journal, event("e9", "done"), run("r9")._replace(event="e9", body=fetched), step("r9", 1)._replace(detail=NAME)
    )
    failing = FailingJournal(journal)
    failing.fails_after = commits
    with pytest.raises(JournalError):
        await forgetting(failing).run()
    await forgetting(journal).run()
    rows = [str(row) for record in RECORDS for row in await journal.page(record, None, 1_000)]
    assert any("Ben" in row for row in rows)
    assert not [row for row in rows if NAME in row or ADDRESS in row or DIGITS.decode() in row]
    assert not any(await forgetting(journal).run())


async def test_a_row_that_somebody_changed_goes_where_it_holds_the_number(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path, owner="test")
    told = event("e1")._replace(data={"to": PHONE})
    await keep(journal, told, told._replace(id="e2", data={}))
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE event SET rule = 'another'")
        other.commit()
    done = await forgetting(journal).run()
    assert done.erased == {"event": 1}
    assert [each.key async for audit in audits(journal) for each in audit.changed] == [("e2",)]
    await journal.close()
    assert DIGITS not in b"".join(found.read_bytes() for found in tmp_path.iterdir())


async def test_what_hangs_from_a_row_that_somebody_changed_goes_with_it_whether_changed_or_not(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal.open(path, owner="test")
    lines = [step("r1", n)._replace(detail={"name": NAME}) for n in (1, 2)]
    await keep(
        journal, run("r1")._replace(body={"phone": PHONE}), *lines, step("r2", 1)._replace(detail={"name": "Ben"})
    )
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE run SET outcome = 'finished'")
        other.execute("UPDATE step SET result = 'lost' WHERE seq = 2 OR run = 'r2'")
        other.commit()
    await forgetting(journal).run()
    assert [(row.seq, row.detail) for row in await journal.steps("r1")] == [(1, {"forgotten": True})]
    assert [each.key async for audit in audits(journal) for each in audit.changed] == [("r2", 1)]
    await journal.close()
    assert NAME.encode() not in b"".join(found.read_bytes() for found in tmp_path.iterdir())
