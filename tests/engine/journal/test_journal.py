"""The contract of every journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.journal.api import Journal, JournalError
from engine.journal.memory import MemoryJournal
from engine.journal.sqlite import SqliteJournal
from engine.records import (
    Changes,
    Conflict,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    Expect,
    InboxRecord,
    MemoryRecord,
    ProblemRecord,
    ProgramRecord,
    RuleRecord,
    RunRecord,
    SeenRecord,
    StepRecord,
    Update,
    dropped,
)
from tests.engine.journal.records import NOON, command, due, effect, event, run, step


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    made: Journal = (
        MemoryJournal() if request.param == "memory" else SqliteJournal.open(tmp_path / "state.db", owner="a test")
    )
    yield made
    await made.close()


EVERY_RECORD = [
    ProgramRecord("p1", "welcome", {"alias": "Welcome"}, "a.yaml", 3, "- id: welcome", NOON),
    RuleRecord("welcome", "p1", "a.yaml", True, None),
    RuleRecord("quiet", "p1", "a.yaml", False, NOON),
    event("e1"),
    SeenRecord("webhook", "wamid.1", NOON),
    run("r1"),
    step("r1", 0),
    effect("op1"),
    InboxRecord("i1", "r1", "tok", "outcome", [1, 2.5, "three"]),
    due("d1", 0),
    MemoryRecord("welcome", "t1", "job1", {"armed": False}),
    EntityRecord("sensor.rows", "26", {}, NOON, NOON),
    ProblemRecord("disk", "disk-full", "The disk is full.", NOON, None),
    command("c1"),
]


@pytest.mark.parametrize("record", EVERY_RECORD, ids=lambda record: type(record).__name__)
async def test_a_record_is_read_back_as_it_was_written(journal: Journal, record: EventRecord) -> None:
    assert await journal.commit(Changes(put=[record])) == Done()
    key = tuple(getattr(record, column) for column in type(record).KEY)  # type: ignore[attr-defined]
    assert await journal.get(type(record), key) == record


async def test_a_time_in_another_zone_is_read_back_as_the_same_instant_in_utc(journal: Journal) -> None:
    local = datetime.fromisoformat("2026-03-29T17:30:00.123456+05:30")
    await journal.commit(Changes(put=[SeenRecord("s", "k", local)]))
    seen = await journal.get(SeenRecord, ("s", "k"))
    assert seen is not None
    assert seen.at == NOON
    assert seen.at.utcoffset() == timedelta(0)


async def test_what_is_not_there_is_none(journal: Journal) -> None:
    assert await journal.get(EventRecord, ("e9",)) is None


async def test_putting_a_row_again_replaces_it_and_keeps_its_place(journal: Journal) -> None:
    await journal.commit(Changes(put=[event("e1"), event("e2")]))
    again = event("e1")._replace(trigger="t2")
    await journal.commit(Changes(put=[again]))
    assert await journal.new_events(9) == [again, event("e2")]


async def test_a_later_change_to_a_value_does_not_reach_what_was_committed(journal: Journal) -> None:
    data = {"count": 1}
    await journal.commit(Changes(put=[InboxRecord("i1", "r1", "tok", "signal", data)]))
    data["count"] = 2
    (row,) = await journal.inbox(1)
    row.data["count"] = 3
    assert (await journal.inbox(1))[0].data == {"count": 1}


async def test_an_update_changes_only_the_columns_it_names(journal: Journal) -> None:
    await journal.commit(Changes(put=[run("r1")]))
    done = await journal.commit(Changes(update=[Update(RunRecord, ("r1",), {"ended": NOON, "body": {"a": 1}})]))
    assert done == Done()
    assert await journal.get(RunRecord, ("r1",)) == run("r1")._replace(ended=NOON, body={"a": 1})


async def test_updating_a_row_that_is_not_there_is_a_conflict_and_writes_nothing(journal: Journal) -> None:
    await journal.commit(Changes(put=[run("r1")]))
    changes = Changes(
        update=[Update(RunRecord, ("r1",), {"version": 2}), Update(RunRecord, ("r9",), {"version": 2})],
        put=[event("e1")],
    )
    assert await journal.commit(changes) == Conflict(Expect(RunRecord, ("r9",), {}))
    assert await journal.get(RunRecord, ("r1",)) == run("r1")
    assert await journal.new_events(9) == []


async def test_updates_come_before_puts_and_drops_last(journal: Journal) -> None:
    await journal.commit(Changes(put=[event("e1")]))
    changes = Changes(drop=[Drop(EventRecord, ("e1",))], put=[event("e1", "done")])
    changes.add(Changes(update=[Update(EventRecord, ("e1",), {"state": "done"})]))
    assert await journal.commit(changes) == Done()
    assert await journal.get(EventRecord, ("e1",)) is None


async def test_dropping_what_is_not_there_is_no_error(journal: Journal) -> None:
    assert await journal.commit(Changes(drop=dropped(InboxRecord, [("i1",), ("i2",)]))) == Done()


async def test_empty_changes_are_done(journal: Journal) -> None:
    assert await journal.commit(Changes()) == Done()


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ({"version": 1}, True),
        ({"version": 2}, False),
        ({"version": 1, "state": "running"}, True),
        ({"version": 1, "state": "ended"}, False),
        ({"ended": None, "started": NOON}, True),
        ({"ended": NOON}, False),
        ({}, True),
        (None, False),
    ],
)
async def test_an_expectation_that_does_not_hold_writes_nothing(
    journal: Journal, values: dict[str, object] | None, holds: bool
) -> None:
    await journal.commit(Changes(put=[run("r1")]))
    expect = Expect(RunRecord, ("r1",), values)
    answer = await journal.commit(Changes(expect=[expect], put=[event("e1"), event("e2")]))
    assert answer == (Done() if holds else Conflict(expect))
    assert len(await journal.new_events(9)) == (2 if holds else 0)


async def test_a_row_expected_absent_is_written_by_one_of_many_callers(journal: Journal) -> None:
    def claim(number: int) -> Changes:
        return Changes([Expect(SeenRecord, ("s", "k"), None)], [SeenRecord("s", "k", NOON), event(f"e{number}")])

    answers = await asyncio.gather(*(journal.commit(claim(number)) for number in range(20)))
    assert answers.count(Done()) == 1
    assert len(await journal.new_events(99)) == 1
    assert await journal.commit(Changes([Expect(RunRecord, ("r9",), {"version": 1})])) != Done()


@pytest.mark.parametrize(
    "bad",
    [
        event("e1")._replace(at=datetime(2026, 1, 1)),
        event("e1")._replace(data={"x": float("nan")}),
        event("e1")._replace(data=object()),
        event("e1")._replace(rule=None),  # type: ignore[arg-type]
    ],
    ids=["a time without a zone", "not a number", "an object", "no value"],
)
async def test_a_record_that_cannot_be_read_back_is_refused_and_writes_nothing(
    journal: Journal, bad: EventRecord
) -> None:
    with pytest.raises(JournalError, match=r"event\.(at|data|rule) cannot be kept") as caught:
        await journal.commit(Changes(put=[event("e0"), bad]))
    assert caught.value.code == "bad-record"
    assert await journal.new_events(9) == []


@pytest.mark.parametrize("values", [{"cout": 1}, {"started": "noon"}, {"rule": None}])
async def test_an_update_that_the_table_cannot_keep_is_refused(journal: Journal, values: dict[str, object]) -> None:
    await journal.commit(Changes(put=[run("r1")]))
    with pytest.raises(JournalError) as caught:
        await journal.commit(Changes(update=[Update(RunRecord, ("r1",), values)]))
    assert caught.value.code == "bad-record"
    assert await journal.get(RunRecord, ("r1",)) == run("r1")


async def test_one_callers_mistake_undoes_nobody_else(journal: Journal) -> None:
    bad = Changes(put=[event("bad")], update=[Update(RunRecord, ("r9",), {"version": 2})])
    everyone = [Changes(put=[event("e1")]), bad, Changes(put=[event("e2"), step("r1", 0)])]
    answers = await asyncio.gather(*(journal.commit(changes) for changes in everyone))
    assert answers == [Done(), Conflict(Expect(RunRecord, ("r9",), {})), Done()]
    assert [e.id for e in await journal.new_events(9)] == ["e1", "e2"]


async def test_new_events_come_oldest_first_whatever_their_ids(journal: Journal) -> None:
    await journal.commit(Changes(put=[event("e3"), event("e1"), event("e2", "done"), event("e0")]))
    assert [e.id for e in await journal.new_events(2)] == ["e3", "e1"]
    await journal.commit(Changes(update=[Update(EventRecord, ("e3",), {"state": "done"})]))
    assert [e.id for e in await journal.new_events(9)] == ["e1", "e0"]


async def test_open_runs_are_those_queued_and_running(journal: Journal) -> None:
    rows = [run("r2", "queued"), run("r1"), run("r3", "ended"), run("r0", rule="other")]
    await journal.commit(Changes(put=rows))
    assert [r.id for r in await journal.open_runs()] == ["r2", "r1", "r0"]
    assert [r.id for r in await journal.open_runs("welcome")] == ["r2", "r1"]
    assert [r.id for r in await journal.open_runs("welcome", limit=1)] == ["r2"]
    await journal.commit(Changes(put=[run("r4")._replace(key="+44")]))
    assert [r.id for r in await journal.open_runs("welcome", "+44")] == ["r4"]


async def test_runs_come_newest_first(journal: Journal) -> None:
    await journal.commit(Changes(put=[run("r2"), run("r1", "ended"), run("r3", rule="other")]))
    assert [r.id for r in await journal.runs()] == ["r3", "r1", "r2"]
    assert [r.id for r in await journal.runs(rule="welcome", limit=1)] == ["r1"]


async def test_a_trace_comes_in_order(journal: Journal) -> None:
    await journal.commit(Changes(put=[step("r1", 1), step("r2", 0), step("r1", 0)]))
    assert await journal.steps("r1") == [step("r1", 0), step("r1", 1)]


async def test_what_is_due_comes_earliest_first_and_bounded(journal: Journal) -> None:
    assert await journal.next_due() is None
    await journal.commit(Changes(put=[due("c", 5), due("b", 1), due("a", 5), due("d", 6)]))
    assert [d.key for d in await journal.due_before(NOON + timedelta(seconds=5), 9)] == ["b", "c", "a"]
    assert [d.key for d in await journal.due_before(NOON + timedelta(seconds=9), 2)] == ["b", "c"]
    assert await journal.next_due() == NOON + timedelta(seconds=1)
    await journal.commit(Changes(drop=dropped(DueRecord, [("b",)])))
    assert await journal.next_due() == NOON + timedelta(seconds=5)


async def test_dues_are_found_by_the_beginning_of_their_key(journal: Journal) -> None:
    await journal.commit(Changes(put=[due("rule/b", 1), due("rule/a", 2), due("rule%", 1), due("ruler/a", 1)]))
    assert [d.key for d in await journal.dues("rule/")] == ["rule/b", "rule/a"]
    assert len(await journal.dues("")) == 4


async def test_effects_of_several_states_come_oldest_first(journal: Journal) -> None:
    rows = [effect("c", "waiting"), effect("b"), effect("a", "accepted"), effect("d", "waiting")]
    await journal.commit(Changes(put=rows))
    assert [e.op_id for e in await journal.effects(["queued", "waiting"], 9)] == ["c", "b", "d"]
    assert [e.op_id for e in await journal.effects(["queued", "waiting", "queued"], 2)] == ["c", "b"]
    assert [e.op_id for e in await journal.effects({"accepted"}, 9)] == ["a"]
    assert await journal.effects([], 9) == []


async def test_sends_come_newest_first(journal: Journal) -> None:
    rows = [effect("c", "waiting"), effect("b"), effect("a", "accepted", "r2"), effect("d", "waiting", "r2")]
    await journal.commit(Changes(put=rows))
    assert [e.op_id for e in await journal.sends(limit=3)] == ["d", "a", "b"]
    assert [e.op_id for e in await journal.sends(states=["waiting", "queued"], limit=2)] == ["d", "b"]
    assert [e.op_id for e in await journal.sends(run="r2")] == ["d", "a"]
    assert [e.op_id for e in await journal.sends(run="r2", states=["accepted"])] == ["a"]
    assert [e.op_id for e in await journal.sends(run="r2", limit=1)] == ["d"]


async def test_problems_that_cleared_are_listed_only_when_asked_for(journal: Journal) -> None:
    old = ProblemRecord("a", "x", "An old one.", NOON, NOON)
    new = ProblemRecord("b", "x", "A new one.", NOON, None)
    await journal.commit(Changes(put=[old, new]))
    assert await journal.problems() == [new]
    assert await journal.problems(open_only=False) == [old, new]


async def test_small_tables_are_read_whole(journal: Journal) -> None:
    await journal.commit(Changes(put=EVERY_RECORD))
    assert [type(row) for row in [*await journal.memories(), *await journal.entities()]] == [MemoryRecord, EntityRecord]
    assert [row.rule for row in await journal.rules()] == ["welcome", "quiet"]
    assert await journal.commands() == [command("c1")]
    assert [type(s) for s in await journal.steps("r1")] == [StepRecord]
    assert [type(e) for e in await journal.sends()] == [EffectRecord]


async def test_a_closed_journal_takes_nothing_and_may_be_closed_again(journal: Journal) -> None:
    await journal.close()
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        await journal.commit(Changes(put=[event("e1")]))


async def test_callers_that_wait_when_it_closes_are_still_written(journal: Journal) -> None:
    waiting = [asyncio.ensure_future(journal.commit(Changes(put=[event(f"e{n}")]))) for n in range(5)]
    await asyncio.sleep(0)
    await journal.close()
    assert await asyncio.gather(*waiting) == [Done()] * 5


async def test_rows_are_paged_in_the_order_of_their_keys(journal: Journal) -> None:
    await journal.commit(Changes(put=[step("r2", 0), step("r1", 10), step("r1", 2), run("r9")]))
    assert await journal.page(StepRecord, None, 2) == [step("r1", 2), step("r1", 10)]
    assert await journal.page(StepRecord, ("r1", 2), 9) == [step("r1", 10), step("r2", 0)]
    assert await journal.page(StepRecord, ("r2", 0), 9) == []


async def test_shredding_keeps_what_is_there_in_its_order(journal: Journal) -> None:
    await journal.commit(Changes(put=[event("e3"), event("e1"), event("e2")]))
    await journal.commit(Changes(drop=[Drop(EventRecord, ("e1",))]))
    await journal.shred()
    assert await journal.new_events(9) == [event("e3"), event("e2")]


async def test_the_sends_to_one_person_come_newest_first(journal: Journal) -> None:
    at = [effect(name)._replace(recipient="+91", created=NOON + timedelta(seconds=n)) for n, name in enumerate("abc")]
    others = [effect("d")._replace(recipient="+92"), effect("e")._replace(recipient="")]
    await journal.commit(Changes(put=[*at, *others]))
    assert [e.op_id for e in await journal.sends_to("+91", NOON + timedelta(seconds=1), 9)] == ["c", "b"]
    assert [e.op_id for e in await journal.sends_to("+91", NOON, 1)] == ["c"]
    assert await journal.sends_to("", NOON, 9) == []


async def test_a_send_is_found_by_the_id_that_the_other_side_gave_it(journal: Journal) -> None:
    rows = [
        effect(name, state)._replace(answer={"id": "wamid.1"}) for name, state in [("a", "accepted"), ("b", "refused")]
    ]
    await journal.commit(Changes(put=[*rows, effect("c", "accepted")._replace(answer=[1]), effect("d", "accepted")]))
    found = await journal.send_with_id("chakra", "wamid.1")
    assert found is not None
    assert found.op_id == "a"
    assert await journal.send_with_id("http", "wamid.1") is None
    assert await journal.send_with_id("chakra", "wamid.2") is None
