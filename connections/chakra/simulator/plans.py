"""How the entries of a job move: a pure function of the seconds since the job started."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from engine.problem import Problem, ProblemError

INVALID, NOT_STARTED, SUCCESS, ERROR = "INVALID", "NOT_STARTED", "SUCCESS", "ERROR"
STATUSES = (INVALID, NOT_STARTED, SUCCESS, ERROR)
_MILLION = 1_000_000

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job at one moment: entries per status, the status of the entry at an index, seconds at the last change."""

    counts: Counts
    status: Callable[[int], str]
    moved: float

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Plan(Protocol):
    """What a job with so many entries looks like, so many seconds after its start."""

    def at(self, elapsed: float, entries: int) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Entries are worked off one after the other in `seconds`; `errors` and `invalid` are shares between 0 and 1.

    The bad ones lie evenly spread, and an entry keeps its status once it has one.
    """

    seconds: float = 0.0
    errors: float = 0.0
    invalid: float = 0.0

    def at(self, elapsed: float, entries: int) -> Snapshot:
        done = self._done(elapsed, entries)
        bad = self._bad(done)
        invalid = self._invalid(bad)
        counts = {INVALID: invalid, NOT_STARTED: entries - done, SUCCESS: done - bad, ERROR: bad - invalid}
        present = {status: count for status, count in counts.items() if count}
        return Snapshot(present, lambda index: self._status(index, done), min(max(elapsed, 0.0), self.seconds))

    def _done(self, elapsed: float, entries: int) -> int:
        if elapsed >= self.seconds:
            return entries
        return max(0, int(entries * elapsed / self.seconds))

    def _bad(self, done: int) -> int:
        return done * round((self.errors + self.invalid) * _MILLION) // _MILLION

    def _invalid(self, bad: int) -> int:
        share = round(self.invalid * _MILLION)
        return bad * share // max(1, share + round(self.errors * _MILLION))

    def _status(self, index: int, done: int) -> str:
        if index >= done:
            return NOT_STARTED
        bad = self._bad(index)
        if self._bad(index + 1) == bad:
            return SUCCESS
        return INVALID if self._invalid(bad + 1) > self._invalid(bad) else ERROR


@dataclass(frozen=True, slots=True)
class Steps:
    """Counts that hold from a second on: `((0, {"SUCCESS": 10}), (5, {"SUCCESS": 700, "ERROR": 70}))`.

    Steps are in order of time. What a step leaves open up to the job's entries is NOT_STARTED, unless it names
    NOT_STARTED itself.
    """

    steps: tuple[tuple[float, Mapping[str, int]], ...]

    def at(self, elapsed: float, entries: int) -> Snapshot:
        past = [step for step in self.steps if step[0] <= elapsed]
        counts = dict(past[-1][1]) if past else {}
        counts.setdefault(NOT_STARTED, max(0, entries - sum(counts.values())))
        present = {status: count for status, count in counts.items() if count}
        return Snapshot(present, _lookup(_stretches(past)), past[-1][0] if past else 0.0)


def _stretches(past: Sequence[tuple[float, Mapping[str, int]]]) -> list[tuple[str, int]]:
    """Entries in the order in which they got their status, so that one keeps what it has while counts only grow."""
    stretches: list[tuple[str, int]] = []
    before: Counts = {}
    for _, counts in past:
        now = {status: count for status, count in counts.items() if status != NOT_STARTED}
        if any(count > now.get(status, 0) for status, count in before.items()):
            stretches, before = [], {}
        stretches += [(status, count - before.get(status, 0)) for status, count in now.items()]
        before = now
    return stretches


def _lookup(stretches: Sequence[tuple[str, int]]) -> Callable[[int], str]:
    ends = list(accumulate(count for _, count in stretches))

    def status(index: int) -> str:
        at = bisect_right(ends, index)
        return stretches[at][0] if at < len(stretches) else NOT_STARTED

    return status


def plan_from_json(data: Mapping[str, Any]) -> Plan:
    """A plan as files and the control API write it.

    Shape: `{"linear": {"seconds": 30, "errors": 0.05}}` or `{"steps": [[0, {"ERROR": 3}]]}`. Raises
    ProblemError where it is neither.
    """
    try:
        if "steps" in data:
            return Steps(tuple((float(at), _counts(counts)) for at, counts in data["steps"]))
        return Linear(**{name: float(value) for name, value in data["linear"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as mistake:
        raise ProblemError(
            Problem(
                "bad-plan",
                f"the plan of a job cannot be read ({mistake})",
                expected='{"linear": {"seconds": 30, "errors": 0.05, "invalid": 0}} or {"steps": [[0, {"ERROR": 3}]]}',
            )
        ) from None


def _counts(counts: Mapping[str, Any]) -> Counts:
    return {str(status): int(count) for status, count in counts.items()}
