"""The command `sends`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option, limit_option, moment
from engine.records import EffectState
from engine.values import Json, masked

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.records import EffectRecord

STATES = get_args(EffectState)


@click.command(
    epilog="""\b
Examples:
  rulewheel sends
  rulewheel sends --unsure
  rulewheel sends --state refused --limit 5 --format json
"""
)
@click.option("--unsure", is_flag=True, help="Only those of which nobody knows whether they arrived.")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@limit_option
@settings_option
@form_option
def command(unsure: bool, state: str | None, limit: int, settings_path: Path | None, form: str) -> None:
    """Show what was sent out, to whom, and what came of it.

    The number behind `op_id` is the one that ChakraHQ and Meta know the message by. It may be asked while the daemon
    runs.
    """
    if unsure and state:
        raise click.UsageError("--unsure is a state too: give --unsure or --state, not both.")
    settings = settings_at(settings_path)
    states = ("unsure",) if unsure else (state,) if state else ()
    sends = looked(settings, lambda journal: _sends(journal, states, limit))
    if form == "json":
        click.echo(as_json([_data(send) for send in sends]))
    elif sends:
        rows = [
            (moment(send.created, settings.zone), _to(send), _what(send), send.state, send.op_id, send.reason)
            for send in sends
        ]
        columns(("time", "to", "what", "state", "op_id", "reason or proof"), rows)
    else:
        click.echo("Nothing was sent yet." if not states else f"Nothing that was sent is {states[0]}.")


async def _sends(journal: SqliteJournal, states: Collection[str], limit: int) -> list[EffectRecord]:
    """The newest sends; what only reads is left out, however much of it lies between them."""
    asked = limit
    while True:
        effects = await journal.sends(states=states, limit=asked)
        sends = [effect for effect in effects if not effect.reads]
        if len(sends) >= limit or len(effects) < asked:
            return sends[:limit]
        asked *= 4


def _to(send: EffectRecord) -> str:
    """The recipient as the connection shows it: with `sending: test`, also for whom the message was."""
    shown = send.shown.get("to") if isinstance(send.shown, dict) else None
    if not any(character.isdigit() for character in send.recipient):
        return send.recipient or send.connection  # of one that was forgotten a word is left
    return str(shown) if shown else masked(send.recipient)


def _what(send: EffectRecord) -> str:
    shown = send.shown if isinstance(send.shown, dict) else {}
    parts = [shown.get("template"), shown.get("method"), shown.get("url")]
    return " ".join(str(part) for part in parts if part) or send.operation


def _data(send: EffectRecord) -> dict[str, Json]:
    names = ("op_id", "run", "rule", "state", "reason", "attempts", "created", "ended", "shown")
    return {"to": _to(send), "what": _what(send), **{name: getattr(send, name) for name in names}}
