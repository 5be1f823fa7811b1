"""The one owner of a state file (promise P12).

The kernel's lock on `<state>.lock` decides; it goes when its process goes, however that ended. What is written in the
file only tells people who holds it. The file is never removed: two processes could then each lock a different one.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from engine.journal.api import JournalError


class Owner:
    """Holds a state file for this process until `release`."""

    def __init__(self, state: Path, command: str) -> None:
        """Takes the lock at once, or raises JournalError "owned" that names the holder."""
        self._file = os.open(state.with_name(state.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            text = _refusal(state, self._file)
            os.close(self._file)
            raise JournalError("owned", text) from error
        holder = {"pid": os.getpid(), "command": command, "host": socket.gethostname()}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(holder).encode(), 0)

    def release(self) -> None:
        """Lets another process take the state; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def holder(state: Path) -> str | None:
    """Who holds this state now, in words; None when nobody does."""
    try:
        file = os.open(state.with_name(state.name + ".lock"), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back at once
    except OSError:
        return _holder(file)
    else:
        return None
    finally:
        os.close(file)


def _refusal(state: Path, file: int) -> str:
    return f"The state {state} is already in use by {_holder(file)}. Only one may use it at a time."


def _holder(file: int) -> str:
    since = datetime.fromtimestamp(os.fstat(file).st_mtime, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    try:
        holder = json.loads(os.pread(file, 65_536, 0))
        return f"{holder['command']!r} (process {holder['pid']} on {holder['host']}, since {since})"
    except (ValueError, KeyError, TypeError):
        return "another process that is just starting"
