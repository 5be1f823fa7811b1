from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from engine.journal.api import Journal, JournalError
from engine.journal.memory import MemoryJournal
from engine.prune import Prune
from engine.records import (
    Changes,
    EntityRecord,
    EventRecord,
    HistoryRecord,
    ProblemRecord,
    ProgramRecord,
    RuleRecord,
    RunRecord,
    SeenRecord,
)
from engine.settings import Keep
from engine.states import States
from engine.testing import VirtualAlarm
from tests.engine.journal.records import effect, event, run, step
from tests.house import FailingJournal, TestClock, TestLog

NOW = datetime.fromisoformat("2026-06-01T09:00:00+00:00")


class Home:
    """A journal, and what removes from it, on 1 June."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.clock = TestClock(NOW)
        self.alarm = VirtualAlarm()
        self.states = States()
        self.log = TestLog()
        self.prune = Prune(journal, self.states, self.clock, Keep({}), self.alarm, self.log)

    async def keep(self, *records: object) -> None:
        await self.journal.commit(Changes(put=list(records)))

    async def round(self) -> int:
        """Works until there is nothing to do; gives the number of parts."""
        parts = 0
        while await self.prune.work():
            parts += 1
        return parts

    async def runs(self) -> list[str]:
        return sorted(each.id for each in await self.journal.runs(limit=1000))


def ended(name: str, days: float, outcome: str = "finished") -> list[object]:
    """A run that ended so many days ago, with its event, a step and a send."""
    at = NOW - timedelta(days=days)
    over = run(name, "done")._replace(event=f"e{name}", outcome=outcome, started=at, ended=at)
    return [over, event(f"e{name}", "done"), step(name, 1), effect(f"op{name}", "accepted", name)]


@pytest.fixture
def home(journal: Journal) -> Home:
    return Home(journal)


async def test_a_run_that_ended_well_goes_after_30_days_and_one_that_failed_after_90(home: Home) -> None:
    for number, (days, outcome) in enumerate(
        [(31, "finished"), (29, "finished"), (31, "error"), (91, "unsure"), (31, "failed_conditions")]
    ):
        await home.keep(*ended(f"r{number}", days, outcome))
    await home.round()
    assert await home.runs() == ["r1", "r2"]


async def test_a_run_goes_with_all_that_belongs_to_it(home: Home) -> None:
    await home.keep(*ended("r1", 31), *ended("r2", 1))
    await home.round()
    assert await home.journal.steps("r1") == []
    assert [each.op_id for each in await home.journal.sends()] == ["opr2"]
    assert await home.journal.get(EventRecord, ("er1",)) is None
    assert await home.journal.get(EventRecord, ("er2",)) is not None


@pytest.mark.parametrize("state", ["queued", "intent", "waiting", "unsure"])
async def test_what_is_open_is_never_touched(home: Home, state: str) -> None:
    await home.keep(*ended("r1", 100), effect("op2", state, "r1"))
    await home.keep(run("r2")._replace(started=NOW - timedelta(days=100)))
    await home.round()
    assert await home.runs() == ["r1", "r2"]


async def test_identities_are_recognised_for_8_days_at_least(home: Home) -> None:
    for days in (7.9, 8, 20):
        await home.keep(SeenRecord("r/t", f"{days}", NOW - timedelta(days=days)))
    await home.round()
    assert [each.key for each in await home.journal.page(SeenRecord, None, 9)] == ["7.9"]
    assert home.states.get("rulewheel.pruned") is None


async def test_problems_go_when_they_have_been_clear_for_90_days(home: Home) -> None:
    for name, cleared in (("open", None), ("old", NOW - timedelta(days=91)), ("fresh", NOW)):
        await home.keep(ProblemRecord(name, "disk-full", "full", NOW - timedelta(days=200), cleared))
    await home.round()
    assert {each.key for each in await home.journal.problems(open_only=False)} == {"open", "fresh"}


async def test_a_program_goes_when_nothing_names_it_any_more(home: Home) -> None:
    long_ago = NOW - timedelta(days=100)
    for name in ("current", "of a run", "of an event", "old"):
        await home.keep(ProgramRecord(name, "welcome", {}, "a.yaml", 1, "", long_ago))
    await home.keep(ProgramRecord("new", "welcome", {}, "a.yaml", 1, "", NOW))
    await home.keep(RuleRecord("welcome", "current", "a.yaml", True, None), run("r1")._replace(program="of a run"))
    await home.keep(event("e1")._replace(program="of an event"))
    await home.round()
    left = {each.hash for each in await home.journal.page(ProgramRecord, None, 9)}
    assert left == {"current", "of a run", "of an event", "new"}


async def test_a_round_is_a_part_at_a_time_and_comes_again_after_a_day(home: Home) -> None:
    for number in range(120):
        await home.keep(*ended(f"r{number:03}", 31))
    assert await home.round() >= 3
    assert await home.runs() == []
    assert home.alarm.next() == NOW + timedelta(days=1)
    await home.keep(*ended("r1", 31))
    assert await home.round() == 0
    home.clock.move(timedelta(days=1))
    home.alarm.ring(home.clock.now())
    assert home.prune.wake
    await home.round()
    assert await home.runs() == []


async def test_runs_younger_than_all_bounds_are_not_looked_through(home: Home) -> None:
    for number in range(300):
        await home.keep(run(f"r{number:03}", "done")._replace(started=NOW, ended=NOW))
    assert await home.round() < 4


async def test_what_was_removed_is_written_down(home: Home) -> None:
    await home.keep(*ended("r1", 31), *ended("r2", 31), *ended("r3", 91, "error"))
    await home.round()
    (told,) = [each for each in await home.journal.entities() if each.entity == "rulewheel.pruned"]
    assert told.state == NOW.isoformat()
    assert told.attributes["runs"] == 3
    assert told.attributes["runs_before"] == (NOW - timedelta(days=30)).isoformat()
    assert home.log.said("info") == ["what was old enough was removed"]


async def test_nothing_is_written_where_nothing_is_old() -> None:
    failing = FailingJournal(MemoryJournal())
    home = Home(failing)
    await home.keep(*ended("r1", 1))
    await home.round()
    assert failing.commits == 1


async def test_a_round_that_could_not_be_written_begins_again() -> None:
    failing = FailingJournal(MemoryJournal())
    home = Home(failing)
    await home.keep(*ended("r1", 31))
    failing.fails_after = failing.commits
    with pytest.raises(JournalError):
        await home.round()
    failing.fails_after = None
    await home.round()
    assert await home.runs() == []


async def test_a_program_that_a_rule_runs_again_meanwhile_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ProgramRecord("p7", "welcome", {}, "a.yaml", 1, "", NOW - timedelta(days=100))
    await home.keep(old)
    events = home.journal.new_events

    async def meanwhile(limit: int) -> Sequence[EventRecord]:
        await home.keep(old._replace(at=NOW), RuleRecord("welcome", "p7", "a.yaml", True, None))
        return await events(limit)

    monkeypatch.setattr(home.journal, "new_events", meanwhile)
    await home.round()
    assert await home.journal.get(ProgramRecord, ("p7",)) is not None
    assert await home.journal.get(RunRecord, ("r1",)) is None


async def test_how_entities_stood_goes_after_30_days_and_how_they_stand_stays(home: Home) -> None:
    stands = EntityRecord("counter.orders", "600", {}, NOW - timedelta(days=40), NOW - timedelta(days=40))
    stood = [HistoryRecord("counter.orders", f"{n:04}", NOW - timedelta(days=40), str(n), {}) for n in range(600)]
    young = HistoryRecord("counter.orders", "9999", NOW - timedelta(days=29), "600", {})
    await home.keep(stands, *stood, young)
    assert await home.round() > 1
    assert await home.journal.history("counter.orders", NOW - timedelta(days=400), 1000) == [young]
    assert await home.journal.get(EntityRecord, ("counter.orders",)) == stands
