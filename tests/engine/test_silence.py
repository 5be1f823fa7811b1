from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.silence import Silence
from engine.states import States
from engine.testing import VirtualClock
from tests.engine.journal.records import effect
from tests.house import TestLog

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Post:
    """Webhooks that come, and sends that are accepted, with a look every so often."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = VirtualClock()
        self.used = {"orders"}
        self.begin(States())

    def begin(self, states: States) -> None:
        self.notices = Notices(self.journal, self.clock, TestLog())
        self.silence = Silence(self.journal, self.clock, states, self.notices, lambda: self.used)
        self.silence.load()

    async def restart(self, down: timedelta) -> None:
        self.clock.move(down)
        self.begin(States(await self.journal.entities()))
        await self.notices.load()

    async def passes(self, time: timedelta, pace: timedelta = 10 * MINUTE) -> list[str]:
        for _ in range(int(time / pace)):
            self.clock.move(pace)
            await self.silence.look()
        return [problem.text for problem in self.notices.open()]

    async def comes(self, every: timedelta, lasts: timedelta) -> None:
        for _ in range(int(lasts / every)):
            assert await self.passes(every) == []
            self.silence.heard("orders")


@pytest.fixture
def post() -> Post:
    return Post()


async def test_a_webhook_that_came_every_hour_is_silent_after_three_and_no_more_when_it_comes(post: Post) -> None:
    await post.comes(HOUR, 8 * DAY)
    last = post.clock.now()
    assert await post.passes(3 * HOUR) == []
    (text,) = await post.passes(MINUTE, MINUTE)
    assert text == f'the webhook "orders" has not come since {last:%Y-%m-%d %H:%M} UTC; it never paused over 60 minutes'
    post.silence.heard("orders")
    assert await post.passes(MINUTE, MINUTE) == []
    assert await post.passes(2 * HOUR) == []
    assert len(await post.passes(2 * HOUR)) == 1


async def test_nights_and_weekends_are_part_of_its_rhythm(post: Post) -> None:
    chance = Random(7)
    for day in range(28):
        for _ in range(9 * 6):
            assert await post.passes(10 * MINUTE) == []
            if day % 7 < 5 and chance.random() < 0.7:
                post.silence.heard("orders")
        assert await post.passes(15 * HOUR) == []


async def test_what_comes_at_random_is_no_false_alarm(post: Post) -> None:
    chance = Random(11)
    for _ in range(3_000):
        assert await post.passes(timedelta(minutes=round(chance.expovariate(1 / 10))), MINUTE) == []
        post.silence.heard("orders")


async def test_what_came_on_a_few_days_only_is_never_silent(post: Post) -> None:
    await post.comes(HOUR, 5 * DAY)
    assert await post.passes(20 * DAY) == []


async def test_after_a_week_silence_is_its_rhythm(post: Post) -> None:
    await post.comes(HOUR, 8 * DAY)
    assert len(await post.passes(5 * DAY)) == 1
    assert await post.passes(4 * DAY) == []


async def test_what_no_rule_waits_for_is_not_missed(post: Post) -> None:
    await post.comes(HOUR, 8 * DAY)
    assert len(await post.passes(4 * HOUR)) == 1
    post.used.clear()
    assert await post.passes(HOUR) == []


async def test_what_was_learnt_outlives_a_restart_and_time_without_rulewheel_does_not_count(post: Post) -> None:
    await post.comes(HOUR, 8 * DAY)
    await post.restart(10 * HOUR)
    assert await post.passes(3 * HOUR) == []
    assert len(await post.passes(HOUR)) == 1
    post.silence.heard("orders")
    await post.passes(10 * MINUTE)
    await post.restart(2 * HOUR)
    post.silence.heard("orders")
    assert await post.passes(3 * HOUR) == []
    assert len(await post.passes(HOUR)) == 1


async def accepted(post: Post, count: int) -> None:
    for number in range(count):
        post.silence.accepted(effect(f"{number:032}"))
        await post.passes(MINUTE, MINUTE)


async def test_statuses_that_came_and_come_no_more_are_missed_after_five_messages_and_15_minutes(post: Post) -> None:
    post.silence.told("chakra")
    await accepted(post, 5)
    assert await post.passes(9 * MINUTE, MINUTE) == []
    (text,) = await post.passes(MINUTE, MINUTE)
    assert text.startswith("no status of a message has come from chakra since 2026-03-02 09:00 UTC")
    post.silence.told("chakra")
    assert await post.passes(MINUTE, MINUTE) == []


async def test_where_no_status_ever_came_or_few_messages_go_out_none_is_missed(post: Post) -> None:
    await accepted(post, 50)
    post.silence.told("chakra")
    await accepted(post, 4)
    assert await post.passes(DAY) == []


async def test_a_send_without_a_recipient_has_no_status(post: Post) -> None:
    post.silence.told("chakra")
    for number in range(9):
        post.silence.accepted(effect(f"{number:032}")._replace(recipient=""))
    assert await post.passes(HOUR) == []
