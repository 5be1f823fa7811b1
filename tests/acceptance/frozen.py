"""A daemon that stops itself (SIGSTOP) at a chosen place of its first send, until somebody lets it go on.

`python -m tests.acceptance.frozen PLACE MARK rulewheel.yaml`: the file MARK says that it has happened. PLACE is
"before_look" or "after_look", the look at `send_by` being the last thing before the first byte is written, or
"without_look", which is the former with that look taken away. A send must leave within a second.

What other modules own is replaced with `setattr` (B010), in the open, since it is theirs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from connections.pool import wire
from engine.plugin import Clock
from engine.runs import gate

SEND_BY = timedelta(seconds=1)
BEFORE, AFTER, WITHOUT = "before_look", "after_look", "without_look"


def freeze(mark: Path) -> None:
    """Stops this process, once."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)


def freezes(place: str, mark: Path) -> None:
    """Puts the freeze into its place."""
    look = wire.last_look

    async def looked(extensions: Mapping[str, Any], clock: Clock) -> None:
        is_send = extensions.get("send_by") is not None
        if is_send and place != AFTER:
            freeze(mark)
        if not is_send or place != WITHOUT:
            await look(extensions, clock)
        if is_send and place == AFTER:
            freeze(mark)

    setattr(wire, "last_look", looked)  # noqa: B010


def main(place: str, mark: str, settings: str) -> None:
    """The daemon; who else reads the time within which a send must leave reads it after it was shortened."""
    setattr(gate, "SEND_BY", SEND_BY)  # noqa: B010
    assert "engine.effects" not in sys.modules
    from engine.cli import main as rulewheel

    freezes(place, Path(mark))
    rulewheel(["run", "--settings", settings])


if __name__ == "__main__":
    main(*sys.argv[1:])
