from __future__ import annotations

from datetime import timedelta

import pytest

from engine.values import Json, duration, masked


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("90", 90),
        ("01:30", 5400),
        ("01:30:15", 5415),
        ("00:00:00.25", 0.25),
        (" 5:07 ", 18420),
        ("100:00", 360000),
        ({"minutes": 5}, 300),
        ({"hours": 1, "minutes": "30", "milliseconds": 500}, 5400.5),
        ({"days": 2}, 172800),
        ("1 day, 2:00:00", 93_600),
        ("2 days, 0:00:01.5", 172_801.5),
    ],
)
def test_a_duration_is_read_as_people_write_it(value: Json, seconds: float) -> None:
    assert duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "soon",
        "1:60",
        "1:2:3:4",
        [],
        {},
        {"weeks": 1},
        {"minutes": True},
        {"minutes": None},
        "nan",
        "inf",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value: Json) -> None:
    with pytest.raises(ValueError, match=r'a duration: a number of seconds, "HH:MM:SS", or a mapping such as'):
        duration(value)


@pytest.mark.parametrize("value", [-1, "-5", "-01:00", {"minutes": -5}])
def test_a_negative_duration_is_refused_as_such(value: Json) -> None:
    with pytest.raises(ValueError, match="a duration cannot be negative"):
        duration(value)


def test_a_duration_longer_than_time_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="a duration: "):
        duration(1e300)


@pytest.mark.parametrize(
    ("phone", "shown"),
    [("+919876543210", "+9198…210"), ("919876543210", "9198…210"), ("+1234567", "…"), ("", "…")],
)
def test_a_masked_phone_shows_its_ends_only(phone: str, shown: str) -> None:
    assert masked(phone) == shown
