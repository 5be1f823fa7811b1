from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.plugin import Accepted, Operation, Outcome, Refused, Request, Unsure, Waiting
from engine.records import CommandRecord
from engine.rules.model import Program
from tests.house import START, FailingJournal, House, Outside, PatientClock, TestLog, program, programs


class Jobs(Outside):
    """Chakra's jobs, as the test sets them; a job that is not set is 404."""

    def __init__(self, **errors: int) -> None:
        self.counts: dict[str, dict[str, int]] = {job: {"NOT_STARTED": 5, "ERROR": n} for job, n in errors.items()}
        self.instead: Outcome | None = None
        super().__init__(self.judge)

    def judge(self, request: Request) -> Outcome:
        if "job" not in request.body:
            return Accepted({"id": "x"})
        if self.instead is not None:
            return self.instead
        job = str(request.body["job"])
        if job not in self.counts:
            return Refused("there is no such job")
        counts = self.counts[job]
        state = "running" if counts.get("NOT_STARTED") else "finished"
        return Accepted({"id": job, "counts": dict(counts), "total": sum(counts.values()), "state": state})

    def asked(self) -> Counter[str]:
        return Counter(str(request.body["job"]) for request, _ in self.performed if "job" in request.body)


def watching(job: str = "j1", above: int = 25, rule: str = "r", every: str = "30") -> Program:
    return program(f"""
    - id: {rule}
      triggers: {{trigger: job.entries, job: {job}, status: ERROR, above: {above}, every: "{every}"}}
      actions:
        - stop: "{{{{ trigger.job.id }}}} {{{{ trigger.count }}}}"
    """)


async def reasons(house: House) -> list[str]:
    return [run.reason for run in await house.runs()]


async def test_a_hundred_rules_share_one_request_a_tick_and_job() -> None:
    jobs = Jobs(j1=0, j2=0)
    house = House(outside=jobs)
    await house.start(*[watching("[j1, j2]", rule=f"r{n}", above=n) for n in range(100)])
    assert jobs.asked() == {"j1": 1, "j2": 1}
    await house.advance(30)
    assert jobs.asked() == {"j1": 2, "j2": 2}
    jobs.counts["j1"]["ERROR"] = 50
    await house.advance(30)
    assert Counter(await reasons(house)) == {"j1 50": 50}


async def test_polls_keep_the_smallest_pace() -> None:
    jobs = Jobs(j1=0)
    house = House(outside=jobs)
    await house.start(watching(every="60"), watching(rule="s", every="10"))
    await house.advance(60)
    assert jobs.asked() == {"j1": 7}


async def test_a_rule_made_quicker_is_asked_for_at_its_new_pace_at_once() -> None:
    jobs = Jobs(j1=0)
    house = House(outside=jobs)
    await house.start(watching(every="01:00:00"))
    await house.adopt(watching(every="10"))
    await house.advance(10)
    assert jobs.asked() == {"j1": 2}


async def test_a_job_not_seen_before_fires_at_once_and_only_once(journal: Journal) -> None:
    house = House(journal=journal, outside=Jobs(j1=30))
    await house.start(watching())
    assert await reasons(house) == ["j1 30"]
    await house.advance(100)
    following = house.again()
    await following.start(watching())
    await following.advance(100)
    assert await reasons(following) == ["j1 30"]


async def test_a_rule_loaded_later_does_not_fire_for_the_past() -> None:
    jobs = Jobs(j1=30)
    house = House(outside=jobs)
    await house.start(watching())
    await house.adopt(watching(), watching(rule="s", above=10))
    await house.advance(60)
    assert await reasons(house) == ["j1 30"]
    jobs.counts["j1"]["ERROR"] = 5
    await house.advance(30)
    jobs.counts["j1"]["ERROR"] = 11
    await house.advance(30)
    assert [run.rule for run in await house.runs()] == ["r", "s"]


async def test_a_rule_that_comes_back_does_not_fire_for_what_it_missed() -> None:
    jobs = Jobs(j1=3)
    house = House(outside=jobs)
    keeps_asking = watching(rule="other", above=1000)
    await house.start(watching(), keeps_asking)
    await house.adopt(keeps_asking)
    jobs.counts["j1"]["ERROR"] = 30
    await house.advance(60)
    await house.adopt(watching(), keeps_asking)
    await house.advance(60)
    assert await reasons(house) == []


async def test_a_bound_that_was_edited_under_an_id_does_not_fire_for_the_past() -> None:
    def named(above: int) -> Program:
        return program(f"""
        - id: r
          triggers: {{trigger: job.entries, id: e, job: j1, status: ERROR, above: {above}}}
          actions:
            - stop: fired
        """)

    house = House(outside=Jobs(j1=30))
    await house.start(named(100))
    await house.adopt(named(25))
    await house.advance(60)
    assert await reasons(house) == []


async def test_a_finished_job_is_told_to_all_and_not_asked_for_again(journal: Journal) -> None:
    jobs = Jobs(j1=0)
    house = House(journal=journal, outside=jobs)
    finished = program("""
    - id: f
      triggers: {trigger: job.finished, job: j1}
      actions:
        - stop: "{{ trigger.errors }} of {{ trigger.total }}"
    """)
    await house.start(watching(), finished)
    jobs.counts["j1"] = {"SUCCESS": 3, "ERROR": 40}
    await house.advance(300)
    assert sorted(await reasons(house)) == ["40 of 43", "j1 40"]
    assert jobs.asked() == {"j1": 2}
    assert house.alarm.times.keys() == {"prune", "scrub"}


async def test_a_job_that_is_gone_is_a_problem_and_not_asked_for_again() -> None:
    jobs = Jobs()
    house = House(outside=jobs)
    await house.start(watching())
    await house.advance(300)
    assert jobs.asked() == {"j1": 1}
    assert await house.problems() == ["job-gone"]


async def test_a_job_that_does_not_move_for_seven_days_is_given_up() -> None:
    jobs = Jobs(j1=3)
    house = House(outside=jobs)
    await house.start(watching(every="12:00:00"))
    await house.advance(6 * 86_400)
    assert await house.problems() == []
    await house.advance(2 * 86_400)
    assert await house.problems() == ["job-stalled"]
    asked = jobs.asked()["j1"]
    await house.advance(2 * 86_400)
    assert jobs.asked()["j1"] == asked


ANY = """
- id: r
  triggers: {trigger: job.entries, job: any, status: ERROR, above: 25}
  actions:
    - stop: "{{ trigger.job.id }} {{ trigger.count }}"
- id: w
  triggers: {trigger: event, event_type: go}
  actions:
    - {action: job.watch, data: {job: "{{ trigger.event.data.job }}"}}
"""


async def test_job_watch_starts_a_poll_for_any() -> None:
    jobs = Jobs(j7=30)
    house = House(outside=jobs)
    await house.start(*programs(ANY))
    assert jobs.asked() == {}
    await house.fire("go", job="j7")
    assert "j7 30" in await reasons(house)
    await house.fire("go", job="j7")
    await house.advance(30)
    assert jobs.asked() == {"j7": 2}


async def test_the_command_watch_job_starts_a_poll_once() -> None:
    jobs = Jobs(j7=30)
    house = House(outside=jobs)
    await house.start(*programs(ANY))
    for id_ in ("a", "b"):
        await house.engine.carry_out(CommandRecord(id_, "watch-job", {"job": "j7"}, START))
        await house.engine.work()
    await house.engine.carry_out(CommandRecord("c", "unheard-of", {}, START))
    assert await reasons(house) == ["j7 30"]


async def test_the_command_watch_job_takes_up_a_job_that_was_given_up_and_its_problem_clears() -> None:
    jobs = Jobs()
    house = House(outside=jobs)
    await house.start(*programs(ANY))
    for id_ in ("a", "b"):
        await house.engine.carry_out(CommandRecord(id_, "watch-job", {"job": "j7"}, START))
        await house.engine.work()
        jobs.counts["j7"] = {"NOT_STARTED": 5, "ERROR": 30}
        assert await house.problems() == (["job-gone"] if id_ == "a" else [])
    assert await reasons(house) == ["j7 30"]


async def test_an_answer_that_is_refused_later_opens_a_problem_that_clears_by_itself() -> None:
    jobs = Jobs(j1=3)
    house = House(outside=jobs)
    jobs.instead = Waiting("the token is not taken", timedelta(seconds=90), "token-refused")
    await house.start(watching())
    assert await house.problems() == ["token-refused"]
    jobs.instead = None
    await house.advance(89)
    assert jobs.asked() == {"j1": 1}
    await house.advance(1)
    assert jobs.asked() == {"j1": 2}
    assert await house.problems() == []


async def test_a_poll_without_an_answer_is_its_own_problem_until_it_has_one_or_is_not_asked_any_more() -> None:
    jobs = Jobs(j1=3, j2=3)
    house = House(outside=jobs)
    jobs.instead = Unsure("the answer is not readable")
    await house.start(watching(), watching("j2", rule="s"))
    assert await house.problems() == ["poll-failed", "poll-failed"]
    await house.adopt(watching())
    await house.engine.polls.work()
    assert await house.problems() == ["poll-failed"]
    jobs.instead = None
    await house.advance(60)
    assert await house.problems() == []


async def test_an_answer_nobody_can_use_is_a_problem_and_other_polls_go_on() -> None:
    jobs = Jobs(j1=3)
    house = House(outside=jobs)
    jobs.instead = Accepted("<html>")
    await house.start(watching())
    assert await house.problems() == ["poll-failed"]
    jobs.instead = None
    await house.advance(30)
    assert await house.problems() == []


async def test_a_connection_that_is_missing_or_fails_is_a_problem() -> None:
    house = House(outside=Jobs(j1=1), names=())
    await house.start(watching())
    assert await house.problems() == ["no-connection"]

    class Broken(Jobs):
        async def perform(self, request: Request, operation: Operation) -> Outcome:
            raise RuntimeError("oops")

    house = House(outside=Broken())
    await house.start(watching())
    assert await house.problems() == ["poll-failed"]


async def test_an_answer_that_cannot_be_written_is_asked_for_again() -> None:
    failing = FailingJournal(MemoryJournal())
    house = House(journal=failing, outside=Jobs(j1=30), clock=PatientClock())
    await house.start()
    await house.adopt()
    failing.fails_after = failing.commits + 1
    await house.adopt(watching())
    assert await reasons(house) == []
    failing.fails_after = None
    await house.advance(30)
    assert await reasons(house) == ["j1 30"]


class Gated(Jobs):
    """Answers when the gate opens."""

    def __init__(self, **errors: int) -> None:
        super().__init__(**errors)
        self.gate = asyncio.Event()

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        self.performed.append((request, operation))
        await self.gate.wait()
        return self.judge(request)


async def test_a_poll_that_is_dropped_while_it_is_asked_does_no_harm() -> None:
    jobs = Gated(j1=3)
    jobs.instead = Waiting("busy", timedelta(seconds=90))
    house = House(outside=jobs)
    await house.start()
    await house.engine.adopt({"r": watching()})
    await house.engine.polls.work()
    await house.engine.adopt({})
    await house.engine.polls.work()
    jobs.gate.set()
    await house.engine.work()
    assert house.engine.polls.under_way == 0


async def test_no_more_than_so_many_are_asked_at_once_and_the_alarm_does_not_spin() -> None:
    jobs = Gated(**{f"j{n}": 0 for n in range(40)})
    house = House(outside=jobs)
    await house.start()
    await house.engine.adopt({"r": watching(f"[{', '.join(jobs.counts)}]")})
    await house.engine.polls.work()
    await asyncio.sleep(0)
    assert len(jobs.performed) == 32
    assert not await house.engine.polls.work()
    assert "polls" not in house.alarm.times
    jobs.gate.set()
    await house.engine.work()
    assert len(jobs.performed) == 40


async def test_a_poll_that_fails_for_long_is_two_lines_in_the_log_one_when_it_begins_and_one_when_it_ends() -> None:
    jobs = Jobs(j1=0)
    log = TestLog()
    house = House(outside=jobs, log=log)
    await house.start(watching())
    jobs.instead = Waiting("Chakra refused the token", problem="token-refused")
    for _ in range(20):
        await house.advance(30)
    assert (log.said("error"), log.said("warning")) == (["problem"], [])
    jobs.instead = None
    for _ in range(20):
        await house.advance(30)
    assert log.said("info").count("problem cleared") == 1
