"""Actions on rules, under the name that Home Assistant gave them: switching them, and running them by hand."""

from __future__ import annotations

from engine.plugin import (
    BOOLEAN,
    MAPPING,
    Action,
    Call,
    Example,
    Json,
    Kind,
    Plan,
    Switch,
    View,
    default,
    many,
    required,
)


def _rule(value: Json) -> str:
    if not isinstance(value, str) or not value.strip().startswith("automation."):
        raise ValueError("expected the name of a rule, such as automation.import_errors")
    return value.strip()


RULE = Kind("the name of a rule, such as automation.import_errors", {"type": "string"}, _rule)


class OfRules(Action):
    """What all actions on rules share: which ones."""

    entity_id = required(many(RULE), "The rule, `automation.` and its alias or id, or a list of them")


class TurnOn(OfRules):
    """Switches rules on."""

    name = "automation.turn_on"
    examples = (
        Example(
            "Watch the imports again",
            "entity_id: automation.import_errors\n",
            gives=[{"rule": "automation.import_errors", "on": True, "stops": True}],
        ),
        Example(
            "Two rules",
            "entity_id: [automation.import_errors, automation.reminders]\n",
            gives=[
                {"rule": "automation.import_errors", "on": True, "stops": True},
                {"rule": "automation.reminders", "on": True, "stops": True},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Switch(rule, on=True) for rule in self.entity_id]


class TurnOff(OfRules):
    """Switches rules off until somebody switches them on again, also over a restart."""

    name = "automation.turn_off"
    stop_actions = default(BOOLEAN, True, "Whether runs that are under way end as well")
    examples = (
        Example(
            "Leave the imports alone",
            "entity_id: automation.import_errors\nstop_actions: false\n",
            gives=[{"rule": "automation.import_errors", "on": False, "stops": False}],
        ),
        Example(
            "Stop reminding, at once",
            "entity_id: automation.reminders\n",
            gives=[{"rule": "automation.reminders", "on": False, "stops": True}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Switch(rule, on=False, stops=self.stop_actions) for rule in self.entity_id]


class Toggle(OfRules):
    """Switches rules off that are on, and on that are off."""

    name = "automation.toggle"
    examples = (
        Example(
            "A rule that is off",
            "entity_id: automation.import_errors\n",
            known={"automation.import_errors": "off"},
            gives=[{"rule": "automation.import_errors", "on": True, "stops": True}],
        ),
        Example(
            "A rule that is on",
            "entity_id: automation.import_errors\n",
            known={"automation.import_errors": "on"},
            gives=[{"rule": "automation.import_errors", "on": False, "stops": True}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        states = {rule: view.state(rule) for rule in self.entity_id}
        return [Switch(rule, on=state is not None and state.state == "off") for rule, state in states.items()]


class Trigger(OfRules):
    """Runs rules by hand, also when they are off, and waits until they have ended."""

    name = "automation.trigger"
    skip_condition = default(BOOLEAN, True, "Whether the rule's conditions are left out")
    variables = default(MAPPING, {}, "Variables for the run, by name; those of the rule do not override them")
    examples = (
        Example(
            "Look after the imports now, if it is the time for it",
            "entity_id: automation.import_errors\nskip_condition: false\n",
            gives=[{"name": "automation.import_errors", "variables": {}, "waits": True, "skip_conditions": False}],
        ),
        Example(
            "Remind the customers of one town now, whatever its conditions say",
            "entity_id: automation.reminders\nvariables: {town: Pune}\n",
            gives=[
                {"name": "automation.reminders", "variables": {"town": "Pune"}, "waits": True, "skip_conditions": True}
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Call(rule, self.variables, skip_conditions=self.skip_condition) for rule in self.entity_id]
