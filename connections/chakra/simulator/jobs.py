"""Background jobs whose entries move with a clock; entries are made when asked for, never stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from connections.chakra.simulator.plans import (
    ERROR,
    INVALID,
    NOT_STARTED,
    SUCCESS,
    Plan,
    Snapshot,
    Steps,
    plan_from_json,
)
from connections.chakra.simulator.settings import TEAM, USER
from engine.clock import Clock
from engine.problem import Problem, ProblemError

EXAMPLE = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"
_EXAMPLE_STARTED = 1617966536210
_ENTRY_DELAY = 99
_PROCESS, _PROCEDURE = "1e50dd73-9ce6-405b-932a-9c4c5e7b5599", "f3eb37a9-b54e-4088-bc5f-948d37f8aa62"


def epoch_ms(moment: datetime) -> int:
    """The moment as Chakra writes it: whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Job:
    """One background job. `known` are its first entries, word for word; times are epoch milliseconds."""

    id: str
    entries: int
    plan: Plan
    started: int
    created: int
    known: tuple[dict[str, Any], ...] = ()

    def elapsed(self, now: datetime) -> float:
        return (epoch_ms(now) - self.started) / 1000

    def snapshot(self, now: datetime) -> Snapshot:
        return self.plan.at(self.elapsed(now), self.entries)


class Jobs:
    """The jobs of one team, by id. `seed` decides the ids of generated entries."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._jobs: dict[str, Job] = {EXAMPLE: _example()}

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def add(self, job: str, entries: int, plan: Plan, delay: float = 0.0) -> Job:
        """A job that starts now, or `delay` seconds from now: until then nothing of it moves."""
        now = self._clock.now()
        started = epoch_ms(now + timedelta(seconds=delay))
        self._jobs[job] = Job(job, entries, plan, started, created=epoch_ms(now))
        return self._jobs[job]

    def load(self, data: Mapping[str, Any]) -> str:
        """Add a job as files and the control API write it, and give its id.

        Shape: `{"id": ..., "entries": 770, "plan": {...}, "delay": 5}`, or `{"id": ..., "counts": {"ERROR": 3}}` for
        exact counts from now on. Raises ProblemError where it is neither.
        """
        job = str(data.get("id") or "")
        if not job:
            raise ProblemError(Problem("bad-job", "a job has no `id`"))
        try:
            if "counts" in data:
                self.set_counts(job, {str(status): int(count) for status, count in data["counts"].items()})
            else:
                self.add(job, int(data["entries"]), plan_from_json(data["plan"]), float(data.get("delay", 0)))
        except (KeyError, TypeError, ValueError, AttributeError) as mistake:
            expected = '{"id": ..., "entries": 770, "plan": {...}} or {"id": ..., "counts": {...}}'
            raise ProblemError(
                Problem("bad-job", f'job "{job}" cannot be read ({mistake})', expected=expected)
            ) from None
        return job

    def set_counts(self, job: str, counts: Mapping[str, int]) -> None:
        """From now on the job has exactly these counts; a job not there yet comes to be."""
        exact = {NOT_STARTED: 0, **counts}
        found = self._jobs.get(job) or self.add(job, 0, Steps(()))
        elapsed = found.elapsed(self._clock.now())
        past = found.plan.steps if isinstance(found.plan, Steps) else ()
        plan = Steps((*(step for step in past if step[0] <= elapsed), (elapsed, exact)))
        self._jobs[job] = replace(found, plan=plan)

    def counts(self, job: str) -> dict[str, int]:
        """Entries per status at this moment; a status without entries is left out."""
        return self._jobs[job].snapshot(self._clock.now()).counts

    def job_answer(self, job: str) -> dict[str, Any] | None:
        """What Fetch Background Job answers; None for a job that does not exist."""
        found = self._jobs.get(job)
        if found is None:
            return None
        snapshot = found.snapshot(self._clock.now())
        data = {
            "id": found.id,
            "createdAt": found.created,
            "updatedAt": found.created + int(snapshot.moved * 1000),
            "startedAt": found.started,
            "team": TEAM,
            "type": "bulk_api_job",
        }
        return {"_data": data, "_meta": {"bjEntryCompletionStatusVsCount": snapshot.counts}}

    def entries_answer(
        self, job: str, skip: int, limit: int, status: str | None = None, whole_total: bool = False
    ) -> dict[str, Any] | None:
        """What Fetch Background Job Entries answers, its `next` without the `&` included; None for an unknown job.

        `whole_total`: `_meta.total` counts the whole job although `status` filters.
        """
        found = self._jobs.get(job)
        if found is None:
            return None
        snapshot = found.snapshot(self._clock.now())
        indexes = (i for i in range(snapshot.total) if status is None or snapshot.status(i) == status)
        matching = snapshot.total if status is None else snapshot.counts.get(status, 0)
        data = [self._entry(found, i, snapshot) for i in islice(indexes, skip, skip + limit)]
        meta: dict[str, Any] = {"total": snapshot.total if whole_total else matching}
        if skip + limit < matching:
            meta["next"] = f"/v1/ext/background-job/{job}/entries?skip={skip + limit}limit={limit}"
        return {"_data": data, "_meta": meta}

    def _entry(self, job: Job, index: int, snapshot: Snapshot) -> dict[str, Any]:
        if index < len(job.known):
            return job.known[index]
        status = snapshot.status(index)
        created = job.created + _ENTRY_DELAY
        return {
            "id": str(uuid5(NAMESPACE_URL, f"{self._seed}/{job.id}/{index}")),
            "createdAt": created,
            "updatedAt": created if status == NOT_STARTED else created + int(snapshot.moved * 1000),
            "data": {"apiData": _api_data(index), "apiType": "process:ext-update"},
            "validationStatus": "ERROR" if status == INVALID else "SUCCESS",
            "validationMessage": "",
            "validationResult": None,
            "completionStatus": status,
            "completionMessage": "",
            "completionResult": None,
            "team": TEAM,
            "backgroundJob": job.id,
            "createdBy": USER,
        }


def _api_data(index: int) -> dict[str, Any]:
    update = {"data": {"lead_id": str(100 + index)}}
    return {"processId": _PROCESS, "procedureId": _PROCEDURE, "processUpdate": update}


@cache
def _example() -> Job:
    """The documented job: its first page to the letter; 547 SUCCESS, so that the counts add up to its 770 entries."""
    text = (files(__package__) / "data" / "background-job-entries.example.json").read_text(encoding="utf-8")
    known = tuple(json.loads(text)["_data"])
    last = {INVALID: 100, NOT_STARTED: 120, SUCCESS: 547, ERROR: 3}
    order = ((0.0, {SUCCESS: 1}), (0.0, {SUCCESS: 1, ERROR: 1}), (0.0, last))
    return Job(EXAMPLE, 770, Steps(order), _EXAMPLE_STARTED, _EXAMPLE_STARTED + 1, known)
