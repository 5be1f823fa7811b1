from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

from engine.clock import SystemClock, SystemIds, elapsed

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Stopped:
    """A clock that shows what it was set to."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    async def sleep_until(self, when: datetime) -> None:
        self.time = when


def test_the_machines_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_the_time_that_passes_is_told_beside_the_clock() -> None:
    before = elapsed()
    assert before >= timedelta(0)
    assert elapsed() >= before


async def test_sleeping_until_a_time_that_is_past_ends_at_once() -> None:
    await asyncio.wait_for(SystemClock().sleep_until(NOON), timeout=5)


def test_an_op_id_is_128_bits_in_small_hex_and_never_comes_twice() -> None:
    ids = SystemIds(Stopped(NOON))
    made = {ids.op_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)


def test_row_ids_sort_by_the_time_they_were_made_also_within_one_instant() -> None:
    ids = SystemIds(Stopped(NOON))
    made = [ids.row_id() for _ in range(1000)]
    assert made == sorted(made)
    assert all(re.fullmatch(r"[0-9a-z]{26}", each) for each in made)


def test_row_ids_go_on_when_the_clock_jumps_back() -> None:
    clock = Stopped(NOON)
    ids = SystemIds(clock)
    before = ids.row_id()
    clock.time = NOON - timedelta(hours=1)
    assert ids.row_id() > before


def test_row_ids_of_later_times_sort_later() -> None:
    assert SystemIds(Stopped(NOON + timedelta(days=400))).row_id() > SystemIds(Stopped(NOON)).row_id()
