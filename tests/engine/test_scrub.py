from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.journal.api import JournalError
from engine.journal.codes import key_file
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, CommandRecord, EffectRecord, EntityRecord, InboxRecord
from engine.runs.gate import SENDING
from engine.scrub import EVERY, PAUSE, ROWS, named
from tests.engine.journal.records import NOON, command, effect, event, run, step
from tests.house import House, TestLog, acting, program, programs


class Home:
    """A state file with an engine over it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = TestLog()
        self.open()

    def open(self) -> None:
        self.journal = SqliteJournal.open(self.path, owner="a test")
        self.house = House(journal=self.journal, log=self.log)

    async def again(self) -> None:
        """The process ends, and another one begins."""
        await self.journal.close()
        self.open()

    async def keep(self, *records: object) -> None:
        await self.journal.commit(Changes(put=list(records)))

    def tamper(self, sql: str, *values: object) -> None:
        """Somebody else at the state file."""
        with closing(sqlite3.connect(self.path)) as other:
            assert other.execute(sql, values).rowcount > 0
            other.commit()

    async def open_problems(self) -> dict[str, str]:
        return {each.key: each.text for each in await self.journal.problems() if each.code.startswith("row-")}


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "state.db")


def sends(home: Home) -> list[str]:
    return [operation.op_id for _, operation in home.house.outside.performed]


async def test_a_send_that_somebody_changed_does_not_leave_and_the_others_do(home: Home) -> None:
    await home.keep(*(effect(f"o{n}")._replace(connection="outside") for n in range(5)))
    home.tamper("UPDATE effect SET recipient = '+14155550199' WHERE op_id IN ('o0', 'o3')")
    await home.house.start()
    assert sorted(sends(home)) == ["o1", "o2", "o4"]
    assert await home.open_problems() == {
        f"row-changed/effect/{op_id}": f"the row effect/{op_id} was changed outside rulewheel; nothing is done with it"
        for op_id in ("o0", "o3")
    }
    assert "put back what was changed" in str(home.log.lines)
    await home.journal.close()


async def test_what_was_put_back_goes_on_and_its_problem_clears(home: Home) -> None:
    await home.keep(effect("o1")._replace(connection="outside"))
    home.tamper("UPDATE effect SET recipient = 'y'")
    await home.house.start()
    await home.house.advance(2 * EVERY.total_seconds())
    assert len(await home.open_problems()) == 1
    home.tamper("UPDATE effect SET recipient = 'x'")
    await home.house.advance(EVERY.total_seconds() + 1)
    assert await home.open_problems() == {}
    assert sends(home) == ["o1"]
    await home.journal.close()


async def test_the_problem_of_a_row_that_is_gone_clears_also_after_a_restart(home: Home) -> None:
    await home.keep(event("e1", "done"), event("e2", "done"))
    home.tamper("UPDATE event SET data = '1'")
    await home.house.start()
    await home.again()
    home.tamper("DELETE FROM event WHERE id = 'e1'")
    await home.house.start()
    assert list(await home.open_problems()) == ["row-changed/event/e2"]
    await home.journal.close()


async def test_a_changed_command_is_not_obeyed(home: Home) -> None:
    await home.keep(command("c1"))
    home.tamper('UPDATE command SET data = \'{"job": "j2"}\'')
    await home.house.start()
    assert await home.journal.commands() == []
    assert list(await home.open_problems()) == ["row-changed/command/c1"]
    assert await home.journal.get(CommandRecord, ("c1",)) is None
    await home.journal.close()


async def test_a_run_whose_row_was_changed_stands_still_and_others_go_on(home: Home) -> None:
    rule = program("""
    - id: welcome
      triggers: [{trigger: event, event_type: hello}]
      mode: parallel
      actions:
        - delay: 60
        - event: done
    """)
    await home.house.start(rule)
    for _ in range(2):
        await home.house.fire("hello")
    first, second = sorted(each.id for each in await home.journal.runs())
    await home.again()
    home.tamper("UPDATE run SET body = replace(body, 'n', 'm') WHERE id = ?", first)
    await home.house.start(rule)
    await home.house.advance(120)
    assert [(each.id, each.state) for each in await home.journal.runs()] == [(second, "done")]
    assert list(await home.open_problems()) == [f"row-changed/run/{first}"]
    await home.journal.close()


async def test_a_run_that_was_put_back_goes_on_with_all_that_came_for_it_meanwhile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.executor.BATCH", 3)
    rule = acting("- delay: 60\n- event: done\n", mode="parallel")
    await home.house.start(rule)
    for _ in range(9):
        await home.house.fire("go")
    *changed, last = sorted(each.id for each in await home.journal.runs())
    await home.again()
    home.tamper("UPDATE run SET state = 'runing' WHERE id != ?", last)
    await home.house.start(rule)
    await home.house.advance(60)
    for again in (False, True):
        if again:
            await home.again()
            await home.house.start(rule)
            await home.house.advance(60)
        assert [each.id for each in await home.journal.runs()] == [last]
        assert {each.run for each in await home.journal.inbox(100)} == set(changed)
    home.tamper("UPDATE run SET state = 'running' WHERE id != ?", last)
    await home.house.advance(EVERY.total_seconds() + 1)
    assert [each.outcome for each in await home.journal.runs()] == ["finished"] * 9
    assert await home.journal.inbox(100) == []
    assert await home.open_problems() == {}
    await home.journal.close()


async def test_messages_for_a_run_whose_changed_row_is_removed_are_used_up(home: Home) -> None:
    await home.keep(run("r1"), InboxRecord("m1", "r1", "", "signal", {}))
    home.tamper("UPDATE run SET rule = 'another'")
    await home.house.start()
    assert len(await home.journal.inbox(9)) == 1
    home.tamper("DELETE FROM run")
    await home.house.advance(EVERY.total_seconds() + 1)
    assert await home.journal.inbox(9) == []
    await home.journal.close()


async def test_messages_that_wait_for_a_changed_row_do_not_stand_in_the_way_of_those_behind_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.executor.BATCH", 3)
    waiting = [InboxRecord(f"m{n}", "r1", "", "signal", {}) for n in range(7)]
    await home.keep(run("r1"), *waiting, *(InboxRecord(f"n{n}", "over", "", "signal", {}) for n in range(7)))
    home.tamper("UPDATE run SET rule = 'another'")
    await home.house.start()
    assert await home.journal.inbox(99) == waiting
    await home.journal.close()


async def fired(home: Home) -> int:
    """Runs that the rule `r` has made so far, and one try to have it make another."""
    await home.house.fire("go")
    return len(await home.journal.runs())


async def test_a_rule_whose_row_was_changed_is_off_until_it_is_put_back(home: Home) -> None:
    rule = acting("- delay: 60\n")
    await home.house.start(rule)
    assert await fired(home) == 1
    await home.again()
    home.tamper("UPDATE rule SET file = 'another.yaml'")
    await home.house.start(rule)
    assert await fired(home) == 1
    assert list(await home.open_problems()) == ["row-changed/rule/r"]
    assert "a rule is off: its row in the state was changed" in home.log.said("warning")
    await home.house.advance(EVERY.total_seconds() + 60)
    assert [each.outcome for each in await home.journal.runs()] == ["finished"]
    assert list(await home.open_problems()) == ["row-changed/rule/r"]
    home.tamper("UPDATE rule SET file = 'rules.yaml'")
    await home.house.advance(EVERY.total_seconds() + 1)
    assert await home.open_problems() == {}
    assert await fired(home) == 2
    await home.journal.close()


@pytest.mark.parametrize(("changed", "back"), [("enabled = 1", "enabled = 0"), ("program = 'x'", None)])
async def test_a_rule_that_was_off_is_not_switched_on_by_changing_its_row(
    home: Home, changed: str, back: str | None
) -> None:
    rule = acting("- delay: 60\n")
    await home.house.start(rule)
    await home.house.engine.switch("r", on=False)
    await home.again()
    home.tamper(f"UPDATE rule SET {changed}")
    await home.house.start(rule)
    assert await fired(home) == 0
    if back:
        home.tamper(f"UPDATE rule SET {back}")
        await home.house.advance(2 * EVERY.total_seconds())
        assert await home.open_problems() == {}
        assert await fired(home) == 0
    await home.journal.close()


async def test_a_script_is_never_off_and_has_its_row_written_anew(home: Home) -> None:
    book = programs("- id: r\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{action: script.s}]\n")
    script = program("script:\n  s:\n    sequence:\n      - delay: 60\n")
    await home.house.start(*book, script)
    await home.again()
    home.tamper("UPDATE rule SET file = 'another.yaml' WHERE rule = 'script.s'")
    await home.house.start(*book, script)
    assert await fired(home) == 2
    assert len(await home.journal.rules()) == 2
    await home.journal.close()


@pytest.mark.parametrize("on", [True, False])
async def test_who_switches_a_rule_whose_row_was_changed_has_it_written_anew(home: Home, on: bool) -> None:
    rule = acting("- delay: 60\n")
    await home.house.start(rule)
    await home.again()
    home.tamper("UPDATE rule SET file = 'another.yaml'")
    await home.house.start(rule)
    await home.house.engine.switch("r", on=on)
    assert [each.enabled for each in await home.journal.rules()] == [on]
    assert await fired(home) == int(on)
    await home.house.advance(2 * EVERY.total_seconds())
    assert await home.open_problems() == {}
    await home.journal.close()


@pytest.mark.parametrize("sql", ["UPDATE rule SET file = 'another.yaml'", "DELETE FROM rule"])
async def test_a_rule_whose_row_is_changed_or_gone_under_it_runs_on_and_stops_nothing(home: Home, sql: str) -> None:
    await home.house.start(acting("- delay: 60\n", mode="parallel"))
    home.tamper(sql)
    assert [await fired(home), await fired(home)] == [1, 2]
    await home.journal.close()


async def test_sending_that_was_stopped_stays_stopped_when_its_row_was_changed(home: Home) -> None:
    await home.keep(EntityRecord(SENDING, "stopped", {}, NOON, NOON), effect("o1")._replace(connection="outside"))
    home.tamper("UPDATE entity SET state = 'on'")
    await home.house.start()
    assert sends(home) == []
    await home.journal.close()


async def test_a_round_is_a_page_a_second_and_the_next_one_is_an_hour_later(home: Home) -> None:
    await home.keep(*(step("r1", n) for n in range(2 * ROWS + 10)))
    home.tamper("UPDATE step SET reason = 'x' WHERE seq >= ?", 2 * ROWS)
    await home.house.start()
    assert await home.open_problems() == {}
    await home.house.advance(PAUSE.total_seconds())
    assert await home.open_problems() == {}
    await home.house.advance(PAUSE.total_seconds())
    assert len(await home.open_problems()) == 10
    home.tamper("UPDATE step SET reason = 'x' WHERE seq = 0")
    await home.house.advance(EVERY.total_seconds() - 10)
    assert len(await home.open_problems()) == 10
    await home.house.advance(10)
    assert len(await home.open_problems()) == 11
    await home.journal.close()


async def test_a_lost_key_is_told_until_the_next_start_and_nothing_is_refused(home: Home) -> None:
    await home.keep(effect("o1")._replace(connection="outside"))
    key_file(home.path).unlink()
    await home.again()
    await home.house.start()
    assert sends(home) == ["o1"]
    (text,) = (await home.open_problems()).values()
    assert text.startswith("the key of the rows' codes was not there")
    await home.again()
    await home.house.start()
    assert await home.open_problems() == {}
    await home.journal.close()


async def test_who_moves_the_key_away_takes_changed_rows_as_they_stand_but_not_those_that_cannot_be_read(
    home: Home,
) -> None:
    await home.keep(*(effect(f"o{n}")._replace(connection="outside") for n in range(2)))
    home.tamper("UPDATE effect SET recipient = 'y' WHERE op_id = 'o0'")
    home.tamper("UPDATE effect SET body = '{' WHERE op_id = 'o1'")
    key_file(home.path).unlink()
    await home.again()
    await home.house.start()
    assert sends(home) == ["o0"]
    assert set(await home.open_problems()) == {"row-key-lost", "row-changed/effect/o1"}
    await home.journal.close()


async def test_a_read_tells_at_once_and_a_row_is_one_problem(home: Home) -> None:
    await home.house.start()
    await home.keep(run("r1"))
    home.tamper("UPDATE run SET body = '1'")
    for _ in range(3):
        await home.journal.open_runs()
    await home.house.advance(0)
    assert len(await home.open_problems()) == 1
    assert home.log.said("error") == ["problem"]
    await home.journal.close()


async def test_a_changed_row_is_named_without_a_phone_number_and_in_letters_that_show() -> None:
    assert named(EffectRecord, ("+919876543210",)) == "effect/+9198…210"
    assert named(EntityRecord, ("a\udcff\n",)) == "entity/a\\udcff\n"


async def test_a_journal_that_fails_in_a_round_has_it_begun_anew(home: Home) -> None:
    await home.keep(event("e1", "done"))
    home.tamper("UPDATE event SET data = '1'")
    audit = home.journal.audit

    async def failing(*asked: object) -> None:
        raise JournalError("disk-error", "The disk refused.")

    home.journal.audit = failing  # type: ignore[method-assign,assignment]
    scrub = home.house.engine.scrub
    with pytest.raises(JournalError):
        await scrub.work()
    home.journal.audit = audit  # type: ignore[method-assign]
    scrub.wake.sweep()
    await scrub.work()
    assert list(await home.open_problems()) == ["row-changed/event/e1"]
    await home.journal.close()
