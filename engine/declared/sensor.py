"""A sensor: a value that rules watch, worked out by a template or asked of another system again and again."""

from __future__ import annotations

from datetime import timedelta

from engine.declaration import UNKNOWN, WORDS, Declaration, Loading, literal, stood_as, with_state
from engine.field import DURATION, MAPPING, TEXT, Block, Kind, default, optional, required
from engine.template import is_template
from engine.values import Json, Later, SetState, State

LEAST_PACE = timedelta(seconds=1)
_DATA = Kind(MAPPING.says, {"type": "object", "of": "data"}, MAPPING.read)
_POLL = Kind("a mapping with action, and its data", {"type": "object", "literally": True, "of": "poll"}, MAPPING.read)


class Question(Block):
    """What a sensor asks again and again: an action that only reads."""

    action = required(WORDS, "The action that asks, such as http.request")
    data = default(_DATA, {}, "What the action needs")


class Sensor(Declaration):
    """A value that rules watch: worked out by a template, or asked of another system again and again."""

    domain = "sensor"

    state = optional(TEXT, "A template: what the sensor says")
    poll = optional(_POLL, "An action that asks another system, and its data")
    every = default(literal(DURATION), timedelta(seconds=60), "How long to wait between two polls")
    value = optional(TEXT, "A template: what the sensor says, of the `response` of the poll")
    attributes_ = default(MAPPING, {}, "More values by name, each a template", key="attributes")
    availability = optional(TEXT, "A template: whether there is anything to say")
    icon = optional(TEXT, "A picture for it, as in Home Assistant, or a template that gives one")
    unit_of_measurement = optional(WORDS, "What is measured")
    device_class = optional(WORDS, "What kind of value it is, as in Home Assistant")
    state_class = optional(WORDS, "How it may be summed up, as in Home Assistant")
    unique_id = optional(WORDS, "Taken along from Home Assistant")

    def check(self) -> list[tuple[str, str]]:
        if (self.state is None) == (self.poll is None):
            what = 'neither "state" nor "poll"' if self.state is None else '"state" and "poll"'
            return [("", f"it has {what}; write state: with a template, or poll: with an action that asks")]
        if self.poll is None:
            astray = self.value is not None
            return [("", 'it has "value" without "poll"; take it out, for "state" says it all')] if astray else []
        if self.every < LEAST_PACE:
            return [("every", "so often asks nobody; expected at least 1 second")]
        return [] if self.value is not None else [("", 'the answer of the poll says nothing yet; add "value: …"')]

    def attributes(self) -> dict[str, Json]:
        shown = {
            "unit_of_measurement": self.unit_of_measurement,
            "device_class": self.device_class,
            "state_class": self.state_class,
            "icon": None if "icon" in self.worked_out() else self.icon,
            "friendly_name": self.name,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def worked_out(self) -> dict[str, Json]:
        """The templates of its attributes, by name."""
        icon = self.icon if self.icon is not None and is_template(self.icon) else None
        return {**self.attributes_, **({"icon": icon} if icon is not None else {})}

    def loaded(self, entity: str, before: State | None, at: Loading) -> list[SetState | Later]:
        """What it said last; its template or its poll has the next word."""
        own = before.attributes if before is not None and self.poll is not None else {}
        kept = {name: own[name] for name in self.worked_out() if name in own}
        return [with_state(entity, stood_as(before) or UNKNOWN, self.attributes(), kept)]
