"""The command `stop-sending`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._command import leave_switch
from engine.cli._settings import settings_at, settings_option


@click.command(
    epilog="""\b
Example:
  rulewheel stop-sending
"""
)
@settings_option
def command(settings_path: Path | None) -> None:
    """Stop every message and every call that changes something, before the next one.

    Rules go on and events are taken in; what they want to send waits, until `rulewheel resume-sending` or until it
    is no longer worth sending. It stays stopped over restarts.
    """
    settings = settings_at(settings_path)
    leave_switch(settings, "stop-sending", instead_of="resume-sending")
    click.echo("Sending is stopped. What is under way already may still arrive.")
