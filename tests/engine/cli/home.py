"""A user's folder, and what `rulewheel` says in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result

from engine.cli import main
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes

R = TypeVar("R")

RULE = """\
- id: import_errors
  triggers: [{trigger: job.entries, job: any, status: ERROR, above: 25}]
  actions: [{action: log.write, data: {message: "many"}}]
"""
HOOK = """\
- id: import_started
  triggers: [{trigger: webhook, webhook_id: import_started}]
  actions: [{action: log.write, data: {message: "started"}}]
"""


class Home:
    """Settings and a rules folder; the state comes with `keep`."""

    def __init__(self, folder: Path, settings: str = "sending: live\n") -> None:
        self.folder = folder
        self.rules = folder / "rules"
        self.rules.mkdir()
        self.settings(settings)
        self.rule(RULE)

    def settings(self, text: str) -> None:
        (self.folder / "rulewheel.yaml").write_text(text, encoding="utf-8")

    def rule(self, text: str, file: str = "import_errors.yaml") -> None:
        (self.rules / file).write_text(text, encoding="utf-8")

    def keep(self, *records: object) -> None:
        """Writes the records into the journal, as a daemon does that has stopped since."""

        async def write() -> None:
            journal = SqliteJournal.open(self.folder / "state" / "journal.db", owner="test")
            await journal.commit(Changes(put=list(records)))
            await journal.close()

        asyncio.run(write())

    def kept(self, record: type[R]) -> list[R]:
        """The rows of one kind that are in the journal."""

        async def look() -> list[R]:
            journal = SqliteJournal.look(self.folder / "state" / "journal.db")
            try:
                return await journal.page(record, None, 1000)
            finally:
                await journal.close()

        return asyncio.run(look())


def said(*words: object) -> Result:
    """What `rulewheel` does with these words."""
    return CliRunner().invoke(main, [str(word) for word in words], prog_name="rulewheel")


def told(*words: object) -> str:
    """What it prints when all is well."""
    result = said(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def data(*words: object) -> Any:
    """The same as data."""
    return json.loads(told(*words, "--format", "json"))
