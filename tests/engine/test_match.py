from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from engine.journal.memory import MemoryJournal
from engine.match import Matcher
from engine.plugin import (
    Decision,
    Fact,
    Facts,
    Fire,
    Hold,
    Json,
    Nothing,
    Poll,
    Request,
    States,
    Trigger,
    View,
    Watch,
    Webhook,
)
from engine.records import Changes, DueRecord, MemoryRecord
from engine.states import Snapshot
from engine.testing import CountedIds
from tests.house import START, House, TestLog, program, programs

VIEW = Snapshot(START, UTC, CountedIds())


class Counting(Trigger):
    """Counts the events `tick` and fires on each."""

    name = "counting"

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", "tick")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        n = (memory or 0) + 1
        return Decision(n, Fire({"n": n}, dedupe=fact.data.get("dedupe")), f"tick {n}")


class Faulty(Trigger):
    """Fails whenever it is asked."""

    name = "faulty"

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", "tick")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        raise RuntimeError("oops")


class Blind(Faulty):
    """Cannot even say what it watches."""

    name = "blind"

    def watches(self, view: View) -> list[Watch]:
        raise RuntimeError("no idea")


class Watching(Trigger):
    """Watches states of its own and all of a kind."""

    name = "watching"

    def watches(self, view: View) -> list[Watch]:
        return [States(("job.j1", "job.", "sensor.x")), Facts("event", "*"), Facts("event", "tick")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(None, Fire({"what": fact.subject}), "it moved")


class Forever(Trigger):
    """Holds longer than any calendar."""

    name = "forever"

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", "tick")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if fact.data.get("off"):
            return Decision(None, Nothing(cancels=True), "left")
        return Decision(None, Hold(timedelta.max, Fire({})), "held")


def using(trigger: type[Trigger], rule: str = "r") -> Any:
    text = f"""
    - id: {rule}
      triggers: {{trigger: {trigger.name}}}
      actions:
        - stop: "{{{{ trigger.n | default('') }}}}{{{{ trigger.what | default('') }}}}"
    """
    return program(text, trigger)


def tick(**data: Json) -> Fact:
    return Fact("event", "tick", data, START)


async def reasons(house: House) -> list[str]:
    return [run.reason for run in await house.runs()]


async def test_a_trigger_remembers_over_a_restart() -> None:
    house = House()
    await house.start(using(Counting))
    await house.fire("tick")
    following = house.again()
    await following.start(using(Counting))
    await following.fire("tick")
    assert await reasons(following) == ["1", "2"]


async def test_a_memory_that_was_not_written_is_not_kept_and_the_fact_decided_again() -> None:
    house = House()
    await house.start(using(Counting))
    (place,) = [(watcher.place) for watcher in house.engine.matcher.watches.watchers(("event", "tick"))]
    await house.fire("tick")
    await house.journal.commit(Changes(put=[MemoryRecord(*place, "tick", 10)]))
    await house.fire("tick")
    assert await reasons(house) == ["1", "11"]


async def test_recalling_forgets_what_the_journal_does_not_hold() -> None:
    matcher = Matcher()
    matcher.attach([using(Counting)], VIEW)
    reactions = matcher.decide(("event", "tick"), tick(), VIEW)
    assert matcher.remembered()
    await matcher.recall(reactions, MemoryJournal().get)
    assert matcher.remembered() == []


async def test_a_trigger_that_fails_keeps_the_fact_from_nobody_else() -> None:
    log = TestLog()
    house = House(log=log)
    await house.start(using(Faulty), using(Blind, "b"), using(Counting, "c"))
    await house.fire("tick")
    assert [run.rule for run in await house.runs()] == ["c"]
    assert log.said("error") == ["a trigger watches nothing", "a trigger failed"]


async def test_a_trigger_that_fails_on_a_rules_event_fails_alone_too() -> None:
    log = TestLog()
    house = House(log=log)
    text = """
    - id: first
      triggers: {trigger: event, event_type: go}
      actions:
        - event: tick
    """
    await house.start(*programs(text), using(Faulty))
    await house.fire("go")
    assert await house.outcomes() == ["finished"]
    assert "a trigger failed" in log.said("error")


async def test_an_entity_is_watched_by_name_and_by_prefix_once() -> None:
    house = House()
    await house.start(using(Watching))
    matcher = house.engine.matcher
    assert len(matcher.watches.watchers(("state", "job.j1"))) == 1
    assert len(matcher.watches.watchers(("state", "job.j2"))) == 1
    assert matcher.watches.watchers(("state", "sensor.y")) == []
    assert len(matcher.watches.watchers(("event", "tick"))) == 1
    assert len(matcher.watches.watchers(("event", "tock"))) == 1


async def test_a_hold_may_last_to_the_end_of_time_and_ends_when_the_value_leaves() -> None:
    house = House()
    await house.start(using(Forever))
    await house.fire("tick")
    (row,) = await house.journal.dues("hold/")
    assert row.at.year == 9000
    await house.fire("tick", off=True)
    assert await house.journal.dues("hold/") == []


def test_a_hold_of_a_trigger_that_is_gone_has_no_event() -> None:
    matcher = Matcher()
    matcher.attach([using(Counting)], VIEW)
    row = DueRecord("hold/r/t/x", "hold", START, {"rule": "r", "trigger": "other", "fire": {}, "key": ""})
    assert matcher.held(row, VIEW) is None


class Two(Trigger):
    """Asks the same at two paces and listens at two methods."""

    name = "two"

    def watches(self, view: View) -> list[Watch]:
        ask = Request("outside", "ask", {"x": 1})
        paces = [Poll(ask, timedelta(seconds=n), "x", "sensor.x") for n in (30, 10)]
        return [*paces, Webhook("w", frozenset({"GET"})), Webhook("w", frozenset({"PUT"}))]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(None, Nothing(), "")


def test_what_is_watched_twice_is_watched_once() -> None:
    matcher = Matcher()
    matcher.attach([using(Two)], VIEW)
    (poll,) = matcher.watches.polls.values()
    assert poll.every == timedelta(seconds=10)
    assert matcher.watches.webhooks == {"w": frozenset({"GET", "PUT"})}


async def test_what_the_sender_names_twice_is_one_event() -> None:
    house = House()
    await house.start(using(Counting))
    for dedupe in ("a", "a", "b", None, None):
        await house.fire("tick", dedupe=dedupe)
    assert await reasons(house) == ["1", "2", "3", "4"]


async def test_the_dedupe_template_of_a_trigger_counts_more_than_the_plugins_own() -> None:
    house = House()
    text = """
    - id: r
      triggers: {trigger: event, event_type: go, dedupe: "{{ trigger.event.data.order }}"}
      actions:
        - stop: "{{ trigger.event.data.n }}"
    """
    await house.start(program(text))
    for n, order in enumerate(["a", "a", "b", "", ""]):
        await house.fire("go", n=n, order=order)
    await house.fire("go", n=9)
    await house.fire("go", n=10)
    assert await reasons(house) == ["0", "2", "3", "4", "9", "10"]


async def test_a_changed_state_is_told_to_those_who_watch_it() -> None:
    house = House()
    text = """
    - id: w
      triggers: {trigger: event, event_type: go}
      actions:
        - {action: job.watch, data: {job: j1}}
    """
    await house.start(using(Watching), *programs(text))
    await house.fire("go")
    assert sorted(await reasons(house)) == ["all steps done", "go", "job.j1"]
