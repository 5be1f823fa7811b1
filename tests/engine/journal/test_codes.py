"""Rows that somebody else changes: seen when they are read, kept from who reads, never given a code of ours."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.journal import file
from engine.journal.api import Changed, JournalError
from engine.journal.backup import back_up, restore
from engine.journal.codes import KEY_BYTES, codes_beside, codes_for, key_file, put_key
from engine.journal.rows import form_of
from engine.journal.sqlite import SqliteJournal, leave_command
from engine.records import (
    RECORDS,
    Changes,
    CommandRecord,
    Conflict,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    EventRecord,
    Expect,
    InboxRecord,
    RunRecord,
    SeenRecord,
    Update,
)
from engine.scrub import audits
from tests.engine.journal.records import NOON, command, due, effect, event, run, step
from tests.engine.journal.test_journal import EVERY_RECORD
from tests.engine.journal.test_sqlite import child, opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    made = opened(path)
    yield made
    await made.close()


def tampered(path: Path, sql: str, *values: object) -> None:
    """Somebody else at the state file."""
    with closing(sqlite3.connect(path)) as other:
        assert other.execute(sql, values).rowcount > 0
        other.commit()


def other_than(cell: Any) -> Any:
    """Another value that could stand in the same column."""
    if isinstance(cell, int | float):
        return cell + 1
    return cell[1:] if cell else "1"


def met(journal: SqliteJournal) -> list[Changed]:
    found: list[Changed] = []
    journal.on_changed = found.append
    return found


async def changed_rows(journal: SqliteJournal) -> list[tuple[str, tuple[Any, ...]]]:
    return [(each.record.TABLE, each.key) async for audit in audits(journal) for each in audit.changed]


def as_old(path: Path) -> None:
    """Makes the state one of the version before there were codes."""
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP TABLE row_key")
        for record in RECORDS:
            old.execute(f"ALTER TABLE {record.TABLE} DROP COLUMN row_code")
        old.execute("PRAGMA user_version = 2")
        old.commit()
        old.execute("PRAGMA journal_mode = DELETE")


# Every way to write


async def test_what_only_proves_that_the_disk_takes_it_has_its_code(path: Path) -> None:
    journal = opened(path)
    await journal.prove(NOON)
    assert (await journal.audit(SeenRecord, None, 9), met(journal)) == ((1, ("journal", "proof"), []), [])
    await journal.close()


async def test_a_command_that_revokes_another_has_its_code_and_the_other_is_gone(path: Path) -> None:
    journal = opened(path)
    await leave_command(path, command("c1"))
    await leave_command(path, command("c2"), instead_of="c1")
    assert await journal.commands() == [command("c2")]
    assert await changed_rows(journal) == []
    await journal.close()


# Noticing


@pytest.mark.parametrize("record", EVERY_RECORD, ids=lambda record: type(record).__name__)
async def test_a_change_to_any_column_of_any_row_is_noticed(path: Path, record: Any) -> None:
    form = form_of(type(record))
    for column in (*form.columns, "row_code"):
        journal = opened(path)
        await journal.commit(Changes(put=[record]))
        assert await changed_rows(journal) == []
        with closing(sqlite3.connect(path)) as other:
            was = other.execute(f"SELECT {column} FROM {form.table}").fetchone()[0]
        tampered(path, f"UPDATE {form.table} SET {column} = ?", other_than(was))
        (found,) = await changed_rows(journal)
        assert found[0] == form.table, column
        await journal.commit(Changes(drop=[Drop(type(record), found[1])]))
        await journal.close()


async def test_bytes_that_are_no_text_are_noticed_and_stop_no_read(path: Path, journal: SqliteJournal) -> None:
    await journal.commit(
        Changes(put=[event("e1"), event("e2"), SeenRecord("s", "k", NOON), SeenRecord("s", "l", NOON)])
    )
    tampered(path, "UPDATE event SET data = CAST(x'7bff7d' AS TEXT) WHERE id = 'e1'")
    tampered(path, "UPDATE seen SET key = CAST(x'6bff' AS TEXT) WHERE key = 'k'")
    assert await journal.new_events(9) == [event("e2")]
    assert await changed_rows(journal) == [("event", ("e1",)), ("seen", ("s", "k\udcff"))]
    assert [each.key async for each in _pages(journal)] == ["l"]
    for record, key in ((EventRecord, ("e1",)), (SeenRecord, ("s", "k\udcff"))):
        assert await journal.commit(Changes(drop=[Drop(record, key)])) == Done()
    assert await changed_rows(journal) == []


async def _pages(journal: SqliteJournal) -> AsyncIterator[SeenRecord]:
    after: tuple[object, ...] | None = None
    while rows := await journal.page(SeenRecord, after, 1):
        for row in rows:
            yield row
        after = (rows[-1].scope, rows[-1].key)


async def test_a_row_that_somebody_else_made_is_no_row_of_ours(path: Path, journal: SqliteJournal) -> None:
    tampered(path, "INSERT INTO command (id, kind, data, at) VALUES ('c1', 'resume-sending', '{}', 1)")
    assert await journal.commands() == []
    assert await changed_rows(journal) == [("command", ("c1",))]


async def test_a_row_put_into_the_place_of_another_is_noticed(path: Path, journal: SqliteJournal) -> None:
    await journal.commit(Changes(put=[event("e1"), event("e2")._replace(rule="other")]))
    columns = ", ".join((*(c for c in EventRecord._fields if c != "id"), "row_code"))
    tampered(path, f"UPDATE event SET ({columns}) = (SELECT {columns} FROM event WHERE id = 'e2') WHERE id = 'e1'")
    assert await changed_rows(journal) == [("event", ("e1",))]


# Acting


async def test_a_changed_row_is_kept_from_who_reads_and_told_of(path: Path, journal: SqliteJournal) -> None:
    rows = [
        event("e1"),
        run("r1"),
        effect("o1"),
        due("d1", 0),
        command("c1"),
        InboxRecord("i1", "r1", "t", "signal", {}),
    ]
    await journal.commit(Changes(put=rows))
    tampered(path, "UPDATE event SET data = '{}'")
    tampered(path, "UPDATE run SET body = '{}'")
    tampered(path, "UPDATE effect SET recipient = 'y'")
    tampered(path, "UPDATE due SET at = at - 1")
    tampered(path, "UPDATE command SET kind = 'x'")
    tampered(path, 'UPDATE inbox SET data = \'{"state": "accepted"}\'')
    told = met(journal)
    reads = [
        await journal.new_events(9),
        await journal.open_runs(),
        await journal.effects(("queued",), 9),
        await journal.due_before(NOON, 9),
        await journal.next_due(),
        await journal.commands(),
        await journal.inbox(9),
        await journal.get(RunRecord, ("r1",)),
        await journal.sends(),
    ]
    assert reads == [[], [], [], [], None, [], [], None, []]
    assert {each.record for each in told} == {
        EventRecord, RunRecord, EffectRecord, DueRecord, CommandRecord, InboxRecord,
    }  # fmt: skip


async def test_changed_rows_do_not_stand_in_the_way_of_those_behind_them(path: Path, journal: SqliteJournal) -> None:
    await journal.commit(Changes(put=[event(f"e{n}") for n in range(50)] + [due(f"d{n}", n) for n in range(9)]))
    await journal.commit(Changes(put=[effect(f"o{n}") for n in range(50)]))
    tampered(path, "UPDATE event SET data = '{}' WHERE id NOT IN ('e40', 'e41', 'e49')")
    tampered(path, "UPDATE effect SET recipient = 'y' WHERE op_id != 'o49'")
    tampered(path, "UPDATE due SET data = '1' WHERE key != 'd8'")
    assert [each.id for each in await journal.new_events(2)] == ["e40", "e41"]
    assert [each.op_id for each in await journal.effects(("queued", "waiting"), 3)] == ["o49"]
    assert [each.key for each in await journal.due_before(NOON + timedelta(hours=1), 1)] == ["d8"]
    assert await journal.next_due() == due("d8", 8).at


async def test_a_search_goes_past_an_answer_that_somebody_made_unreadable(path: Path, journal: SqliteJournal) -> None:
    answered = [effect(f"o{n}", "accepted")._replace(answer={"id": f"wamid.{n}"}) for n in range(3)]
    await journal.commit(Changes(put=answered))
    tampered(path, "UPDATE effect SET answer = '{\"id' WHERE op_id = 'o2'")
    assert await journal.send_with_id("chakra", "wamid.1") == answered[1]
    assert await journal.send_with_id("chakra", "wamid.2") is None


async def test_an_update_gives_no_code_to_what_somebody_else_made_of_a_row(path: Path, journal: SqliteJournal) -> None:
    await journal.commit(Changes(put=[effect("o1"), effect("o2")]))
    tampered(path, "UPDATE effect SET recipient = 'y' WHERE op_id = 'o1'")
    told = met(journal)
    values = {"state": "intent"}
    answer = await journal.commit(Changes(update=[Update(EffectRecord, (each,), values) for each in ("o2", "o1")]))
    assert answer == Conflict(Expect(EffectRecord, ("o1",), {}))
    assert [each.key for each in told] == [("o1",)]
    assert await changed_rows(journal) == [("effect", ("o1",))]
    assert await journal.get(EffectRecord, ("o2",)) == effect("o2")


async def test_what_is_written_whole_is_ours_again(path: Path, journal: SqliteJournal) -> None:
    await journal.commit(Changes(put=[event("e1")]))
    tampered(path, "UPDATE event SET data = '{}'")
    await journal.commit(Changes(put=[event("e1")]))
    assert await changed_rows(journal) == []
    assert await journal.new_events(9) == [event("e1")]


async def test_cells_that_sqlite_keeps_in_another_type_are_not_taken_for_changes(journal: SqliteJournal) -> None:
    class Word(str):
        """A text that shows itself as another."""

        def __str__(self) -> str:
            return "hidden"

    odd = effect("o1")._replace(timeout=3, attempts=True, reason=7, rule=Word("welcome"))  # type: ignore[arg-type]
    await journal.commit(Changes(put=[odd]))
    await journal.commit(Changes(update=[Update(EffectRecord, ("o1",), {"timeout": 4, "attempts": 2.0})]))
    kept = await journal.get(EffectRecord, ("o1",))
    assert kept is not None
    assert (kept.timeout, kept.attempts, kept.reason, kept.rule) == (4.0, 2, "7", "welcome")


# The key


async def test_the_key_is_its_owners_and_stays(path: Path) -> None:
    old = os.umask(0)
    try:
        await opened(path).close()
    finally:
        os.umask(old)
    key = key_file(path)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert len(before) == KEY_BYTES
    journal = opened(path)
    assert not journal.key_was_lost
    assert key.read_bytes() == before
    await journal.close()


@pytest.mark.parametrize("left", [None, b"short", b"x" * KEY_BYTES])
async def test_without_its_key_a_state_opens_with_codes_of_a_new_one_and_says_so(
    path: Path, left: bytes | None
) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1"), *(step("r1", n) for n in range(1200))]))
    await journal.close()
    if left is None:
        key_file(path).unlink()
    else:
        key_file(path).write_bytes(left)
    journal = opened(path)
    assert journal.key_was_lost
    assert await journal.new_events(9) == [event("e1")]
    assert await changed_rows(journal) == []
    await journal.close()
    again = opened(path)
    assert not again.key_was_lost
    await again.close()


async def test_who_looks_without_the_key_sees_the_rows_and_that_nobody_knows(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    await journal.close()
    key_file(path).unlink()
    look = SqliteJournal.look(path)
    assert look.key_was_lost
    assert await look.new_events(9) == [event("e1")]
    assert await changed_rows(look) == []
    await look.close()


async def test_a_command_left_with_another_key_than_the_daemons_is_refused(path: Path) -> None:
    journal = opened(path)
    await leave_command(path, command("c1"))
    assert await journal.commands() == [command("c1")]
    key_file(path).unlink()
    with pytest.raises(JournalError, match="missing or another one") as caught:
        await leave_command(path, command("c2"), instead_of="c1")
    assert "start the daemon again" in caught.value.problem().remedy
    assert await journal.commands() == [command("c1")]
    await journal.close()


async def test_a_command_for_an_older_state_is_refused_in_words(path: Path) -> None:
    await opened(path).close()
    as_old(path)
    with pytest.raises(JournalError) as caught:
        await leave_command(path, command("c1"))
    assert caught.value.code == "older-state"


def test_of_two_who_make_a_key_at_once_the_first_wins_and_another_key_is_kept(path: Path) -> None:
    first = codes_for(path).key
    assert codes_for(path).key == first
    put_key(path, b"n" * KEY_BYTES)
    put_key(path, b"n" * KEY_BYTES)
    known = codes_beside(path)
    assert known is not None
    assert known.key == b"n" * KEY_BYTES
    kept = [found for found in path.parent.iterdir() if ".before-" in found.name]
    assert [found.read_bytes() for found in kept] == [first]
    assert len(list(path.parent.iterdir())) == 2


# Upgrades, backups


async def test_rows_of_a_state_without_codes_get_theirs_when_it_is_brought_up_to_date(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[*EVERY_RECORD, *(step("r2", n) for n in range(1100))]))
    await journal.close()
    as_old(path)
    key_file(path).unlink()
    journal = opened(path)
    assert not journal.key_was_lost
    assert await changed_rows(journal) == []
    assert len(await journal.steps("r2")) == 1100
    await journal.close()


async def test_an_upgrade_that_is_killed_at_any_moment_is_made_again_and_no_row_lacks_its_code(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[step("r1", n) for n in range(3000)]))
    await journal.close()
    as_old(path)
    seed = int.from_bytes(os.urandom(4), "big")
    print("seed", seed)
    chance = Random(seed)
    script = """
import os, sys
from pathlib import Path
from engine.journal import codes
from engine.journal.sqlite import SqliteJournal
left = int(sys.stdin.readline())
made = codes._maker
def maker(key, table):
    code = made(key, table)
    def dying(cells):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return code(cells)
    return dying
codes._maker = maker
SqliteJournal.open(Path(sys.argv[1]), owner="a test")
"""
    for after in (0, 1, chance.randrange(2, 3000)):
        killed = child(path, script.replace("int(sys.stdin.readline())", str(after)))
        assert await asyncio.to_thread(killed.wait, 20) == -signal.SIGKILL
        killed.communicate()
    assert file.version(path) == 2
    journal = opened(path)
    assert await changed_rows(journal) == []
    assert len(await journal.steps("r1")) == 3000
    await journal.close()


async def test_a_backup_carries_the_key_so_that_what_was_changed_in_it_shows(path: Path, tmp_path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1"), effect("o1"), effect("o2")]))
    await journal.close()
    backup, other = tmp_path / "copy.db", tmp_path / "other" / "state.db"
    back_up(path, backup, None, NOON)
    tampered(backup, "UPDATE effect SET recipient = 'y' WHERE op_id = 'o1'")
    found = restore(backup, other, NOON, replace=False)
    assert ([each.op_id for each in found.repeats.sends.rows], found.repeats.sends.total) == (["o2"], 1)
    assert stat.S_IMODE(key_file(other).stat().st_mode) == 0o600
    journal = opened(other)
    assert not journal.key_was_lost
    assert await changed_rows(journal) == [("effect", ("o1",))]
    await journal.close()


async def test_a_state_moved_aside_keeps_its_key(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    for each in (path, elsewhere):
        journal = opened(each)
        await journal.commit(Changes(put=[event(each.name)]))
        await journal.close()
    back_up(elsewhere, tmp_path / "copy.db", None, NOON)
    aside = restore(tmp_path / "copy.db", path, NOON, replace=True).aside
    assert aside is not None
    for each, name in ((path, "elsewhere.db"), (aside, "state.db")):
        journal = opened(each)
        assert not journal.key_was_lost
        assert [e.id for e in await journal.new_events(9)] == [name]
        await journal.close()


async def test_a_backup_from_before_there_were_codes_is_restored_with_new_ones(path: Path, tmp_path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    await journal.close()
    backup, other = tmp_path / "copy.db", tmp_path / "other" / "state.db"
    back_up(path, backup, b"k", NOON)
    as_old(backup)
    with closing(sqlite3.connect(backup)) as old:
        old.execute("ALTER TABLE backup DROP COLUMN row_key")
    assert restore(backup, other, NOON, replace=False).backup.key == b"k"
    journal = opened(other)
    assert not journal.key_was_lost
    assert await changed_rows(journal) == []
    assert await journal.new_events(9) == [event("e1")]
    await journal.close()
