from __future__ import annotations

import pytest

from engine.plugin import Fact, Facts, FieldError, Fire, Json, Nothing
from tests.snapshot import NOW, Snapshot
from triggers.event import Event


def verdict(wanted: Json, data: Json) -> object:
    event = Event({"event_type": "order_paid", "event_data": wanted})
    return event.decide(None, Fact("event", "order_paid", data, NOW), Snapshot()).verdict


@pytest.mark.parametrize(
    ("wanted", "data"),
    [
        ({}, {}),
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": None}, {"a": None}),
    ],
)
def test_all_that_is_asked_for_is_there(wanted: Json, data: Json) -> None:
    assert verdict(wanted, data) == Fire({"event": {"event_type": "order_paid", "data": data}})


@pytest.mark.parametrize(
    ("wanted", "data"),
    [
        ({"a": 1}, {}),
        ({"a": None}, {}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": False}, {"a": 0}),
        ({"a": {"b": 1}}, {"a": {"b": 2}}),
        ({"a": {"b": 1}}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [1, 2, 3]}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}),
    ],
)
def test_something_that_is_asked_for_is_not_there(wanted: Json, data: Json) -> None:
    assert verdict(wanted, data) == Nothing()


def test_the_reason_names_the_key_and_keeps_the_value_to_itself() -> None:
    event = Event({"event_type": "order_paid", "event_data": {"buyer": {"phone": "+919876543210"}}})
    decision = event.decide(None, Fact("event", "order_paid", {"buyer": {"phone": "+14155550123"}}, NOW), Snapshot())
    assert decision.reason == "event_data.buyer.phone is not what the rule asks for"


def test_each_type_is_watched_once() -> None:
    watches = Event({"event_type": ["a", "b", "a"]}).watches(Snapshot())
    assert watches == [Facts("event", "a"), Facts("event", "b")]


def test_the_type_is_needed() -> None:
    with pytest.raises(FieldError, match="event_type is missing"):
        Event({})
