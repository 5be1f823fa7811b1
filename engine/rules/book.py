"""The programs of one tree of files: read whole, checked file by file, and bound into a book that is swapped whole.

A rule whose file has a mistake keeps its last good version, also over a restart (promise P5).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from engine.problem import Place, Problem
from engine.rules.blueprint import Blueprint, Blueprints, blueprint_of, united
from engine.rules.check import Checked, check_blueprint, check_file, named_twice
from engine.rules.circles import circles
from engine.rules.followers import followers
from engine.rules.known import Known
from engine.rules.model import Book, Program
from engine.rules.normalise import declared_in
from engine.source import DEFAULT, Source, read

_ENDINGS = (".yaml", ".yml")
_TESTS = ("_test.yaml", "_test.yml")
BLUEPRINTS = "blueprints"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file of the tree: its name for people, "rules/welcome.yaml", and its bytes, or why they cannot be had.

    `blueprint` is its path below the folder of blueprints, "automation/welcome.yaml", where it lies there.
    """

    name: str
    content: bytes = b""
    problem: Problem | None = None
    blueprint: str = ""


def blueprint_path(name: str) -> str:
    """The path below the folder of blueprints of a file named from the rules folder on; empty where it is elsewhere."""
    return name.removeprefix(f"{BLUEPRINTS}/") if name.startswith(f"{BLUEPRINTS}/") else ""


def read_tree(folder: Path) -> list[RuleFile]:
    """Every rule file below the folder, in the order of names; nothing outside it is read."""
    root = folder.resolve()
    try:
        found = sorted(_files(root), key=lambda file: file[0])
    except OSError as fault:
        return [RuleFile(root.name, problem=_no_folder(folder, fault))]
    targets: set[Path] = set()
    files = []
    for name, path in found:
        target = path.resolve()
        if target in targets and path.is_symlink():
            continue
        targets.add(target)
        files.append(replace(_file(f"{root.name}/{name}", path, root), blueprint=blueprint_path(name)))
    return files


def newest_change(folder: Path) -> datetime | None:
    """When a rule file below the folder was last written; None where there is none."""
    newest = 0.0
    with suppress(OSError):
        for _, path in _files(folder.resolve()):
            with suppress(OSError):
                newest = max(newest, path.stat().st_mtime)
    return datetime.fromtimestamp(newest, UTC) if newest else None


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Names below the root and paths of what looks like a rule file; real files come before links to them."""
    links = []
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.name.endswith(_ENDINGS) and not entry.name.endswith(_TESTS):
                    yield str(path.relative_to(root).as_posix()), path
                elif entry.is_symlink() and entry.is_dir():
                    links.append(path)
    for path in links:
        yield str(path.relative_to(root).as_posix()), path


def _file(name: str, path: Path, root: Path) -> RuleFile:
    target = path.resolve()
    if not target.is_relative_to(root):
        return RuleFile(name, problem=_outside(name))
    if path.is_dir():
        return RuleFile(name)
    try:
        if not target.is_file():
            raise OSError(0, "it is not a file")
        with target.open("rb") as opened:
            return RuleFile(name, opened.read(DEFAULT.size + 1))
    except OSError as fault:
        return RuleFile(name, problem=_unreadable(name, fault))


def _outside(name: str) -> Problem:
    return Problem(
        "file-outside",
        f"{name} is a link to something outside the rules folder",
        Place(name, 1, 1),
        remedy="put the file itself into the rules folder",
    )


def _no_folder(folder: Path, fault: OSError) -> Problem:
    missing = isinstance(fault, FileNotFoundError)
    found = f"there is no rules folder {folder}"
    return Problem(
        "no-rules",
        found if missing else f"the rules folder {folder} cannot be read: {fault.strerror}",
        remedy="look at rules: in the settings",
    )


def _unreadable(name: str, fault: OSError) -> Problem:
    missing = isinstance(fault, FileNotFoundError)
    return Problem(
        "file-unreadable",
        f"there is no {name}" if missing else f"{name} cannot be read: {fault.strerror}",
        Place(name, 1, 1),
        remedy="look at its owner and mode, and whether it is still there",
    )


class Shelf:
    """Files as they were last checked, by content, so that a reload costs what changed."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._kept: dict[tuple[str, str], tuple[Checked, str]] = {}
        self._declared: dict[tuple[str, str], frozenset[str]] = {}
        self._blueprints: dict[tuple[str, str], Blueprint] = {}

    def checked(self, files: Iterable[RuleFile]) -> list[tuple[RuleFile, Checked, str]]:
        """Each file with what it gave and its text; only files that were not seen like this before are looked at.

        A file is looked at again when a blueprint that it uses has changed, and all are when a script comes or goes.
        """
        found = [(file, (file.name, _mark(file))) for file in files]
        sources = self._declare(found)
        self._blueprints = {key: self._blueprint(file, key) for file, key in found if file.blueprint}
        blueprints = Blueprints(self._blueprints.values())
        kept = {}
        results = []
        for file, key in found:
            if file.problem is not None:
                results.append((file, Checked(problems=(file.problem,), unnamed=not file.blueprint), ""))
                continue
            kept[key] = self._known_before(key, blueprints) or self._checked(file, key, blueprints, sources)
            results.append((file, *kept[key]))
        self._kept = kept
        return results

    def _declare(self, found: list[tuple[RuleFile, tuple[str, str]]]) -> dict[tuple[str, str], Source]:
        """Takes down what the files declare; gives those that had to be read for it."""
        sources: dict[tuple[str, str], Source] = {}
        declared: dict[tuple[str, str], frozenset[str]] = {}
        for file, key in found:
            if file.problem is not None or file.blueprint:
                continue
            if key not in self._declared:
                sources[key] = read(file.content, file.name)
            known = self._declared.get(key)
            declared[key] = declared_in(sources[key].value) if known is None else known
        self._declared = declared
        names = frozenset[str]().union(*declared.values())
        if names != self._known.declared:
            self._known = replace(self._known, declared=names)
            self._kept = {}
        return sources

    def _blueprint(self, file: RuleFile, key: tuple[str, str]) -> Blueprint:
        if key in self._blueprints:
            return self._blueprints[key]
        source = read(file.content, file.name)
        if file.problem is not None:
            return Blueprint(file.blueprint, source, key[1], problems=(file.problem,))
        return blueprint_of(source, file.blueprint, key[1])

    def _known_before(self, key: tuple[str, str], blueprints: Blueprints) -> tuple[Checked, str] | None:
        kept = self._kept.get(key)
        same = kept is not None and all(blueprints.mark(*asked) == mark for asked, mark in kept[0].leans_on.items())
        return kept if same else None

    def _checked(
        self, file: RuleFile, key: tuple[str, str], blueprints: Blueprints, sources: Mapping[tuple[str, str], Source]
    ) -> tuple[Checked, str]:
        if file.blueprint:
            blueprint = self._blueprints[key]
            return check_blueprint(blueprint, self._known), blueprint.source.text
        source = sources.get(key) or read(file.content, file.name)
        return check_file(source, self._known, blueprints), source.text


def _mark(file: RuleFile) -> str:
    """What changes when the file does."""
    why = str(file.problem).encode() if file.problem is not None else b""
    return blake2b(file.content + why, digest_size=16).hexdigest()


def make_book(files: Iterable[RuleFile], shelf: Shelf, last: Mapping[str, Program]) -> Book:
    """The book of a tree; `last` are the programs that run now, or ran before the restart."""
    results = shelf.checked(files)
    programs, clashes = _unique(results, last)
    broken = {rule for _, checked, _ in results for rule in checked.broken}
    unsure = {file.name for file, checked, _ in results if checked.unnamed}
    stale = {
        rule: program
        for rule, program in last.items()
        if rule not in programs and (rule in broken or program.file in unsure or _tree_is_gone(program, unsure))
    }
    own = [problem for _, checked, _ in results for problem in checked.problems]
    declared = None if unsure else {*programs, *stale, *broken}
    problems = _told([*own, *clashes, *circles(programs), *followers(programs, declared)], results)
    named = {problem.place.file for problem in problems if problem.place}
    named |= {place.file for problem in problems for place, _ in problem.also}
    return Book(
        programs={**programs, **stale},
        problems=tuple(problems),
        stale=frozenset(stale),
        sources={file.name: text for file, _, text in results if file.name in named},
    )


def _told(problems: list[Problem], results: list[tuple[RuleFile, Checked, str]]) -> list[Problem]:
    """The problems, those of blueprints behind the others and each of them once."""
    blueprints = {file.name for file, _, _ in results if file.blueprint}
    own: list[Problem] = []
    theirs: list[Problem] = []
    for problem in problems:
        (theirs if problem.place is not None and problem.place.file in blueprints else own).append(problem)
    return own + united(theirs)


def _tree_is_gone(program: Program, unsure: Iterable[str]) -> bool:
    """Whether a folder above the program's file could not be read."""
    return any(program.file.startswith(f"{name}/") for name in unsure)


def _unique(
    results: list[tuple[RuleFile, Checked, str]], last: Mapping[str, Program]
) -> tuple[dict[str, Program], list[Problem]]:
    """One program a rule. Where files disagree, the one that had the rule before keeps it, else the first."""
    owners: dict[str, str] = {}
    clashes = []
    places = [(rule, file.name, place) for file, checked, _ in results for rule, place in checked.places.items()]
    first: dict[str, Place] = {}
    for rule, name, place in places:
        if rule in first:
            clashes.append(named_twice(rule, place, first[rule]))
        first.setdefault(rule, place)
        if rule not in owners or (rule in last and last[rule].file == name):
            owners[rule] = name
    programs = {
        program.rule: program
        for file, checked, _ in results
        for program in checked.programs
        if owners[program.rule] == file.name
    }
    return programs, clashes
