"""A real daemon of which a tape keeps every write and sync of its state, every answer and every request that leaves.

`python -m tests.promises.recorder TAPE SWITCH rulewheel.yaml`, SWITCH being one of tests.acceptance.broken or "sound".

What is written down is what SQLite's own layer to the system does in that process: its table of functions for an open
file is replaced, through ctypes, by one whose functions write down what the right ones then do. So neither strace nor
a compiler is needed, which a machine with git, make and Python need not have (docs/decisions/0013).
"""

from __future__ import annotations

import ctypes
import json
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from connections.http import HttpConnection
from engine.cli import main
from engine.plugin import Operation, Outcome, Request
from engine.web import webhooks
from tests.acceptance.broken import SWITCHES
from tests.promises.tape import Removed, Said, Shortened, Synced, Tape, Wrote

ANSWERED, LEFT = "answered", "left"
_OK = 0
_P, _I, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_WRITE = ctypes.CFUNCTYPE(_I, _P, _P, _I, _L)
_TRUNCATE = ctypes.CFUNCTYPE(_I, _P, _L)
_SYNC = ctypes.CFUNCTYPE(_I, _P, _I)
_OPEN = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, _P)
_DELETE = ctypes.CFUNCTYPE(_I, _P, _P, _I)
_WRITE_AT, _TRUNCATE_AT, _SYNC_AT = 3, 4, 5
"""Where these stand in sqlite3_io_methods, counted in pointers; the first is the version of the table."""
_METHODS = 19
_OPEN_AT, _DELETE_AT = 5, 6
"""Where these stand in sqlite3_vfs, counted in pointers: after three numbers in the room of two, and three pointers."""

_HELD: list[object] = []
"""What SQLite calls as long as the process lives, and nobody else holds."""


class Unrecordable(Exception):
    """This Python's SQLite cannot be listened to; says why."""


def library() -> ctypes.CDLL:
    """The very SQLite that the module sqlite3 uses. Raises Unrecordable."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Unrecordable(f"there is no /proc: {error}") from error
    mapped = {line.split()[-1] for line in maps if "sqlite3" in line and ".so" in line}
    for path in [*sorted(mapped), None]:
        found = ctypes.CDLL(path)
        if hasattr(found, "sqlite3_vfs_find"):
            return found
    raise Unrecordable(f"this Python has SQLite {sqlite3.sqlite_version} built in, without its names")


class Recorder:
    """Writes down what SQLite does to files whose names begin as the state's does."""

    def __init__(self, tape: Tape, state: str) -> None:
        self._tape = tape
        self._state = state

    def listen(self) -> None:
        """From now on, for every file that is opened. Raises Unrecordable."""
        find = library().sqlite3_vfs_find
        find.restype = ctypes.POINTER(_P)
        layer = find(None)
        _replace(layer, _OPEN_AT, _OPEN, self._open)
        _replace(layer, _DELETE_AT, _DELETE, self._delete)

    def _open(self, opens: Callable[..., int], layer: int, name: int, file: int, flags: int, out: int) -> int:
        result = opens(layer, name, file, flags, out)
        told = _name(name)
        if result == _OK and self._is_state(told):
            methods = ctypes.cast(file, ctypes.POINTER(_P))
            table = (_P * _METHODS)(*(_P * _METHODS).from_address(methods[0]))
            _replace(table, _WRITE_AT, _WRITE, partial(self._write, told))
            _replace(table, _TRUNCATE_AT, _TRUNCATE, partial(self._truncate, told))
            _replace(table, _SYNC_AT, _SYNC, partial(self._sync, told))
            _HELD.append(table)
            methods[0] = ctypes.addressof(table)
        return result

    def _delete(self, deletes: Callable[..., int], layer: int, name: int, sync: int) -> int:
        result = deletes(layer, name, sync)
        if result == _OK and self._is_state(_name(name)):
            self._tape.add(Removed(_name(name)))
        return result

    def _is_state(self, name: str) -> bool:
        return name.startswith(self._state) and not name.endswith("-shm")

    def _write(self, name: str, does: Callable[..., int], file: int, data: int, length: int, at: int) -> int:
        self._tape.add(Wrote(name, at, ctypes.string_at(data, length)))
        return does(file, data, length, at)

    def _truncate(self, name: str, does: Callable[..., int], file: int, size: int) -> int:
        self._tape.add(Shortened(name, size))
        return does(file, size)

    def _sync(self, name: str, does: Callable[..., int], file: int, flags: int) -> int:
        result = does(file, flags)
        if result == _OK:
            self._tape.add(Synced(name))
        return result


def _replace(table: Any, at: int, kind: Any, by: Callable[..., int]) -> None:
    """Puts a function in the place of another, which it is given first."""
    replaced = kind(table[at])
    replacing = kind(partial(by, replaced))
    _HELD.extend((replaced, replacing))
    table[at] = ctypes.cast(replacing, _P).value


def _name(address: int) -> str:
    return Path(ctypes.string_at(address).decode()).name if address else ""


def write_down_answers(tape: Tape) -> None:
    """Each webhook that is about to be answered with 200, by the name of its event."""
    take = webhooks.WebhookApp.__call__

    async def heard(self: webhooks.WebhookApp, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body: list[bytes] = []

        async def receiving() -> dict[str, Any]:
            message: dict[str, Any] = await receive()
            body.append(message.get("body", b""))
            return message

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                tape.add(Said(ANSWERED, json.loads(b"".join(body))["event"]))
            await send(message)

        await take(self, scope, receiving, sending)

    setattr(webhooks.WebhookApp, "__call__", heard)  # noqa: B010


def write_down_requests(tape: Tape) -> None:
    """Each request that is about to leave, by its op_id."""
    perform = HttpConnection.perform

    async def leaving(self: HttpConnection, request: Request, operation: Operation) -> Outcome:
        tape.add(Said(LEFT, operation.op_id))
        return await perform(self, request, operation)

    setattr(HttpConnection, "perform", leaving)  # noqa: B010


if __name__ == "__main__":
    record = Tape(Path(sys.argv[1]))
    Recorder(record, "journal.db").listen()
    write_down_answers(record)
    write_down_requests(record)
    if sys.argv[2] != "sound":
        SWITCHES[sys.argv[2]]()
    main(["run", "--settings", sys.argv[3]])
