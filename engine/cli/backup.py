"""The command `backup`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._settings import settings_at, settings_option
from engine.problem import ProblemError


@click.command(
    epilog="""\b
Example:
  rulewheel backup /var/backups/rulewheel-2026-11-23.db
"""
)
@click.argument("file", type=click.Path(path_type=Path))
@settings_option
def command(file: Path, settings_path: Path | None) -> None:
    """Write what the daemon knows and has still to do into one file.

    The daemon may run meanwhile. The keys of the webhooks and of the rows go into the file too; rules, settings and
    secrets do not. Only you can read it, and no file is ever overwritten.
    """
    from engine.clock import SystemClock
    from engine.journal.api import JournalError
    from engine.journal.backup import back_up
    from engine.web.key import FILE

    settings = settings_at(settings_path)
    key = settings.state_file.parent / FILE
    try:
        size = back_up(settings.state_file, file, key.read_bytes() if key.exists() else None, SystemClock().now())
    except JournalError as error:
        remedy = f"look at state: in {settings.file}, or name other settings" if error.code == "no-state" else ""
        raise ProblemError(error.problem(remedy)) from None
    click.echo(
        f"Written and found sound: {file} ({size / 1024**2:,.1f} MB). To go back to it: rulewheel restore {file}"
    )
