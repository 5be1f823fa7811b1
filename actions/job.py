"""Actions on Chakra's background jobs: watching one, and reading its entries."""

from __future__ import annotations

import re

from connections.chakra.requests import job_entries
from engine.plugin import (
    Action,
    Example,
    Json,
    Kind,
    Plan,
    SetState,
    State,
    View,
    choice,
    default,
    integer,
    many,
    optional,
    required,
)

GIVEN_UP = ("gone", "stalled")

_JOB = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"
_OTHER = "5a04ce9f-9d61-4a6d-97bf-7b24ab2dd8b1"


def _job_id(value: Json) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", value) or value == "any":
        raise ValueError("expected the id of one background job, as Chakra gives it")
    return value


JOB = Kind(f'the id of a background job, such as "{_JOB}"', {"type": "string"}, _job_id)


class JobWatch(Action):
    """Makes a job known, so that triggers on `job: any` look after it. Chakra offers no list of jobs.

    A job that is known already stays as it is; one that was given up, because Chakra did not know it or it did not
    move any more, is looked after again.
    """

    name = "job.watch"
    job = required(many(JOB), "The id of the job, or a list of ids")
    examples = (
        Example(
            "One job",
            f"job: {_JOB}\n",
            gives=[{"entity": f"job.{_JOB}", "state": "watched", "attributes": {}}],
        ),
        Example(
            "Two jobs, of which one is known",
            f"job: [{_JOB}, {_OTHER}]\n",
            known={f"job.{_JOB}": "running"},
            gives=[{"entity": f"job.{_OTHER}", "state": "watched", "attributes": {}}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        entities = [f"job.{job}" for job in dict.fromkeys(self.job)]
        return [SetState(entity, "watched", {}) for entity in entities if _unwatched(view.state(entity))]


def _unwatched(state: State | None) -> bool:
    return state is None or state.state in GIVEN_UP


class JobEntries(Action):
    """Reads entries of a job, to be used in later steps under the name of `response_variable`.

    While a job is running its entries change, so a second look may give others.
    """

    name = "job.entries"
    responds = True
    job = required(JOB, "The id of the job")
    status = optional(choice("INVALID", "NOT_STARTED", "SUCCESS", "ERROR"), "Only entries with this status")
    limit = default(integer(1, 1000), 100, "How many entries to read at most")
    skip = default(integer(0, 10_000_000), 0, "How many entries to leave out at the beginning")
    examples = (
        Example(
            "The first entries that went wrong",
            f"job: {_JOB}\nstatus: ERROR\nlimit: 20\n",
            gives=[{"job": _JOB, "status": "ERROR", "limit": 20, "skip": 0}],
        ),
        Example(
            "The second hundred of all entries",
            f"job: {_JOB}\nskip: 100\n",
            gives=[{"job": _JOB, "limit": 100, "skip": 100}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [job_entries(self.job, status=self.status, limit=self.limit, skip=self.skip)]
