"""The command `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._repeats import tell_repeats
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import moment
from engine.problem import Problem, ProblemError

if TYPE_CHECKING:
    from engine.journal.backup import Restored
    from engine.settings import Settings

NO_BACKUP = "name a file that `rulewheel backup` wrote"
REMEDIES = {"not-a-state": NO_BACKUP, "no-backup": NO_BACKUP, "state-damaged": "restore another backup"}
REMEDIES["owned"] = "stop the daemon first; what it knows now is kept beside the restored state"


@click.command(
    epilog="""\b
Example:
  rulewheel restore /var/backups/rulewheel-2026-11-23.db
  rulewheel sends --state queued
  rulewheel resume-sending
"""
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Even where there is a state: it is moved aside, and kept.")
@settings_option
def command(file: Path, replace: bool, settings_path: Path | None) -> None:
    """Make the state again from a backup, with sending stopped.

    No daemon may run. What was sent since the backup was made is not in it and would be sent again: look at the list
    that this prints before you say `rulewheel resume-sending`.
    """
    from engine.clock import SystemClock
    from engine.journal.api import JournalError
    from engine.journal.backup import restore

    settings = settings_at(settings_path)
    try:
        restored = restore(file, settings.state_file, SystemClock().now(), replace=replace)
        if restored.backup.key is not None:
            _put_key(settings, restored.backup.key)
    except JournalError as error:
        raise ProblemError(error.problem(REMEDIES.get(error.code, ""))) from None
    _tell(settings, restored)


def _put_key(settings: Settings, key: bytes) -> None:
    from engine.web.key import put_key

    try:
        put_key(settings.state_file.parent, key)
    except OSError as fault:
        found = f"the key of the webhooks cannot be written: {fault.strerror}"
        raise ProblemError(Problem("no-webhook-key", found, remedy="look at the folder's owner and mode")) from None


def _tell(settings: Settings, restored: Restored) -> None:
    made = restored.backup.made
    click.echo(f"Restored{f', as of {moment(made, settings.zone)}' if made else ''}. Sending is stopped.")
    if restored.aside is not None:
        click.echo(f"The state that was there is kept: {restored.aside}")
    tell_repeats(restored.repeats, settings.zone)
    click.echo("Start the daemon with `rulewheel run`, look around, and then: rulewheel resume-sending")
