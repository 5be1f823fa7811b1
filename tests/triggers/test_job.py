from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connections.chakra.requests import fetch_job
from engine.plugin import Decision, Fact, FieldError, Fire, Hold, Json, Nothing, Poll, Trigger
from tests.snapshot import NOW, Snapshot
from triggers.job import JobEntries, JobFinished

JOB = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"
OTHER = "5a04ce9f-9d61-4a6d-97bf-7b24ab2dd8b1"


def entries(**fields: Json) -> JobEntries:
    return JobEntries({"job": "any", "status": "ERROR", "above": 25, **fields})


def answer(job: str = JOB, state: str = "running", **counts: int) -> Fact:
    data = {"id": job, "counts": counts, "total": sum(counts.values()), "state": state}
    return Fact("poll", job, data, NOW)


def watch(trigger: Trigger, *facts: Fact, memory: Json = None) -> list[Decision]:
    """What the trigger decides, with a restart between all facts: memory passes through the journal's form."""
    found = []
    for fact in facts:
        found.append(trigger.decide(memory, fact, Snapshot()))
        memory = json.loads(json.dumps(found[-1].memory))
    return found


def fires(trigger: Trigger, *facts: Fact, memory: Json = None) -> list[bool]:
    return [isinstance(decision.verdict, Fire) for decision in watch(trigger, *facts, memory=memory)]


def errors(*counts: int) -> list[Fact]:
    return [answer(ERROR=count, NOT_STARTED=700) for count in counts]


def polls(trigger: Trigger, **states: str) -> list[str]:
    view = Snapshot({f"job.{job}": state for job, state in states.items()})
    return [watch.subject for watch in trigger.watches(view) if isinstance(watch, Poll)]


def test_it_fires_once_when_the_count_goes_over_the_bound_and_again_after_it_was_under() -> None:
    assert fires(entries(), *errors(3, 25, 26, 40, 700, 25, 26)) == [False, False, True, False, False, False, True]


def test_a_job_not_seen_before_counts_as_0_and_fires_if_it_is_above_already() -> None:
    assert fires(entries(), *errors(30)) == [True]
    assert fires(entries(), *errors(25)) == [False]


def test_under_a_bound_a_job_not_seen_before_was_there_already() -> None:
    left = JobEntries({"job": "any", "status": "NOT_STARTED", "below": 10})
    todo = [answer(NOT_STARTED=count, SUCCESS=1) for count in (0, 120, 10, 9, 3)]
    assert fires(left, *todo) == [False, False, False, True, False]


def test_a_rule_loaded_later_starts_from_the_last_known_counts() -> None:
    known = entries().decide(None, errors(30)[0], Snapshot()).memory
    assert fires(entries(), *errors(31, 20, 26), memory=known) == [False, False, True]


def test_several_statuses_are_added_up_and_each_counts_once() -> None:
    both = entries(status=["ERROR", "INVALID", "ERROR"], above=100)
    first, second = watch(both, answer(ERROR=50, INVALID=50), answer(ERROR=51, INVALID=50, SUCCESS=7))
    assert isinstance(first.verdict, Nothing)
    assert isinstance(second.verdict, Fire)
    assert second.verdict.data == {
        "job": {"id": JOB},
        "status": "ERROR, INVALID",
        "count": 101,
        "counts": {"INVALID": 50, "NOT_STARTED": 0, "SUCCESS": 7, "ERROR": 51},
    }


def test_between_two_bounds_it_fires_on_the_way_in_from_either_side() -> None:
    between = entries(above=10, below=20)
    assert fires(between, *errors(5, 15, 25, 15, 10, 19)) == [False, True, False, True, False, True]


def test_a_status_that_is_not_documented_is_passed_on_and_not_counted() -> None:
    (decision,) = watch(entries(), answer(ERROR=30, PAUSED=4))
    assert isinstance(decision.verdict, Fire)
    assert decision.verdict.data["count"] == 30
    assert decision.verdict.data["counts"]["PAUSED"] == 4


def test_what_fires_is_kept_apart_per_job() -> None:
    (decision,) = watch(entries(), answer(OTHER, ERROR=30))
    assert isinstance(decision.verdict, Fire)
    assert decision.verdict.key == OTHER


def test_with_for_it_holds_on_the_way_in_goes_on_inside_and_is_cancelled_on_the_way_out() -> None:
    verdicts = [
        decision.verdict for decision in watch(entries(**{"for": {"minutes": 5}}), *errors(3, 30, 31, 20, 21, 30))
    ]
    assert verdicts[0] == Nothing(over=True)
    assert isinstance(verdicts[1], Hold)
    assert verdicts[1].lasting == timedelta(minutes=5)
    assert verdicts[1].fire.data["count"] == 30
    assert verdicts[2] == Nothing()
    assert verdicts[3] == Nothing(cancels=True, over=True)
    assert verdicts[4] == Nothing(over=True)
    assert isinstance(verdicts[5], Hold)


def test_a_hold_of_no_time_fires_at_once() -> None:
    assert fires(entries(**{"for": 0}), *errors(30)) == [True]


def test_a_job_that_is_gone_changes_nothing() -> None:
    memory = {"inside": True, "value": 30}
    (decision,) = watch(entries(), Fact("poll", JOB, {"id": JOB, "counts": {}, "state": "gone"}, NOW), memory=memory)
    assert decision == Decision(memory, Nothing(), f"job {JOB} is gone")


def test_a_finished_job_fires_too_if_it_ended_above() -> None:
    assert fires(entries(), *errors(3), answer(state="finished", ERROR=30)) == [False, True]


def test_the_reason_names_status_job_and_numbers() -> None:
    reasons = [decision.reason for decision in watch(entries(), *errors(12, 30, 26, 20))]
    assert reasons == [
        f"ERROR of job {JOB}: 12 is not above 25",
        f"ERROR of job {JOB}: 30 is above 25, it was 12 before",
        f"ERROR of job {JOB}: 26 is still above 25; it fires only on the way there",
        f"ERROR of job {JOB}: 20 is not above 25 any more, it was 26 before",
    ]


def test_any_asks_for_every_known_job_that_is_not_over() -> None:
    known = {"a": "watched", "b": "running", "c": "finished", "d": "gone", "e": "stalled"}
    assert polls(entries(), **known) == ["a", "b"]
    assert polls(entries()) == []
    assert polls(entries(job=["b", "any"]), **known) == ["a", "b"]


def test_a_named_job_is_asked_for_until_it_is_over_known_or_not() -> None:
    assert polls(entries(job="a")) == ["a"]
    assert polls(entries(job=["a", "b", "a"]), a="running", c="running") == ["a", "b"]
    assert polls(entries(job=["a", "b"]), a="finished", b="gone") == []


def test_the_poll_is_the_shared_request_at_the_rules_pace() -> None:
    (slow,) = entries(job=JOB).watches(Snapshot())
    (quick,) = JobFinished({"job": JOB, "every": 1}).watches(Snapshot())
    assert slow == Poll(fetch_job(JOB), timedelta(seconds=30), JOB, f"job.{JOB}")
    assert quick == Poll(fetch_job(JOB), timedelta(seconds=1), JOB, f"job.{JOB}")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"above": 30, "below": 20}, "above: no number is above 30 and below 20"),
        ({"every": 0.5}, "every: every is less than 1 second; ask Chakra less often"),
        ({"status": "error"}, 'status: expected one of INVALID, NOT_STARTED, SUCCESS, ERROR; did you mean "ERROR"?'),
        ({"job": "my job"}, 'job: expected the id of a background job as Chakra gives it, or "any"'),
        ({"job": []}, "job: expected the id of a background job"),
        ({"above": True}, "above: expected a number"),
        ({"over": 3}, 'over: there is no "over" here; '),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(fields: dict[str, Json], sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        entries(**fields)
    assert sentence in str(refused.value)


def test_a_bound_is_needed() -> None:
    with pytest.raises(FieldError, match="neither above nor below is given"):
        JobEntries({"job": "any", "status": "ERROR"})


def test_finished_fires_once_for_a_job_also_over_restarts() -> None:
    done = answer(state="finished", SUCCESS=5, ERROR=2, INVALID=1)
    decisions = watch(
        JobFinished({"job": "any"}), answer(NOT_STARTED=3, SUCCESS=5), done, done, answer(NOT_STARTED=1), done
    )
    assert [isinstance(decision.verdict, Fire) for decision in decisions] == [False, True, False, False, False]
    assert [decision.reason for decision in decisions] == [
        f"job {JOB} is not finished: 3 waiting",
        f"job {JOB} is finished",
        f"job {JOB} finished before",
        f"job {JOB} finished before",
        f"job {JOB} finished before",
    ]


def test_finished_fires_if_the_first_look_finds_the_job_finished() -> None:
    (decision,) = watch(JobFinished({"job": "any"}), answer(OTHER, "finished", SUCCESS=5, ERROR=2, INVALID=1))
    assert isinstance(decision.verdict, Fire)
    assert decision.verdict.key == OTHER
    assert decision.verdict.data == {
        "job": {"id": OTHER},
        "counts": {"INVALID": 1, "NOT_STARTED": 0, "SUCCESS": 5, "ERROR": 2},
        "total": 8,
        "errors": 3,
    }


def test_finished_does_not_fire_for_a_job_that_ended_before_the_rule_was_loaded() -> None:
    finished = JobFinished({"job": "any"})
    known = finished.decide(None, answer(state="finished", SUCCESS=5), Snapshot()).memory
    assert fires(finished, answer(state="finished", SUCCESS=5), memory=known) == [False]


def test_a_job_that_is_gone_did_not_finish() -> None:
    assert fires(JobFinished({"job": "any"}), answer(state="gone")) == [False]
