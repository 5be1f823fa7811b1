"""The answer to a condition, and how its sentence shows a value."""

from __future__ import annotations

from dataclasses import dataclass

from engine.values import Json

LONGEST = 120


@dataclass(frozen=True, slots=True)
class Holds:
    """The answer to a condition. `failed` means that it could not be worked out; it counts as not holding."""

    holds: bool
    reason: str
    failed: bool = False


def shown(value: Json) -> str:
    """A value as a sentence shows it: texts in quotes, long ones cut."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}…"
