"""A daemon that stops itself (SIGSTOP) at a chosen place of its first send, until somebody lets it go on.

`python -m tests.acceptance.frozen PLACE MARK rulewheel.yaml`: the file MARK says that it has happened. PLACE is
"before_look" or "after_look", the look at `send_by` being the last thing before the first byte is written, or
"without_look", which is the former with that look taken away. A send must leave within a second.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from connections.pool.wire import Wire
from engine.runs import gate

SEND_BY = timedelta(seconds=1)
BEFORE, AFTER, WITHOUT = "before_look", "after_look", "without_look"


class Freezing:
    """A transport that freezes its process before it writes."""

    def __init__(self, transport: Any, mark: Path) -> None:
        self._transport = transport
        self._mark = mark

    def write(self, data: bytes) -> None:
        freeze(self._mark)
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def freeze(mark: Path) -> None:
    """Stops this process, once."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)


def freezes(place: str, mark: Path) -> None:
    """Puts the freeze into its place."""
    send = Wire._send

    def sent(self: Any, message: bytes, reply: Any, patience: Any, send_by: Any) -> None:
        if send_by is not None and place == AFTER:
            self._transport = Freezing(self._transport, mark)
        elif send_by is not None:
            freeze(mark)
        send(self, message, reply, patience, None if place == WITHOUT else send_by)

    setattr(Wire, "_send", sent)  # noqa: B010


def main(place: str, mark: str, settings: str) -> None:
    """The daemon; who else reads the time within which a send must leave reads it after it was shortened."""
    setattr(gate, "SEND_BY", SEND_BY)  # noqa: B010
    assert "engine.effects" not in sys.modules
    from engine.cli import main as rulewheel

    freezes(place, Path(mark))
    rulewheel(["run", "--settings", settings])


if __name__ == "__main__":
    main(*sys.argv[1:])
