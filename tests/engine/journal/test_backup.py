from __future__ import annotations

import asyncio
import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from engine.journal import file
from engine.journal.api import JournalError
from engine.journal.backup import SHOWN, Backup, Restored, back_up, restore
from engine.journal.owner import Owner
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, DueRecord, EntityRecord, MemoryRecord
from tests.engine.journal.records import NOON, effect, event, run

LATER = NOON + timedelta(days=2)
KEY = b"k" * 32


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal.open(path, owner="a test")


async def filled(state: Path) -> None:
    journal = opened(state)
    sends = [effect(each, each) for each in ("queued", "waiting", "intent", "unsure", "accepted")]
    reads = effect("read", "queued")._replace(reads=True)
    await journal.commit(Changes(put=[event("e1"), run("r1"), run("r2", "done"), *sends, reads]))
    await journal.close()


def restored(backup: Path, state: Path, *, replace: bool = False) -> Restored:
    return restore(backup, state, LATER, replace=replace)


async def test_a_backup_made_while_others_write_is_one_moment_in_one_file_of_its_owner(state: Path) -> None:
    journal = opened(state)
    target = state.parent / "copy.db"
    commits = [journal.commit(Changes(put=[event(f"e{n}"), run(f"r{n}")])) for n in range(300)]
    writing = asyncio.gather(*commits)
    size = await asyncio.to_thread(back_up, state, target, KEY, NOON)
    await writing
    await journal.close()
    assert size == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    left = {found.name for found in state.parent.iterdir()}
    assert left == {"copy.db", "journal.db", "journal.db.key", "journal.db.lock"}
    copy = sqlite3.connect(target)
    events, runs = (copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("event", "run"))
    assert events == runs
    copy.close()


async def test_a_backup_overwrites_nothing_and_needs_a_folder(state: Path) -> None:
    await filled(state)
    there = state.parent / "there"
    there.write_text("mine")
    with pytest.raises(JournalError, match="no backup is overwritten"):
        back_up(state, there, None, NOON)
    with pytest.raises(JournalError, match="There is no folder"):
        back_up(state, state.parent / "nowhere" / "copy.db", None, NOON)
    assert there.read_text() == "mine"


async def test_a_damaged_state_makes_no_backup(state: Path) -> None:
    await filled(state)
    content = bytearray(state.read_bytes())
    content[8192:] = b"\0" * (len(content) - 8192)
    state.write_bytes(content)
    with pytest.raises(JournalError, match="damaged"):
        back_up(state, state.parent / "copy.db", None, NOON)
    assert not list(state.parent.glob("*copy*"))


async def test_what_was_restored_is_what_was_backed_up_with_sending_stopped(state: Path, tmp_path: Path) -> None:
    await filled(state)
    back_up(state, tmp_path / "copy.db", KEY, NOON)
    other = tmp_path / "other" / "journal.db"
    found = restored(tmp_path / "copy.db", other)
    assert (found.backup.made, found.backup.key, found.aside) == (NOON, KEY, None)
    assert [each.op_id for each in found.repeats.sends.rows] == ["queued", "waiting", "intent", "unsure"]
    assert [each.id for each in found.repeats.runs.rows] == ["r1"]
    journal = opened(other)
    assert await journal.new_events(9) == [event("e1")]
    stopped = await journal.get(EntityRecord, ("rulewheel.sending",))
    assert stopped is not None
    assert (stopped.state, stopped.changed) == ("stopped", LATER)
    await journal.close()
    assert stat.S_IMODE(other.stat().st_mode) == 0o600


async def test_what_may_repeat_is_what_was_under_way_and_nothing_else(state: Path, tmp_path: Path) -> None:
    journal = opened(state)
    schedules = [DueRecord(f"schedule/r/{at}", "schedule", at, {}) for at in (NOON, LATER + timedelta(seconds=1))]
    waits = [DueRecord(f"run/{each}/1.2", "run", NOON, {"run": each, "token": "1.2"}) for each in ("r1", "r2")]
    holds = [
        DueRecord("hold/r/t/j", "hold", LATER, {"rule": "r", "key": "j"}),
        DueRecord("settle/x", "settle", NOON, {}),
    ]
    jobs = [EntityRecord(f"job.{each}", each, {}, NOON, NOON) for each in ("watched", "running", "finished", "gone")]
    watches = [MemoryRecord("r", "t", each, {"inside": False}) for each in ("running", "finished", "+14155550123")]
    runs = [run("r1"), run("r2", "done"), run("r3", "queued")]
    await journal.commit(
        Changes(put=[*runs, *waits, *schedules, *holds, *jobs, *watches, event("e1"), event("e2", "done")])
    )
    await journal.close()
    found = restored(state, tmp_path / "other" / "journal.db").repeats
    assert [each.id for each in found.runs.rows] == ["r1", "r3"]
    assert found.waits.rows == waits[:1]
    assert found.late.rows == schedules[:1]
    assert found.holds.rows == holds[:1]
    assert found.jobs.rows == jobs[:2]
    assert found.watches.rows == watches[:1]
    assert [each.id for each in found.events.rows] == ["e1"]


async def test_of_very_many_the_first_are_read_and_all_are_counted(state: Path, tmp_path: Path) -> None:
    journal = opened(state)
    await journal.commit(Changes(put=[run(f"r{number:04}") for number in range(SHOWN + 5)]))
    await journal.close()
    found = restored(state, tmp_path / "other" / "journal.db").repeats.runs
    assert (found.rows[0].id, len(found.rows), found.total) == ("r0000", SHOWN, SHOWN + 5)


@pytest.mark.parametrize(
    ("pragma", "code"), [("user_version = 99", "newer-state"), ("application_id = 1", "not-a-state")]
)
async def test_what_is_no_state_of_ours_is_not_backed_up(state: Path, pragma: str, code: str) -> None:
    await filled(state)
    other = sqlite3.connect(state)
    other.execute(f"PRAGMA {pragma}")
    other.close()
    with pytest.raises(JournalError) as caught:
        back_up(state, state.parent / "copy.db", None, NOON)
    assert caught.value.code == code
    assert not list(state.parent.glob("*copy*"))


async def test_a_bare_copy_of_a_state_can_be_restored_too(state: Path, tmp_path: Path) -> None:
    await filled(state)
    found = restored(state, tmp_path / "other" / "journal.db")
    assert found.backup == Backup(None, None)
    assert found.repeats.runs.total == 1


async def test_a_state_that_is_there_stays_unless_it_is_to_be_replaced_and_is_kept_then(
    state: Path, tmp_path: Path
) -> None:
    await filled(state)
    back_up(state, tmp_path / "copy.db", KEY, NOON)
    before = state.read_bytes()
    with pytest.raises(JournalError, match="--replace"):
        restored(tmp_path / "copy.db", state)
    assert state.read_bytes() == before
    first, second = (
        restored(tmp_path / "copy.db", state, replace=True),
        restored(tmp_path / "copy.db", state, replace=True),
    )
    assert first.aside is not None
    assert second.aside is not None
    assert first.aside != second.aside
    kept = SqliteJournal.look(first.aside)
    assert await kept.get(EntityRecord, ("rulewheel.sending",)) is None
    assert len(await kept.runs()) == 2
    await kept.close()


async def test_a_log_that_was_left_behind_goes_with_its_state(state: Path, tmp_path: Path) -> None:
    await filled(state)
    back_up(state, tmp_path / "copy.db", KEY, NOON)
    state.write_bytes(b"damaged" * 1000)
    state.with_name("journal.db-wal").write_bytes(b"its log")
    aside = restored(tmp_path / "copy.db", state, replace=True).aside
    assert aside is not None
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"its log"
    await opened(state).close()


async def test_nothing_is_restored_under_a_daemon(state: Path, tmp_path: Path) -> None:
    await filled(state)
    back_up(state, tmp_path / "copy.db", KEY, NOON)
    before = state.read_bytes()
    owner = Owner(state, "rulewheel run")
    with pytest.raises(JournalError, match="'rulewheel run'") as caught:
        restored(tmp_path / "copy.db", state, replace=True)
    owner.release()
    assert caught.value.code == "owned"
    assert state.read_bytes() == before


@pytest.mark.parametrize(("version", "code"), [(99, "newer-state"), (None, "not-a-state"), (0, "state-damaged")])
async def test_what_is_no_backup_of_ours_changes_nothing(
    state: Path, tmp_path: Path, version: int | None, code: str
) -> None:
    await filled(state)
    backup = tmp_path / "copy.db"
    back_up(state, backup, KEY, NOON)
    if version == 0:
        content = bytearray(backup.read_bytes())
        content[8192:] = b"\0" * (len(content) - 8192)
        backup.write_bytes(content)
    else:
        copy = sqlite3.connect(backup)
        copy.execute("PRAGMA application_id = 1" if version is None else f"PRAGMA user_version = {version}")
        copy.close()
    before = state.read_bytes()
    with pytest.raises(JournalError) as caught:
        restored(backup, state, replace=True)
    assert caught.value.code == code
    assert state.read_bytes() == before
    assert not list(state.parent.glob(".*"))


def test_a_backup_that_is_not_there_and_a_state_that_cannot_be_made_are_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no file"):
        restored(tmp_path / "copy.db", tmp_path / "journal.db")
    (tmp_path / "copy.db").touch()
    (tmp_path / "here").touch()
    with pytest.raises(JournalError, match="cannot be written"):
        restored(tmp_path / "copy.db", tmp_path / "here" / "journal.db")


async def test_a_backup_of_an_older_version_is_brought_up_to_date(state: Path, tmp_path: Path) -> None:
    backup = tmp_path / "copy.db"
    file.create(backup)
    found = restored(backup, state)
    assert not any(each.total for each in found.repeats)
    await opened(state).close()
