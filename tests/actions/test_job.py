from __future__ import annotations

import pytest

from actions.job import JobEntries, JobWatch
from connections.chakra.requests import job_entries
from engine.plugin import FieldError, Json, SetState
from tests.snapshot import Snapshot


def test_watching_makes_each_job_known_once() -> None:
    assert JobWatch({"job": ["a", "b", "a"]}).plan(Snapshot()) == [
        SetState("job.a", "watched", {}),
        SetState("job.b", "watched", {}),
    ]


@pytest.mark.parametrize("state", ["watched", "running", "finished"])
def test_a_job_that_is_known_stays_as_it_is(state: str) -> None:
    assert JobWatch({"job": "a"}).plan(Snapshot({"job.a": state})) == []


@pytest.mark.parametrize("state", ["gone", "stalled"])
def test_a_job_that_was_given_up_is_watched_again(state: str) -> None:
    assert JobWatch({"job": "a"}).plan(Snapshot({"job.a": state})) == [SetState("job.a", "watched", {})]


def test_entries_are_a_read_with_our_own_skip_and_limit() -> None:
    (plan,) = JobEntries({"job": "a", "status": "ERROR", "limit": "20", "skip": 40}).plan(Snapshot())
    assert plan == job_entries("a", "ERROR", skip=40, limit=20)
    (plan,) = JobEntries({"job": "a"}).plan(Snapshot())
    assert plan == job_entries("a", None, skip=0, limit=100)
    assert JobEntries.responds


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"job": "any"}, "job: expected the id of one background job, as Chakra gives it"),
        ({"job": ["a"]}, "job: expected the id of one background job, as Chakra gives it"),
        ({"job": "a", "limit": 1001}, "limit: expected a whole number from 1 to 1000"),
        ({"job": "a", "limit": 0}, "limit: expected a whole number from 1 to 1000"),
        ({"job": "a", "skip": -1}, "skip: expected a whole number from 0"),
        ({"job": "a", "status": "FAILED"}, "status: expected one of INVALID, NOT_STARTED, SUCCESS, ERROR"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(fields: dict[str, Json], sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        JobEntries(fields)
    assert sentence in str(refused.value)


def test_any_job_cannot_be_watched_by_that_word() -> None:
    with pytest.raises(FieldError, match=r"expected the id of one background job, as Chakra gives it \(at item 2\)"):
        JobWatch({"job": ["a", "any"]})
