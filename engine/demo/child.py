"""A process that the demo starts, listens to, and ends."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque

from engine.problem import Problem, ProblemError

PATIENCE = 20.0
GOODBYE = 10.0
_KEPT = 20


class Child:
    """One process, by what people call it. It does not hear the terminal's Ctrl-C: it is ended in its turn."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._fresh: list[str] = []
        self._last: deque[str] = deque(maxlen=_KEPT)
        self._spoke = asyncio.Event()

    async def start(self, *arguments: str) -> None:
        """Starts it; standard output and errors are one text."""
        self._process = await asyncio.create_subprocess_exec(
            *arguments, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def says(self, beginning: str) -> str:
        """The first new line that begins so. Raises ProblemError when it ends or says nothing of the kind in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    for line in self.heard():
                        if line.startswith(beginning):
                            return line
                    self.must_run()
                    await self._spoke.wait()
                    self._spoke.clear()
        except TimeoutError:
            raise self._failed(f"was not ready after {PATIENCE:.0f} seconds") from None

    def heard(self) -> list[str]:
        """The lines since the last time of asking."""
        lines, self._fresh = self._fresh, []
        return lines

    def must_run(self) -> None:
        """Raises ProblemError when it has ended."""
        if self._reader is not None and self._reader.done() and not self._fresh:
            raise self._failed("ended by itself")

    async def end(self) -> None:
        """Asks it to end; what does not listen is killed. Nothing happens where it was never started."""
        if self._process is None or self._reader is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(GOODBYE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.wait({self._reader})

    async def _read(self, process: Process) -> None:
        assert process.stdout
        async for line in process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            self._fresh.append(text)
            self._last.append(text)
            self._spoke.set()
        await process.wait()
        self._spoke.set()

    def _failed(self, how: str) -> ProblemError:
        said = "\n    ".join(self._last) or "nothing"
        return ProblemError(Problem("demo-failed", f"{self.name} {how}; it said:\n    {said}"))
