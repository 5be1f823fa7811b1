from __future__ import annotations

from collections import Counter

import pytest

from engine.journal.api import Journal
from engine.runs.modes import admit
from engine.values import Fact
from tests.engine.journal.records import run
from tests.house import House, TestLog, acting, programs

WAITS = """
    - delay: 10
    - stop: "{{ trigger.event.data.n }}"
"""


async def fired(house: House, *numbers: int) -> None:
    for n in numbers:
        await house.fire("go", n=n)


async def burst(house: House, count: int, **data: int) -> None:
    """Events that are all there before the executor looks."""
    for n in range(count):
        await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": n, **data}, house.clock.now()))
    await house.engine.work()


def test_nothing_else_running_lets_every_mode_start() -> None:
    assert {admit(mode, 2, []).verdict for mode in ("queued", "single", "restart", "parallel")} == {"start"}


@pytest.mark.parametrize(
    ("mode", "most", "verdict", "outcome"),
    [
        ("single", None, "refuse", "failed_single"),
        ("restart", None, "start", ""),
        ("queued", None, "queue", ""),
        ("queued", 2, "refuse", "failed_max_runs"),
        ("queued", 3, "queue", ""),
        ("parallel", 2, "refuse", "failed_max_runs"),
        ("parallel", 3, "start", ""),
    ],
)
def test_a_mode_decides_on_what_runs(mode: str, most: int | None, verdict: str, outcome: str) -> None:
    admission = admit(mode, most, [run("a"), run("b")])
    assert (admission.verdict, admission.outcome) == (verdict, outcome)
    assert bool(admission.replaces) == (mode == "restart")
    assert admission.reason


async def test_queued_runs_go_one_after_the_other_in_order(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting(WAITS))
    await fired(house, 1, 2, 3)
    assert await house.outcomes() == ["running", "queued", "queued"]
    await house.advance(10)
    assert await house.outcomes() == ["finished", "running", "queued"]
    await house.advance(20)
    runs = await house.runs()
    assert [run.reason for run in runs] == ["1", "2", "3"]
    assert [run.ended and (run.ended - house.clock.now()).total_seconds() for run in runs] == [-20, -10, 0]


async def test_a_queue_of_runs_that_do_not_wait_is_worked_off_at_once() -> None:
    house = House()
    await house.start(
        acting("""
        - if: "{{ trigger.event.data.n == 0 }}"
          then:
            - delay: 10
        - stop: "{{ trigger.event.data.n }}"
    """)
    )
    await fired(house, 0, 1, 2)
    await house.advance(10)
    assert [run.reason for run in await house.runs()] == ["0", "1", "2"]


async def test_single_refuses_while_one_runs_and_records_why() -> None:
    house = House()
    await house.start(acting(WAITS, mode="single"))
    await fired(house, 1, 2)
    await house.advance(10)
    await fired(house, 3)
    assert await house.outcomes() == ["finished", "failed_single", "running"]


async def test_restart_cancels_the_run_before_and_its_delay() -> None:
    house = House()
    await house.start(acting(WAITS, mode="restart"))
    await fired(house, 1)
    await house.advance(5)
    await fired(house, 2)
    assert await house.outcomes() == ["cancelled", "running"]
    await house.advance(9)
    assert await house.outcomes() == ["cancelled", "running"]
    await house.advance(1)
    assert await house.outcomes() == ["cancelled", "finished"]


async def test_parallel_runs_start_together_up_to_max() -> None:
    house = House()
    await house.start(acting(WAITS, mode="parallel", max='"2"'))
    await fired(house, 1, 2, 3)
    assert await house.outcomes() == ["running", "running", "failed_max_runs"]


async def test_parallel_without_max_refuses_nothing() -> None:
    house = House()
    await house.start(acting(WAITS, mode="parallel"))
    await burst(house, 50)
    assert Counter(await house.outcomes()) == {"running": 50}
    await house.advance(10)
    assert Counter(await house.outcomes()) == {"finished": 50}


async def test_max_counts_the_running_one_of_a_queue() -> None:
    house = House()
    await house.start(acting(WAITS, max="2"))
    await fired(house, 1, 2, 3)
    assert await house.outcomes() == ["running", "queued", "failed_max_runs"]


async def test_a_max_that_is_none_ends_the_run_in_error() -> None:
    house = House()
    await house.start(acting(WAITS, max="\"{{ 'many' }}\""))
    await fired(house, 1)
    (only,) = await house.runs()
    assert (only.outcome, only.reason.split(":")[0]) == ("error", "max")


async def test_per_keeps_a_queue_for_each_key() -> None:
    house = House()
    await house.start(acting(WAITS, per='"{{ trigger.event.data.n % 2 }}"'))
    await fired(house, 1, 2, 3, 4)
    assert await house.outcomes() == ["running", "running", "queued", "queued"]
    assert [run.key for run in await house.runs()] == ["1", "0", "1", "0"]


async def test_a_per_that_fails_ends_the_run_in_error() -> None:
    house = House()
    await house.start(acting(WAITS, per='"{{ trigger.event.data.m }}"'))
    await fired(house, 1)
    assert await house.outcomes() == ["error"]


@pytest.mark.parametrize("mode", ["queued", "single", "restart"])
async def test_a_burst_in_one_batch_is_decided_as_if_one_came_after_the_other(mode: str, journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting(WAITS, mode=mode))
    await burst(house, 50)
    counts = Counter(await house.outcomes())
    assert (
        counts
        == {
            "queued": {"running": 1, "queued": 49},
            "single": {"running": 1, "failed_single": 49},
            "restart": {"cancelled": 49, "running": 1},
        }[mode]
    )
    await house.advance(500)
    reasons = [run.reason for run in await house.runs() if run.outcome == "finished"]
    expected = {"queued": range(50), "single": [0], "restart": [49]}[mode]
    assert reasons == [str(n) for n in expected]


async def test_a_rule_changed_from_parallel_to_queued_does_not_leave_its_queue_behind() -> None:
    house = House()
    await house.start(acting(WAITS, mode="parallel"))
    await fired(house, 1)
    await house.adopt(acting(WAITS, mode="queued"))
    await fired(house, 2)
    assert await house.outcomes() == ["running", "queued"]
    await house.advance(20)
    assert await house.outcomes() == ["finished", "finished"]


async def test_an_end_and_an_event_in_one_batch_leave_one_run_at_a_time() -> None:
    house = House()
    await house.start(acting(WAITS))
    await fired(house, 1)
    house.clock.move(house.alarm.times["due"][0] - house.clock.now())
    await house.engine.due.work()
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {"n": 2}, house.clock.now()))
    await house.engine.work()
    assert await house.outcomes() == ["finished", "running"]


async def test_two_rules_do_not_wait_for_each_other() -> None:
    house = House()
    text = "- {{id: {0}, triggers: {{trigger: event, event_type: go}}, actions: [{{delay: 5}}]}}\n"
    await house.start(*programs(text.format("a") + text.format("b")))
    await house.fire("go")
    assert await house.outcomes() == ["running", "running"]


@pytest.mark.parametrize(("given", "level"), [("", "warning"), ("error", "error"), ("silent", "")])
async def test_a_run_that_is_turned_away_is_as_loud_as_the_rule_says(given: str, level: str) -> None:
    log = TestLog()
    house = House(log=log)
    more = f"max_exceeded: {given}" if given else ""
    text = f"""
    - id: r
      mode: single
      {more}
      triggers: {{trigger: event, event_type: go}}
      actions: [{{delay: 5}}]
    """
    await house.start(*programs(text))
    await house.fire("go")
    await house.fire("go")
    loud = [word for word in ("info", "warning", "error") for said in log.said(word) if said == "run ended"]
    assert loud == ([level] if level else [])


async def test_a_script_that_is_busy_turns_a_call_away_as_loud_as_it_says() -> None:
    log = TestLog()
    house = House(log=log)
    text = """
    scripts:
      slow:
        icon: mdi:snail
        mode: single
        max_exceeded: error
        trace: {stored_traces: 5}
        sequence: [{delay: 5}]
    rules:
      - id: r
        mode: parallel
        triggers: {trigger: event, event_type: go}
        actions: [{action: script.slow}]
    """
    await house.start(*programs(text))
    await house.fire("go")
    await house.fire("go")
    assert [values["outcome"] for kind, said, values in log.lines if (kind, said) == ("error", "run ended")] == [
        "failed_single"
    ]
