from __future__ import annotations

import pytest

from engine.plugin import Fact, Facts, FieldError, Fire, Json, Nothing
from tests.snapshot import NOW, Snapshot
from tests.triggers.listening import heard, listening, rule
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
    context = {"id": None, "parent_id": None, "user_id": None}
    told = {"event_type": "order_paid", "data": data, "time_fired": NOW.isoformat(), "context": context}
    assert verdict(wanted, data) == Fire({"event": told})


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


async def test_it_hears_each_of_its_types_and_no_other() -> None:
    async with listening("{trigger: event, event_type: [a, b]}") as w:
        for event_type in ("a", "b", "c"):
            await w.fire(event_type, {"n": 1})
        assert [(told["event"]["event_type"], told["event"]["data"]) for told in heard(w)] == [
            ("a", {"n": 1}),
            ("b", {"n": 1}),
        ]


async def test_templates_are_worked_out_once_when_the_rule_is_loaded() -> None:
    trigger = '{trigger: event, event_type: "order_{{ what }}", event_data: {shop: "{{ shop }}"}}'
    async with listening(trigger, more="  trigger_variables: {what: paid, shop: pune}\n") as w:
        await w.fire("order_paid", {"shop": "delhi"})
        await w.fire("order_paid", {"shop": "pune"})
        assert len(heard(w)) == 1


async def test_the_context_is_the_run_that_fired_the_event_and_may_be_asked_for() -> None:
    fires = """
- id: fires
  triggers: [{trigger: event, event_type: go}]
  actions: [{event: went}]
"""
    async with listening("{trigger: event, event_type: went}") as w:
        await w.load({"a.yaml": rule("{trigger: event, event_type: went}"), "b.yaml": fires})
        await w.fire("went")
        await w.fire("go")
        by_hand, by_run = (told["event"]["context"] for told in heard(w))
        assert by_hand == {"id": None, "parent_id": None, "user_id": None}
        assert by_run["id"]
        await w.load({"a.yaml": rule("{trigger: event, event_type: went, context: {user_id: [a, b]}}")})
        await w.fire("went")
        assert len(heard(w)) == 2


@pytest.mark.parametrize(
    ("context", "fires"), [({"id": "run1"}, True), ({"id": ["x", "run1"]}, True), ({"id": "x"}, False)]
)
def test_a_list_in_the_context_means_any_of_them(context: Json, fires: bool) -> None:
    event = Event({"event_type": "a", "context": context})
    fact = Fact("event", "a", {}, NOW, cause="run1")
    assert isinstance(event.decide(None, fact, Snapshot()).verdict, Fire) is fires


def test_an_unknown_key_of_the_context_is_told() -> None:
    with pytest.raises(FieldError, match="expected id, parent_id or user_id"):
        Event({"event_type": "a", "context": {"user": "x"}})
