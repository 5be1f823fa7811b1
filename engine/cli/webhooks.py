"""The command `webhooks`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._hooks import book_of, hooks
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option


@click.command(
    epilog="""\b
Examples:
  rulewheel webhooks
  rulewheel webhooks --base https://hooks.shop.example
"""
)
@click.option("--base", default="", metavar="URL", help="Put this before each path: how others reach this machine.")
@settings_option
@form_option
def command(base: str, settings_path: Path | None, form: str) -> None:
    """Show the address of every webhook that the rules wait for.

    Paste it into Chakra, or into whatever shall call. Who knows an address can call it: treat it as a password.
    """
    settings = settings_at(settings_path)
    found = hooks(settings, book_of(settings).programs)
    rows = [(hook.id, hook.methods, base.rstrip("/") + hook.path) for hook in found]
    if form == "json":
        click.echo(as_json([{"id": name, "methods": methods, "address": address} for name, methods, address in rows]))
    elif rows:
        columns(("webhook", "called by", "address"), rows)
    else:
        click.echo("No rule waits for a webhook (trigger: webhook).")
    if rows and settings.webhooks is None:
        click.echo("Nothing listens for them yet: add listen: with webhooks: 127.0.0.1:8321 to the settings.", err=True)
