"""The command `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import columns, counted, moment
from engine.problem import Problem, ProblemError
from engine.values import masked

if TYPE_CHECKING:
    from engine.journal.backup import Restored
    from engine.records import EffectRecord
    from engine.settings import Settings

MEANS = {
    "queued": "not sent when the backup was made; may have been sent since",
    "waiting": "waited to be tried again; may have been sent since",
    "intent": "was being sent; it will be unsure",
    "unsure": "nobody knew whether it arrived",
}


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
        raise ProblemError(Problem(error.code, str(error).rstrip("."))) from None
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
    if restored.runs:
        click.echo(f"{counted(restored.runs, 'run')} had not ended, and will go on: what they did since is not known.")
    if restored.open:
        click.echo("These may reach somebody twice once sending goes on:\n")
        columns(("made", "rule", "to", "op_id", "what is known"), [_row(each, settings) for each in restored.open])
        click.echo("")
    click.echo("Start the daemon with `rulewheel run`, look around, and then: rulewheel resume-sending")


def _row(send: EffectRecord, settings: Settings) -> tuple[str, ...]:
    to = masked(send.recipient) if send.recipient else send.connection
    return moment(send.created, settings.zone), send.rule, to, send.op_id, MEANS[send.state]
