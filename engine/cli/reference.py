"""The command `reference`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Example:
  rulewheel reference --write docs/reference.md
"""
)
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file.")
def command(write: Path | None) -> None:
    """Print every key of rules and settings, with what it is for, as Markdown.

    It is made from the plugins that come with rulewheel.
    """
    from engine.reference import reference
    from engine.registry import Registry

    page = reference(Registry.discover())
    if write is None:
        click.echo(page, nl=False)
    else:
        _written(page, write)


def _written(page: str, path: Path) -> None:
    from engine.problem import Problem, ProblemError

    try:
        path.write_text(page, encoding="utf-8")
    except OSError as fault:
        remedy = "name a file in a folder that exists and is yours"
        raise ProblemError(
            Problem("cannot-write", f"{path} cannot be written: {fault.strerror}", remedy=remedy)
        ) from None
    click.echo(f"written: {path}")
