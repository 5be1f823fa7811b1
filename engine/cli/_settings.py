"""The settings that a command works with: named, or found here or above, and read or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from engine.cli import COULD_NOT_RUN
from engine.cli._report import told

if TYPE_CHECKING:
    from engine.settings import Loaded, Settings

F = TypeVar("F", bound=Callable[..., None])


def settings_option(command: F) -> F:
    """The option `--settings`."""
    return click.option(
        "--settings",
        "settings_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The settings; without it rulewheel.yaml in this folder or the nearest one above.",
    )(command)


def loaded_at(path: Path | None) -> Loaded:
    """The settings named, or the nearest ones, and what is wrong with them."""
    from engine.settings import SETTINGS_FILE, load_settings, nearest_settings

    return load_settings(path or nearest_settings(Path.cwd()) or Path(SETTINGS_FILE))


def settings_at(path: Path | None) -> Settings:
    """The settings named, or the nearest ones. What is wrong with them is printed; errors end the command."""
    loaded = loaded_at(path)
    told(loaded.problems, loaded.sources, err=True)
    if loaded.settings is None:
        raise click.exceptions.Exit(COULD_NOT_RUN)
    return loaded.settings
