"""The command `check`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli import COULD_NOT_RUN
from engine.cli._report import told
from engine.cli._settings import loaded_at, settings_option
from engine.cli._shown import counted, form_option
from engine.problem import Problem, ProblemError

if TYPE_CHECKING:
    from engine.rules.book import RuleFile
    from engine.rules.known import Known
    from engine.rules.model import Book
    from engine.settings import Loaded, Settings

PROBLEMS = 1


@click.command(
    epilog="""\b
Examples:
  rulewheel check
  rulewheel check rules/import_errors.yaml
  rulewheel check --format json rules
"""
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@settings_option
@form_option
def command(paths: tuple[Path, ...], settings_path: Path | None, form: str) -> None:
    """Check rule files and say what to mend, and where.

    PATHS are files or folders; without them it is the rules folder of the settings, or without settings this folder.

    Exits 0 when all is well (warnings aside), 1 when there are problems, 2 when it could not look.
    """
    from engine.declared import is_entity
    from engine.rules.book import Shelf, make_book

    loaded = _loaded(settings_path)
    if form == "text":
        told(loaded.problems, loaded.sources, err=True)
    if loaded.settings is None and loaded.problems:
        if form == "json":
            _print_json(loaded.problems)
        raise click.exceptions.Exit(COULD_NOT_RUN)
    known, folder = _known(loaded.settings)
    if not paths and not folder.is_dir():
        remedy = "look at rules: in the settings, or name what to check"
        raise ProblemError(Problem("no-rules", f"there is no rules folder {folder}", remedy=remedy))
    files = _files(paths or (folder,))
    shelf = Shelf(known)
    book = make_book(files, shelf, {})
    names = [
        name
        for _, checked, _ in shelf.checked(files)
        for name in [*(program.rule for program in checked.programs), *checked.broken]
    ]
    entities = sum(is_entity(name) for name in names)
    if form == "json":
        _print_json((*loaded.problems, *book.problems), len(names) - entities, entities, len(files))
    else:
        _as_text(book, len(names) - entities, entities, len(files))
    if any(problem.severity == "error" for problem in book.problems):
        raise click.exceptions.Exit(PROBLEMS)


def _loaded(settings_path: Path | None) -> Loaded:
    """The settings named, or the nearest ones; neither settings nor problems where there are none."""
    from engine.settings import Loaded, nearest_settings

    is_none = settings_path is None and nearest_settings(Path.cwd()) is None
    return Loaded(None, (), {}) if is_none else loaded_at(settings_path)


def _known(settings: Settings | None) -> tuple[Known, Path]:
    """What rules may refer to, and the folder to look at when none is named."""
    from engine.registry import Registry
    from engine.rules.known import Known

    if settings is None:
        return Known(Registry.discover()), Path()
    return Known.of(settings), settings.rules


def _files(paths: tuple[Path, ...]) -> list[RuleFile]:
    """Every file once, named as one would write it here."""
    found = {file.name: file for path in paths for file in _files_at(path)}
    return list(found.values())


def _files_at(path: Path) -> Iterator[RuleFile]:
    from engine.rules.book import RuleFile, read_tree

    if path.is_dir():
        folder = path.resolve().name
        for file in read_tree(path):
            where = path / file.name.removeprefix(folder).removeprefix("/")
            blueprint = file.blueprint or _below_blueprints(where, file.content)
            yield replace(_renamed(file, _from_here(where)), blueprint=blueprint)
        return
    try:
        content = path.read_bytes()
        yield RuleFile(_from_here(path), content, blueprint=_below_blueprints(path, content))
        if b"use_blueprint" in content:
            yield from _blueprints_for(path)
    except OSError as fault:
        found = f"there is no {path}" if isinstance(fault, FileNotFoundError) else f"{path}: {fault.strerror}"
        raise ProblemError(Problem("cannot-read", found, remedy="name a file or folder of rules")) from None


def _below_blueprints(path: Path, content: bytes) -> str:
    """The path of a blueprint below the folder of blueprints; empty where the file is no blueprint."""
    folders = [above for above in path.resolve().parents if above.name == "blueprints"]
    is_one = folders and re.search(rb"^blueprint:", content, re.MULTILINE)
    return path.resolve().relative_to(folders[0]).as_posix() if is_one else ""


def _blueprints_for(path: Path) -> Iterator[RuleFile]:
    """The blueprints that a rule file named alone may use: those of the nearest folder above it that has any."""
    folder = next((above for above in path.resolve().parents if (above / "blueprints").is_dir()), None)
    yield from (file for file in _files_at(folder) if file.blueprint) if folder is not None else ()


def _renamed(file: RuleFile, name: str) -> RuleFile:
    problem = file.problem
    if problem is not None and problem.place is not None:
        problem = replace(problem, place=replace(problem.place, file=name))
    return replace(file, name=name, problem=problem)


def _from_here(path: Path) -> str:
    """The path as one would write it in this folder."""
    here = Path.cwd()
    whole = Path(os.path.normpath(here / path))  # not resolved: links keep their names
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else os.path.normpath(path)


def _as_text(book: Book, rules: int, entities: int, files: int) -> None:
    told(book.problems, book.sources)
    errors = sum(problem.severity == "error" for problem in book.problems)
    warnings = len(book.problems) - errors
    kinds = [(errors, "problem", "red"), (warnings, "warning", "yellow")]
    said = [click.style(counted(count, word), fg=colour) for count, word, colour in kinds if count]
    well = click.style("no problems", fg="green")
    what = counted(rules, "rule")
    if entities:
        several = "entities" if entities > 1 else "entity"
        what += f" and {entities:,} {several}"
    click.echo(f"{what} in {counted(files, 'file')}, {', '.join(said) or well}")


def _print_json(problems: Iterable[Problem], rules: int = 0, entities: int = 0, files: int = 0) -> None:
    listed = [problem.to_json() for problem in problems]
    counts = {"rules": rules, "entities": entities, "files": files}
    click.echo(json.dumps({**counts, "problems": listed}, indent=2, ensure_ascii=False))
