"""What happens when an event comes while its rule is still at work on another (semantics section 7, decision 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.records import RunRecord


@dataclass(frozen=True, slots=True)
class Admission:
    """What to do with a new run, and why. `outcome` is set when it is refused; `replaces` are runs to cancel first."""

    verdict: Literal["start", "queue", "refuse"]
    reason: str
    outcome: str = ""
    replaces: tuple[RunRecord, ...] = ()


def admit(mode: str, most: int | None, others: Sequence[RunRecord]) -> Admission:
    """Decides by the rule's mode and `max`; `others` are its open runs of the same key, oldest first."""
    if not others:
        return Admission("start", "nothing else is running")
    if mode == "single":
        return Admission("refuse", "the rule is still running and its mode is single", "failed_single")
    if mode == "restart":
        return Admission("start", "mode restart: it replaces the run before it", replaces=tuple(others))
    if most is not None and len(others) >= most:
        return Admission("refuse", f"{len(others)} runs are open and max is {most}", "failed_max_runs")
    if mode == "parallel":
        return Admission("start", f"mode parallel: beside {len(others)} others")
    return Admission("queue", f"mode queued: after {len(others)} others")
