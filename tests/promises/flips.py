"""Rows of every kind in a state file, of which somebody changes one bit each, and what an engine then notices (P4)."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

from engine.journal.codes import key_file
from engine.journal.rows import CODE, form_of
from engine.journal.sqlite import SqliteJournal
from engine.records import RECORDS, Changes, DueRecord, EffectRecord
from engine.scrub import KEY, ROWS, named
from tests.house import House

BEGAN = datetime(2026, 3, 29, 12, tzinfo=UTC)


async def flips(state: Path, rows: int, random: Random, *, defended: bool = True) -> int:
    """Changed rows that no problem names, rows left alone that one names, and changed sends that left.

    Undefended, the codes are made anew at the start of the engine, of what stands in the rows by then.
    """
    journal = SqliteJournal.open(state, owner="a test")
    made = [_record(RECORDS[number % len(RECORDS)], random) for number in range(2 * rows)]
    await journal.commit(Changes(put=made))
    await journal.close()
    changed, alone = made[:rows], made[rows:]
    with closing(sqlite3.connect(state)) as other:
        for record in changed:
            _flip(other, record, random)
        other.commit()
    if not defended:
        key_file(state).unlink()
    journal = SqliteJournal.open(state, owner="a test")
    house = House(journal=journal)
    try:
        await house.start()
        await house.advance(rows / ROWS + len(RECORDS) + 60)
    except (LookupError, TypeError, ValueError):
        if defended:  # without its defence an engine may stumble over what it reads
            raise
    told = {each.key.removeprefix(KEY) for each in await journal.problems() if each.key.startswith(KEY)}
    await journal.close()
    wrongly = {_name(record) for record in alone} & told
    sent = {operation.op_id for _, operation in house.outside.performed}
    sent &= {record.op_id for record in changed if isinstance(record, EffectRecord)}
    return abs(rows - len(told)) + len(wrongly) + len(sent)


def _record(kind: type[Any], random: Random) -> Any:
    """A row of this kind with something in every column; a send is one that waits to leave."""
    hints = get_type_hints(kind)
    values = {column: _value(hints[column], column in kind.JSON, random) for column in kind._fields}
    record = kind(**values)
    if isinstance(record, EffectRecord):
        far = BEGAN + timedelta(days=10_000)
        record = record._replace(state="queued", connection="outside", valid_until=far, limits=None, caps=None)
    if isinstance(record, DueRecord):
        record = record._replace(at=BEGAN + timedelta(days=10_000))
    return record


def _value(hint: Any, is_json: bool, random: Random) -> Any:
    kinds = str(hint)
    if is_json:
        return {"text": f"नमस्ते {random.random()}", "list": [1, None, True]}
    if "datetime" in kinds:
        return BEGAN + timedelta(microseconds=random.randrange(10**9))
    if "bool" in kinds:
        return False
    if "int" in kinds:
        return random.randrange(10**6)
    if "float" in kinds:
        return random.random()
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=12))


def _flip(other: sqlite3.Connection, record: Any, random: Random) -> None:
    """Changes one bit of one cell of the row, the code itself among them."""
    form = form_of(type(record))
    column = random.choice((*form.columns, CODE))
    key = [getattr(record, name) for name in form.key]
    kind, cell = other.execute(
        f"SELECT typeof({column}), {_raw(column)} FROM {form.table} WHERE {form.where}", key
    ).fetchone()
    if kind in ("integer", "real"):
        shape = ">q" if kind == "integer" else ">d"
        bits = _flipped(struct.pack(shape, cell), random)
        value, mark = struct.unpack(shape, bits)[0], "?"
    else:
        value, mark = _flipped(cell, random), "?" if kind == "blob" else "CAST(? AS TEXT)"
    done = other.execute(f"UPDATE {form.table} SET {column} = {mark} WHERE {form.where}", (value, *key))
    assert done.rowcount == 1


def _raw(column: str) -> str:
    """The cell as it is, texts as their bytes: in the middle of a change they may be no text."""
    return f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"


def _flipped(bits: bytes, random: Random) -> bytes:
    at = random.randrange(8 * len(bits))
    return bytes(byte ^ (1 << at % 8) if number == at // 8 else byte for number, byte in enumerate(bits))


def _name(record: Any) -> str:
    return named(type(record), tuple(getattr(record, column) for column in type(record).KEY))
