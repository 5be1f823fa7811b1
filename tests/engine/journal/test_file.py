"""Migrations are frozen once they are released, and the state files of every release open (promise P26)."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.journal import file
from engine.journal.rows import form_of
from engine.journal.sqlite import SqliteJournal
from engine.records import RECORDS
from tests.engine.journal.kept import FOLDER, kept

FROZEN = {
    "0001_tables.sql": "d23a81c735387f761265e06855b73e6d4b816ce29b8fc12774b2dca3ae823c06",
    "0002_waits_and_history.sql": "1aa9f2216d652a674cfcd9544a21a96bbb0883e24b51b1963236ddcb78fd096d",
    "0003_codes.sql": "4d9602939338da7ca30884374959988668144737d2962f9bc3ed266874d43fe9",
}
"""The SHA-256 of each migration; a new one gets its line here, and from then on stays as it is."""
KEPT = sorted(FOLDER.glob("*.sqlite"))

Rows = list[dict[str, Any]]


def rows(path: Path) -> dict[str, Rows]:
    """Every row of a state file, read without any of our code, by the names of its own columns."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in tables}


def test_a_released_migration_is_never_edited() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(file.SQL.glob("[0-9]*.sql"))}
    edited = [name for name, digest in FROZEN.items() if found.get(name) != digest]
    assert not edited, f"{edited}: a released migration is never edited: write a new one"
    new = {name: digest for name, digest in found.items() if name not in FROZEN}
    assert not new, f"a new migration: add it to FROZEN, as it will stay for ever: {new}"


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [step.number for step in file.migrations()] == list(range(1, len(file.migrations()) + 1))


def test_the_first_release_is_kept_with_rows_of_every_kind() -> None:
    found = rows(kept(1))
    later = {"wait", "history"}
    assert {table for table, there in found.items() if there} == {record.TABLE for record in RECORDS} - later


@pytest.mark.parametrize("state", KEPT, ids=lambda path: path.stem)
async def test_a_state_of_an_earlier_release_opens_with_every_row(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    shutil.copyfile(state, path)
    before = rows(path)
    journal = SqliteJournal.open(path, owner="a test")
    for record in RECORDS:
        there = [form_of(record).encode(row) for row in await journal.page(record, None, 1_000)]
        after = [dict(zip(record._fields, cells, strict=True)) for cells in there]
        old = before.get(record.TABLE, [])
        columns = list(old[0]) if old else []
        assert in_order(record, [{column: row[column] for column in columns} for row in after]) == in_order(record, old)
    await journal.close()


def in_order(record: type[Any], found: Rows) -> Rows:
    return sorted((row for row in found if row), key=lambda row: [str(row[column]) for column in record.KEY])
