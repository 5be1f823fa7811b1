"""Commands left for the daemon, which takes them up within a second, or at its next start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from engine.problem import ProblemError
from engine.values import Json

if TYPE_CHECKING:
    from engine.records import CommandRecord
    from engine.settings import Settings


def leave(settings: Settings, kind: str, data: Json) -> None:
    """Writes down what a person asks for. Raises ProblemError when the state cannot be written."""
    from engine.clock import SystemClock, SystemIds
    from engine.records import CommandRecord

    clock = SystemClock()
    _write(settings, CommandRecord(SystemIds(clock).row_id(), kind, data, clock.now()))


def leave_switch(settings: Settings, kind: str, instead_of: str) -> None:
    """The same for one side of a switch, of which the last one counts: its kind is its id, the other one is gone."""
    from engine.clock import SystemClock
    from engine.records import CommandRecord

    _write(settings, CommandRecord(kind, kind, {}, SystemClock().now()), instead_of)


def _write(settings: Settings, record: CommandRecord, instead_of: str = "") -> None:
    from engine.journal.api import JournalError
    from engine.journal.sqlite import leave_command

    try:
        asyncio.run(leave_command(settings.state_file, record, instead_of))
    except JournalError as error:
        raise ProblemError(error.problem()) from None


def tell_when(settings: Settings) -> None:
    """Says when the daemon takes it up."""
    from engine.journal.owner import holder

    if holder(settings.state_file):
        click.echo("The daemon runs and takes it up within a second.")
    else:
        click.echo("No daemon runs now. It takes it up when it starts: rulewheel run")
