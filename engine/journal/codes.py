"""A code for each row, by which it shows that somebody else has changed it (promise P4).

A code is BLAKE2b, 16 bytes, over the table and the cells of the row as SQLite keeps them, with a key that lies beside
the state and that only its owner may read. Rows that are gone leave no code behind: that they went is not noticed.
"""

from __future__ import annotations

import marshal
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

from engine.records import RECORDS

CodeOf: TypeAlias = Callable[[Any], bytes]

BYTES = 16
KEY_BYTES = 32
FORM = 2
"""Of marshal: the last one whose bytes depend on nothing but the values. It is several times faster than text would be;
should Python ever write it otherwise, the fingerprint of the key is another one, and all rows are coded anew."""
_SAMPLE = ("text", "\u0928", 1, -(2**40), 2.5, None, b"bytes")


class Codes:
    """Makes the codes of one key."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.of: dict[str, CodeOf] = {record.TABLE: _maker(key, record.TABLE) for record in RECORDS}
        """What makes the code of a row's cells, by table."""
        self.fingerprint = _maker(key, "fingerprint")(_SAMPLE)
        """By this a state knows its key again; nothing of the key can be worked out from it."""


def key_file(state: Path) -> Path:
    """Where the key to a state lies."""
    return state.with_name(state.name + ".key")


def codes_beside(state: Path) -> Codes | None:
    """The codes of the key that lies beside a state; None where there is none that can be used."""
    with suppress(OSError):
        key = key_file(state).read_bytes()
        if len(key) == KEY_BYTES:
            return Codes(key)
    return None


def codes_for(state: Path) -> Codes:
    """The same, with a new key where there is none. Raises OSError when it cannot be made."""
    found = codes_beside(state)
    if found is None:
        put_key(state, secrets.token_bytes(KEY_BYTES))
        found = codes_beside(state)
    if found is None:
        raise PermissionError(13, "the key of its rows cannot be read", str(key_file(state)))
    return found


def put_key(state: Path, key: bytes) -> None:
    """Lays a key beside a state, safe on disk; what lay there is kept under another name. Raises OSError."""
    path, known = key_file(state), codes_beside(state)
    if known is not None and known.key == key:
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(draft, "xb", opener=_for_its_owner) as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        if path.exists():
            path.rename(path.with_name(f"{path.name}.before-{secrets.token_hex(4)}"))
        with suppress(FileExistsError):  # of two that make one at once the first wins
            os.link(draft, path)
        _synced(path.parent)
    finally:
        draft.unlink()


def _synced(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _maker(key: bytes, table: str) -> CodeOf:
    begun = blake2b(table.encode() + b"\0", key=key, digest_size=BYTES)
    begin, dumped = begun.copy, marshal.dumps

    def code(cells: Any) -> bytes:
        made = begin()
        made.update(dumped(cells, FORM))
        return made.digest()

    return code
