"""Rules that run because others have ended: those that wait for a rule that is not there, or that go in circles."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.judge import shown
from engine.problem import Place, Problem, near
from engine.rules.circles import way_back
from engine.rules.model import Program

ENDLESS = "such a circle is cut after three times; say with outcome: on which ends a rule is to run, so that it stops"


def followers(programs: Mapping[str, Program], declared: Collection[str] | None) -> list[Problem]:
    """A warning for each rule that is named and not there, and one for each circle, at the first rule of it.

    `declared` are the rules that the files name, broken ones included; None where that cannot be told.
    """
    found = []
    after: dict[str, list[str]] = {name: [] for name in programs}
    for name, program in programs.items():
        for followed in dict.fromkeys(each for use in program.triggers for each in use.plugin.follows()):
            if declared is not None and followed not in declared:
                found.append(_not_there(program, followed, declared))
            elif followed in after:
                after[followed].append(name)
    told = set[frozenset[str]]()
    for name in after:
        circle = way_back(name, after)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            found.append(_circle(programs[name], circle))
    return found


def _not_there(program: Program, followed: str, declared: Collection[str]) -> Problem:
    remedy = near(followed, declared) or "write the id of a rule, or script. and the name of a script"
    message = f'the rule "{shown(program.rule)}" waits for the end of "{shown(followed)}", and there is no such rule'
    return Problem("unknown-rule", message, Place(program.file, program.line, 1), remedy=remedy, severity="warning")


def _circle(program: Program, circle: list[str]) -> Problem:
    message = f"rules run because of each other's ends: {shown(' → '.join(circle))}"
    return Problem("follows-itself", message, Place(program.file, program.line, 1), remedy=ENDLESS, severity="warning")
