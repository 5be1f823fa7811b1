from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from engine.kinds import ENTITIES, ENTITY, TIME_OR_ENTITY, WANTED, Wanted, same


def test_entities_are_one_a_list_or_a_text_with_commas_each_once() -> None:
    assert ENTITIES.read("sensor.a") == ["sensor.a"]
    assert ENTITIES.read("sensor.a, sensor.b,sensor.a") == ["sensor.a", "sensor.b"]
    assert ENTITIES.read(["sensor.a", "job.19632427-908f"]) == ["sensor.a", "job.19632427-908f"]


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("Sensor.A", 'write "sensor.a"'),
        ("sensor.my till", 'write "sensor.my_till"'),
        ("till", "in front of the dot stands which kind of entity it is"),
        (5, "in front of the dot"),
    ],
)
def test_what_is_no_entity_is_refused_with_what_to_write(written: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match="expected the name of an entity") as refused:
        ENTITY.read(written)
    assert remedy in str(refused.value)


def test_null_asks_for_anything_and_values_for_one_of_them_by_type() -> None:
    assert None in WANTED.read(None)
    assert "on" in WANTED.read(["on", "off"])
    assert 200 not in WANTED.read("200")
    assert True not in WANTED.read(1)
    assert str(Wanted(("on", "off"))) == '"on" or "off"'


def test_true_is_not_1() -> None:
    assert same(1, 1.0)
    assert not same(True, 1)
    assert not same("1", 1)


def test_a_time_of_day_or_an_entity_that_holds_one() -> None:
    assert TIME_OR_ENTITY.read("9:05") == time(9, 5)
    assert TIME_OR_ENTITY.read("input_datetime.opening") == "input_datetime.opening"
    with pytest.raises(ValueError, match="hours go from 00 to 23"):
        TIME_OR_ENTITY.read("25:00")
