"""The command line: a file a command, read only when it is asked for.

`engine/cli/watch_things.py` is the command `rulewheel watch-things`; it has a function named `command`, whose
docstring is its help. A plugin brings commands in the tuple `COMMANDS` of a module `commands` beside its package.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from inspect import cleandoc
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from engine.problem import ProblemError, near, render

COULD_NOT_RUN = 2


class Commands(click.Group):
    """The files of one package as commands, and those of plugins; a help text costs no import of a command of ours."""

    def __init__(self, package: str, plugins: Iterable[EntryPoint] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.package = package
        self.plugins = plugins

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self._files, *self._of_plugins})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._files:
            command = import_module(f"{self.package}.{cmd_name.replace('-', '_')}").command
            assert isinstance(command, click.Command)
            return command
        return self._of_plugins.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._summary(name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ProblemError as error:
            for problem in error.problems:
                click.echo(render(problem, {}), err=True)
            ctx.exit(COULD_NOT_RUN)

    @cached_property
    def _files(self) -> dict[str, Path]:
        folder = Path(str(import_module(self.package).__file__)).parent
        return {path.stem.replace("_", "-"): path for path in folder.glob("*.py") if not path.stem.startswith("_")}

    @cached_property
    def _of_plugins(self) -> dict[str, click.Command]:
        plugins = entry_points(group="rulewheel.plugins") if self.plugins is None else self.plugins
        found = (command for plugin in plugins for command in _commands_of(plugin.value))
        return {str(command.name): command for command in found}

    def _summary(self, name: str) -> str:
        if name in self._files:
            return _first_sentence(self._files[name])
        return self._of_plugins[name].get_short_help_str(limit=100)

    def _unknown(self, ctx: click.Context, name: str) -> NoReturn:
        guess = near(name, self.list_commands(ctx))
        ctx.fail(f'There is no command "{name}"{"; " + guess if guess else "."} See: {ctx.command_path} --help')


def _commands_of(package: str) -> Iterator[click.Command]:
    spec = find_spec(package)
    is_package = spec is not None and spec.submodule_search_locations is not None
    if is_package and find_spec(f"{package}.commands") is not None:
        yield from import_module(f"{package}.commands").COMMANDS


def _first_sentence(path: Path) -> str:
    """The first paragraph of the docstring of `command`, on one line; it is read, not imported."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "command":
            paragraph = cleandoc(ast.get_docstring(node) or "").split("\n\n")[0]
            return " ".join(paragraph.split()).removesuffix(".")
    return ""


@click.group(cls=Commands, package=__name__, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rulewheel", message="rulewheel %(version)s")
def main() -> None:
    """Run automations written in YAML, for WhatsApp through ChakraHQ."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no "✓" must not end a command
