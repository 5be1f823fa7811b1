"""Runs over crashes and full disks: what was begun goes on, nothing twice, nothing forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from engine.journal.api import Journal, JournalError
from engine.journal.memory import MemoryJournal
from engine.plugin import Accepted, Action, Outcome, Plan, Refused, Request, View
from engine.problem import Problem, ProblemError
from engine.records import Changes, EventRecord, InboxRecord, ProgramRecord, RunRecord, Update
from engine.rules.model import Program
from engine.values import Fact, SetState
from tests.house import START, FailingJournal, House, Outside, PatientClock, TestLog, acting, program, programs

DELAY = """
- delay: 5
- action: log.write
  data: {message: "{{ trigger.event.data.n }}"}
- stop: "{{ trigger.event.data.n }}"
"""
SEND = """
- action: whatsapp.send_template
  data: {to: ["+919876543210", "+919876543211", "+919876543212"], template: hello}
- delay: 3
- stop: after
"""
RETRY = """
- action: whatsapp.send_template
  retry: {attempts: 3, wait: 4}
  data: {to: ["+919876543210", "+919876543211"], template: hello}
- stop: after
"""
ON_ERROR = """
- action: http.request
  timeout: 9
  data: {url: "https://refused.example"}
"""
HANDLED = '[{action: whatsapp.send_template, data: {to: "+919876543219", template: failed}}]'
CHAIN = """
- id: first
  triggers: {trigger: event, event_type: go}
  actions:
    - event: next
      event_data: {n: "{{ trigger.event.data.n }}"}
    - delay: 1
- id: second
  mode: single
  triggers: {trigger: event, event_type: next}
  actions:
    - action: http.request
      data: {url: "https://a.example/{{ trigger.event.data.n }}"}
"""


class Moody(Outside):
    """Refuses whoever is asked for the first time below `refused`, and always what is meant to be refused."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        super().__init__(self.judge)

    def judge(self, request: Request) -> Outcome:
        who = request.recipient or str(request.body["url"])
        self.seen[who] += 1
        if "refused" in who or (who == "+919876543211" and self.seen[who] == 1):
            return Refused("not now")
        return Accepted({"id": who}, "message id")


RULES = {
    "delay": [acting(DELAY)],
    "many recipients": [acting(SEND)],
    "retry": [acting(RETRY)],
    "on_error": [acting(ON_ERROR, on_error=HANDLED)],
    "restart": [acting(DELAY, mode="restart")],
    "chain": programs(CHAIN),
}


async def live(house: House, rules: list[Program]) -> None:
    """The same days for every house: three events, then time."""
    await house.start(*rules)
    for n in range(3):
        await house.fire("go", n=n)
    await house.advance(60)


async def survived(journal: Journal, rules: list[Program], after: int, writes_last: bool) -> tuple[House, bool]:
    """What stands there long after a house died that wrote so many commits, and whether it did die."""
    house = House(journal=FailingJournal(journal, code="closed"), outside=Moody())
    failing: Any = house.journal
    failing.fails_after, failing.writes_last = after, writes_last
    crashed = False
    try:
        await live(house, rules)
    except JournalError:
        crashed = True
    following = house.again()
    await following.engine.start()
    await following.adopt(*rules)
    await following.advance(4000)
    return following, crashed


async def nothing_is_left_or_twice(house: House, where: str) -> None:
    """Every event handled, every run ended, every effect made once, or shown as unsure."""
    assert await house.journal.new_events(10) == [], where
    assert await house.journal.open_runs() == [], where
    assert await house.journal.inbox(10) == [], where
    assert await house.journal.next_due() is None, where
    assert house.engine.effects.under_way == house.engine.executor._gate.room.taken == 0, where
    performed = Counter(operation.op_id for _, operation in house.outside.performed)
    assert set(performed.values()) <= {1}, where
    for effect in await house.sends():
        assert effect.state in {"accepted", "refused", "unsure"}, where
        assert performed[effect.op_id] == 1 or effect.state == "unsure", where


@pytest.mark.parametrize("writes_last", [False, True])
@pytest.mark.parametrize("name", list(RULES))
async def test_a_crash_after_any_commit_loses_nothing_and_repeats_nothing(name: str, writes_last: bool) -> None:
    rules = RULES[name]
    after, crashed = 0, True
    while crashed:
        house, crashed = await survived(MemoryJournal(), rules, after, writes_last)
        await nothing_is_left_or_twice(house, f"{name}, dead after commit {after}")
        after += 1
    assert after > 5


@pytest.mark.parametrize("name", ["many recipients", "retry"])
async def test_a_crash_over_sqlite_is_survived_too(name: str, tmp_path: Any) -> None:
    from engine.journal.sqlite import SqliteJournal

    for after in range(4, 16):
        journal = SqliteJournal.open(tmp_path / f"{after}.db", owner="test")
        house, _ = await survived(journal, RULES[name], after, False)
        assert await journal.open_runs() == []
        performed = Counter(operation.op_id for _, operation in house.outside.performed)
        assert set(performed.values()) <= {1}
        await journal.close()


@pytest.mark.parametrize("writes_last", [False, True])
async def test_a_job_that_fails_is_told_once_wherever_the_daemon_dies(writes_last: bool) -> None:
    (rule,) = programs("""
    - id: r
      triggers: {trigger: job.entries, job: j1, status: ERROR, above: 25}
      actions:
        - action: whatsapp.send_template
          data: {to: "+919876543210", template: import_failed, body: ["{{ trigger.count }}"]}
    """)

    class Job(Moody):
        def judge(self, request: Request) -> Outcome:
            if "job" not in request.body:
                return super().judge(request)
            counts = {"NOT_STARTED": 1, "ERROR": 20 + len(self.performed)}
            return Accepted({"id": "j1", "counts": counts, "total": 9, "state": "running"})

    for after in range(20):
        failing = FailingJournal(MemoryJournal(), code="closed")
        failing.fails_after, failing.writes_last = after, writes_last
        house = House(journal=failing, outside=Job())
        with suppress(JournalError):
            await house.start(rule)
            await house.advance(600)
        following = house.again()
        await following.start(rule)
        await following.advance(600)
        (effect,) = await following.sends()
        assert await following.outcomes() == ["finished" if effect.state == "accepted" else "unsure"]
        sent = [operation.op_id for request, operation in house.outside.performed if request.recipient]
        assert sent == [effect.op_id] or (effect.state == "unsure" and sent == [])


@pytest.mark.parametrize("seed", range(15))
async def test_a_daemon_that_dies_again_and_again_loses_and_repeats_nothing(seed: int) -> None:
    chance = Random(seed)
    print("seed", seed)
    journal = MemoryJournal()
    rules = [
        replace(rule, rule=f"{name}-{rule.rule}", hash=f"{name}-{rule.hash}") if name != "chain" else rule
        for name, some in RULES.items()
        for rule in some
    ]
    house = House(journal=FailingJournal(journal, code="closed"), outside=Moody())
    house.programs = {rule.hash: rule for rule in rules}
    for n in range(12):
        failing = FailingJournal(journal, code="closed")
        failing.fails_after, failing.writes_last = chance.randrange(60), chance.random() < 0.5
        house = house.again(failing)
        with suppress(JournalError):
            await house.start(*rules)
            for _ in range(chance.randrange(4)):
                await house.fire("go", n=n)
            await house.advance(chance.choice([0.5, 3, 20]))
    last = house.again()
    await last.start(*rules)
    await last.advance(4000)
    await nothing_is_left_or_twice(last, f"seed {seed}")
    assert len(last.outside.performed) > 20


async def test_an_intent_without_an_outcome_is_unsure_after_a_restart() -> None:
    house = House(journal=FailingJournal(MemoryJournal(), code="closed"), outside=Moody())
    failing: Any = house.journal
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}}'))
    failing.fails_after = failing.commits + 2
    await house.fire("go")
    with pytest.raises(JournalError):
        await house.fire("go")
    following = house.again()
    await following.start(*house.programs.values())
    (effect, *_) = await following.sends()
    assert effect.state == "unsure"
    assert "nobody knows" in effect.reason
    assert (await following.outcomes())[0] == "unsure"
    assert len(house.outside.performed) == 1


async def test_an_event_taken_in_before_a_crash_is_performed_after_it(journal: Journal) -> None:
    house = House(journal=journal, outside=Moody())
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}}'))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, START))
    following = house.again()
    await following.start(*house.programs.values())
    assert await following.outcomes() == ["finished"]
    assert len(house.outside.performed) == 1


async def turns() -> None:
    """Lets every task do what it can without time passing."""
    for _ in range(500):
        await asyncio.sleep(0)


async def test_a_full_disk_loses_nothing_repeats_nothing_and_leaks_no_place(journal: Journal) -> None:
    for fails_after in range(3, 12):
        failing = FailingJournal(MemoryJournal())
        house = House(journal=failing, outside=Moody(), places=2, clock=PatientClock())
        await house.start(*RULES["many recipients"])
        failing.fails_after = fails_after
        taken = 0
        for n in range(3):
            try:
                await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, house.clock.now()))
            except JournalError:
                continue
            taken += 1
        task = asyncio.create_task(house.engine.run())
        await turns()
        failing.fails_after = None
        await turns()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await house.engine.work()
        await house.advance(60)
        assert await house.outcomes() == ["error"] * min(1, taken) + ["finished"] * max(0, taken - 1)
        performed = Counter(operation.op_id for _, operation in house.outside.performed)
        assert sorted(performed.values()) == [1] * 3 * taken
        assert house.engine.executor._gate.room.taken == 0
        assert await house.problems() == []


async def test_more_than_a_batch_of_events_is_worked_off_after_a_restart(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting("- stop: done", mode="parallel"))
    for n in range(450):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, START))
    following = house.again()
    await following.start(*house.programs.values())
    assert Counter(await following.outcomes()) == {"finished": 450}


async def test_an_event_that_is_hinted_at_twice_makes_one_run() -> None:
    house = House()
    await house.start(acting(DELAY))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": 1}, START))
    (event,) = await house.journal.new_events(10)
    house.engine.wakes.events.say(event, event)
    await house.engine.work()
    assert await house.outcomes() == ["running"]


async def test_a_message_for_a_run_that_has_ended_or_never_was_is_dropped() -> None:
    house = House()
    await house.start(acting("- stop: done"))
    await house.fire("go")
    (run,) = await house.runs()
    messages = [InboxRecord("a", run.id, "1.2", "due", {}), InboxRecord("b", "nowhere", "1.2", "due", {})]
    await house.journal.commit(Changes(put=messages))
    house.engine.wakes.inbox.sweep()
    await house.engine.work()
    assert await house.journal.inbox(10) == []


async def test_a_message_with_a_stale_token_changes_nothing() -> None:
    house = House()
    await house.start(acting(DELAY))
    await house.fire("go", n=1)
    (run,) = await house.runs()
    await house.journal.commit(Changes(put=[InboxRecord("a", run.id, "9.9", "due", {})]))
    house.engine.wakes.inbox.sweep()
    await house.engine.work()
    assert await house.outcomes() == ["running"]
    assert await house.journal.inbox(10) == []


async def test_a_run_whose_program_cannot_be_used_any_more_ends_with_the_reason() -> None:
    def gone(record: ProgramRecord) -> Program:
        raise ProblemError(Problem("program-outdated", "a plugin is gone"))

    house = House(rebuild=gone)
    await house.start(acting(DELAY))
    await house.fire("go", n=1)
    await house.fire("go", n=2)
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": 3}, START))
    following = house.again()
    await following.start(acting("- stop: new"))
    await following.advance(10)
    assert await following.outcomes() == ["error", "error", "error"]
    assert {run.reason for run in await following.runs()} == {
        "the version of the rule that this belongs to cannot be used any more"
    }
    assert await following.problems() == ["program-outdated"]


async def test_an_event_whose_program_is_not_kept_ends_too_and_blocks_nobody() -> None:
    house = House()
    await house.start(acting("- stop: done"))
    lost = [EventRecord(f"e{n}", "r", "nowhere", "t", "", {"event": {"data": {}}}, START, "new") for n in range(250)]
    await house.journal.commit(Changes(put=lost))
    house.engine.wakes.events.sweep()
    await house.engine.work()
    await house.fire("go")
    assert Counter(await house.outcomes()) == {"error": 250, "finished": 1}


async def test_a_run_that_grows_beyond_its_bound_ends_and_asks_for_nothing() -> None:
    house = House()
    await house.start(
        acting("""
        - variables: {a: "{{ 'x' * 60000 }}"}
        - variables: {b: "{{ [a,a,a] }}"}
        - delay: 1
        - stop: small enough
    """)
    )
    await house.fire("go")
    assert await house.outcomes() == ["running"]
    big = "".join(f"\n- variables: {{v{n}: \"{{{{ 'x' * 60000 }}}}\"}}" for n in range(20))
    await house.adopt(acting(big + '\n- {action: http.request, data: {url: "https://a.example"}}\n'))
    await house.advance(1)
    await house.fire("go")
    run = (await house.runs())[-1]
    assert (run.outcome, run.reason) == ("error", "the run holds more than 1 MiB; keep less in its variables")
    assert house.outside.performed == []


async def test_runs_that_are_no_longer_hot_go_on_from_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.executor.HOT_RUNS", 2)
    house = House()
    await house.start(acting(DELAY, mode="parallel"))
    for n in range(5):
        await house.fire("go", n=n)
    await house.advance(5)
    assert await house.outcomes() == ["finished"] * 5


async def test_a_commit_that_was_under_way_when_the_daemon_stops_is_not_forgotten() -> None:
    gate = asyncio.Event()

    class Slow(MemoryJournal):
        slow = False

        async def commit(self, changes: Changes) -> Any:
            if self.slow:
                await gate.wait()
            return await super().commit(changes)

    journal = Slow()
    house = House(journal=journal, outside=Moody())
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}}'))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, START))
    journal.slow = True
    task = asyncio.create_task(house.engine.executor.work())
    await asyncio.sleep(0.001)
    task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.engine.stop()
    (effect,) = await house.sends()
    assert (effect.state, effect.attempts) == ("queued", 0)
    following = house.again()
    await following.start(*house.programs.values())
    assert await following.outcomes() == ["finished"]
    assert len(house.outside.performed) == 1


async def test_the_end_of_a_run_is_logged_with_its_reason() -> None:
    log = TestLog()
    house = House(log=log)
    await house.start(acting("- stop: enough"))
    await house.fire("go")
    values = next(values for _, message, values in log.lines if message == "run ended")
    assert (values["rule"], values["outcome"], values["reason"]) == ("r", "finished", "enough")


class Dated(Action):
    """Plans what no journal keeps."""

    name = "dated"

    def plan(self, view: View) -> list[Plan]:
        return [Request("outside", "ask", {"at": view.now})]


async def test_nobody_queues_behind_a_run_that_was_never_written() -> None:
    house = House(actions={"dated": Dated})
    rule = program(
        """
        - id: r
          triggers: {trigger: event, event_type: go}
          actions:
            - if: "{{ trigger.event.data.n == 0 }}"
              then:
                - action: dated
            - delay: 5
        """,
        Dated,
    )
    await house.start(rule)
    for n in range(3):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, START))
    await house.engine.work()
    assert sorted(await house.outcomes()) == ["error", "queued", "running"]
    await house.advance(10)
    assert sorted(await house.outcomes()) == ["error", "finished", "finished"]


async def test_a_run_that_somebody_else_has_written_is_read_again_before_it_goes_on() -> None:
    house = House()
    await house.start(acting(DELAY))
    await house.fire("go", n=1)
    (run,) = await house.runs()
    await house.journal.commit(Changes(update=[Update(RunRecord, (run.id,), {"version": 7})]))
    await house.advance(5)
    (run,) = await house.runs()
    assert (run.outcome, run.version) == ("finished", 8)


class Looking(MemoryJournal):
    """Notes how many runs a look at a queue gave at the most."""

    most = 0

    async def open_runs(
        self, rule: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        found = await super().open_runs(rule, key, limit)
        self.most = max(self.most, len(found))
        return found


async def test_a_long_queue_is_worked_off_in_order_without_reading_all_of_it_each_time() -> None:
    journal = Looking()
    house = House(journal=journal)
    await house.start(acting("- delay: 1\n- stop: '{{ trigger.event.data.n }}'"))
    for n in range(20):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, START))
    await house.engine.work()
    journal.most = 0
    for _ in range(20):
        await house.advance(1)
    ended = sorted((run.ended, run.reason) for run in await journal.runs() if run.ended)
    assert [reason for _, reason in ended] == [str(n) for n in range(20)]
    assert journal.most <= 2


async def test_runs_that_wait_for_nothing_end_one_after_the_other_when_their_turn_comes() -> None:
    house = House()
    await house.start(acting('- if: "{{ trigger.event.data.n == 0 }}"\n  then:\n    - delay: 5\n- event: told'))
    for n in range(5):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n}, START))
    await house.engine.work()
    assert await house.outcomes() == ["running", *["queued"] * 4]
    await house.advance(5)
    assert await house.outcomes() == ["finished"] * 5


async def test_an_event_that_waited_out_a_long_downtime_makes_no_stale_message(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting('- {action: http.request, data: {url: "https://a.example"}}', valid_for="{minutes: 30}"))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, house.clock.now()))
    house.clock.move(timedelta(hours=3))
    following = house.again()
    await following.start(*house.programs.values())
    assert await following.outcomes() == ["expired"]
    assert house.outside.performed == []


async def test_a_hold_that_ended_in_a_downtime_is_as_late_as_it_is(journal: Journal) -> None:
    house = House(journal=journal)
    rule = """
    - id: r
      valid_for: {minutes: 30}
      triggers: {trigger: state, entity_id: sensor.x, to: on, for: {minutes: 5}}
      actions: [{action: http.request, data: {url: "https://a.example"}}]
    """
    await house.start(*programs(rule))
    await house.engine.intake.set(SetState("sensor.x", "on"))
    house.clock.move(timedelta(hours=12))
    following = house.again()
    await following.start(*house.programs.values())
    assert await following.outcomes() == ["expired"]
    assert house.outside.performed == []
