"""P12, one owner of a state: four processes want it at once, the owner is killed, the next one has it soon."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.process import ROOT
from tests.promises.figure import Figure, Stopwatch

PROCESSES = 4
SHORT = 6
LONG = 50
"""Rounds."""
SOON = 5.0
"""Seconds until a dead owner is replaced."""
PATIENCE = 20.0
MOMENT = 0.35
"""Seconds in which a second owner would have said so: it starts, and finds the name taken for 0.2 s."""

# Takes the state as a daemon does, again and again as a service manager would, and then holds a name that the kernel
# gives to one process only: the witness, which knows nothing of locks.
CANDIDATE = """
import fcntl, os, socket, sys, time
from pathlib import Path
from engine.journal.api import JournalError
from engine.journal.sqlite import SqliteJournal
if sys.argv[3] == "undefended":
    fcntl.flock = lambda file, how: None
while True:
    try:
        journal = SqliteJournal.open(Path(sys.argv[1]), owner="rulewheel run")
        break
    except JournalError as error:
        assert error.code in ("owned", "locked"), error
        time.sleep(0.02)
witness, is_alone = socket.socket(socket.AF_UNIX), False
for _ in range(10):  # of one that was just killed, the lock goes a moment before the name
    try:
        witness.bind("\\0" + sys.argv[2])
        is_alone = True
        break
    except OSError:
        time.sleep(0.02)
os.write(1, f"{os.getpid()} {'alone' if is_alone else 'not alone'}\\n".encode())
time.sleep(60)
"""


class Contest:
    """Processes that all want one state, and what those say who have it."""

    def __init__(self, folder: Path, *, defended: bool) -> None:
        self._arguments = [str(folder / "state" / "journal.db"), f"rulewheel-{secrets.token_hex(8)}"]
        self._arguments.append("defended" if defended else "undefended")
        self._reads, self._writes = os.pipe()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.doubles = 0

    def fill(self) -> None:
        """Starts processes until there are enough."""
        while len(self._running) < PROCESSES:
            command = [sys.executable, "-c", CANDIDATE, *self._arguments]
            process = subprocess.Popen(command, stdout=self._writes, cwd=ROOT, env={**os.environ, "PYTHONPATH": "."})
            self._running[process.pid] = process

    def owner(self) -> int:
        """Waits for the next one that says it has the state; counts it when it is not alone."""
        assert select.select([self._reads], [], [], PATIENCE)[0], "nobody took the state"
        said = b""
        while not said.endswith(b"\n"):
            said += os.read(self._reads, 1)
        pid, _, how = said.decode().strip().partition(" ")
        self.doubles += how != "alone"
        return int(pid)

    def look_for_others(self) -> None:
        """Counts whoever else says within a moment that it has the state."""
        while select.select([self._reads], [], [], MOMENT)[0]:
            self.owner()

    def kill(self, pid: int) -> None:
        """kill -9."""
        process = self._running.pop(pid)
        process.kill()
        process.wait()

    def end(self) -> None:
        """Kills everybody."""
        for pid in list(self._running):
            self.kill(pid)
        os.close(self._reads)
        os.close(self._writes)


def run(long: bool, *, defended: bool = True) -> Figure:
    """Owners that were not alone, and dead ones that nobody replaced soon."""
    watch = Stopwatch()
    rounds = LONG if long else SHORT
    late, slowest = 0, 0.0
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        contest = Contest(Path(folder), defended=defended)
        try:
            contest.fill()
            owner = contest.owner()
            for _ in range(rounds):
                contest.look_for_others()
                if contest.doubles:
                    break
                contest.kill(owner)
                died = time.monotonic()
                owner = contest.owner()
                slowest = max(slowest, time.monotonic() - died)
                late += time.monotonic() - died > SOON
                contest.fill()
        finally:
            contest.end()
    note = f"two owners: {contest.doubles}, replaced later than {SOON:g} s: {late}; slowest {slowest:.2f} s"
    return Figure("P12", rounds, contest.doubles + late, watch.seconds, None, note)
