"""The command `resume-sending`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._command import leave_switch, tell_when
from engine.cli._settings import settings_at, settings_option


@click.command(
    epilog="""\b
Example:
  rulewheel resume-sending
"""
)
@settings_option
def command(settings_path: Path | None) -> None:
    """Send again after `stop-sending` or a restore.

    What waited is sent now, if it is still worth it.
    """
    settings = settings_at(settings_path)
    leave_switch(settings, "resume-sending", instead_of="stop-sending")
    click.echo("Sending will go on.")
    tell_when(settings)
