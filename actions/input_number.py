"""Actions on numbers of one's own."""

from __future__ import annotations

from engine.plugin import NUMBER, Action, Example, InputNumber, Plan, View, declared, entities_of, required

_LIMIT = {"input_number.limit": {"min": 0, "max": 100, "step": 5}}
_SHOWN = {"editable": False, "initial": None, "min": 0.0, "max": 100.0, "step": 5.0, "mode": "slider"}


class InputNumberSetValue(Action):
    """Sets a number; it must lie within its bounds."""

    name = "input_number.set_value"
    entity_id = required(entities_of(InputNumber.domain), "The number, or several")
    value = required(NUMBER, "The new value")
    examples = (
        Example(
            "A limit of 25",
            "entity_id: input_number.limit\nvalue: 25\n",
            known={"input_number.limit": "10.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "25.0", "attributes": _SHOWN}],
        ),
        Example(
            "A value need not be a whole number of steps",
            'entity_id: input_number.limit\nvalue: "12.5"\n',
            known={"input_number.limit": "10.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "12.5", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [number.at(name, self.value) for name, number, _ in declared(view, self.entity_id, InputNumber)]


class InputNumberIncrement(Action):
    """Makes a number larger by one step; it stays at its maximum."""

    name = "input_number.increment"
    entity_id = required(entities_of(InputNumber.domain), "The number, or several")
    examples = (
        Example(
            "One step up",
            "entity_id: input_number.limit\n",
            known={"input_number.limit": "10.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "15.0", "attributes": _SHOWN}],
        ),
        Example(
            "Near its maximum",
            "entity_id: input_number.limit\n",
            known={"input_number.limit": "98.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "100.0", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, InputNumber)
        return [number.at(name, number.within(number.value(state) + number.step)) for name, number, state in found]


class InputNumberDecrement(Action):
    """Makes a number smaller by one step; it stays at its minimum."""

    name = "input_number.decrement"
    entity_id = required(entities_of(InputNumber.domain), "The number, or several")
    examples = (
        Example(
            "One step down",
            "entity_id: input_number.limit\n",
            known={"input_number.limit": "10.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "5.0", "attributes": _SHOWN}],
        ),
        Example(
            "Near its minimum",
            "entity_id: input_number.limit\n",
            known={"input_number.limit": "2.0"},
            declared=_LIMIT,
            gives=[{"entity": "input_number.limit", "state": "0.0", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        found = declared(view, self.entity_id, InputNumber)
        return [number.at(name, number.within(number.value(state) - number.step)) for name, number, state in found]
