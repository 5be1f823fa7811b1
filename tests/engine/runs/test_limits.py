from __future__ import annotations

from engine.runs.limits import Room


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
