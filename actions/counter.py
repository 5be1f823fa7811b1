"""Actions on counters."""

from __future__ import annotations

from engine.plugin import (
    Action,
    Counter,
    Example,
    Impossible,
    Plan,
    View,
    declared,
    entities_of,
    integer,
    required,
)

_ORDERS = {"counter.orders": {"step": 5, "maximum": 20}}
_SHOWN = {"editable": False, "initial": 0, "step": 5, "maximum": 20}


class CounterIncrement(Action):
    """Counts up by one step; a counter stays at its maximum."""

    name = "counter.increment"
    entity_id = required(entities_of(Counter.domain), "The counter, or several")
    examples = (
        Example(
            "One more",
            "entity_id: counter.orders\n",
            known={"counter.orders": "10"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "15", "attributes": _SHOWN}],
        ),
        Example(
            "At its maximum",
            "entity_id: counter.orders\n",
            known={"counter.orders": "19"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "20", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Counter)
        return [counter.at(name, counter.count(state) + counter.step) for name, counter, state in found]


class CounterDecrement(Action):
    """Counts down by one step; a counter stays at its minimum."""

    name = "counter.decrement"
    entity_id = required(entities_of(Counter.domain), "The counter, or several")
    examples = (
        Example(
            "One less",
            "entity_id: counter.orders\n",
            known={"counter.orders": "10"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "5", "attributes": _SHOWN}],
        ),
        Example(
            "Below zero, as there is no minimum",
            "entity_id: counter.orders\n",
            known={"counter.orders": "0"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "-5", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Counter)
        return [counter.at(name, counter.count(state) - counter.step) for name, counter, state in found]


class CounterReset(Action):
    """Takes a counter back to where it begins."""

    name = "counter.reset"
    entity_id = required(entities_of(Counter.domain), "The counter, or several")
    examples = (
        Example(
            "Back to zero",
            "entity_id: counter.orders\n",
            known={"counter.orders": "10"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "0", "attributes": _SHOWN}],
        ),
        Example(
            "All counters",
            "entity_id: all\n",
            known={"counter.orders": "10"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "0", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [counter.at(name, counter.initial) for name, counter, _ in declared(view, self.entity_id, Counter)]


class CounterSetValue(Action):
    """Sets a counter; it must be a multiple of its step, and within its bounds."""

    name = "counter.set_value"
    entity_id = required(entities_of(Counter.domain), "The counter, or several")
    value = required(integer(-1_000_000_000, 1_000_000_000), "The new count")
    examples = (
        Example(
            "To ten",
            "entity_id: counter.orders\nvalue: 10\n",
            known={"counter.orders": "0"},
            declared=_ORDERS,
            gives=[{"entity": "counter.orders", "state": "10", "attributes": _SHOWN}],
        ),
        Example(
            "Two at once",
            "entity_id: [counter.orders, counter.returns]\nvalue: 5\n",
            known={"counter.orders": "0", "counter.returns": "1"},
            declared={**_ORDERS, "counter.returns": {}},
            gives=[
                {"entity": "counter.orders", "state": "5", "attributes": _SHOWN},
                {"entity": "counter.returns", "state": "5", "attributes": {"editable": False, "initial": 0, "step": 1}},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, Counter)
        for name, counter, _ in found:
            if counter.within(self.value) != self.value:
                raise Impossible(f"{name} stops at {counter.within(self.value)}, and {self.value} lies beyond")
            if counter.step and self.value % counter.step:
                raise Impossible(f"{name} goes in steps of {counter.step}, and {self.value} is not a multiple of it")
        return [counter.at(name, self.value) for name, counter, _ in found]
