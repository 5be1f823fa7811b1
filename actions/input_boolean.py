"""Actions on switches of one's own."""

from __future__ import annotations

from engine.plugin import Action, Example, InputBoolean, Json, Plan, View, declared, entities_of, required

_HOLIDAYS: dict[str, dict[str, Json]] = {"input_boolean.holidays": {}}
_SHOWN = {"editable": False}


class InputBooleanTurnOn(Action):
    """Turns a switch on."""

    name = "input_boolean.turn_on"
    entity_id = required(entities_of(InputBoolean.domain), "The switch, or several")
    examples = (
        Example(
            "The holidays begin",
            "entity_id: input_boolean.holidays\n",
            known={"input_boolean.holidays": "off"},
            declared=_HOLIDAYS,
            gives=[{"entity": "input_boolean.holidays", "state": "on", "attributes": _SHOWN}],
        ),
        Example(
            "All switches",
            "entity_id: all\n",
            known={"input_boolean.holidays": "off"},
            declared=_HOLIDAYS,
            gives=[{"entity": "input_boolean.holidays", "state": "on", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.turned(name, on=True) for name, switch, _ in declared(view, self.entity_id, InputBoolean)]


class InputBooleanTurnOff(Action):
    """Turns a switch off."""

    name = "input_boolean.turn_off"
    entity_id = required(entities_of(InputBoolean.domain), "The switch, or several")
    examples = (
        Example(
            "The holidays are over",
            "entity_id: input_boolean.holidays\n",
            known={"input_boolean.holidays": "on"},
            declared=_HOLIDAYS,
            gives=[{"entity": "input_boolean.holidays", "state": "off", "attributes": _SHOWN}],
        ),
        Example(
            "Two switches",
            "entity_id: [input_boolean.holidays, input_boolean.sale]\n",
            known={"input_boolean.holidays": "on", "input_boolean.sale": "off"},
            declared={**_HOLIDAYS, "input_boolean.sale": {"name": "Sale"}},
            gives=[
                {"entity": "input_boolean.holidays", "state": "off", "attributes": _SHOWN},
                {"entity": "input_boolean.sale", "state": "off", "attributes": {**_SHOWN, "friendly_name": "Sale"}},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.turned(name, on=False) for name, switch, _ in declared(view, self.entity_id, InputBoolean)]


class InputBooleanToggle(Action):
    """Turns a switch on that is off, and off that is on."""

    name = "input_boolean.toggle"
    entity_id = required(entities_of(InputBoolean.domain), "The switch, or several")
    examples = (
        Example(
            "On becomes off",
            "entity_id: input_boolean.holidays\n",
            known={"input_boolean.holidays": "on"},
            declared=_HOLIDAYS,
            gives=[{"entity": "input_boolean.holidays", "state": "off", "attributes": _SHOWN}],
        ),
        Example(
            "Off becomes on",
            "entity_id: input_boolean.holidays\n",
            known={"input_boolean.holidays": "off"},
            declared=_HOLIDAYS,
            gives=[{"entity": "input_boolean.holidays", "state": "on", "attributes": _SHOWN}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.toggled(name, state) for name, switch, state in declared(view, self.entity_id, InputBoolean)]
