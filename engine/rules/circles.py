"""Scripts that call themselves, directly or by way of others: found when the files are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.problem import Place, Problem
from engine.rules.model import Program, is_script
from engine.values import Json

ENDLESS = "a script that is queued or restarted may not call itself: the inner call is refused while the outer one runs"


def circles(programs: Mapping[str, Program]) -> list[Problem]:
    """A warning for each circle of scripts, at the first of them."""
    calls = {name: sorted(set(_called(each.body["actions"]))) for name, each in programs.items() if is_script(name)}
    found: dict[frozenset[str], Problem] = {}
    for name in calls:
        circle = way_back(name, calls)
        if circle and frozenset(circle) not in found:
            found[frozenset(circle)] = _problem(programs[name], circle)
    return list(found.values())


def _called(steps: Json) -> Iterator[str]:
    """The scripts that steps call by their names."""
    if isinstance(steps, dict):
        if steps.get("do") == "action" and is_script(str(steps.get("action"))):
            yield steps["action"]
        for part in steps.values():
            yield from _called(part)
    elif isinstance(steps, list):
        for part in steps:
            yield from _called(part)


def way_back(name: str, calls: Mapping[str, list[str]]) -> list[str]:
    """A shortest way from a name to those that it leads to, and on to itself; empty where there is none."""
    ways = [[name]]
    seen = set[str]()
    while ways:
        way = ways.pop(0)
        for following in calls.get(way[-1], ()):
            if following == name:
                return [*way, name]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _problem(program: Program, circle: list[str]) -> Problem:
    way = " → ".join(circle)
    place = Place(program.file, program.line, 1)
    remedy = f"use repeat for what is done again and again; {ENDLESS}"
    return Problem("calls-itself", f"the script calls itself: {way}", place, remedy=remedy, severity="warning")
