"""A file that a command writes for a person."""

from __future__ import annotations

from pathlib import Path

from engine.problem import Problem, ProblemError


def write(path: Path, text: str) -> None:
    """Writes the file. Raises ProblemError when the machine does not let us."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        remedy = "name a file in a folder that exists and is yours"
        raise ProblemError(
            Problem("cannot-write", f"{path} cannot be written: {fault.strerror}", remedy=remedy)
        ) from None
