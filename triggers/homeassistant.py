"""The trigger on the engine's own start and stop, under the name that Home Assistant gave it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.plugin import Decision, Example, Fact, Facts, Fire, Json, Trigger, View, Watch, choice, required


class HomeAssistant(Trigger):
    """Fires once when rulewheel has started, or when it is about to stop; never because rules were read again."""

    name = "homeassistant"
    gives = {"event": "start or shutdown"}
    event = required(choice("start", "shutdown"), "start: it has started; shutdown: it is about to stop")
    examples = (
        Example("When rulewheel has started", "event: start\n", gives=[({}, {"event": "start"})]),
        Example("Before rulewheel stops", "event: shutdown\n", gives=[({}, {"event": "shutdown"})]),
    )

    def watches(self, view: View) -> list[Watch]:
        return [Facts("start" if self.event == "start" else "shutdown")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        told = {"event": self.event}
        return Decision(memory, Fire(told), self.describe(told))

    def describe(self, told: Mapping[str, Json]) -> str:
        return "rulewheel has started" if told["event"] == "start" else "rulewheel is about to stop"
