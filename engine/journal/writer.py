"""Writes for many callers at once: statements on the event loop, the sync to disk in one thread.

Callers that come while a commit is under way form the next group. A group's statements only touch pages in memory, so
they run on the loop itself; in a thread each of them would have to win the interpreter back from a busy loop
(docs/decisions/0003). Only COMMIT, which waits for the disk, goes to the thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

from engine.journal.api import Changed, JournalError, closed
from engine.journal.codes import Codes
from engine.journal.file import PATIENCE, fault, rows_of
from engine.journal.rows import Check, Rewrite, RowError, Write, checks_of, refused, writes_of
from engine.records import Changes, Conflict, Done, Expect

Answer: TypeAlias = Done | Conflict | JournalError

GROUP = 600
"""The most statements that a group runs before the loop goes on, some 2 ms; one caller's are never split."""
SWITCH = 0.00005
"""Seconds until the thread is given the interpreter that it waits for. At Python's own 5 ms a loop that pauses more
often than that, be it for a microsecond, is never asked to give way, and a commit takes seconds."""
RETRY = 0.005
"""Seconds until a file that another process writes is tried again."""

_DONE = Done()
# What one caller's own values can cause; every other error of SQLite concerns the file, and so the whole group.
_BAD_VALUES = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,
    OverflowError,
)


class Caller(NamedTuple):
    """One `commit` that waits, its statements ready to run."""

    checks: list[Check]
    writes: list[Write | Rewrite]
    future: asyncio.Future[Done | Conflict]


class Order(NamedTuple):
    """What the thread is to sync, and whom it then concerns."""

    loop: asyncio.AbstractEventLoop
    group: list[Caller]
    answers: list[Answer]


class Writer:
    """The one who writes over a connection; belongs to one event loop."""

    def __init__(self, connection: sqlite3.Connection, codes: Codes, tell: Callable[[Changed], None]) -> None:
        sys.setswitchinterval(min(SWITCH, sys.getswitchinterval()))
        connection.execute("PRAGMA busy_timeout = 0")  # on a foreign lock the loop goes on, see _begin
        self._connection = connection
        self._codes = codes
        self._tell = tell
        self._execute = connection.cursor().execute
        self._waiting: deque[Caller] = deque()
        self._tries = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="journal-commit", daemon=True)
        self._thread.start()

    async def commit(self, changes: Changes) -> Done | Conflict:
        """Joins the next group and returns when that is on disk."""
        if self._closed:
            raise closed()
        try:
            checks, writes = checks_of(changes), writes_of(changes, self._codes)
        except RowError as error:
            raise refused(error) from error
        loop = asyncio.get_running_loop()
        caller = Caller(checks, writes, loop.create_future())
        self._waiting.append(caller)
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._begin, loop)
        return await caller.future

    async def close(self) -> None:
        """Finishes the groups under way; safe to call twice."""
        self._closed = True
        await self._idle.wait()
        self._orders.put(None)
        self._thread.join()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._undo()
            self._execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY and self._tries * RETRY < PATIENCE:
                self._tries += 1
                loop.call_later(RETRY, self._begin, loop)
            else:
                self._fail(loop, self._next_group(), error)
            return
        self._tries = 0
        group = self._next_group()
        try:
            answers = [self._write(caller) for caller in group]
        except sqlite3.Error as error:
            self._fail(loop, group, error)
        else:
            self._orders.put(Order(loop, group, answers))

    def _next_group(self) -> list[Caller]:
        group: list[Caller] = []
        room = GROUP
        while self._waiting and room > 0:
            caller = self._waiting.popleft()
            if not caller.future.cancelled():
                group.append(caller)
                room -= len(caller.checks) + len(caller.writes)
        return group

    def _write(self, caller: Caller) -> Answer:
        """Runs the caller's statements; whatever the answer, nothing of it stays but what `Done` stands for."""
        try:
            for check in caller.checks:
                if (self._execute(check.sql, check.values).fetchone() is not None) is not check.found:
                    return Conflict(check.expect)
            # A statement undoes itself; several need a savepoint, which costs some 2 us.
            run = self._run if len(caller.writes) == 1 else self._run_in_savepoint
            broken = run(caller.writes)
        except _BAD_VALUES as error:
            return refused(error)
        return Conflict(broken) if broken else _DONE

    def _run_in_savepoint(self, writes: list[Write | Rewrite]) -> Expect | None:
        self._execute("SAVEPOINT caller")
        try:
            broken = self._run(writes)
        except _BAD_VALUES:
            self._execute("ROLLBACK TO caller")
            self._execute("RELEASE caller")
            raise
        if broken:
            self._execute("ROLLBACK TO caller")
        self._execute("RELEASE caller")
        return broken

    def _run(self, writes: list[Write | Rewrite]) -> Expect | None:
        for write in writes:
            if isinstance(write, Rewrite):
                found = self._rewritten(write)
                if found is None:
                    return write.expect
                self._execute(found.sql, found.values)
            else:
                self._execute(write.sql, write.values)
        return None

    def _rewritten(self, new: Rewrite) -> Write | None:
        """The update with its new code; None where the row is not there, or is not as it was written.

        Else a code of our own would stand by what somebody else has made of the row.
        """
        form = new.form
        for row in rows_of(self._connection, form.get_sql, new.key):
            if form.is_intact(row, self._codes):
                return form.rewrite(row, new, self._codes)
            self._tell(Changed(form.record, form.key_of(row), row[: form.width]))
        return None

    def _work(self) -> None:
        while order := self._orders.get():
            answers = order.answers
            try:
                self._execute("COMMIT")
            except sqlite3.Error as error:
                with suppress(sqlite3.Error):
                    self._undo()
                answers = [fault(error) for _ in order.group]
            with suppress(RuntimeError):  # the loop was closed without waiting for us
                order.loop.call_soon_threadsafe(self._settle, order.loop, order.group, answers)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._execute("ROLLBACK")

    def _fail(self, loop: asyncio.AbstractEventLoop, group: list[Caller], error: sqlite3.Error) -> None:
        with suppress(sqlite3.Error):
            self._undo()
        self._tries = 0
        self._settle(loop, group, [fault(error) for _ in group])

    def _settle(self, loop: asyncio.AbstractEventLoop, group: list[Caller], answers: list[Answer]) -> None:
        for caller, answer in zip(group, answers, strict=True):
            if caller.future.done():  # cancelled meanwhile
                continue
            if isinstance(answer, JournalError):
                caller.future.set_exception(answer)
            else:
                caller.future.set_result(answer)
        if self._waiting:
            # After those just answered have run: what they commit next still joins this group.
            loop.call_soon(self._begin, loop)
        else:
            self._idle.set()
