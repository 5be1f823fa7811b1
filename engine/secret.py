"""The secrets beside the settings: `secrets.yaml`, names with texts that never show in a message or a log."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.problem import Place, Problem, ProblemError, near
from engine.source import read


@dataclass(frozen=True, repr=False)
class Secrets:
    """The values of secrets.yaml, by name; they never show in a message or in `repr`.

    Not `whole` are those of a file with mistakes: of a name that is not among them nothing can be said.
    """

    file: str
    _values: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    whole: bool = True

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    @property
    def names(self) -> frozenset[str]:
        """The names that there are."""
        return frozenset(self._values)

    def value(self, name: str) -> str:
        """The secret's text. Raises ProblemError when there is none of this name."""
        if name not in self._values:
            raise ProblemError(self.missing(name))
        return self._values[name]

    def unfit(self, name: str, sentence: str) -> Problem:
        """The problem of a secret that its connection cannot use; `sentence` is "what is wrong; what to do"."""
        what, _, remedy = sentence.partition("; ")
        found = f'the secret "{name}" cannot be used: {what}'
        return Problem("bad-secret", found, self.places.get(name), remedy=remedy or f"write it anew in {self.file}")

    def missing(self, name: str, place: Place | None = None) -> Problem:
        """The problem of a name that nothing has."""
        return Problem(
            "unknown-secret",
            f'there is no secret "{name}"',
            place,
            expected=f"one of {', '.join(sorted(self._values))}" if self._values else "",
            remedy=near(name, self._values) or f'add a line "{name}: …" to {self.file}',
        )


def read_secrets(path: Path) -> tuple[Secrets, tuple[Problem, ...]]:
    """The secrets of a file; one that is not there has none. No problem ever shows a value or a line of it."""
    try:
        text = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return Secrets(str(path)), ()
    except OSError as fault:
        return Secrets(str(path), whole=False), (unreadable(path, fault),)
    source = read(text, str(path))
    problems = [_shy(problem) for problem in source.problems]
    if mode & 0o077:
        problems.append(_too_open(path, mode))
    values = source.value or {}
    if not isinstance(values, dict):
        problems.append(_not_secrets(source.places.value(())))
        return Secrets(str(path), whole=False), tuple(problems)
    for name, value in values.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            problems.append(_not_text(name, source.places.key((name,))))
        elif flaw := _flaw(str(value)):
            problems.append(_flawed(name, flaw, source.places.key((name,))))
    texts = {name: str(value) for name, value in values.items() if not isinstance(value, dict | list)}
    places = {name: source.places.key((name,)) for name in texts}
    whole = all(problem.severity == "warning" for problem in problems)
    return Secrets(str(path), texts, places, whole), tuple(problems)


def _shy(problem: Problem) -> Problem:
    """The same problem without the words of the file."""
    twice = problem.code == "duplicate-key"
    return Problem(
        problem.code,
        "this name is given twice" if twice else "this line cannot be read",
        problem.place,
        expected='a name, a colon and the secret in quotes: chakra_token: "…"',
        remedy="keep one of the two lines" if twice else "write it so, on one line; look at the quotes and the colon",
        also=problem.also if twice else (),
        severity=problem.severity,
    )


def _too_open(path: Path, mode: int) -> Problem:
    return Problem(
        "secrets-too-open",
        f"other users of this machine can read or change {path.name} (mode {mode:04o})",
        Place(str(path), 1, 1),
        expected="mode 0600",
        remedy=f"run: chmod 600 {path}",
        severity="warning",
    )


def _not_secrets(place: Place) -> Problem:
    expected, remedy = 'lines such as name: "secret"', "write each secret on a line of its own, with a name before it"
    return Problem("wrong-type", "the secrets are not names with texts", place, expected=expected, remedy=remedy)


def _not_text(name: str, place: Place) -> Problem:
    message, expected = f'the secret "{name}" is not a text', 'a text in quotes: "…"'
    return Problem("wrong-type", message, place, expected=expected, remedy="put quotes around the secret")


def _flaw(secret: str) -> str:
    """What is wrong with a secret that is a text: no password or key is sent as such."""
    if not secret.strip():
        return "is empty"
    if "\n" in secret or "\r" in secret:
        return "has a line break"
    return "begins or ends with a blank" if secret != secret.strip() else ""


def _flawed(name: str, flaw: str, place: Place) -> Problem:
    remedy = f"write the secret anew, on one line in quotes, in {Path(place.file).name}"
    return Problem("bad-secret", f'the secret "{name}" {flaw}', place, expected='a text in quotes: "…"', remedy=remedy)


def unreadable(path: Path, fault: OSError) -> Problem:
    """The problem of a file that the machine does not let us read."""
    missing = isinstance(fault, FileNotFoundError)
    return Problem(
        "file-missing" if missing else "file-unreadable",
        f"there is no file {path}" if missing else f"{path} cannot be read: {fault.strerror}",
        remedy="run rulewheel init, or name another file" if missing else "look at the file's owner and mode",
    )
