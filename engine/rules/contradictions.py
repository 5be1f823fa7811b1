"""Keys of a rule that contradict each other, or its triggers: each is right by itself, together they cannot work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.judge import Fault
from engine.plugin import Trigger
from engine.values import Json

Kinds = Sequence[type[Trigger]]


def contradictions(body: Mapping[str, Json], kinds: Kinds) -> Iterable[Fault]:
    """What is wrong between the keys of a canonical rule; `kinds` are those of its triggers, if all are known."""
    if kinds and "missed" in body and not any(kind.keeps_time for kind in kinds):
        message = '"missed" speaks of times that passed, and no trigger of this rule fires at a time'
        remedy = "take it out; what other triggers wait for is not missed, or cannot be known any more"
        yield _warning("missed", message, remedy, "a trigger such as time, cron or time_pattern")


def _warning(key: str, message: str, remedy: str, expected: str = "") -> Fault:
    return Fault((key,), "no-effect", message, expected, remedy, at_key=True, severity="warning")
