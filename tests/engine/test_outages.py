from __future__ import annotations

from datetime import timedelta

import pytest

from connections.chakra.connection import ChakraConnection
from connections.http import HttpConnection
from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.plugin import Accepted, Outcome, Refused, Request, Unsure, Waiting
from tests.engine.test_poll import watching
from tests.house import FailingJournal, House, Outside, acting

CALL = '- {action: http.request, data: {url: "https://a.example/{{ trigger.event.data.n }}"}}'
SHORT = '- {action: http.request, data: {url: "https://a.example/{{ trigger.event.data.n }}"}, timeout: 30}'
BUSY = Waiting("too many requests", timedelta(seconds=20), "rate-limited", answered=True)
AWAY = Waiting("cannot connect", timedelta(seconds=20), "unreachable")
TOKEN = Waiting("the token was refused", timedelta(seconds=20), "token-refused", answered=True)


class Parts(Outside):
    """An outside of which each address is a part of its own; `says` is what each answers, the others accept."""

    def __init__(self, **says: Outcome) -> None:
        super().__init__(lambda request: self.says.get(self.part(request), Accepted({}, "done")))
        self.says = dict(says)

    @staticmethod
    def part(request: Request) -> str:
        return str(request.body.get("url", "jobs")).rpartition("/")[2]

    def subject(self, request: Request) -> str:
        return self.part(request).rstrip("0123456789")


async def house(outside: Outside, actions: str = CALL, journal: Journal | None = None) -> House:
    found = House(outside=outside, journal=journal)
    await found.start(acting(actions, mode="parallel"))
    return found


async def keys(found: House) -> list[str]:
    return sorted(record.key for record in await found.journal.problems())


async def test_what_one_part_answers_says_nothing_of_another() -> None:
    parts = Parts(shop=BUSY)
    found = await house(parts)
    await found.fire("go", n="shop")
    (opened,) = await found.journal.problems()
    for _ in range(10):
        await found.advance(2)
        await found.fire("go", n="stock")
    assert await found.journal.problems() == [opened]
    parts.says = {}
    await found.advance(20)
    assert await keys(found) == []


async def test_a_problem_stays_since_its_beginning_as_long_as_anybody_waits_because_of_it() -> None:
    """Of the same part: the message to one contact is slowed down, those to others go through."""
    parts = Parts(shop1=BUSY)
    found = await house(parts)
    await found.fire("go", n="shop1")
    (opened,) = await found.journal.problems()
    for _ in range(30):
        await found.advance(31)
        await found.fire("go", n="shop2")
    assert await found.journal.problems() == [opened]


async def test_what_was_never_sent_clears_nothing_for_others() -> None:
    parts = Parts(shop1=AWAY, shop2=Refused("not sent: the header cannot be sent"))
    found = await house(parts)
    await found.fire("go", n="shop1")
    await found.fire("go", n="shop2")
    assert await keys(found) == ["connection/http/shop/unreachable"]


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (Accepted({}, "done"), []),
        (Refused("no such page", {"status": 404}), []),
        (TOKEN, ["token-refused"]),
        (BUSY, ["rate-limited"]),
        (Unsure("the other side failed", answered=True), []),
        (Unsure("sent, but no answer came in time"), ["unreachable"]),
    ],
)
async def test_any_answer_proves_that_it_can_be_reached(answer: Outcome, left: list[str]) -> None:
    parts = Parts(shop=AWAY, shop2=AWAY)
    found = await house(parts)
    await found.fire("go", n="shop2")
    parts.says["shop"] = answer
    await found.fire("go", n="shop")
    assert [code for code in await found.problems() if code != "sends-unsure"] == left


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (BUSY, ["rate-limited"]),
        (Waiting("the other side failed", problem="failing", answered=True), ["failing"]),
        (AWAY, ["token-refused", "unreachable"]),
    ],
)
async def test_an_answer_other_than_a_refusal_of_the_token_proves_that_it_is_taken(
    answer: Outcome, left: list[str]
) -> None:
    parts = Parts(shop=TOKEN)
    found = await house(parts)
    await found.fire("go", n="shop")
    parts.says["shop"] = answer
    await found.advance(20)
    assert sorted(await found.problems()) == left


async def test_it_clears_within_a_minute_when_the_last_who_waited_gave_up(journal: Journal) -> None:
    found = await house(Parts(shop=AWAY), SHORT, journal)
    await found.fire("go", n="shop")
    assert await found.problems() == ["unreachable"]
    await found.advance(30)
    assert [each.state for each in await found.sends()] == ["cancelled"]
    await found.advance(60)
    assert await found.problems() == []


async def test_it_stays_as_long_as_one_of_several_waits() -> None:
    found = await house(Parts(shop1=AWAY, shop2=AWAY), SHORT)
    await found.fire("go", n="shop1")
    await found.advance(25)
    await found.fire("go", n="shop2")
    await found.advance(25)
    assert await found.problems() == ["unreachable"]
    await found.advance(70)
    assert await found.problems() == []


async def test_it_clears_when_the_rule_that_waited_is_removed() -> None:
    found = await house(Parts(shop=AWAY))
    await found.fire("go", n="shop")
    await found.adopt()
    await found.advance(61)
    assert await found.problems() == []


async def test_it_clears_when_what_waited_is_no_longer_worth_sending() -> None:
    found = await house(Parts(shop=AWAY))
    await found.fire("go", n="shop")
    await found.advance(86_460)
    assert [each.state for each in await found.sends()] == ["expired"]
    assert await found.problems() == ["sends-expired"]


async def test_it_clears_when_a_poll_is_not_asked_any_more() -> None:
    parts = Parts(jobs=AWAY)
    found = House(outside=parts)
    await found.start(watching())
    assert await keys(found) == ["connection/chakra/jobs/unreachable"]
    await found.advance(300)
    assert await keys(found) == ["connection/chakra/jobs/unreachable"]
    await found.adopt()
    assert await keys(found) == []


async def test_after_a_restart_it_stays_open_for_those_who_still_wait_and_clears_for_the_others(
    journal: Journal,
) -> None:
    before = await house(Parts(shop=AWAY, stock=TOKEN), SHORT, journal)
    await before.fire("go", n="shop")
    await before.advance(15)
    await before.fire("go", n="stock")
    after = before.again()
    await after.start(*before.programs.values())
    opened = await keys(after)
    assert opened == ["connection/http/shop/unreachable", "connection/http/stock/token-refused"]
    await after.advance(29)
    assert await keys(after) == opened
    await after.advance(100)
    assert await keys(after) == []


async def test_one_that_nobody_knows_clears_a_minute_after_the_start() -> None:
    before = await house(Parts(shop=AWAY), SHORT)
    await before.fire("go", n="shop")
    await before.advance(31)
    after = before.again()
    await after.start()
    assert await after.problems() == ["unreachable"]
    await after.advance(61)
    assert await after.problems() == []


async def test_an_end_that_cannot_be_written_is_written_later() -> None:
    failing = FailingJournal(MemoryJournal())
    parts = Parts(shop=AWAY)
    found = await house(parts, journal=failing)
    await found.fire("go", n="shop")
    await found.engine.outages.work()
    (opened,) = await found.journal.problems()
    failing.fails_after = failing.commits
    await found.engine.outages.left((await found.sends())[0].op_id)
    assert await found.journal.problems() == [opened]
    failing.fails_after = None
    parts.says = {}
    await found.advance(61)
    assert await found.problems() == []


async def test_messages_and_jobs_of_chakra_and_hosts_of_web_calls_are_parts_of_their_own() -> None:
    chakra = ChakraConnection(
        {"token": "t", "plugin_id": "9aefeafc-a1c1-4d27-a0c6-10f66a25a80a", "phone_number_id": "1"}
    )
    assert chakra.subject(Request("chakra", "message.template", {})) == "messages"
    assert chakra.subject(Request("chakra", "job.counts", {})) == "jobs"
    http = HttpConnection({})
    assert http.subject(Request("http", "request", {"url": "https://Shop.example/x?y"})) == "shop.example:443"
    assert http.subject(Request("http", "request", {"url": "http://shop.example:8080"})) == "shop.example:8080"
    assert http.subject(Request("http", "request", {"url": "shop"})) == ""
