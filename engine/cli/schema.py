"""The command `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.cli._file import write


@click.command(
    epilog="""\b
Example:
  rulewheel schema --write docs/schema/rules.json
"""
)
@click.option("--write", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file.")
def command(path: Path | None) -> None:
    """Print the JSON Schema of rule files, for editors that complete and check YAML.

    It is made from the plugins that come with rulewheel. `rulewheel init` sets an editor up with it.
    """
    text = schema_text()
    if path is None:
        click.echo(text, nl=False)
    else:
        write(path, text)
        click.echo(f"written: {path}")


def schema_text() -> str:
    """The schema as it is written into files, the same bytes for the same plugins."""
    from engine.registry import Registry
    from engine.rules.schema import published

    return json.dumps(published(Registry.discover()), indent=2, ensure_ascii=False) + "\n"
