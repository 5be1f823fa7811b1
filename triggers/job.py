"""Triggers about Chakra's background jobs: how many entries have a status, and the end of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from connections.chakra.requests import fetch_job
from engine.plugin import (
    DURATION,
    NUMBER,
    Decision,
    Example,
    Fact,
    Fire,
    Hold,
    Json,
    Kind,
    Nothing,
    Poll,
    Threshold,
    Trigger,
    View,
    Watch,
    choice,
    default,
    many,
    optional,
    required,
)

STATUSES = ("INVALID", "NOT_STARTED", "SUCCESS", "ERROR")
MEANT = {
    **dict.fromkeys(("failed", "failure", "failures", "fail", "wrong"), "ERROR"),
    **dict.fromkeys(("ok", "done", "succeeded", "completed", "complete", "finished", "passed"), "SUCCESS"),
    **dict.fromkeys(("pending", "waiting", "queued", "open", "new"), "NOT_STARTED"),
}
OVER = ("finished", "gone", "stalled")
PACE = timedelta(seconds=30)
QUICKEST = timedelta(seconds=1)

_JOB = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"
_OTHER = "5a04ce9f-9d61-4a6d-97bf-7b24ab2dd8b1"


def _job_id(value: Json) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", value):
        raise ValueError('expected the id of a background job as Chakra gives it, or "any"')
    return value


JOB = Kind(f'the id of a background job, such as "{_JOB}", or any', {"type": "string"}, _job_id)


class JobTrigger(Trigger):
    """What all triggers about jobs share: which jobs, and how often they are asked for."""

    job = required(many(JOB), "The job: an id, a list of ids, or `any` for every job that a rule or watch-job named")
    every = default(DURATION, PACE, "How often to ask Chakra, while the job is running; 1 second at the least")

    def check(self) -> list[tuple[str, str]]:
        return [("every", "every is less than 1 second; ask Chakra less often")] if self.every < QUICKEST else []

    def watches(self, view: View) -> list[Watch]:
        return [Poll(fetch_job(job), self.every, subject=job, entity=f"job.{job}") for job in self._jobs(view)]

    def _jobs(self, view: View) -> list[str]:
        """The ids to ask for: what is over is not asked for again."""
        known = {state.entity.removeprefix("job."): state.state for state in view.entities("job.")}
        named = known if "any" in self.job else dict.fromkeys(self.job)
        return [job for job in named if known.get(job) not in OVER]


def _counts(data: Mapping[str, Json]) -> dict[str, int]:
    """The counts of an answer, with the zeros that it may leave out."""
    return {**dict.fromkeys(STATUSES, 0), **data["counts"]}


class JobEntries(JobTrigger):
    """Fires when the number of entries with a status goes over (or under) a bound.

    It fires once on the way there, and again only after the number was on the other side. A job that was not seen
    before counts as 0, so it fires at the first look if there are too many already.
    """

    name = "job.entries"
    gives = {
        "job.id": "The id of the job",
        "status": "The status asked for; several are joined by a comma",
        "count": "How many entries have it",
        "counts": "How many entries have each status, such as counts.ERROR",
    }
    status = required(many(choice(*STATUSES, meant=MEANT)), "The status to count; several are added up")
    above = optional(NUMBER, "Fire when the number is more than this")
    below = optional(NUMBER, "Fire when the number is less than this")
    for_ = optional(DURATION, "Only when it stays there for this long")
    examples = (
        Example(
            "More than 25 errors in any job",
            "job: any\nstatus: ERROR\nabove: 25\n",
            known={f"job.{_JOB}": "running"},
            gives=[
                ({"id": _JOB, "counts": {"NOT_STARTED": 700, "ERROR": 25}, "total": 725, "state": "running"}, None),
                (
                    {"id": _JOB, "counts": {"NOT_STARTED": 695, "ERROR": 30}, "total": 725, "state": "running"},
                    {
                        "job": {"id": _JOB},
                        "status": "ERROR",
                        "count": 30,
                        "counts": {"INVALID": 0, "NOT_STARTED": 695, "SUCCESS": 0, "ERROR": 30},
                    },
                ),
                ({"id": _JOB, "counts": {"NOT_STARTED": 690, "ERROR": 35}, "total": 725, "state": "running"}, None),
            ],
        ),
        Example(
            "What failed in one job, looked at every 10 seconds",
            f"job: {_JOB}\nstatus: [ERROR, INVALID]\nabove: 100\nevery: 10\n",
            gives=[
                (
                    {
                        "id": _JOB,
                        "counts": {"INVALID": 100, "SUCCESS": 389, "ERROR": 3},
                        "total": 492,
                        "state": "running",
                    },
                    {
                        "job": {"id": _JOB},
                        "status": "ERROR, INVALID",
                        "count": 103,
                        "counts": {"INVALID": 100, "NOT_STARTED": 0, "SUCCESS": 389, "ERROR": 3},
                    },
                ),
            ],
        ),
        Example(
            "Less than 10 entries left to do for five minutes",
            "job: any\nstatus: NOT_STARTED\nbelow: 10\nfor: {minutes: 5}\n",
            known={f"job.{_OTHER}": "running"},
            gives=[
                ({"id": _OTHER, "counts": {"NOT_STARTED": 40}, "total": 40, "state": "running"}, None),
                (
                    {"id": _OTHER, "counts": {"NOT_STARTED": 9, "SUCCESS": 31}, "total": 40, "state": "running"},
                    {
                        "job": {"id": _OTHER},
                        "status": "NOT_STARTED",
                        "count": 9,
                        "counts": {"INVALID": 0, "NOT_STARTED": 9, "SUCCESS": 31, "ERROR": 0},
                    },
                ),
            ],
        ),
    )

    @property
    def ends(self) -> bool:
        return True

    @property
    def threshold(self) -> Threshold:
        return Threshold(self.above, self.below)

    def check(self) -> list[tuple[str, str]]:
        fault = self.threshold.fault()
        return [*super().check(), *([("above", fault)] if fault else [])]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if fact.data.get("state") == "gone":
            return Decision(memory, Nothing(), f"job {fact.subject} is gone")
        counts = _counts(fact.data)
        count = sum(counts[status] for status in dict.fromkeys(self.status))
        crossing = self.threshold.decide(memory or self.threshold.memory(0), count)
        reason = f"{' + '.join(dict.fromkeys(self.status))} of job {fact.subject}: {crossing.reason}"
        if crossing.movement != "entered":
            over = not self.threshold.holds(count)
            return Decision(crossing.memory, Nothing(cancels=crossing.movement == "left", over=over), reason)
        fire = Fire(self._told(fact.subject, count, counts), key=fact.subject)
        return Decision(crossing.memory, Hold(self.for_, fire) if self.for_ else fire, reason)

    def _told(self, job: str, count: int, counts: Mapping[str, int]) -> dict[str, Json]:
        status = ", ".join(dict.fromkeys(self.status))
        return {"job": {"id": job}, "status": status, "count": count, "counts": dict(counts)}


class JobFinished(JobTrigger):
    """Fires once for each job, when none of its entries is waiting any more."""

    name = "job.finished"
    gives = {
        "job.id": "The id of the job",
        "counts": "How many entries have each status, such as counts.SUCCESS",
        "total": "How many entries the job has",
        "errors": "How many of them went wrong: ERROR and INVALID together",
    }
    examples = (
        Example(
            "Any job that ends",
            "job: any\n",
            known={f"job.{_JOB}": "running"},
            gives=[
                ({"id": _JOB, "counts": {"NOT_STARTED": 2, "SUCCESS": 5}, "total": 7, "state": "running"}, None),
                (
                    {"id": _JOB, "counts": {"SUCCESS": 6, "ERROR": 1}, "total": 7, "state": "finished"},
                    {
                        "job": {"id": _JOB},
                        "counts": {"INVALID": 0, "NOT_STARTED": 0, "SUCCESS": 6, "ERROR": 1},
                        "total": 7,
                        "errors": 1,
                    },
                ),
                ({"id": _JOB, "counts": {"SUCCESS": 6, "ERROR": 1}, "total": 7, "state": "finished"}, None),
            ],
        ),
        Example(
            "One job, looked at once a minute",
            f"job: {_OTHER}\nevery: {{minutes: 1}}\n",
            gives=[
                ({"id": _OTHER, "counts": {}, "total": 0, "state": "running"}, None),
                (
                    {"id": _OTHER, "counts": {"SUCCESS": 3}, "total": 3, "state": "finished"},
                    {
                        "job": {"id": _OTHER},
                        "counts": {"INVALID": 0, "NOT_STARTED": 0, "SUCCESS": 3, "ERROR": 0},
                        "total": 3,
                        "errors": 0,
                    },
                ),
            ],
        ),
    )

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if memory == {"finished": True}:
            return Decision(memory, Nothing(), f"job {fact.subject} finished before")
        counts = _counts(fact.data)
        if fact.data.get("state") != "finished":
            waiting = counts["NOT_STARTED"]
            return Decision({"finished": False}, Nothing(), f"job {fact.subject} is not finished: {waiting} waiting")
        told = {
            "job": {"id": fact.subject},
            "counts": counts,
            "total": sum(counts.values()),
            "errors": counts["ERROR"] + counts["INVALID"],
        }
        return Decision({"finished": True}, Fire(told, key=fact.subject), f"job {fact.subject} is finished")
