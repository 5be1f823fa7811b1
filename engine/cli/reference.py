"""The command `reference`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._file import write


@click.command(
    epilog="""\b
Example:
  rulewheel reference --write docs/reference.md
"""
)
@click.option("--write", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file.")
def command(path: Path | None) -> None:
    """Print every key of rules and settings, with what it is for, as Markdown.

    It is made from the plugins that come with rulewheel.
    """
    from engine.reference import reference
    from engine.registry import Registry

    page = reference(Registry.discover())
    if path is None:
        click.echo(page, nl=False)
    else:
        write(path, page)
        click.echo(f"written: {path}")
