"""What only the SQLite journal has: a file, its owner, its disk, and processes that die."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.journal import file
from engine.journal.api import JournalError
from engine.journal.codes import codes_for
from engine.journal.file import Migration
from engine.journal.rows import form_of
from engine.journal.sqlite import SqliteJournal, leave_command, queries
from engine.records import (
    RECORDS,
    Changes,
    Conflict,
    Done,
    Drop,
    EventRecord,
    Expect,
    InboxRecord,
    RunRecord,
    SeenRecord,
    Update,
)
from tests.engine.journal.records import NOON, command, event, run, step

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rulewheel.db"


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal.open(path, owner="a test")


def child(path: Path, script: str) -> subprocess.Popen[str]:
    """A process of its own that runs `script` with the path as its only argument."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )


def contents(path: Path) -> bytes:
    """Every byte of the state's files."""
    return b"".join(found.read_bytes() for found in path.parent.iterdir())


# The file


async def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    await journal.close()
    again = opened(path)
    assert await again.new_events(9) == [event("e1")]
    await again.close()


async def test_only_its_owner_may_read_file_and_folder(path: Path) -> None:
    old = os.umask(0)
    try:
        journal = opened(path)
        await journal.commit(Changes(put=[event("e1")]))
    finally:
        os.umask(old)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert len(modes) == 5
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await journal.close()


def test_every_table_has_the_columns_of_its_record_in_their_order(path: Path) -> None:
    file.create(path)
    connection = file.bring_up_to_date(path, codes_for(path))
    for record in RECORDS:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({record.TABLE})")]
        assert columns == [*record._fields, "row_code"], f"the tables and {record.__name__} differ"
    connection.close()


def test_every_read_is_found_by_an_index_and_sorts_nothing(path: Path) -> None:
    file.create(path)
    connection = file.bring_up_to_date(path, codes_for(path))
    small = {"dues", "problems", "open_problems", "memories", "entities", "rules", "commands", "waits"}
    for name, query in queries().items():
        names = ("limit", "rule", "key", "at", "first", "beyond", "state", "run")
        sought = ("recipient", "since", "connection", "id", "entity", "before")
        parameters = dict.fromkeys((*names, *sought), 1)
        plan = " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query.sql, parameters))
        sorts = "TEMP B-TREE" in plan and name not in {"open_runs", "open_runs_of_rule"}
        assert name in small or not sorts, f"{name}: {plan}"
    connection.close()


async def test_a_damaged_file_is_refused_in_words(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(JournalError, match="not a state file") as caught:
        opened(path)
    assert caught.value.code == "state-damaged"


async def test_another_programs_file_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = path.read_bytes(), path.stat().st_mode
    for opener in (opened, SqliteJournal.look):
        with pytest.raises(JournalError, match="belongs to another program") as caught:
            opener(path)
        assert caught.value.code == "not-a-state"
    assert (path.read_bytes(), path.stat().st_mode) == before


def test_a_path_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file, not a folder")
    with pytest.raises(JournalError, match="cannot be opened") as caught:
        opened(tmp_path / "here" / "state.db")
    assert caught.value.code == "cannot-open"


# Migrations


async def test_a_newer_state_is_refused_and_left_as_it_is(path: Path) -> None:
    await opened(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = path.read_bytes()
    for opener in (opened, SqliteJournal.look):
        with pytest.raises(JournalError, match="version 99") as caught:
            opener(path)
        assert caught.value.code == "newer-state"
    with pytest.raises(JournalError, match="newer rulewheel"):
        await leave_command(path, command("c1"))
    assert path.read_bytes() == before


async def test_a_migration_that_fails_leaves_the_version_before_it(path: Path) -> None:
    await opened(path).close()
    connection = file.connect(path)
    newest = file.migrations()[-1].number
    steps = (
        Migration(newest + 1, "CREATE TABLE two (x);\n"),
        Migration(newest + 2, "CREATE TABLE three (x);\nCREATE TABLE two (x);\n"),
    )
    with pytest.raises(sqlite3.Error, match="already exists"):
        file.migrate(connection, steps)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "two" in names
    assert "three" not in names
    assert connection.execute("PRAGMA user_version").fetchone() == (newest + 1,)
    connection.close()


async def test_a_migration_killed_in_the_middle_can_be_run_again(path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from engine.journal import file\n"
        "path = Path(sys.argv[1]); file.create(path); connection = file.connect(path)\n"
        "connection.execute('PRAGMA journal_mode = WAL')\n"
        "connection.create_function('die', 0, lambda: os.kill(os.getpid(), 9))\n"
        "text = file.migrations()[0].text\n"
        "file.migrate(connection, (file.Migration(1, text + 'SELECT die();'),))\n"
    )
    killed = child(path, script)
    assert killed.wait(20) == -signal.SIGKILL
    killed.communicate()
    assert file.version(path) == 0
    journal = opened(path)
    assert await journal.commit(Changes(put=[event("e1")])) == Done()
    await journal.close()


async def test_a_first_start_that_was_cut_off_while_it_wrote_can_be_begun_again(path: Path) -> None:
    path.parent.mkdir()
    cut_off = path.with_name("cut-off.db")
    with closing(sqlite3.connect(cut_off, isolation_level=None)) as writing:
        writing.execute("PRAGMA cache_size = 1")
        writing.execute("BEGIN")
        writing.execute("CREATE TABLE half (a)")
        writing.executemany("INSERT INTO half VALUES (?)", [("x" * 3000,)] * 20)
        for end in ("", "-journal"):
            path.with_name(path.name + end).write_bytes(cut_off.with_name(cut_off.name + end).read_bytes())
    assert path.stat().st_size
    journal = SqliteJournal.open(path, owner="test")
    assert await journal.runs() == []
    await journal.close()


async def test_a_failed_opening_lets_go_of_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(file, "migrations", lambda: (Migration(1, "CREATE TABEL x (y);\n"),))
        with pytest.raises(JournalError, match="syntax error"):
            opened(path)
    await opened(path).close()


# One owner


async def test_a_second_owner_is_refused_and_told_who_holds_the_state(path: Path) -> None:
    journal = opened(path)
    with pytest.raises(JournalError, match=rf"'a test' \(process {os.getpid()} on .*, since 2.* UTC\)") as caught:
        SqliteJournal.open(path, owner="another")
    assert caught.value.code == "owned"
    await journal.close()
    await opened(path).close()


async def test_an_owner_that_has_not_written_its_name_yet_is_still_respected(path: Path) -> None:
    journal = opened(path)
    path.with_name(path.name + ".lock").write_text("")
    with pytest.raises(JournalError, match="just starting"):
        opened(path)
    await journal.close()


async def test_a_dead_owner_is_replaced_at_once(path: Path) -> None:
    script = (
        "import signal, sys; from pathlib import Path; from engine.journal.sqlite import SqliteJournal\n"
        "journal = SqliteJournal.open(Path(sys.argv[1]), owner='the first'); print('open', flush=True); signal.pause()"
    )
    first = child(path, script)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    with pytest.raises(JournalError, match=f"'the first' .process {first.pid}"):
        opened(path)
    first.kill()
    first.communicate()
    await opened(path).close()


# Beside the owner


async def test_a_look_reads_beside_the_owner_and_cannot_write(path: Path) -> None:
    journal = opened(path)
    look = SqliteJournal.look(path)
    await journal.commit(Changes(put=[run("r1"), event("e1")]))
    assert await look.runs() == [run("r1")]
    with pytest.raises(JournalError, match="reading only") as caught:
        await look.commit(Changes(put=[event("e2")]))
    assert caught.value.code == "read-only"
    await look.close()
    await look.close()
    with pytest.raises(JournalError, match="closed"):
        await look.runs()
    await journal.close()


async def test_there_is_nothing_to_look_at_before_the_first_start(path: Path) -> None:
    with pytest.raises(JournalError, match="no state at") as caught:
        SqliteJournal.look(path)
    assert caught.value.code == "no-state"
    file.create(path)
    with pytest.raises(JournalError, match="older rulewheel") as caught:
        SqliteJournal.look(path)
    assert caught.value.code == "older-state"


@pytest.mark.parametrize("running", [True, False])
async def test_a_command_is_left_for_a_daemon_running_or_not(path: Path, running: bool) -> None:
    journal = opened(path)
    if not running:
        await journal.close()
    await leave_command(path, command("c1"))
    journal = journal if running else opened(path)
    assert await journal.commands() == [command("c1")]
    await journal.close()


async def test_a_command_may_be_left_before_the_first_start(path: Path) -> None:
    await leave_command(path, command("c1"))
    journal = opened(path)
    assert await journal.commands() == [command("c1")]
    await journal.close()


async def test_a_damaged_state_takes_no_command_and_shows_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 5000)
    with pytest.raises(JournalError, match="damaged"):
        await leave_command(path, command("c1"))
    with pytest.raises(JournalError, match="damaged"):
        SqliteJournal.look(path)


async def test_a_foreign_lock_delays_a_commit_and_not_the_loop(path: Path) -> None:
    journal = opened(path)
    other = file.connect(path)
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.ensure_future(journal.commit(Changes(put=[event("e1")])))
    for _ in range(3):
        await asyncio.sleep(0)  # the loop goes on, though the file is locked
    assert not commit.done()
    other.execute("COMMIT")
    assert await commit == Done()
    other.close()
    await journal.close()


async def test_a_lock_that_stays_is_an_error_and_then_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.journal.writer.PATIENCE", 0.02)
    journal = opened(path)
    other = file.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked") as caught:
        await journal.commit(Changes(put=[event("e1")]))
    assert caught.value.code == "locked"
    other.execute("COMMIT")
    other.close()
    assert await journal.commit(Changes(put=[event("e2")])) == Done()
    assert [e.id for e in await journal.new_events(9)] == ["e2"]
    await journal.close()


# Callers


async def test_a_read_sees_nothing_of_a_group_that_is_not_on_disk(path: Path) -> None:
    journal = opened(path)
    commits = [asyncio.ensure_future(journal.commit(Changes(put=[event(f"e{n}")]))) for n in range(10)]
    while not commits[0].done():
        assert await journal.new_events(99) in ([], [event(f"e{n}") for n in range(10)])
        await asyncio.sleep(0)
    assert len(await journal.new_events(99)) == 10
    await journal.close()


@pytest.mark.parametrize(
    "wrong", [{"key": "half a pair \ud800"}, {"depth": 2**70}, {"depth": 0.5}, {"key": {"not": "text"}}]
)
async def test_a_value_that_sqlite_refuses_undoes_only_that_caller(path: Path, wrong: dict[str, Any]) -> None:
    journal = opened(path)
    bad = event("bad")._replace(**wrong)
    everyone = [
        Changes(put=[event("e1")]),
        Changes(put=[bad]),
        Changes(put=[event("e2"), bad]),
        Changes(put=[event("e3"), step("r1", 0)]),
    ]
    answers = await asyncio.gather(*map(journal.commit, everyone), return_exceptions=True)
    assert [getattr(answer, "code", answer) for answer in answers] == [Done(), "bad-record", "bad-record", Done()]
    assert [e.id for e in await journal.new_events(9)] == ["e1", "e3"]
    await journal.close()


async def test_a_lone_update_of_nothing_is_a_conflict(path: Path) -> None:
    journal = opened(path)
    answer = await journal.commit(Changes(update=[Update(RunRecord, ("r9",), {"version": 2})]))
    assert answer == Conflict(Expect(RunRecord, ("r9",), {}))
    await journal.close()


async def test_a_caller_that_is_cancelled_harms_nobody(path: Path) -> None:
    journal = opened(path)
    early = asyncio.ensure_future(journal.commit(Changes(put=[event("early")])))
    await asyncio.sleep(0)
    early.cancel()
    await asyncio.sleep(0)
    late = asyncio.ensure_future(journal.commit(Changes(put=[event("late")])))
    await asyncio.sleep(0)
    stays = asyncio.ensure_future(journal.commit(Changes(put=[event("e1")])))
    await asyncio.sleep(0)
    late.cancel()
    assert await stays == Done()
    assert "early" not in [e.id for e in await journal.new_events(9)]
    await journal.close()


async def test_more_callers_than_one_group_holds_are_all_written(path: Path) -> None:
    journal = opened(path)
    answers = await asyncio.gather(*(journal.commit(Changes(put=[event(f"e{n:04}")])) for n in range(1500)))
    assert answers == [Done()] * 1500
    assert [e.id for e in await journal.new_events(9999)] == [f"e{n:04}" for n in range(1500)]
    await journal.close()


async def test_a_loop_that_never_rests_does_not_starve_a_commit(path: Path) -> None:
    journal = opened(path)
    commit = asyncio.ensure_future(journal.commit(Changes(put=[event("e1")])))
    pauses = 0
    while not commit.done():
        sum(range(20_000))  # some 0.3 ms without giving way
        await asyncio.sleep(0)
        pauses += 1
    assert pauses < 1000
    await journal.close()


# The disk


async def test_a_full_file_fails_every_caller_of_the_group_and_goes_on_when_there_is_room(path: Path) -> None:
    journal = opened(path)
    connection = journal._owned[1]  # type: ignore[index]  # the only way to a small disk without being root
    connection.execute("PRAGMA max_page_count = 60")

    def big(name: str) -> Changes:
        return Changes(put=[InboxRecord(name, "r", "t", "k", "x" * 50_000)])

    assert await journal.commit(big("first")) == Done()
    answers = await asyncio.gather(*(journal.commit(big(f"i{n}")) for n in range(9)), return_exceptions=True)
    assert {getattr(answer, "code", "") for answer in answers} == {"disk-full"}
    assert "Make room" in str(answers[0])
    assert [row.id for row in await journal.inbox(99)] == ["first"]
    assert await journal.commit(Changes(drop=[Drop(InboxRecord, ("first",))])) == Done()
    assert await journal.commit(big("second")) == Done()
    assert [row.id for row in await journal.inbox(99)] == ["second"]
    await journal.close()


async def test_a_disk_that_refuses_the_commit_itself_fails_the_group_and_goes_on_later(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(path.name + "-wal").stat().st_size, hard))
    try:
        commits = (journal.commit(Changes(put=[event(f"no{n}")])) for n in range(3))
        answers = await asyncio.gather(*commits, return_exceptions=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [getattr(answer, "code", answer) for answer in answers] == ["disk-error"] * 3
    assert await journal.commit(Changes(put=[event("e2")])) == Done()
    assert [e.id for e in await journal.new_events(9)] == ["e1", "e2"]
    await journal.close()


async def test_a_state_damaged_meanwhile_is_said_when_it_is_read(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    await journal.close()
    journal = opened(path)
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(JournalError, match="damaged"):
        await journal.new_events(9)
    await journal.close()


async def test_what_was_dropped_is_not_in_the_files_once_they_are_shredded(path: Path) -> None:
    journal = opened(path)
    await journal.commit(Changes(put=[InboxRecord(f"i{n}", "r", "t", "k", f"secret-{n:05}") for n in range(500)]))
    await journal.commit(Changes(drop=[Drop(InboxRecord, (f"i{n}",)) for n in range(499)]))
    assert b"secret-00007" in contents(path)
    await journal.shred()
    assert b"secret-00007" not in contents(path)
    assert b"secret-00499" in contents(path)
    await journal.close()


async def test_shredding_beside_a_reader_that_does_not_end_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.02)
    journal = opened(path)
    await journal.commit(Changes(put=[event("e1")]))
    other = file.connect(path)
    other.execute("BEGIN")
    other.execute("SELECT * FROM event").fetchall()
    with pytest.raises(JournalError):
        await journal.shred()
    other.close()
    await journal.shred()
    await journal.close()


async def test_who_only_looks_cannot_shred(path: Path) -> None:
    await opened(path).close()
    look = SqliteJournal.look(path)
    with pytest.raises(JournalError, match="reading only"):
        await look.shred()
    await look.close()


# Death


async def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes
from tests.engine.journal.records import event, step

async def caller(journal, name):
    for n in range(1_000_000):
        id = f"{name}-{n}"
        await journal.commit(Changes(put=[event(id), step(id, 0)]))
        print(id, flush=True)

async def main():
    journal = SqliteJournal.open(Path(sys.argv[1]), owner="a test")
    first = len(await journal.new_events(1_000_000))
    await asyncio.gather(*(caller(journal, f"{first}-{c}") for c in range(8)))

asyncio.run(main())
"""
    seed = int.from_bytes(os.urandom(4), "big")
    print("seed", seed)
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    for _ in range(8):
        process = child(path, script)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 400)):
            acknowledged.add(process.stdout.readline().strip())
        process.kill()
        said, _ = process.communicate()
        acknowledged.update(said.rpartition("\n")[0].split())
    journal = opened(path)
    kept = {e.id for e in await journal.new_events(10_000_000)}
    assert acknowledged
    assert acknowledged - kept == set()
    for id in kept:  # noqa: A001
        assert await journal.get(type(step(id, 0)), (id, 0)) == step(id, 0)
    await journal.close()


def test_the_form_of_a_record_refuses_a_column_that_it_does_not_have() -> None:
    with pytest.raises(ValueError, match="the table event has no column cout"):
        form_of(EventRecord).encode_some({"cout": 1})


async def test_a_disk_without_room_is_seen_although_the_log_could_be_written_once_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(path)
    await journal.prove(NOON)
    found = await journal.get(SeenRecord, ("journal", "proof"))
    assert found is not None
    monkeypatch.setattr("engine.journal.sqlite.LEAST_ROOM", 2**62)
    with pytest.raises(JournalError) as error:
        await journal.prove(NOON)
    assert error.value.code == "disk-full"
    await journal.close()
