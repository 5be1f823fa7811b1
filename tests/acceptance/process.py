"""One program under test: started, its output read as it comes, always ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
PATIENCE = 15.0
"""Seconds for what takes well under one; only a broken program uses them up."""


class Process:
    """Starts at once; standard output and errors are one text, kept in `output` and added to the file `log`."""

    def __init__(self, arguments: Sequence[str], log: Path | None = None) -> None:
        self.output = ""
        self._changed = threading.Condition()
        self._log = log
        self._popen = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    async def says(self, pattern: str, after: int = 0) -> re.Match[str]:
        """Waits until this was said, beyond the first `after` characters. Raises AssertionError with all it said."""
        return await asyncio.to_thread(self._wait_for, re.compile(pattern), after)

    async def ends(self) -> int:
        """Waits for its end and gives the exit status."""
        status = await asyncio.to_thread(self._popen.wait, PATIENCE)
        await asyncio.to_thread(self._reader.join)
        return status

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9: nothing that it could do about it."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._popen.stdout
        with self._popen.stdout as stream:
            for line in stream:
                text = line.decode("utf-8", "replace")
                with self._changed:
                    self.output += text
                    self._changed.notify_all()
                if self._log is not None:
                    with self._log.open("a", encoding="utf-8") as log:
                        log.write(text)
        with self._changed:
            self._changed.notify_all()

    def _wait_for(self, pattern: re.Pattern[str], after: int) -> re.Match[str]:
        end = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                found = pattern.search(self.output, after)
                if found:
                    return found
                over = time.monotonic() > end or not self._reader.is_alive()
                assert not over, f"{pattern.pattern!r} was never said, but:\n{self.output}"
                self._changed.wait(0.2)
