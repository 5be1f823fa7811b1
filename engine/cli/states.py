"""The command `states`."""

from __future__ import annotations

from datetime import timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option, in_short, limit_option, moment
from engine.problem import Problem, ProblemError, near
from engine.values import Json

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.records import EntityRecord, HistoryRecord

OWN = ("rulewheel.", "connection.")
HIDDEN = "•••"


@click.command(
    epilog="""\b
Examples:
  rulewheel states
  rulewheel states counter.
  rulewheel states sensor.open_orders --hours 48
"""
)
@click.argument("name", default="")
@click.option("--hours", type=click.IntRange(1, 100_000), default=24, show_default=True, help="How far back to look.")
@limit_option
@settings_option
@form_option
def command(name: str, hours: int, limit: int, settings_path: Path | None, form: str) -> None:
    """Show how counters, sensors and other entities stand, and how one of them stood before.

    NAME is an entity, or the beginning of several names. It may be asked while the daemon runs.
    """
    settings = settings_at(settings_path)
    entities = looked(settings, lambda journal: journal.entities())
    entities = [each for each in entities if not each.entity.startswith(OWN)]
    one = next((each for each in entities if each.entity == name), None)
    if one is not None:
        past = looked(settings, lambda journal: _past(journal, name, hours))[-limit:]
        _show_one(one, past, settings.zone, form)
        return
    found = [each for each in entities if each.entity.startswith(name)]
    if name and not found:
        hint = near(name, [each.entity for each in entities]) or "see: rulewheel states"
        raise ProblemError(Problem("unknown-entity", f'there is no entity "{name}"', remedy=hint))
    _show_all(found, settings.zone, form)


async def _past(journal: SqliteJournal, name: str, hours: int) -> list[HistoryRecord]:
    from engine.clock import SystemClock

    return await journal.history(name, SystemClock().now() - timedelta(hours=hours), 1_000_000)


def _show_all(found: list[EntityRecord], zone: tzinfo, form: str) -> None:
    if form == "json":
        click.echo(as_json([_told(each) for each in found]))
    elif found:
        head = ("since", "entity", "state")
        columns(head, [(moment(each.changed, zone), each.entity, _state(each)) for each in found])
    else:
        click.echo("There are no entities yet.")


def _show_one(one: EntityRecord, past: list[HistoryRecord], zone: tzinfo, form: str) -> None:
    if form == "json":
        click.echo(as_json({**_told(one), "history": [{"at": each.at, "state": _state(each)} for each in past]}))
        return
    click.secho(f"{one.entity}: {in_short(_state(one))}", bold=True)
    click.echo(f"since {moment(one.changed, zone)}, updated {moment(one.updated, zone)}")
    for key, value in one.attributes.items():
        click.echo(f"  {in_short(key)}: {in_short(value)}")
    if past:
        click.echo()
        columns(("at", "state"), [(moment(each.at, zone), _state(each)) for each in past])


def _told(each: EntityRecord) -> Json:
    return {**each._asdict(), "state": _state(each)}


def _state(each: EntityRecord | HistoryRecord) -> str:
    """The state; one that nobody is to read over a shoulder is hidden."""
    return HIDDEN if each.attributes.get("mode") == "password" else each.state
