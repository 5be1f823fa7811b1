"""The key from which the paths of webhooks are made; it lies beside the state and is this daemon's alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE = "webhook.key"
BYTES = 32


def webhook_key(folder: Path) -> bytes:
    """The key in this folder, made when there is none. Raises OSError when it can be neither read nor made."""
    path = folder / FILE
    try:
        return path.read_bytes()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = _written(path, secrets.token_bytes(BYTES))
    try:
        os.link(made, path)  # the first of two that make it at once wins
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_bytes()


def put_key(folder: Path, key: bytes) -> None:
    """Makes this the key of the folder; another one that was there is kept beside it. Raises OSError."""
    path = folder / FILE
    if path.exists():
        if path.read_bytes() == key:
            return
        os.link(path, folder / f"{FILE}.before-{secrets.token_hex(4)}")
    _written(path, key).rename(path)


def _written(path: Path, key: bytes) -> Path:
    """A file beside the path with this key, safe on disk."""
    made = path.with_suffix(f".{secrets.token_hex(4)}")
    made.touch(mode=0o600)
    made.write_bytes(key)
    with made.open("rb") as written:
        os.fsync(written.fileno())
    return made
