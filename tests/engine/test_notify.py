from __future__ import annotations

from datetime import timedelta

from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.log import SilentLog
from engine.notices import Notices
from engine.notify import Notifier, Told, by_mail, by_webhook, news, notifiers
from engine.plugin import Accepted, Connection, Operation, Outcome, Request, Waiting
from engine.records import ProblemRecord
from engine.settings import NoticeKeys
from engine.source.scalar import SecretRef
from engine.testing import START, CountedIds, VirtualClock
from tests.house import FailingJournal

AFTER = timedelta(minutes=15)


class Listener(Connection):
    """Hears what it is asked to tell, as long as `outcome` says so."""

    def __init__(self) -> None:
        super().__init__({})
        self.heard: list[Request] = []
        self.outcome: Outcome | Exception = Accepted(None, "heard")

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if isinstance(self.outcome, Accepted):
            self.heard.append(request)
        return self.outcome

    @property
    def subjects(self) -> list[str]:
        return [request.body["subject"] for request in self.heard]


class Office:
    """Problems, somebody who is told of them, and a clock that the test owns."""

    def __init__(self, journal: Journal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.clock = VirtualClock()
        self.listener = Listener()
        self.build()

    def build(self) -> None:
        self.notices = Notices(self.journal, self.clock, SilentLog())
        request = by_mail(["ops@example.com"])
        self.notifier = Notifier(
            "mail", self.listener, request, AFTER, self.notices, self.journal, self.clock, CountedIds(), SilentLog()
        )

    async def restart(self) -> None:
        self.build()
        await self.notices.load()
        await self.notifier.load()

    async def after(self, minutes: float) -> None:
        self.clock.move(timedelta(minutes=minutes))
        await self.notifier.work()


async def test_a_problem_that_stays_is_told_once_and_once_more_when_it_has_cleared() -> None:
    office = Office()
    await office.notices.report("a/x", "x", "mend it")
    await office.after(14.9)
    assert office.listener.subjects == []
    await office.after(0.1)
    await office.after(60)
    assert office.listener.subjects == ["rulewheel: 1 problem"]
    await office.notices.clear("a/")
    await office.after(1)
    await office.after(1)
    assert office.listener.subjects == ["rulewheel: 1 problem", "rulewheel: 1 cleared"]
    assert "Open since 2026-03-02 09:00 UTC: mend it" in office.listener.heard[0].body["text"]
    assert "Cleared, after it was open since 2026-03-02 09:00 UTC: mend it" in office.listener.heard[1].body["text"]


async def test_what_clears_in_time_is_never_told() -> None:
    office = Office()
    await office.notices.report("a/x", "x", "mend it")
    await office.after(10)
    await office.notices.clear("a/")
    await office.after(10)
    assert office.listener.heard == []


async def test_many_problems_are_one_notice() -> None:
    office = Office()
    for name in "xyz":
        await office.notices.report(f"a/{name}", name, f"mend {name}")
    await office.after(15)
    assert office.listener.subjects == ["rulewheel: 3 problems"]


async def test_a_restart_tells_nothing_twice_and_forgets_nothing() -> None:
    office = Office()
    await office.notices.report("a/x", "x", "mend it")
    await office.after(15)
    await office.restart()
    await office.after(1)
    assert office.listener.subjects == ["rulewheel: 1 problem"]
    await office.notices.clear("a/")
    await office.restart()
    await office.after(1)
    await office.restart()
    await office.after(1)
    assert office.listener.subjects == ["rulewheel: 1 problem", "rulewheel: 1 cleared"]


async def test_a_problem_that_comes_back_is_told_again() -> None:
    office = Office()
    await office.notices.report("a/x", "x", "mend it")
    await office.after(15)
    await office.notices.clear("a/")
    await office.after(1)
    await office.notices.report("a/x", "x", "mend it")
    await office.after(15)
    assert office.listener.subjects[-1] == "rulewheel: 1 problem"
    assert len(office.listener.heard) == 3


async def test_more_of_what_a_problem_counts_is_told_again_at_most_every_15_minutes_with_how_many_are_new() -> None:
    office = Office()
    await office.notices.more("deliveries/x", "delivery-failed", "the first was not delivered")
    await office.after(15)
    for name in ("second", "third"):
        await office.after(4)
        await office.notices.more("deliveries/x", "delivery-failed", f"the {name} was not delivered")
    await office.after(6.9)
    assert office.listener.subjects == ["rulewheel: 1 problem"]
    await office.after(0.1)
    assert office.listener.subjects == ["rulewheel: 1 problem", "rulewheel: 1 with more"]
    text = office.listener.heard[1].body["text"]
    assert "Open since 2026-03-02 09:00 UTC, 2 new since the last notice: the third was not delivered" in text
    await office.after(60)
    assert len(office.listener.heard) == 2
    await office.notices.more("deliveries/x", "delivery-failed", "a fourth was not delivered")
    await office.after(0.1)
    assert "1 new since the last notice" in office.listener.heard[2].body["text"]


async def test_after_a_restart_only_what_has_come_since_the_last_notice_is_new() -> None:
    office = Office()
    await office.notices.restate("sends/unsure", "sends-unsure", "1", [START])
    await office.after(15)
    await office.restart()
    await office.notices.restate("sends/unsure", "sends-unsure", "1", [START])
    await office.after(20)
    assert len(office.listener.heard) == 1
    await office.notices.restate("sends/unsure", "sends-unsure", "2", [START, office.clock.now()])
    await office.after(1)
    assert "1 new since the last notice: 2" in office.listener.heard[1].body["text"]


async def test_what_did_not_go_out_is_a_problem_and_tried_again_ever_more_rarely() -> None:
    office = Office()
    await office.notices.report("a/x", "x", "mend it")
    office.listener.outcome = Waiting("nobody answers", problem="unreachable")
    await office.after(15)
    (_, own) = office.notices.open()
    assert own.code == "notices-failing"
    assert "the next try is at 2026-03-02 09:20 UTC: nobody answers" in own.text
    office.listener.outcome = ZeroDivisionError()
    await office.after(5)
    office.listener.outcome = Accepted(None, "heard")
    await office.after(5)
    assert office.listener.heard == []
    await office.after(5)
    assert office.listener.subjects == ["rulewheel: 1 problem"]
    assert [each.code for each in office.notices.open()] == ["x"]


async def test_that_nothing_can_be_written_is_told_although_nothing_can_be_written() -> None:
    journal = FailingJournal(MemoryJournal())
    journal.fails_after = 0
    office = Office(journal)
    await office.notices.report("journal/disk-full", "disk-full", "make room")
    await office.after(15)
    await office.after(15)
    assert office.listener.subjects == ["rulewheel: 1 problem"]


async def test_the_settings_say_who_is_told_and_how() -> None:
    office = Office()
    mail, http = Listener(), Listener()
    keys = NoticeKeys(
        {
            "after": 60,
            "mail_to": "ops@example.com",
            "webhook": "https://hooks.example/x",
            "headers": {"Authorization": SecretRef("hook_key"), "X-Kind": "notice"},
        }
    )
    found = notifiers(
        keys,
        {"mail": mail, "http": http},
        office.notices,
        office.journal,
        office.clock,
        CountedIds(),
        SilentLog(),
    )
    await office.notices.report("a/x", "x", "mend it")
    office.clock.move(timedelta(minutes=1))
    assert [await each.work() for each in found] == [True, True]
    assert mail.heard[0].body["to"] == ["ops@example.com"]
    told = http.heard[0].body
    assert told["headers"] == {"Authorization": {"secret": "hook_key"}, "X-Kind": "notice"}
    assert told["json"]["opened"] == [{"code": "x", "text": "mend it", "since": START.isoformat()}]
    assert told["json"]["grown"] == []
    assert notifiers(NoticeKeys({}), {}, *_nobody(office)) == []


def _nobody(office: Office) -> tuple[Notices, Journal, VirtualClock, CountedIds, SilentLog]:
    return office.notices, office.journal, office.clock, CountedIds(), SilentLog()


def test_a_webhook_is_told_how_many_are_new() -> None:
    problem = ProblemRecord("a/x", "x", "mend it", START, None)
    found = news([problem], {"a/x": Told(problem, START)}, START + AFTER, AFTER, lambda key, since: 3)
    assert found is not None
    (grown,) = by_webhook("https://hooks.example/x", {})(found).body["json"]["grown"]
    assert grown == {"code": "x", "text": "mend it", "since": START.isoformat(), "new": 3}


def test_a_webhook_gets_the_text_where_chats_look_for_it() -> None:
    problem = ProblemRecord("a/x", "x", "mend it", START, None)
    found = news([problem], {}, START + AFTER, AFTER)
    assert found is not None
    assert by_webhook("https://hooks.example/x", {})(found).body["json"]["text"] == found.text
