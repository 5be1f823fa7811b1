"""What a world tells of what happened in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.records import RunRecord, StepRecord
from engine.values import Json


@dataclass(frozen=True, slots=True)
class Message:
    """One message that the simulator accepted. `to` is the number as it was sent, `text` as it reads on the phone."""

    to: str
    template: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the engine."""

    type: str
    data: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a run's trace: where, what it did and why, and the values that it saw."""

    path: str
    kind: str
    result: str
    reason: str
    values: Json


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a rule; `outcome` is empty while it is open."""

    rule: str
    state: str
    outcome: str
    reason: str
    started: datetime
    ended: datetime | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a webhook's caller is told."""

    status: int
    text: str


def told_run(run: RunRecord, steps: Sequence[StepRecord]) -> Run:
    told = tuple(Step(step.path, step.kind, step.result, step.reason, step.detail) for step in steps)
    return Run(run.rule, run.state, run.outcome, run.reason, run.started, run.ended, told)
