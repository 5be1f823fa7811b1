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
    made = path.with_suffix(f".{secrets.token_hex(4)}")
    made.touch(mode=0o600)
    made.write_bytes(secrets.token_bytes(BYTES))
    with made.open("rb") as written:
        os.fsync(written.fileno())
    try:
        os.link(made, path)  # the first of two that make it at once wins
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_bytes()
