"""Problems as a command prints them: the words of engine.problem, coloured in a terminal.

The lines shown are of the author's own file, on the author's own terminal: nothing in them is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import click

from engine.problem import Problem, render

_COLOURS = {"error": "red", "warning": "yellow"}
_PARTS = re.compile(
    r"(?m)^(?P<gutter> *\d* \|)|(?P<word>\b(?:error|warning)\[[\w-]+\]:)|^(?P<note>  = (?:expected|help):)"
)
_CARETS = re.compile(r"(?m)^( *\| +)(\^+)$")


def told(problems: Iterable[Problem], sources: Mapping[str, str], *, err: bool = False) -> None:
    """Prints each problem with the lines that it speaks of, an empty line after each."""
    for problem in problems:
        click.echo(_coloured(render(problem, sources), _COLOURS[problem.severity]) + "\n", err=err)


def _coloured(text: str, colour: str) -> str:
    def styled(match: re.Match[str]) -> str:
        if match["word"]:
            return click.style(match.group(), fg=colour, bold=True)
        return click.style(match.group(), fg="blue" if match["gutter"] else "cyan")

    pointed = _CARETS.sub(lambda match: match[1] + click.style(match[2], fg=colour, bold=True), text)
    return _PARTS.sub(styled, pointed)
