"""Actions that turn things on and off, whatever kind they are: switches of one's own, rules, scripts."""

from __future__ import annotations

from engine.plugin import (
    Action,
    Call,
    Example,
    InputBoolean,
    Json,
    Plan,
    Switch,
    View,
    declared,
    entities_of,
    required,
)

_SALE: dict[str, dict[str, Json]] = {"input_boolean.sale": {}}
_ANY = entities_of(InputBoolean.domain, "automation", "script")


def _is_on(view: View, entity: str) -> bool:
    state = view.state(entity)
    return state is not None and state.state == "on"


def _turned(view: View, entity: str, *, on: bool) -> list[Plan]:
    """One entity on or off; a script that is turned on runs, and nobody waits for it."""
    if entity.startswith("script.") and on:
        return [Call(entity, waits=False)]
    if entity.startswith(("script.", "automation.")):
        return [Switch(entity, on=on)]
    return [switch.turned(name, on=on) for name, switch, _ in declared(view, [entity], InputBoolean)]


class HomeassistantTurnOn(Action):
    """Turns something on: a switch, a rule, or a script, which runs then."""

    name = "homeassistant.turn_on"
    entity_id = required(_ANY, "What to turn on: one entity or several")
    examples = (
        Example(
            "A switch",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "off"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "on", "attributes": {"editable": False}}],
        ),
        Example(
            "A rule",
            "entity_id: automation.import_errors\n",
            gives=[{"rule": "automation.import_errors", "on": True, "stops": True}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [plan for entity in self.entity_id for plan in _turned(view, entity, on=True)]


class HomeassistantTurnOff(Action):
    """Turns something off: a switch, a rule, or a script, whose runs end then."""

    name = "homeassistant.turn_off"
    entity_id = required(_ANY, "What to turn off: one entity or several")
    examples = (
        Example(
            "A switch",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "off", "attributes": {"editable": False}}],
        ),
        Example(
            "A switch and a rule",
            "entity_id: [input_boolean.sale, automation.import_errors]\n",
            known={"input_boolean.sale": "on"},
            declared=_SALE,
            gives=[
                {"entity": "input_boolean.sale", "state": "off", "attributes": {"editable": False}},
                {"rule": "automation.import_errors", "on": False, "stops": True},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [plan for entity in self.entity_id for plan in _turned(view, entity, on=False)]


class HomeassistantToggle(Action):
    """Turns something on that is off, and off that is on."""

    name = "homeassistant.toggle"
    entity_id = required(_ANY, "What to turn over: one entity or several")
    examples = (
        Example(
            "Off becomes on",
            "entity_id: input_boolean.sale\n",
            known={"input_boolean.sale": "off"},
            declared=_SALE,
            gives=[{"entity": "input_boolean.sale", "state": "on", "attributes": {"editable": False}}],
        ),
        Example(
            "A script that does not run",
            "entity_id: script.greet\n",
            gives=[{"name": "script.greet", "variables": {}, "waits": False, "skip_conditions": True}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [plan for entity in self.entity_id for plan in _turned(view, entity, on=not _is_on(view, entity))]
