"""The state file: how it is opened, brought up to date, or refused untouched (promise P26)."""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from engine.journal.api import JournalError
from engine.journal.codes import Codes
from engine.journal.rows import Form, Row, forgiving, form_of
from engine.records import RECORDS

SQL = Path(__file__).parent / "sql"
APPLICATION_ID = 0x72773031
PATIENCE = 5.0
"""Seconds to wait for another process's short write or for a crashed one's log to be read back."""

CODED_AT_ONCE = 500
NO_TEXT = "Could not decode to UTF-8"

_FAULTS = {
    sqlite3.SQLITE_FULL: ("disk-full", "The disk that holds the state is full. Make room; nothing else is needed."),
    sqlite3.SQLITE_READONLY: ("read-only", "The state cannot be written. Look at the rights of the file and its disk."),
    sqlite3.SQLITE_IOERR: ("disk-error", "The disk refused to read or write the state: it may be full, or failing."),
    sqlite3.SQLITE_CORRUPT: ("state-damaged", "The state file is damaged."),
    sqlite3.SQLITE_NOTADB: ("state-damaged", "The state file is damaged, or is not a state file at all."),
    sqlite3.SQLITE_BUSY: ("locked", "Another program keeps the state file locked. Close it."),
    sqlite3.SQLITE_LOCKED: ("locked", "Another program keeps the state file locked. Close it."),
    sqlite3.SQLITE_CANTOPEN: ("cannot-open", "The state file cannot be opened. Look at the path and at its rights."),
}


class Migration(NamedTuple):
    """One step from the state file's version `number - 1` to `number`."""

    number: int
    text: str


def fault(error: sqlite3.Error) -> JournalError:
    """What SQLite's error means, for people; the code for machines."""
    code, text = _FAULTS.get(
        getattr(error, "sqlite_errorcode", 0) & 0xFF, ("state-error", "The state file could not be used.")
    )
    return JournalError(code, f"{text} (SQLite says: {error}.)")


@cache
def migrations() -> tuple[Migration, ...]:
    """All steps that this version knows, in order."""
    files = sorted(SQL.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(Migration(int(file.name[:4]), file.read_text("utf-8")) for file in files)


def create(path: Path) -> None:
    """Makes the file where there is none, and its folder; only their owner may look into what is new."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def room(path: Path) -> float:
    """Bytes that are left to us on the disk of this file; infinite where the disk does not say. Raises JournalError."""
    try:
        found = os.statvfs(path.parent)
    except OSError as error:
        raise JournalError("disk-error", f"The folder {path.parent} cannot be looked at: {error.strerror}.") from error
    return found.f_bavail * found.f_frsize if found.f_blocks else math.inf


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection that begins and ends transactions only when told to."""
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def version(path: Path) -> int:
    """The file's version, 0 for an empty one; what is not ours, or newer than we know, is refused and left as it is."""
    reader = connect(path, read_only=True)
    try:
        found: int = reader.execute("PRAGMA user_version").fetchone()[0]
        ours = reader.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        empty = not reader.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    finally:
        reader.close()
    if not ours and not (found == 0 and empty):
        raise JournalError("not-a-state", f"{path} belongs to another program.")
    newest = migrations()[-1].number
    if found > newest:
        raise JournalError(
            "newer-state",
            f"The state {path} was written by a newer rulewheel (version {found}; this one knows {newest}). "
            "It was left as it is.",
        )
    return found


def bring_up_to_date(path: Path, codes: Codes) -> sqlite3.Connection:
    """A connection for writing, to a file with every migration and rows of these codes, for its owner only."""
    roll_back(path)
    known = version(path)
    path.chmod(0o600)
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        steps = tuple(step for step in migrations() if step.number > known)
        migrate(connection, steps, lambda: _code_all(connection, codes))
        if _fingerprint(connection) != codes.fingerprint:
            _in_transaction(connection, lambda: _code_all(connection, codes))
    except BaseException:
        connection.close()
        raise
    return connection


def roll_back(path: Path) -> None:
    """Undoes what a first start was writing when it was cut off: a reader may not, and refuses the file for ever."""
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists():
        connection = connect(path)
        try:
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        finally:
            connection.close()


def migrate(
    connection: sqlite3.Connection, steps: tuple[Migration, ...], at_last: Callable[[], None] = lambda: None
) -> None:
    """Takes the steps that the file has not had, each in a transaction of its own; the last one with `at_last`."""

    def take(step: Migration) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] >= step.number:
            return
        for statement in statements(step.text):
            connection.execute(statement)
        if step is steps[-1]:
            at_last()
        connection.execute(f"PRAGMA user_version = {step.number}")

    for step in steps:
        _in_transaction(connection, partial(take, step))


def has_other_key(path: Path, codes: Codes) -> bool:
    """Whether the rows of an up-to-date state were coded with another key."""
    with closing(connect(path, read_only=True)) as reader:
        coded: bool = reader.execute("PRAGMA user_version").fetchone()[0] == migrations()[-1].number
        return coded and _fingerprint(reader) != codes.fingerprint


def rows_of(connection: sqlite3.Connection, sql: str, values: Any = ()) -> list[Row]:
    """What a query finds, also where somebody has changed a text into bytes that are none."""
    try:
        return connection.execute(sql, values).fetchall()
    except sqlite3.OperationalError as error:
        if not str(error).startswith(NO_TEXT):
            raise
    connection.text_factory = forgiving
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.text_factory = str


def pages(connection: sqlite3.Connection, form: Form, size: int) -> Iterator[list[Row]]:
    """All rows of a table in the order of their keys."""
    after: tuple[Any, ...] | None = None
    while rows := rows_of(connection, *form.page(after, size)):
        yield rows
        after = form.key_of(rows[-1])


def _code_all(connection: sqlite3.Connection, codes: Codes) -> None:
    """Gives every row its code, whatever had become of it, and writes down of which key the codes are."""
    for record in RECORDS:
        form = form_of(record)
        for rows in pages(connection, form, CODED_AT_ONCE):
            connection.executemany(*form.coded(rows, codes))
    connection.execute("DELETE FROM row_key")
    connection.execute("INSERT INTO row_key VALUES (?)", (codes.fingerprint,))


def _fingerprint(connection: sqlite3.Connection) -> bytes | None:
    found = connection.execute("SELECT fingerprint FROM row_key").fetchone()
    return found[0] if found else None


def _in_transaction(connection: sqlite3.Connection, work: Callable[[], None]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def shred(path: Path) -> None:
    """Writes the file anew from what is in it, and empties its log: what was dropped or replaced is in neither."""
    connection = connect(path)
    try:
        connection.execute("VACUUM")
        emptied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    finally:
        connection.close()
    if not emptied:
        raise sqlite3.OperationalError("somebody is reading the state")


def statements(text: str) -> list[str]:
    """The statements of a script, one by one; no line holds the end of two."""
    found, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    return found
