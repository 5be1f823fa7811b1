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
    """The values of secrets.yaml, by name; they never show in a message or in `repr`."""

    file: str
    _values: Mapping[str, str] = field(default_factory=dict)

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
        return Secrets(str(path)), (unreadable(path, fault),)
    source = read(text, str(path))
    problems = [_shy(problem) for problem in source.problems]
    if mode & 0o077:
        problems.append(_too_open(path, mode))
    values = source.value or {}
    if not isinstance(values, dict):
        problems.append(_not_secrets(source.places.value(())))
        return Secrets(str(path)), tuple(problems)
    for name, value in values.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            problems.append(_not_text(name, source.places.key((name,))))
        elif flaw := _flaw(str(value)):
            problems.append(_flawed(name, flaw, source.places.key((name,))))
    texts = {name: str(value) for name, value in values.items() if not isinstance(value, dict | list)}
    return Secrets(str(path), texts), tuple(problems)


def _shy(problem: Problem) -> Problem:
    """The same problem without the words of the file."""
    return Problem(
        problem.code,
        "this line cannot be read",
        problem.place,
        expected='a name, a colon and the secret in quotes: chakra_token: "…"',
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
    return Problem("wrong-type", "the secrets are not names with texts", place, expected='lines such as name: "secret"')


def _not_text(name: str, place: Place) -> Problem:
    return Problem("wrong-type", f'the secret "{name}" is not a text', place, expected='a text in quotes: "…"')


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
