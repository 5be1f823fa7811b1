"""Judges one file's rules and makes programs of those that are right.

A rule with an error yields no program; the other rules of the file do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.declared import is_entity
from engine.judge import Fault, Path, problem_of, shown
from engine.problem import Place, Problem
from engine.rules.blueprint import USE, Blueprint, Blueprints, inputs_astray
from engine.rules.complaints import too_many
from engine.rules.known import Known
from engine.rules.model import Program
from engine.rules.normalise import (
    PLURALS,
    Written,
    rules_in,
)
from engine.rules.rule import SORTS, Rule
from engine.source import DEFAULT, Source
from engine.values import Json

MOST_BROKEN = 500
NO_BLUEPRINTS = Blueprints()
_NOT_THERE = frozenset({"missing-key", "unknown-step"})
"""What may be there for all that, in a part that was not read."""
_ALIAS = re.compile(r"(?:^|[\s\[,{])\*\w")


@dataclass(frozen=True, slots=True)
class Checked:
    """What one file gave. `places` are where the ids of its rules stand; `broken` are the ids of rules in error, and
    `unnamed` says that a broken part of the file could be any rule. `leans_on` are the blueprints that it uses, path
    and domain, each with the mark that it had."""

    programs: tuple[Program, ...] = ()
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    unnamed: bool = False
    leans_on: Mapping[tuple[str, str], str] = field(default_factory=dict)


def check_file(source: Source, known: Known, blueprints: Blueprints = NO_BLUEPRINTS) -> Checked:
    """The programs and problems of one file; never raises for what is in it."""
    rules, faults = rules_in(source.value)
    file = _File(source, known, blueprints)
    file.problems += [problem_of(fault, source) for fault in faults]
    if not source.text.strip() and not source.problems:
        file.problems.append(_nothing_in(source.file))
    file.unnamed = any(problem.severity == "error" for problem in file.problems)
    following: list[Path | None] = [*(each.path for each in rules[1:]), None]
    for written, end in zip(rules, following, strict=False):
        if file.broken_rules > MOST_BROKEN:
            file.give_up(written.path)
            break
        file.take(written, end)
    return file.checked()


def check_blueprint(blueprint: Blueprint, known: Known) -> Checked:
    """The problems of a blueprint for itself, its gaps standing for any value and a rule for what it leaves out."""
    problems = list(blueprint.problems)
    sort = next((each for each in SORTS.values() if each.domain == blueprint.domain), None)
    if not blueprint.is_broken and sort is not None:
        named = {PLURALS.get(key, key) for key in blueprint.body}
        value = {**{key: end for key, end in sort.open_ends.items() if key not in named}, **blueprint.body}
        problems += sort.rule(sort.normalised(value, ()), blueprint.source, known, name="a").judged()
    return Checked(problems=_in_order(problems))


def _nothing_in(file: str) -> Problem:
    remedy = "write rules into it, or delete the file"
    return Problem("no-rules", "the file is empty", Place(file, 1, 1), "rules", remedy, severity="warning")


class _File:
    """What one file has given so far."""

    def __init__(self, source: Source, known: Known, blueprints: Blueprints) -> None:
        self.source = source
        self.known = known
        self.blueprints = blueprints
        self.leans_on: dict[tuple[str, str], str] = {}
        self.room = DEFAULT.nodes
        self.problems = list(source.problems)
        self.programs: dict[str, Program] = {}
        self.places: dict[str, Place] = {}
        self.broken: set[str] = set()
        self.unnamed = False
        self.broken_rules = 0

    def take(self, written: Written, following: Path | None) -> None:
        """Looks at one rule or script; `following` is where the next one begins."""
        rule = self._rule(written)
        lines = _lines_of(self.source, written.path, following)
        made = rule.program("\n".join(self.source.places.lines[lines.start : lines.stop]).rstrip())
        problems = rule.told.problems
        if self._misread(lines):
            made = None
            problems = [problem for problem in problems if problem.code not in _NOT_THERE]
        self.problems += problems
        self.broken_rules += made is None
        place = rule.place(self.source, written)
        if rule.id in self.places:
            self.problems.append(named_twice(rule.id, place, self.places[rule.id]))
            self.broken_rules += 1
        elif not rule.id:
            self.unnamed = True
        else:
            self.places[rule.id] = place
            if made is None:
                self.broken.add(rule.id)
            else:
                self.programs[rule.id] = made

    def _rule(self, written: Written) -> Rule:
        """The rule or script as it is written, or as its blueprint makes it."""
        raw, path = written.raw, written.path
        sort = SORTS[written.sort]
        if isinstance(raw, dict) and USE in raw and sort.domain:
            return self._of_blueprint(written, raw)
        draft = sort.normalised(raw, path)
        draft.faults[:0] = self._astray(raw, path)
        return sort.rule(draft, self.source, self.known, name=written.name)

    def _of_blueprint(self, written: Written, raw: dict[str, Json]) -> Rule:
        sort = SORTS[written.sort]
        use = self.blueprints.use(raw, written.path, self.source, self.room, sort.domain)
        self.room -= use.nodes
        if isinstance(raw[USE], dict):
            asked = (str(raw[USE].get("path")), sort.domain)
            self.leans_on[asked] = self.blueprints.mark(*asked)
        draft = sort.normalised(use.value, ())
        draft.is_whole = use.is_whole
        draft.faults = [*self._astray(raw, ()), *use.faults, *(draft.faults if use.is_whole else ())]
        return sort.rule(draft, use.source, self.known, use, written.name)

    def _astray(self, raw: Json, at: Path) -> list[Fault]:
        """Gaps of a blueprint where there is none."""
        return inputs_astray(raw, at) if "!input" in self.source.text else []

    def _misread(self, lines: range) -> bool:
        """Whether a part of the rule was not read as it is written; what it would do then nobody asked for."""
        wrong = [problem.place for problem in self.source.problems if problem.severity == "error" and problem.place]
        if wrong and _ALIAS.search(self.source.text):
            return True  # what was read elsewhere may stand here as well
        return any(each.line - 1 in lines for each in wrong)

    def give_up(self, path: Path) -> None:
        """There are so many broken rules that the rest is not looked at; it may hold any rule."""
        self.unnamed = True
        message = f"more than {MOST_BROKEN} broken rules in one file"
        self.problems.append(too_many(message, self.source.places.value(path)))

    def checked(self) -> Checked:
        """All of it, the problems in the order of the file; what a mistake of reading led to is not said again."""
        programs = tuple(self.programs.values())
        unread = {_spot(problem.place) for problem in self.source.problems}
        own = [problem for problem in self.problems if _spot(problem.place) not in unread]
        problems = _in_order([*self.source.problems, *own])
        return Checked(programs, problems, self.places, frozenset(self.broken), self.unnamed, self.leans_on)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Each problem once, from the top of the file to its end."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: _spot(problem.place)))


def _spot(place: Place | None) -> tuple[str, int, int]:
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def named_twice(rule: str, place: Place, first: Place) -> Problem:
    """The problem of two rules with one id, or of an entity that is declared twice."""
    if is_entity(rule):
        return Problem(
            "declared-twice",
            f'"{shown(rule)}" is declared a second time',
            place,
            remedy="take one of the two out, or give it another name",
            also=((first, "the first is here"),),
        )
    return Problem(
        "rule-named-twice",
        f'a second rule with the id "{shown(rule)}"',
        place,
        expected="an id that no other rule has",
        remedy="give one of the two another id (an alias counts as the id where there is none)",
        also=((first, "the first is here"),),
    )


def _lines_of(source: Source, path: Path, following: Path | None) -> range:
    """The lines of a rule, counted from 0."""
    start = source.places.value(path).line - 1
    end = source.places.value(following).line - 1 if following is not None else len(source.places.lines)
    return range(start, max(start + 1, end))
