"""P26, an upgrade of the state that is killed at any moment can be run again, and loses no row."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random

from engine.journal import file
from engine.journal.codes import codes_for
from engine.journal.file import Migration
from engine.journal.rows import EPOCH, form_of
from engine.records import SeenRecord
from tests.acceptance.process import ROOT
from tests.promises.figure import Figure, Stopwatch, new_seed

SHORT = 5
LONG = 100
"""Kills."""
ROWS = 10_000
LONGEST = 0.06
"""Seconds that the upgrade below takes, about."""
NEWEST = file.migrations()[-1].number
STEPS = (
    Migration(
        NEWEST + 1,
        "ALTER TABLE seen ADD COLUMN note TEXT NOT NULL DEFAULT '';\nUPDATE seen SET note = hex(randomblob(200));\n",
    ),
    Migration(
        NEWEST + 2,
        "CREATE TABLE seen_now AS SELECT scope, key, at, note FROM seen;\nDROP TABLE seen;\n"
        "ALTER TABLE seen_now RENAME TO seen;\nUPDATE seen SET note = key;\n",
    ),
)
UPGRADE = """
import sys
from pathlib import Path
from engine.journal import file
from engine.journal.codes import codes_for
from tests.promises.p26 import STEPS
connection = file.connect(Path(sys.argv[1]))
print("begins", flush=True)
if sys.argv[2] == "defended":
    file.migrate(connection, STEPS)
else:
    for number, text in STEPS:
        for statement in file.statements(text):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
"""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Upgrades that could not be run again, or lost a row."""
    watch = Stopwatch()
    seed = new_seed()
    chance = Random(seed)
    kills = LONG if long else SHORT
    broken = inside = 0
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        old = Path(folder) / "old.db"
        _make(old)
        for number in range(kills):
            state = Path(folder) / f"state-{number}.db"
            shutil.copyfile(old, state)
            _killed(state, chance.uniform(0, LONGEST), defended)
            inside += _version(state) < STEPS[-1].number
            broken += not _upgraded(state)
    note = f"rows lost or upgrades that cannot be run again; {inside} of {kills} were killed before the end"
    return Figure("P26", kills, broken, watch.seconds, seed, note)


def _make(path: Path) -> None:
    """A state of the newest version with rows in it."""
    file.create(path)
    codes, form = codes_for(path), form_of(SeenRecord)
    rows = [form.put(SeenRecord("s", f"{number:06}", EPOCH), codes).values for number in range(ROWS)]
    with closing(file.bring_up_to_date(path, codes)) as connection:
        connection.execute("BEGIN")
        connection.executemany(form.put_sql, rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _killed(state: Path, after: float, defended: bool) -> None:
    command = [sys.executable, "-c", UPGRADE, str(state), "defended" if defended else "undefended"]
    environment = {**os.environ, "PYTHONPATH": "."}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(after)
        process.kill()


def _version(state: Path) -> int:
    with closing(file.connect(state)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return found


def _upgraded(state: Path) -> bool:
    """Whether running it again ends with every row in its new form."""
    with closing(file.connect(state)) as connection:
        try:
            file.migrate(connection, STEPS)
            rows = connection.execute("SELECT count(*), count(DISTINCT key) FROM seen WHERE note = key").fetchone()
            sound = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.Error:
            return False
        return (*rows, sound) == (ROWS, ROWS, "ok")
