"""The command `settle`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._command import leave, tell_when
from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.problem import Problem, ProblemError
from engine.values import masked

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.records import EffectRecord

SHORTEST = 4
MOST = 100_000
SAID = {
    "arrived": "will count as accepted",
    "send-again": "will be sent again, under the same op_id",
    "drop": "may have arrived, will not be sent again, and is off the list",
}


@click.command(
    epilog="""\b
Examples:
  rulewheel sends --unsure
  rulewheel settle 5f1c09ab --arrived
  rulewheel settle 5f1c09ab --send-again
  rulewheel settle 5f1c09ab --drop
"""
)
@click.argument("op_id")
@click.option("--arrived", is_flag=True, help="It arrived: you have seen it, or asked.")
@click.option("--send-again", is_flag=True, help="It did not arrive, and shall be sent.")
@click.option("--drop", is_flag=True, help="Whether or not it arrived: do not send it again.")
@settings_option
def command(op_id: str, arrived: bool, send_again: bool, drop: bool, settings_path: Path | None) -> None:
    """Say what became of an unsure send, once you know.

    The beginning of its op_id is enough. `--send-again` may reach somebody twice if it arrived after all.
    """
    verdict = _verdict({"arrived": arrived, "send-again": send_again, "drop": drop})
    settings = settings_at(settings_path)
    send = looked(settings, lambda journal: _send(journal, op_id.strip().lower()))
    leave(settings, "settle", {"op_id": send.op_id, "verdict": verdict})
    to = f" to {masked(send.recipient)}" if send.recipient else ""
    click.echo(f"The send {send.op_id}{to} {SAID[verdict]}.")
    tell_when(settings)


def _verdict(given: Mapping[str, bool]) -> str:
    """The one option that was given. Raises UsageError."""
    said = [verdict for verdict, is_said in given.items() if is_said]
    if len(said) == 1:
        return said[0]
    many = f"{' and '.join(f'--{verdict}' for verdict in said)} do not go together. " if said else ""
    raise click.UsageError(f"{many}Say what became of it with one of --arrived, --send-again, --drop.")


async def _send(journal: SqliteJournal, begins: str) -> EffectRecord:
    """The unsure send that is meant. Raises ProblemError with those that could be."""
    from engine.records import EffectRecord

    exact = await journal.get(EffectRecord, (begins,))
    if exact is not None and exact.state != "unsure":
        found = f"the send {exact.op_id} is {exact.state}, not unsure"
        because = f": {exact.reason}" if exact.reason else ""
        raise ProblemError(Problem("not-unsure", found + because, remedy="there is nothing to settle"))
    unsure = [effect for effect in await journal.effects(("unsure",), MOST) if not effect.reads]
    meant = [effect for effect in unsure if effect.op_id.startswith(begins) and len(begins) >= SHORTEST]
    if len(meant) == 1:
        return meant[0]
    raise ProblemError(_unclear(begins, [effect.op_id for effect in meant], [effect.op_id for effect in unsure]))


def _unclear(begins: str, meant: list[str], unsure: list[str]) -> Problem:
    if meant:
        found = f'"{begins}" is the beginning of {len(meant)} unsure sends'
        return Problem("unclear-send", found, expected=f"one of {', '.join(meant[:5])}")
    alike = [op_id for op_id in unsure if op_id.startswith(begins[:SHORTEST])]
    remedy = f"did you mean {alike[0]}?" if alike else "look for its op_id in: rulewheel sends --unsure"
    return Problem("unknown-send", f'there is no unsure send "{begins}"', remedy=remedy)
