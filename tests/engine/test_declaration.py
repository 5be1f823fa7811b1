from __future__ import annotations

import pytest

from engine.declaration import Declaration, entities_of
from engine.judge import block_faults
from engine.values import Json

COUNTERS = entities_of("counter", "timer")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("counter.a", ["counter.a"]),
        (" Counter.A ", ["counter.a"]),
        ("counter.a, timer.b", ["counter.a", "timer.b"]),
        (["counter.a", "counter.a"], ["counter.a"]),
        ("all", ["all"]),
    ],
)
def test_entities_are_named_one_by_one_in_a_list_or_with_commas(value: Json, names: list[str]) -> None:
    assert COUNTERS.read(value) == names


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("orders", 'expected an entity such as "counter.a_name"; write "counter.orders"'),
        ("sensor.a", "expected an entity whose name begins with counter. or timer."),
        (["counter.a", "b"], "(at item 2)"),
        (5, "expected an entity such as"),
        ("", "expected an entity such as"),
        ([], "expected an entity such as"),
        ("counter.a,", "expected an entity such as"),
    ],
)
def test_what_names_no_entity_is_told(value: Json, sentence: str) -> None:
    with pytest.raises(ValueError) as told:
        COUNTERS.read(value)
    assert sentence in str(told.value)


def test_what_is_declared_is_written_out_and_no_template() -> None:
    (fault,) = block_faults(Declaration, {"name": "{{ 5 }}"})
    assert fault.code == "no-template-here"


def test_every_kind_says_how_it_is_loaded() -> None:
    with pytest.raises(NotImplementedError):
        Declaration({}).loaded("counter.a", None, None)  # type: ignore[arg-type]  # it is not looked at
