"""How a record becomes a row and back, the same for every store.

Times are whole microseconds since 1970 in UTC, JSON columns compact text, booleans 0 and 1. The SQL of each record
type is written once, here, from its fields. Encoding refuses what could not be read back (a time without a zone, NaN,
None where the record has no None) with RowError, before anything is written. Each row ends with its code, which is made
of cells exactly as the store gives them back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, NamedTuple, TypeAlias, get_args, get_type_hints

from engine.journal.api import JournalError
from engine.journal.codes import Codes
from engine.records import Changes, Expect

Cell: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[Cell, ...]
Encode: TypeAlias = Callable[[Any], Cell]
Decode: TypeAlias = Callable[[Any], Any]

CODE = "row_code"
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
    """A statement that puts or drops a row."""

    sql: str
    values: Row


def to_micros(when: datetime) -> int:
    """Whole microseconds since 1970; a time without a zone raises TypeError."""
    since = when - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The time, in UTC."""
    return EPOCH + timedelta(microseconds=micros)


class Rewrite(NamedTuple):
    """New cells, by place, for a row that must be there and be as it was written, or else `expect` is broken."""

    form: Form
    key: tuple[Any, ...]
    columns: tuple[str, ...]
    cells: Row
    expect: Expect


class Form:
    """The table of one record type: its columns, its SQL, and how rows are written and read."""

    def __init__(self, record: type[Any]) -> None:
        self.record = record
        self.table: str = record.TABLE
        self.columns: tuple[str, ...] = record._fields
        self.width = len(self.columns)
        self.key: tuple[str, ...] = record.KEY
        hints = get_type_hints(record)
        self.encoders: dict[str, Encode] = {c: _encoder(hints[c], c in record.JSON) for c in self.columns}
        places = ((i, self.encoders[c]) for i, c in enumerate(self.columns))
        self._encoders = tuple((i, encode) for i, encode in places if encode not in (_plain, _maybe))
        self._required = tuple(i for i, c in enumerate(self.columns) if self.encoders[c] is _plain)
        self._kinds = tuple(_kind(hints[c], c in record.JSON) for c in self.columns)
        self._kind_of = dict(zip(self.columns, self._kinds, strict=True))
        self._shapes: set[tuple[type, ...]] = set()
        decoders = ((i, _decoder(hints[c], c in record.JSON)) for i, c in enumerate(self.columns))
        self._decoders = tuple((i, d) for i, d in decoders if d)
        self._make: Callable[[Iterable[Any]], Any] = record._make
        self.key_places = tuple(self.columns.index(c) for c in self.key)
        self.where = " AND ".join(f"{c} = ?" for c in self.key)
        self.select = ", ".join(f"{self.table}.{c}" for c in (*self.columns, CODE))
        self.get_sql = f"SELECT {self.select} FROM {self.table} WHERE {self.where}"
        self.put_sql = self._put_sql()
        self._expect_sql: dict[tuple[str, ...], str] = {}
        self._places: dict[tuple[str, ...], tuple[int, ...]] = {}
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
        if tuple(map(type, cells)) not in self._shapes:
            cells = self._exact(cells)
        return tuple(cells)

    def decode(self, row: Sequence[Cell]) -> Any:
        """The record that a row holds, with its code or without."""
        values: list[Any] = list(row[: self.width])
        for at, decode in self._decoders:
            if values[at] is not None:
                values[at] = decode(values[at])
        return self._make(values)

    def encode_some(self, values: Mapping[str, Any]) -> Row:
        """Cells for these columns only; raises RowError."""
        cells: list[Cell] = []
        for column, value in values.items():
            try:
                cell = self.encoders[column](value)
                kind = self._kind_of[column]
                cells.append(cell if type(cell) is kind else _exact(kind, cell))
            except KeyError as error:
                raise RowError(f"the table {self.table} has no column {column}") from error
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                raise self._refusal(column, error) from error
        return tuple(cells)

    def check(self, expect: Expect) -> Check:
        """The query that tells whether `expect` holds."""
        if expect.values is None:
            return Check(self.get_sql, expect.key, False, expect)
        cells = self.encode_some(expect.values)
        return Check(self._expecting(tuple(expect.values)), (*expect.key, *cells), True, expect)

    def put(self, record: Any, codes: Codes) -> Write:
        """The statement that writes a row whole."""
        cells = self.encode(record)
        return Write(self.put_sql, (*cells, codes.of[self.table](cells)))

    def update(self, key: tuple[Any, ...], values: Mapping[str, Any]) -> Rewrite:
        """What changes some columns of a row that must be there."""
        return Rewrite(self, key, tuple(values), self.encode_some(values), Expect(self.record, key, {}))

    def rewrite(self, row: Row, new: Rewrite, codes: Codes) -> Write:
        """The statement that an update comes to, of the row as it stands."""
        cells = list(row[: self.width])
        for at, cell in zip(self._places_of(new.columns), new.cells, strict=True):
            cells[at] = cell
        code = codes.of[self.table](tuple(cells))
        return Write(self._updating(new.columns), (*new.cells, code, *new.key))

    def drop(self, key: tuple[Any, ...]) -> Write:
        """The statement that removes a row."""
        marks, values = _bound(key)
        where = " AND ".join(f"{c} = {mark}" for c, mark in zip(self.key, marks, strict=True))
        return Write(f"DELETE FROM {self.table} WHERE {where}", values)

    def page(self, after: tuple[Any, ...] | None, limit: int) -> tuple[str, Row]:
        """The query for rows in the order of their keys, those beyond `after`, and its values."""
        order = ", ".join(self.key)
        marks, values = _bound(after or ())
        beyond = f"WHERE ({order}) > ({', '.join(marks)}) " if after else ""
        return f"SELECT {self.select} FROM {self.table} {beyond}ORDER BY {order} LIMIT ?", (*values, limit)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """What identifies a row."""
        return tuple(row[at] for at in self.key_places)

    def coded(self, rows: Sequence[Row], codes: Codes) -> tuple[str, list[Row]]:
        """The statement that gives rows their codes, and its values for each; what cannot be read gets none."""
        cells = [row[: self.width] for row in rows if self._is_readable(row)]
        return self._updating(()), [(codes.of[self.table](each), *self.key_of(each)) for each in cells]

    def is_intact(self, row: Row, codes: Codes) -> bool:
        """Whether a row is as it was written."""
        return codes.of[self.table](row[: self.width]) == row[self.width]

    def _exact(self, cells: list[Any]) -> list[Any]:
        """The cells as the store gives them back; the types of those that need no change are remembered."""
        at = 0
        try:
            for at, kind in enumerate(self._kinds):
                if type(cells[at]) is not kind:
                    cells[at] = _exact(kind, cells[at])
        except (TypeError, ValueError, OverflowError) as error:
            raise self._refusal(self.columns[at], error) from error
        self._shapes.add(tuple(map(type, cells)))
        return cells

    def _is_readable(self, row: Row) -> bool:
        try:
            self.decode(row)
            "".join(cell for cell in row if isinstance(cell, str)).encode()
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False
        return True

    def _require(self, cells: Sequence[Cell]) -> None:
        for at in self._required:
            if cells[at] is None:
                raise self._refusal(self.columns[at], TypeError("it has no value"))

    def _put_sql(self) -> str:
        # Upsert, not REPLACE: the row keeps its place, so "in the order in which the rows were made" stays true.
        rest = ", ".join(f"{c} = excluded.{c}" for c in (*self.columns, CODE) if c not in self.key)
        marks = ", ".join("?" * (self.width + 1))
        return (
            f"INSERT INTO {self.table} ({', '.join((*self.columns, CODE))}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {rest}"
        )

    def _places_of(self, columns: tuple[str, ...]) -> tuple[int, ...]:
        if columns not in self._places:
            self._places[columns] = tuple(self.columns.index(column) for column in columns)
        return self._places[columns]

    def _expecting(self, columns: tuple[str, ...]) -> str:
        if columns not in self._expect_sql:
            held = "".join(f" AND {c} IS ?" for c in columns)
            self._expect_sql[columns] = f"SELECT 1 FROM {self.table} WHERE {self.where}{held}"
        return self._expect_sql[columns]

    def _updating(self, columns: tuple[str, ...]) -> str:
        if columns not in self._update_sql:
            sets = ", ".join(f"{c} = ?" for c in (*columns, CODE))
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


def writes_of(changes: Changes, codes: Codes) -> list[Write | Rewrite]:
    """The statements that write the changes: updates, puts, drops; raises RowError."""
    writes: list[Write | Rewrite] = []
    for update in changes.update:
        writes.append(form_of(update.record).update(update.key, update.values))
    for record in changes.put:
        writes.append(form_of(type(record)).put(record, codes))
    for drop in changes.drop:
        writes.append(form_of(drop.record).drop(drop.key))
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


def _kind(hint: Any, is_json: bool) -> type[Any]:
    """The type in which SQLite gives back what such a column holds."""
    kinds = set(get_args(hint)) or {hint}
    if is_json:
        return str
    if kinds & {datetime, bool, int}:
        return int
    return float if float in kinds else str


def _exact(kind: type[Any], cell: Any) -> Any:
    """The cell as it comes back from a column of this type, so that its code is that of what is stored."""
    if cell is None or type(cell) is kind:
        return cell
    if isinstance(cell, str) and kind is str:
        return str.__str__(cell)
    if isinstance(cell, int | float):
        made = kind(cell)
        if kind is str or made == cell:
            return made
    raise TypeError(f"{type(cell).__name__} is not {kind.__name__}")


def _bound(key: tuple[Any, ...]) -> tuple[list[str], Row]:
    """Marks and values by which a row is found whose key somebody has changed into what is no text."""
    marks, values = ["?"] * len(key), list(key)
    for at, cell in enumerate(key):
        if isinstance(cell, str) and not cell.isascii():
            with suppress(UnicodeEncodeError):
                values[at] = cell.encode("utf-8", "surrogateescape")
                marks[at] = "CAST(? AS TEXT)"
    return marks, tuple(values)


def forgiving(text: bytes) -> str:
    """Text that is perhaps not UTF-8, because somebody has changed it; its code is wrong then."""
    return text.decode("utf-8", "surrogateescape")
