"""Actions that turn things on and off, whatever kind they are."""

from __future__ import annotations

from engine.plugin import Action, Example, InputBoolean, Json, Plan, View, declared, entities_of, required

_SALE: dict[str, dict[str, Json]] = {"input_boolean.sale": {}}
_SWITCHES = entities_of(InputBoolean.domain)


class HomeassistantTurnOn(Action):
    """Turns something on."""

    name = "homeassistant.turn_on"
    entity_id = required(_SWITCHES, "What to turn on: one entity or several")
    examples = (
        Example(
            "A switch",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "off"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "on", "attributes": {"editable": False}}],
        ),
        Example(
            "One that is on stays on",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "on", "attributes": {"editable": False}}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.turned(name, on=True) for name, switch, _ in declared(view, self.entity_id, InputBoolean)]


class HomeassistantTurnOff(Action):
    """Turns something off."""

    name = "homeassistant.turn_off"
    entity_id = required(_SWITCHES, "What to turn off: one entity or several")
    examples = (
        Example(
            "A switch",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "off", "attributes": {"editable": False}}],
        ),
        Example(
            "All switches",
            "entity_id: all\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "off", "attributes": {"editable": False}}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.turned(name, on=False) for name, switch, _ in declared(view, self.entity_id, InputBoolean)]


class HomeassistantToggle(Action):
    """Turns something on that is off, and off that is on."""

    name = "homeassistant.toggle"
    entity_id = required(_SWITCHES, "What to turn over: one entity or several")
    examples = (
        Example(
            "Off becomes on",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "off"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "on", "attributes": {"editable": False}}],
        ),
        Example(
            "On becomes off",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "off", "attributes": {"editable": False}}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [switch.toggled(name, state) for name, switch, state in declared(view, self.entity_id, InputBoolean)]
