"""A copy of the state in one file, made while the daemon runs, and the state made again from it.

The copy is a state file of its own with one table more, `backup`, which says when it was made and keeps the key of the
webhooks. SQLite's backup copies one committed moment; a copy of the bare file while somebody writes would not.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from engine.journal import file
from engine.journal.api import JournalError
from engine.journal.owner import Owner
from engine.journal.rows import form_of, from_micros, to_micros
from engine.records import EffectRecord, EntityRecord

SENDING = "rulewheel.sending"
OPEN = ("queued", "waiting", "intent", "unsure")


class Backup(NamedTuple):
    """What a backup says of itself; of a bare copy of a state nothing is known."""

    made: datetime | None
    key: bytes | None


class Restored(NamedTuple):
    """What came back: the backup, the effects that were open in it, and where the state before it lies now."""

    backup: Backup
    open: list[EffectRecord]
    runs: int
    aside: Path | None


def back_up(state: Path, target: Path, key: bytes | None, now: datetime) -> int:
    """Writes a backup to a new file, readable by its owner only, and looks that it is sound; gives its bytes.

    Raises JournalError: "exists" when there is such a file, "cannot-open", or what the disk says.
    """
    if not target.parent.is_dir():
        raise JournalError("cannot-write", f"There is no folder {target.parent}.")
    if target.exists():
        raise JournalError("exists", f"There is a file {target} already. Name a new one: no backup is overwritten.")
    draft = _draft(target)
    try:
        _copy(state, draft)
        with closing(file.connect(draft)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("CREATE TABLE backup (made INTEGER NOT NULL, key BLOB)")
            copy.execute("INSERT INTO backup VALUES (?, ?)", (to_micros(now), key))
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
        found, effects, runs = _prepared(draft, backup, now)
        aside = _moved_aside(state, now) if is_there else None
        draft.rename(state)
        _synced(state.parent)
    finally:
        _remove(draft)
    return Restored(found, effects, runs, aside)


def _prepared(draft: Path, backup: Path, now: datetime) -> tuple[Backup, list[EffectRecord], int]:
    """Makes the copy a state of this version in which sending is stopped, and reads what is open in it."""
    with closing(file.connect(draft)) as copy:
        _must_be_sound(copy, backup)
        found = _said(copy)
        copy.execute("DROP TABLE IF EXISTS backup")
    with closing(file.bring_up_to_date(draft)) as copy:
        form = form_of(EntityRecord)
        why = {"reason": "restored from a backup"}
        copy.execute(form.put_sql, form.encode(EntityRecord(SENDING, "stopped", why, now, now)))
        effects = _open_effects(copy)
        runs = copy.execute("SELECT count(*) FROM run WHERE state IN ('queued', 'running')").fetchone()[0]
        copy.execute("PRAGMA journal_mode = DELETE")
    _synced(draft)
    return found, effects, runs


def _said(copy: sqlite3.Connection) -> Backup:
    if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'backup'").fetchone():
        return Backup(None, None)
    made, key = copy.execute("SELECT made, key FROM backup").fetchone()
    return Backup(from_micros(made), key)


def _open_effects(copy: sqlite3.Connection) -> list[EffectRecord]:
    form = form_of(EffectRecord)
    marks = ", ".join("?" * len(OPEN))
    sql = f"SELECT {form.select} FROM effect WHERE state IN ({marks}) AND NOT reads ORDER BY rowid"
    return [form.decode(row) for row in copy.execute(sql, OPEN)]


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
