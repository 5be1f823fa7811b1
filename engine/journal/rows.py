"""How a record becomes a row and back, the same for every store.

Times are whole microseconds since 1970 in UTC, JSON columns compact text, booleans 0 and 1. The SQL of each record
type is written once, here, from its fields. Encoding refuses what could not be read back (a time without a zone, NaN,
None where the record has no None) with RowError, before anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, NamedTuple, TypeAlias, get_args, get_type_hints

from engine.journal.api import JournalError
from engine.records import Changes, Expect

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Cell, ...]
Encode: TypeAlias = Callable[[Any], Cell]
Decode: TypeAlias = Callable[[Any], Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Escaped to ASCII, since a webhook may hold half a surrogate pair, which no store takes as text.
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_from_json = json.JSONDecoder().decode


class RowError(ValueError):
    """A record holds something that its table cannot keep; names table and column."""


class Check(NamedTuple):
    """A query that finds a row exactly when `found`, or else `expect` is broken."""

    sql: str
    values: Row
    found: bool
    expect: Expect


class Write(NamedTuple):
    """A statement; where `expect` is given it must touch a row, or else that is broken."""

    sql: str
    values: Row
    expect: Expect | None


def to_micros(when: datetime) -> int:
    """Whole microseconds since 1970; a time without a zone raises TypeError."""
    since = when - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The time, in UTC."""
    return EPOCH + timedelta(microseconds=micros)


class Form:
    """The table of one record type: its columns, its SQL, and how rows are written and read."""

    def __init__(self, record: type[Any]) -> None:
        self.record = record
        self.table: str = record.TABLE
        self.columns: tuple[str, ...] = record._fields
        self.key: tuple[str, ...] = record.KEY
        hints = get_type_hints(record)
        self.encoders: dict[str, Encode] = {c: _encoder(hints[c], c in record.JSON) for c in self.columns}
        places = ((i, self.encoders[c]) for i, c in enumerate(self.columns))
        self._encoders = tuple((i, encode) for i, encode in places if encode not in (_plain, _maybe))
        self._required = tuple(i for i, c in enumerate(self.columns) if self.encoders[c] is _plain)
        decoders = ((i, _decoder(hints[c], c in record.JSON)) for i, c in enumerate(self.columns))
        self._decoders = tuple((i, d) for i, d in decoders if d)
        self._make: Callable[[Iterable[Any]], Any] = record._make
        self.key_places = tuple(self.columns.index(c) for c in self.key)
        self.where = " AND ".join(f"{c} = ?" for c in self.key)
        self.select = ", ".join(f"{self.table}.{c}" for c in self.columns)
        self.get_sql = f"SELECT {self.select} FROM {self.table} WHERE {self.where}"
        order = ", ".join(self.key)
        beyond = f"WHERE ({order}) > ({', '.join('?' * len(self.key))}) "
        pages = (f"SELECT {self.select} FROM {self.table} {where}ORDER BY {order} LIMIT ?" for where in ("", beyond))
        self.first_page_sql, self.page_sql = pages
        self.drop_sql = f"DELETE FROM {self.table} WHERE {self.where}"
        self.put_sql = self._put_sql()
        self._expect_sql: dict[tuple[str, ...], str] = {}
        self._update_sql: dict[tuple[str, ...], str] = {}

    def encode(self, record: Any) -> Row:
        """The record as cells; raises RowError."""
        cells = list(record)
        at = 0
        try:
            for at, encode in self._encoders:
                cells[at] = encode(cells[at])
        except (TypeError, ValueError, RecursionError) as error:
            raise self._refusal(self.columns[at], error) from error
        if None in cells:
            self._require(cells)
        return tuple(cells)

    def decode(self, cells: Sequence[Cell]) -> Any:
        """The record that the cells hold."""
        values: list[Any] = list(cells)
        for at, decode in self._decoders:
            if values[at] is not None:
                values[at] = decode(values[at])
        return self._make(values)

    def encode_some(self, values: Mapping[str, Any]) -> Row:
        """Cells for these columns only; raises RowError."""
        cells: list[Cell] = []
        for column, value in values.items():
            try:
                cells.append(self.encoders[column](value))
            except KeyError as error:
                raise RowError(f"the table {self.table} has no column {column}") from error
            except (TypeError, ValueError, RecursionError) as error:
                raise self._refusal(column, error) from error
        return tuple(cells)

    def check(self, expect: Expect) -> Check:
        """The query that tells whether `expect` holds."""
        if expect.values is None:
            return Check(self.get_sql, expect.key, False, expect)
        cells = self.encode_some(expect.values)
        return Check(self._expecting(tuple(expect.values)), (*expect.key, *cells), True, expect)

    def update(self, key: tuple[Any, ...], values: Mapping[str, Any]) -> Write:
        """The statement that changes some columns of a row that must be there."""
        cells = self.encode_some(values)
        return Write(self._updating(tuple(values)), (*cells, *key), Expect(self.record, key, {}))

    def _require(self, cells: Sequence[Cell]) -> None:
        for at in self._required:
            if cells[at] is None:
                raise self._refusal(self.columns[at], TypeError("it has no value"))

    def _put_sql(self) -> str:
        # Upsert, not REPLACE: the row keeps its place, so "in the order in which the rows were made" stays true.
        rest = ", ".join(f"{c} = excluded.{c}" for c in self.columns if c not in self.key)
        marks = ", ".join("?" * len(self.columns))
        return (
            f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {rest}"
        )

    def _expecting(self, columns: tuple[str, ...]) -> str:
        if columns not in self._expect_sql:
            held = "".join(f" AND {c} IS ?" for c in columns)
            self._expect_sql[columns] = f"SELECT 1 FROM {self.table} WHERE {self.where}{held}"
        return self._expect_sql[columns]

    def _updating(self, columns: tuple[str, ...]) -> str:
        if columns not in self._update_sql:
            sets = ", ".join(f"{c} = ?" for c in columns)
            self._update_sql[columns] = f"UPDATE {self.table} SET {sets} WHERE {self.where}"
        return self._update_sql[columns]

    def _refusal(self, column: str, error: Exception) -> RowError:
        return RowError(f"{self.table}.{column} cannot be kept: {error}")


_forms: dict[type[Any], Form] = {}


def form_of(record: type[Any]) -> Form:
    """The form of this record type, made once."""
    form = _forms.get(record)
    if form is None:
        form = _forms[record] = Form(record)
    return form


def checks_of(changes: Changes) -> list[Check]:
    """The queries that must hold before the changes are written; raises RowError."""
    return [form_of(expect.record).check(expect) for expect in changes.expect]


def writes_of(changes: Changes) -> list[Write]:
    """The statements that write the changes: updates, puts, drops; raises RowError."""
    writes = [form_of(update.record).update(update.key, update.values) for update in changes.update]
    for record in changes.put:
        form = form_of(type(record))
        writes.append(Write(form.put_sql, form.encode(record), None))
    for drop in changes.drop:
        writes.append(Write(form_of(drop.record).drop_sql, drop.key, None))
    return writes


def refused(error: Exception) -> JournalError:
    """What a caller gets whose changes no store can keep."""
    return JournalError("bad-record", f"This cannot be written: {error}.")


def _plain(value: Any) -> Cell:
    """Text and numbers go as they are; None is looked for where a column has none."""
    if value is None:
        raise TypeError("it has no value")
    return value  # type: ignore[no-any-return]


def _maybe(value: Any) -> Cell:
    return value  # type: ignore[no-any-return]


def _maybe_micros(value: datetime | None) -> int | None:
    return None if value is None else to_micros(value)


def _encoder(hint: Any, is_json: bool) -> Encode:
    kinds = set(get_args(hint)) or {hint}
    if is_json:
        return _to_json
    if datetime in kinds:
        return _maybe_micros if NoneType in kinds else to_micros
    if bool in kinds:
        return int
    return _maybe if NoneType in kinds else _plain


def _decoder(hint: Any, is_json: bool) -> Decode | None:
    kinds = set(get_args(hint)) or {hint}
    if is_json:
        return _from_json
    if datetime in kinds:
        return from_micros
    return bool if bool in kinds else None
