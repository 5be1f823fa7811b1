"""Actions on scripts: starting one without waiting for its end, and ending its runs."""

from __future__ import annotations

from engine.plugin import MAPPING, Action, Call, Example, Json, Kind, Plan, Switch, View, default, many, required


def _script(value: Json) -> str:
    if not isinstance(value, str) or not value.strip().startswith("script."):
        raise ValueError("expected the name of a script, such as script.greet")
    return value.strip()


SCRIPT = Kind("the name of a script, such as script.greet", {"type": "string"}, _script)


class OfScripts(Action):
    """What all actions on scripts share: which ones."""

    entity_id = required(many(SCRIPT), "The script, or a list of them")


class TurnOn(OfScripts):
    """Starts scripts and goes on as soon as they have begun.

    To wait for the end of a script, call it by its name: `action: script.greet`.
    """

    name = "script.turn_on"
    variables = default(MAPPING, {}, "What is handed to the script, by name")
    examples = (
        Example(
            "Greet a new customer",
            "entity_id: script.greet\nvariables: {who: Anna}\n",
            gives=[{"name": "script.greet", "variables": {"who": "Anna"}, "waits": False, "skip_conditions": True}],
        ),
        Example(
            "Two scripts, without more words",
            "entity_id: [script.greet, script.note]\n",
            gives=[
                {"name": "script.greet", "variables": {}, "waits": False, "skip_conditions": True},
                {"name": "script.note", "variables": {}, "waits": False, "skip_conditions": True},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Call(script, self.variables, waits=False) for script in self.entity_id]


class TurnOff(OfScripts):
    """Ends all runs of scripts."""

    name = "script.turn_off"
    examples = (
        Example(
            "Greet nobody any more",
            "entity_id: script.greet\n",
            gives=[{"rule": "script.greet", "on": False, "stops": True}],
        ),
        Example(
            "Two scripts",
            "entity_id: [script.greet, script.note]\n",
            gives=[
                {"rule": "script.greet", "on": False, "stops": True},
                {"rule": "script.note", "on": False, "stops": True},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Switch(script, on=False) for script in self.entity_id]


class Toggle(OfScripts):
    """Ends the runs of scripts that run, and starts the others."""

    name = "script.toggle"
    examples = (
        Example(
            "A script that does not run",
            "entity_id: script.greet\n",
            gives=[{"name": "script.greet", "variables": {}, "waits": False, "skip_conditions": True}],
        ),
        Example(
            "A script that runs",
            "entity_id: script.greet\n",
            known={"script.greet": "on"},
            gives=[{"rule": "script.greet", "on": False, "stops": True}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [self._toggled(script, view) for script in self.entity_id]

    def _toggled(self, script: str, view: View) -> Plan:
        state = view.state(script)
        if state is not None and state.state == "on":
            return Switch(script, on=False)
        return Call(script, waits=False)
