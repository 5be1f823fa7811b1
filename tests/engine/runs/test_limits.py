from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.runs.limits import Buckets, Room, kept, limits_of
from engine.values import Limit


def test_each_connection_has_places_of_its_own() -> None:
    room = Room(2)
    assert [room.take("chakra") for _ in range(3)] == [True, True, False]
    assert room.take("http")
    assert room.taken == 3


def test_a_place_that_was_given_back_can_be_taken_again() -> None:
    room = Room(1)
    room.take("chakra")
    room.give("chakra")
    assert room.taken == 0
    assert room.take("chakra")


START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIX = timedelta(seconds=6)
PAIR = Limit("pair", 1 / 6, 2)
NUMBER = Limit("number", 10, 10)


def test_a_burst_goes_at_once_and_the_rest_at_the_pace() -> None:
    buckets = Buckets()
    found = [buckets.ask(f"op{n}", [PAIR], START) for n in range(4)]
    assert found == [None, None, (PAIR, START + SIX), (PAIR, START + 2 * SIX)]


def test_a_promise_is_kept_and_nobody_else_gets_its_token() -> None:
    buckets = Buckets()
    for n in range(3):
        buckets.ask(f"op{n}", [PAIR], START)
    assert buckets.ask("op2", [PAIR], START) == (PAIR, START + SIX)
    assert not buckets.take([PAIR], START + SIX)
    assert buckets.ask("op2", [PAIR], START + SIX) is None


def test_who_waits_for_one_limit_takes_nothing_of_the_others() -> None:
    buckets = Buckets()
    for n in range(8):
        buckets.ask(f"op{n}", [PAIR, NUMBER], START)
    assert [buckets.take([NUMBER], START) for _ in range(9)] == [True] * 8 + [False]


def test_a_closed_bucket_keeps_no_promise_and_has_no_burst_afterwards() -> None:
    buckets = Buckets()
    for n in range(3):
        buckets.ask(f"op{n}", [PAIR], START)
    buckets.close(PAIR, START + timedelta(minutes=1))
    assert buckets.ask("op2", [PAIR], START + SIX) == (PAIR, START + timedelta(minutes=1))
    assert not buckets.take([PAIR], START + timedelta(minutes=1))


def test_a_bucket_that_nobody_remembers_was_empty_when_memory_begins() -> None:
    buckets = Buckets(START)
    assert buckets.take([PAIR], START)
    assert not buckets.take([PAIR], START)
    assert Buckets(START - 9 * SIX).take([PAIR, PAIR], START)


def test_limits_are_kept_as_plain_data() -> None:
    assert limits_of(kept([PAIR, NUMBER])) == [PAIR, NUMBER]
    assert kept([]) is None
    assert limits_of(None) == []
