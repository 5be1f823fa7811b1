"""The command `forget`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import counted
from engine.problem import Problem, ProblemError
from engine.values import masked

if TYPE_CHECKING:
    from engine.forget import Forgotten
    from engine.settings import Settings

WORDS = {"effect": "send", "due": "due time", "seen": "identity", "inbox": "message"}
"""Tables whose names are not the words of people."""


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

    Runs about the contact end, and what they still wanted to send or call never leaves; what they and the runs that
    they set off have written down is erased. No daemon may run meanwhile. Rules that name the number stay as they are,
    and so do backups: remove those yourself.
    """
    number = _number(phone)
    settings = settings_at(settings_path)
    done = _forget(settings, number)
    click.echo(f"Forgotten: {masked(number)}" if any(done) else f"Nothing was known of {masked(number)}.")
    for what, counts in done._asdict().items():
        told = [counted(count, WORDS.get(table, table)) for table, count in counts.items()]
        if told:
            click.echo(f"  {what}: {', '.join(told)}")
    beside = settings.state_file.parent.glob(f"{settings.state_file.name}.before-*")
    older = sorted(found for found in beside if found.suffix != ".key")
    if older:
        click.echo(f"Older states beside it may still hold it; remove them: {', '.join(map(str, older))}")


def _number(phone: str) -> str:
    """The number in the form +919876543210; without its plus it might be that of somebody else."""
    from engine.field import PHONE
    from engine.values import EXAMPLE_PHONE

    if phone.strip()[:1].isdigit():
        found = f"{masked(phone.strip())} does not say of which country it is"
        expected = f"the international form, such as {EXAMPLE_PHONE}"
        remedy = "write it with + and the country code in front"
        raise ProblemError(Problem("bad-phone", found, expected=expected, remedy=remedy))
    try:
        return PHONE.read(phone)
    except ValueError as fault:
        raise ProblemError(Problem("bad-phone", str(fault))) from None


def _forget(settings: Settings, number: str) -> Forgotten:
    from engine.clock import SystemClock, SystemIds
    from engine.forget import Forgetting
    from engine.journal.api import JournalError
    from engine.journal.sqlite import SqliteJournal

    async def forget() -> Forgotten:
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
