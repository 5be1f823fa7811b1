"""What a person should mend, and how it is printed.

A problem says where (file, line, column), what was found, what was expected and what to do. The same
object is printed by the CLI, written to the log, kept in the journal and shown on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Literal

Severity = Literal["error", "warning"]
_WIDEST = 160
_AHEAD = 60
"""So many letters of a long line are shown before the place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: `line` and `column` count from 1, `length` is the number of characters to underline."""

    file: str
    line: int
    column: int
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    `code` is a stable kebab-case word that tests and machines read ("unknown-key"); `message` says what was
    found, `expected` what would be right, `remedy` what to do. `also` are further places with a word each
    ("first given here").
    """

    code: str
    message: str
    place: Place | None = None
    expected: str = ""
    remedy: str = ""
    also: tuple[tuple[Place, str], ...] = ()
    severity: Severity = "error"

    def to_json(self) -> dict[str, Any]:
        """The problem as plain JSON, the form of `--format json`."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        tail = f"; {self.remedy}" if self.remedy else ""
        text = f"{self.message}{tail}"
        return f"{where}{text}" if text.endswith((".", "?", "!")) else f"{where}{text}."


class ProblemError(Exception):
    """Raised where work cannot go on; carries every problem found so far."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def near(name: str, known: Iterable[str]) -> str:
    """'did you mean "x"?' for the known name that is closest to `name`, or an empty text."""
    lowered = {word.lower(): word for word in known}
    found = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f'did you mean "{lowered[found[0]]}"?' if found else ""


def listing(names: Iterable[str]) -> str:
    """Names as a sentence part: `a, b or c`."""
    words = list(names)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def render(problem: Problem, sources: Mapping[str, str]) -> str:
    """The problem as a person reads it in a terminal: headline, excerpt with carets, expectation, remedy."""
    where = f"{problem.place}: " if problem.place else ""
    lines = [f"{where}{problem.severity}[{problem.code}]: {problem.message}"]
    if problem.place:
        lines += _excerpt(problem.place, sources)
    for place, word in problem.also:
        lines.append(f"  --> {place}: {word}")
        lines += _excerpt(place, sources)
    if problem.expected:
        lines.append(f"  = expected: {problem.expected}")
    if problem.remedy:
        lines.append(f"  = help: {problem.remedy}")
    return "\n".join(lines)


def _excerpt(place: Place, sources: Mapping[str, str]) -> list[str]:
    lines = sources.get(place.file, "").splitlines()
    if not 1 <= place.line <= len(lines):
        return []
    text = lines[place.line - 1].replace("\t", " ")
    text, column = _window(text, min(place.column, len(text) + 1))
    number = str(place.line)
    gutter = " " * len(number)
    carets = "^" * max(1, min(place.length, len(text) - column + 1))
    return [f"{gutter} |", f"{number} | {text}", f"{gutter} | {' ' * (column - 1)}{carets}"]


def _window(text: str, column: int) -> tuple[str, int]:
    """A line as far as it can be shown, the column in the midst of it, and where that column is then."""
    if len(text) <= _WIDEST:
        return text, column
    start = 0 if column <= _WIDEST - _AHEAD else min(column - _AHEAD, len(text) - _WIDEST + 1)
    shown = text[start : start + _WIDEST - 1]
    after = "…" if start + len(shown) < len(text) else ""
    return (f"…{shown[1:]}{after}", column - start) if start else (shown + after, column)
