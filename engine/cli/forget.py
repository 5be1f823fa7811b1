"""The command `forget`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._settings import settings_at, settings_option
from engine.problem import Problem, ProblemError
from engine.values import masked

if TYPE_CHECKING:
    from engine.settings import Settings


@click.command(
    epilog="""\b
Example:
  rulewheel forget +919876543210
"""
)
@click.argument("phone")
@settings_option
def command(phone: str, settings_path: Path | None) -> None:
    """Remove what rulewheel holds of one contact, for a request to be forgotten.

    Sends to the number that are open are dropped, and runs that know it end. No daemon may run meanwhile. Rules that
    name the number stay as they are, and so do backups: remove those yourself.
    """
    from engine.field import PHONE

    settings = settings_at(settings_path)
    try:
        number = PHONE.read(phone)
    except ValueError as fault:
        raise ProblemError(Problem("bad-phone", f"{fault}")) from None
    changed = _forget(settings, number)
    click.echo(f"Forgotten: {masked(number)}" if changed else f"Nothing was known of {masked(number)}.")
    for what, count in sorted(changed.items()):
        click.echo(f"  {count:,} {what}")


def _forget(settings: Settings, number: str) -> Mapping[str, int]:
    from engine.clock import SystemClock, SystemIds
    from engine.forget import Forgetting
    from engine.journal.api import JournalError
    from engine.journal.sqlite import SqliteJournal

    async def forget() -> Mapping[str, int]:
        clock = SystemClock()
        journal = SqliteJournal.open(settings.state_file, owner="rulewheel forget")
        try:
            return await Forgetting(journal, number, clock.now(), SystemIds(clock)).run()
        finally:
            await journal.close()

    try:
        return asyncio.run(forget())
    except JournalError as error:
        remedy = "stop the daemon for this, and start it again afterwards" if error.code == "owned" else ""
        raise ProblemError(error.problem(remedy)) from None
