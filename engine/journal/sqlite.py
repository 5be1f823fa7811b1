"""The journal of one machine: a SQLite file in WAL mode, synced at each commit.

Writing is the writer's; reading goes over a connection of its own, which sees committed rows only and is quick enough
(some 10 us) to run on the event loop.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from datetime import datetime
from functools import cache
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar, cast

from engine.journal import file
from engine.journal.api import Audit, Changed, JournalError, closed, nobody_told, proof
from engine.journal.codes import Codes, codes_beside, codes_for, key_file
from engine.journal.owner import Owner
from engine.journal.rows import Form, Row, form_of, to_micros
from engine.journal.writer import Writer
from engine.records import (
    RECORDS,
    Changes,
    CommandRecord,
    Conflict,
    Done,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    HistoryRecord,
    InboxRecord,
    MemoryRecord,
    ProblemRecord,
    RuleRecord,
    RunRecord,
    StepRecord,
    WaitRecord,
)

R = TypeVar("R")
LEAST_ROOM = 1024 * 1024
"""Bytes that must be left on the disk: less than the log takes before it is written back."""


class Query(NamedTuple):
    """A named read of sql/queries.sql, its columns spelt out, and the form of the record it gives; none for counts."""

    sql: str
    form: Form | None


@cache
def queries() -> dict[str, Query]:
    """The named reads."""
    forms = {record.TABLE: form_of(record) for record in RECORDS}
    parts = re.split(r"^-- name: (\w+)\n", (file.SQL / "queries.sql").read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {name: _query(text, forms) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _query(text: str, forms: dict[str, Form]) -> Query:
    sql = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
    star = re.search(r"\b(\w+)\.\*", sql)
    if not star:
        return Query(sql, None)
    form = forms[star[1]]
    return Query(sql.replace(star[0], form.select), form)


class SqliteJournal:
    """The journal over a state file, owned (`open`) or only looked at (`look`)."""

    def __init__(self, reader: sqlite3.Connection, codes: Codes | None, path: Path | None = None) -> None:
        self._reader: sqlite3.Connection | None = reader
        self._codes = codes
        self._path = path
        self._owned: tuple[Owner, sqlite3.Connection] | None = None
        self._writer: Writer | None = None
        self.on_changed: Callable[[Changed], None] = nobody_told
        self.key_was_lost = False

    @classmethod
    def open(cls, path: Path, *, owner: str) -> Self:
        """Takes the state for this process, makes it where there is none, brings it up to date.

        `owner` is the command as people know it ("rulewheel run"). Raises JournalError: "owned" when another process
        has it, "newer-state" and "not-a-state" when the file is left untouched, else what the disk says.
        """
        try:
            file.create(path)
            holder = Owner(path, owner)
        except OSError as error:
            raise JournalError("cannot-open", f"The state {path} cannot be opened: {error.strerror}.") from error
        try:
            file.roll_back(path)
            file.version(path)
            codes = codes_for(path)
            was_lost = file.has_other_key(path, codes)
            connection = file.bring_up_to_date(path, codes)
            journal = cls(file.connect(path, read_only=True), codes, path)
        except (sqlite3.Error, JournalError, OSError) as error:
            holder.release()
            raise _fault(path, error) from error
        journal._own(holder, connection, codes)
        journal.key_was_lost = was_lost
        return journal

    def _own(self, holder: Owner, connection: sqlite3.Connection, codes: Codes) -> None:
        self._owned = holder, connection
        self._writer = Writer(connection, codes, self._tell)

    @classmethod
    def look(cls, path: Path) -> Self:
        """Opens the state for reading beside whoever owns it; raises JournalError "no-state", "older-state" ..."""
        _must_exist(path)
        try:
            _must_be_up_to_date(path)
            journal = cls(file.connect(path, read_only=True), codes_known_to(path))
            journal.key_was_lost = journal._codes is None
            return journal
        except sqlite3.Error as error:
            raise file.fault(error) from error

    async def commit(self, changes: Changes) -> Done | Conflict:
        if self._writer is None:
            raise JournalError("read-only", "This journal was opened for reading only.")
        return await self._writer.commit(changes)

    async def get(self, record: type[R], key: tuple[object, ...]) -> R | None:
        form = form_of(record)
        found = self._intact(form, self._read(form.get_sql, key))
        return form.decode(found[0]) if found else None

    async def new_events(self, limit: int) -> list[EventRecord]:
        return self._list("new_events", limit=limit)

    async def open_counts(self) -> dict[str, int]:
        return dict(self._counted("open_counts"))

    async def queued_lanes(self) -> set[tuple[str, str]]:
        return {(rule, key) for rule, key in self._counted("queued_lanes")}

    async def open_runs(
        self, rule: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        most = -1 if limit is None else limit
        if rule is None:
            return self._list("open_runs", limit=most)
        if key is None:
            return self._list("open_runs_of_rule", rule=rule, limit=most)
        return self._list("open_runs_of_lane", rule=rule, key=key, limit=most)

    async def inbox(self, limit: int) -> list[InboxRecord]:
        return self._list("inbox", limit=limit)

    async def due_before(self, when: datetime, limit: int) -> list[DueRecord]:
        return self._list("due_before", at=to_micros(when), limit=limit)

    async def next_due(self) -> datetime | None:
        earliest: list[DueRecord] = self._list("next_due", limit=1)
        return earliest[0].at if earliest else None

    async def dues(self, prefix: str) -> list[DueRecord]:
        return self._list("dues", first=prefix, beyond=prefix + "\U0010ffff")

    async def effects(self, states: Collection[str], limit: int) -> list[EffectRecord]:
        return self._merged("effects_in_state", states, limit)

    async def capped_effects(self, since: datetime) -> list[EffectRecord]:
        return self._list("capped_effects", since=to_micros(since))

    async def memories(self) -> list[MemoryRecord]:
        return self._list("memories")

    async def waits(self) -> list[WaitRecord]:
        return self._list("waits")

    async def entities(self) -> list[EntityRecord]:
        return self._list("entities")

    async def history(self, entity: str, since: datetime, limit: int) -> list[HistoryRecord]:
        return self._list("history", entity=entity, since=to_micros(since), limit=limit)

    async def old_history(self, before: datetime, limit: int) -> list[HistoryRecord]:
        return self._list("old_history", before=to_micros(before), limit=limit)

    async def rules(self) -> list[RuleRecord]:
        return self._list("rules")

    async def problems(self, *, open_only: bool = True) -> list[ProblemRecord]:
        return self._list("open_problems" if open_only else "problems")

    async def commands(self) -> list[CommandRecord]:
        return self._list("commands")

    async def runs(self, *, rule: str | None = None, limit: int = 50) -> list[RunRecord]:
        if rule is None:
            return self._list("newest_runs", limit=limit)
        return self._list("newest_runs_of_rule", rule=rule, limit=limit)

    async def steps(self, run: str) -> list[StepRecord]:
        return self._list("steps", run=run)

    async def sends(
        self, *, run: str | None = None, states: Collection[str] = (), limit: int = 50
    ) -> list[EffectRecord]:
        if run is not None:
            of_run: list[EffectRecord] = self._list("effects_of_run", run=run)
            return list(islice((e for e in of_run if not states or e.state in states), limit))
        if not states:
            return self._list("newest_effects", limit=limit)
        return self._merged("newest_effects_in_state", states, limit, newest_first=True)

    async def sends_to(self, recipient: str, since: datetime, limit: int) -> list[EffectRecord]:
        return self._list("sends_to", recipient=recipient, since=to_micros(since), limit=limit)

    async def send_with_id(self, connection: str, message_id: str) -> EffectRecord | None:
        found: list[EffectRecord] = self._list("send_with_id", connection=connection, id=message_id)
        return found[0] if found else None

    async def page(self, record: type[R], after: tuple[object, ...] | None, limit: int) -> list[R]:
        form = form_of(record)
        while rows := self._read(*form.page(after, limit)):
            if found := self._intact(form, rows):
                return [form.decode(row) for row in found]
            after = form.key_of(rows[-1])
        return []

    async def audit(self, record: type[Any], after: tuple[object, ...] | None, limit: int) -> Audit:
        form = form_of(record)
        rows = self._read(*form.page(after, limit))
        changed = [self._changed(form, row) for row in rows if self._codes and not form.is_intact(row, self._codes)]
        return Audit(len(rows), form.key_of(rows[-1]) if rows else None, changed)

    async def prove(self, now: datetime) -> None:
        # The log is written over and over: it takes a commit for a while after the disk has become full.
        if self._path is not None and (await asyncio.to_thread(file.room, self._path)) < LEAST_ROOM:
            raise JournalError("disk-full", "The disk that holds the state is full. Make room; nothing else is needed.")
        await self.commit(proof(now))

    async def shred(self) -> None:
        if self._path is None:
            raise JournalError("read-only", "This journal was opened for reading only.")
        try:
            await asyncio.to_thread(file.shred, self._path)
        except sqlite3.Error as error:
            raise file.fault(error) from error

    async def close(self) -> None:
        """Finishes what is being written, then lets go of file and lock; safe to call twice."""
        if self._writer:
            await self._writer.close()
        if self._reader:
            self._reader.close()
            self._reader = None
        if self._owned:
            holder, connection = self._owned
            connection.close()
            holder.release()

    def _read(self, sql: str, values: Any = ()) -> list[Row]:
        if self._reader is None:
            raise closed()
        try:
            return file.rows_of(self._reader, sql, values)
        except sqlite3.Error as error:
            raise file.fault(error) from error

    def _intact(self, form: Form, rows: list[Row]) -> list[Row]:
        """Those that are as they were written; the others are told of."""
        codes = self._codes
        if codes is None:
            return rows
        width, code_of = form.width, codes.of[form.table]
        found = [row for row in rows if code_of(row[:width]) == row[width]]
        if len(found) < len(rows):
            for row in rows:
                if not form.is_intact(row, codes):
                    self._tell(self._changed(form, row))
        return found

    def _changed(self, form: Form, row: Row) -> Changed:
        return Changed(form.record, form.key_of(row), row[: form.width])

    def _tell(self, changed: Changed) -> None:
        self.on_changed(changed)

    def _found(self, sql: str, form: Form, values: dict[str, Any]) -> list[Row]:
        """Rows as they were written, up to the limit: changed ones do not stand in the way of those behind them."""
        rows = self._read(sql, values)
        found = self._intact(form, rows)
        most = reach = values.get("limit", -1)
        while len(found) < len(rows) == reach and len(found) < most:
            reach *= 2
            rows = self._read(sql, {**values, "limit": reach})
            found = self._intact(form, rows)
        return found[:most] if reach > most else found

    def _list(self, name: str, **values: Any) -> list[Any]:
        sql, form = queries()[name]
        assert form is not None
        return [form.decode(row) for row in self._found(sql, form, values)]

    def _counted(self, name: str) -> list[Any]:
        """What is counted over rows has no code, and takes them as they stand."""
        return self._read(queries()[name].sql)

    def _merged(self, name: str, states: Collection[str], limit: int, *, newest_first: bool = False) -> list[Any]:
        sql, form = queries()[name]
        assert form is not None
        rows: list[Row] = []
        for state in dict.fromkeys(states):
            rows += self._found(sql, form, {"state": state, "limit": limit})
        rows.sort(key=itemgetter(-1), reverse=newest_first)
        return [form.decode(row) for row in rows[:limit]]


async def leave_command(path: Path, record: CommandRecord, instead_of: str = "") -> None:
    """Leaves a command for the daemon, running or not; one that does not run finds it at its next start.

    `instead_of` is the id of a command that this one revokes, if it still waits.

    Raises JournalError when the state cannot be written or is of another version of rulewheel.
    """
    await asyncio.to_thread(_leave, path, record, instead_of)


def _leave(path: Path, record: CommandRecord, instead_of: str) -> None:
    form = form_of(CommandRecord)
    try:
        file.create(path)
        if file.version(path) == 0:
            file.bring_up_to_date(path, codes_for(path)).close()
        _must_be_up_to_date(path)
        codes = codes_known_to(path)
        if codes is None:
            raise JournalError("row-key-missing", f"{key_file(path)}, the key of the rows, is missing or another one.")
        with closing(file.connect(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(*form.drop((instead_of,)))
            connection.execute(*form.put(record, codes))
            connection.execute("COMMIT")
    except OSError as error:
        raise JournalError("cannot-open", f"{path} cannot be written: {error.strerror}.") from error
    except sqlite3.Error as error:
        raise file.fault(error) from error


def codes_known_to(path: Path) -> Codes | None:
    """The codes of the rows of a state; None where their key is not beside it, and rows are taken as they are."""
    codes = codes_beside(path)
    return None if codes is None or file.has_other_key(path, codes) else codes


def _fault(path: Path, error: Exception) -> JournalError:
    if isinstance(error, OSError):
        return JournalError("cannot-open", f"The state {path} cannot be opened: {error.strerror}.")
    return file.fault(error) if isinstance(error, sqlite3.Error) else cast(JournalError, error)


def _must_be_up_to_date(path: Path) -> None:
    if file.version(path) < file.migrations()[-1].number:
        raise JournalError(
            "older-state",
            f"The state {path} is of an older rulewheel. Start `rulewheel run` once: it brings it up to date.",
        )


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise JournalError(
            "no-state",
            f"There is no state at {path} yet. Start `rulewheel run` once, or look at `state:` in the settings.",
        )
