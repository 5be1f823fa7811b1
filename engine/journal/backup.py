"""A copy of the state in one file, made while the daemon runs, and the state made again from it.

The copy is a state file of its own with one table more, `backup`, which says when it was made and keeps the keys of the
webhooks and of the rows. SQLite's backup copies one committed moment; a copy of the bare file while somebody writes
would not.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from engine.journal import file
from engine.journal.api import JournalError
from engine.journal.codes import KEY_BYTES, Codes, codes_beside, put_key
from engine.journal.owner import Owner
from engine.journal.rows import form_of, from_micros, to_micros
from engine.records import DueRecord, EffectRecord, EntityRecord, EventRecord, MemoryRecord, RunRecord

SENDING = "rulewheel.sending"
SHOWN = 200
"""Rows of each kind that are read; there may be a million."""
R = TypeVar("R")
OPEN_SENDS = "state IN ('queued', 'waiting', 'intent', 'unsure') AND NOT reads"
OPEN_RUNS = "state IN ('queued', 'running')"
FIRST_RUNS = f"SELECT id FROM run WHERE {OPEN_RUNS} ORDER BY rowid LIMIT {SHOWN}"
RUN_OF_WAIT = "CASE WHEN json_valid(data) THEN json_extract(data, '$.run') END"
OPEN_JOBS = "entity LIKE 'job.%' AND state NOT IN ('finished', 'gone', 'stalled')"


class Backup(NamedTuple):
    """What a backup says of itself; of a bare copy of a state nothing is known."""

    made: datetime | None
    key: bytes | None
    row_key: bytes | None = None


class Some(NamedTuple, Generic[R]):
    """The first rows of many, in the order in which they were made, and how many there are."""

    rows: list[R]
    total: int


class Repeats(NamedTuple):
    """What was under way when the backup was made, and may happen a second time; `late` are schedules due since."""

    sends: Some[EffectRecord]
    runs: Some[RunRecord]
    waits: Some[DueRecord]
    events: Some[EventRecord]
    holds: Some[DueRecord]
    late: Some[DueRecord]
    jobs: Some[EntityRecord]
    watches: Some[MemoryRecord]


class Restored(NamedTuple):
    """What came back: the backup, what may repeat, and where the state before it lies now."""

    backup: Backup
    repeats: Repeats
    aside: Path | None


def back_up(state: Path, target: Path, key: bytes | None, now: datetime) -> int:
    """Writes a backup to a new file, readable by its owner only, and looks that it is sound; gives its bytes.

    Raises JournalError: "no-state" where none is, "exists" when there is such a file already, or what the disk says.
    """
    if not target.parent.is_dir():
        raise JournalError("cannot-write", f"There is no folder {target.parent}.")
    if target.exists():
        raise JournalError("exists", f"There is a file {target} already. Name a new one: no backup is overwritten.")
    draft = _draft(target)
    if not state.exists():
        raise JournalError("no-state", f"There is no state file to back up: {state} is not there.")
    try:
        file.version(state)
        _copy(state, draft)
        with closing(file.connect(draft)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("CREATE TABLE backup (made INTEGER NOT NULL, key BLOB, row_key BLOB)")
            codes = codes_beside(state)
            copy.execute("INSERT INTO backup VALUES (?, ?, ?)", (to_micros(now), key, codes.key if codes else None))
            _must_be_sound(copy, state)
        _synced(draft)
        os.link(draft, target)  # unlike a rename, it overwrites nothing
        _synced(target.parent)
        return target.stat().st_size
    except FileExistsError:
        raise JournalError("exists", f"There is a file {target} already. Name a new one.") from None
    except OSError as error:
        raise JournalError("cannot-write", f"{target} cannot be written: {error.strerror}.") from error
    except sqlite3.Error as error:
        raise file.fault(error) from error
    finally:
        _remove(draft)


def restore(backup: Path, state: Path, now: datetime, *, replace: bool) -> Restored:
    """Makes the state from a backup, with sending stopped; the state before it is moved aside.

    Raises JournalError: "owned" while a daemon has the state, "exists" when there is one and `replace` is not said,
    "newer-state", "not-a-state", "state-damaged". Then nothing has changed.
    """
    if not backup.is_file():
        raise JournalError("no-backup", f"There is no file {backup}.")
    try:
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = Owner(state, "rulewheel restore")
        try:
            return _restore(backup, state, now, replace=replace)
        finally:
            owner.release()
    except OSError as error:
        raise JournalError("cannot-write", f"{state} cannot be written: {error.strerror}.") from error
    except sqlite3.Error as error:
        raise file.fault(error) from error


def _restore(backup: Path, state: Path, now: datetime, *, replace: bool) -> Restored:
    is_there = state.exists() and state.stat().st_size > 0
    if is_there and not replace:
        text = f"There is a state at {state} already. With --replace it is moved aside, and kept."
        raise JournalError("exists", text)
    file.version(backup)
    draft = _draft(state)
    try:
        _copy(backup, draft)
        beside = codes_beside(state) or Codes(secrets.token_bytes(KEY_BYTES))
        found, codes, repeats = _prepared(draft, backup, now, beside)
        aside = _moved_aside(state, now) if is_there else None
        put_key(state, codes.key)
        draft.rename(state)
        _synced(state.parent)
    finally:
        _remove(draft)
    return Restored(found, repeats, aside)


def _prepared(draft: Path, backup: Path, now: datetime, beside: Codes) -> tuple[Backup, Codes, Repeats]:
    """Makes the copy a state of this version in which sending is stopped, and reads what is under way in it.

    Its codes are those that it had, so that what was changed in the backup shows; `beside` are for one without a key.
    """
    with closing(file.connect(draft)) as copy:
        _must_be_sound(copy, backup)
        found = _said(copy)
        copy.execute("DROP TABLE IF EXISTS backup")
    codes = Codes(found.row_key) if found.row_key else beside
    with closing(file.bring_up_to_date(draft, codes)) as copy:
        stopped = EntityRecord(SENDING, "stopped", {"reason": "restored from a backup"}, now, now)
        copy.execute(*form_of(EntityRecord).put(stopped, codes))
        repeats = _repeats(copy, codes, now)
        copy.execute("PRAGMA journal_mode = DELETE")
    _synced(draft)
    return found, codes, repeats


def _said(copy: sqlite3.Connection) -> Backup:
    if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'backup'").fetchone():
        return Backup(None, None)
    made, *keys = copy.execute("SELECT * FROM backup").fetchone()
    return Backup(from_micros(made), *keys)


def _repeats(copy: sqlite3.Connection, codes: Codes, now: datetime) -> Repeats:
    return Repeats(
        sends=_some(copy, codes, EffectRecord, OPEN_SENDS),
        runs=_some(copy, codes, RunRecord, OPEN_RUNS),
        waits=_some(copy, codes, DueRecord, f"kind = 'run' AND {RUN_OF_WAIT} IN ({FIRST_RUNS})"),
        events=_some(copy, codes, EventRecord, "state = 'new'"),
        holds=_some(copy, codes, DueRecord, "kind = 'hold'"),
        late=_some(copy, codes, DueRecord, f"kind = 'schedule' AND at <= {to_micros(now)}"),
        jobs=_some(copy, codes, EntityRecord, OPEN_JOBS),
        watches=_some(copy, codes, MemoryRecord, f"'job.' || subject IN (SELECT entity FROM entity WHERE {OPEN_JOBS})"),
    )


def _some(copy: sqlite3.Connection, codes: Codes, record: type[R], where: str) -> Some[R]:
    form = form_of(record)
    total = copy.execute(f"SELECT count(*) FROM {form.table} WHERE {where}").fetchone()[0]
    sql = f"SELECT {form.select} FROM {form.table} WHERE {where} ORDER BY rowid LIMIT ?"
    rows = file.rows_of(copy, sql, (SHOWN,))
    intact = [row for row in rows if form.is_intact(row, codes)]  # nothing is done with the others
    return Some([form.decode(row) for row in intact], total - (len(rows) - len(intact)))


def _copy(source: Path, target: Path) -> None:
    file.create(target)
    with closing(file.connect(source, read_only=True)) as reader, closing(file.connect(target)) as writer:
        reader.backup(writer)


def _must_be_sound(copy: sqlite3.Connection, source: Path) -> None:
    found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise JournalError("state-damaged", f"{source} is damaged: {found}.")


def _moved_aside(state: Path, now: datetime) -> Path:
    """Gives the state that stands here another name, its log with it where that cannot be read back first."""
    with suppress(sqlite3.Error), closing(file.connect(state)) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = state.with_name(f"{state.name}.before-{now:%Y%m%d-%H%M%S}")
    number = 1
    while aside.exists():
        number += 1
        aside = state.with_name(f"{state.name}.before-{now:%Y%m%d-%H%M%S}-{number}")
    if codes := codes_beside(state):
        put_key(aside, codes.key)
    log = state.with_name(state.name + "-wal")
    if log.exists():
        log.rename(aside.with_name(aside.name + "-wal"))
    state.with_name(state.name + "-shm").unlink(missing_ok=True)
    state.rename(aside)
    return aside


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _synced(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _remove(draft: Path) -> None:
    for tail in ("", "-journal", "-wal", "-shm"):
        draft.with_name(draft.name + tail).unlink(missing_ok=True)
