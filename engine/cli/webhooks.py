"""The command `webhooks`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from engine.cli._hooks import book_of, hooks
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option

_ADDRESS: Final = re.compile(r"https?://[^/\s]+(/\S*)?\Z", re.IGNORECASE)


@click.command(
    epilog="""\b
Examples:
  rulewheel webhooks
  rulewheel webhooks --base https://hooks.shop.example
"""
)
@click.option("--base", metavar="URL", help="How others reach this machine; without it the address listened at.")
@settings_option
@form_option
def command(base: str | None, settings_path: Path | None, form: str) -> None:
    """Show the address of every webhook that the rules wait for.

    Paste it into Chakra, or into whatever shall call. Who knows an address can call it: treat it as a password.
    """
    if base is not None and not _ADDRESS.match(base):
        raise click.BadParameter(
            f'"{base}" is no address; expected one that begins with https://, such as https://hooks.shop.example',
            param_hint="--base",
        )
    settings = settings_at(settings_path)
    found = hooks(settings, book_of(settings).programs)
    before = (_listened_at(settings.webhooks) if base is None else base).rstrip("/")
    rows = [(hook.id, hook.methods, before + hook.path) for hook in found]
    if form == "json":
        click.echo(as_json([{"id": name, "methods": methods, "address": address} for name, methods, address in rows]))
    elif rows:
        columns(("webhook", "called by", "address"), rows)
    else:
        click.echo("No rule waits for a webhook (trigger: webhook).")
    if rows and settings.webhooks is None:
        click.echo("Nothing listens for them yet: add listen: with webhooks: 127.0.0.1:8321 to the settings.", err=True)


def _listened_at(address: tuple[str, int] | None) -> str:
    """The address on this machine; nothing where there is none, or where the port is known at the start only."""
    host, port = address or ("", 0)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}" if port else ""
