"""Sensors at work: what makes one say something else, and what it then says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from engine.declaration import UNAVAILABLE, UNKNOWN, with_state
from engine.declared.sensor import Sensor
from engine.plugin import (
    Action,
    Decision,
    Fact,
    FieldError,
    Json,
    Poll,
    Reads,
    Request,
    SetState,
    Trigger,
    View,
    Watch,
    calendar,
    is_true,
    state_object,
)
from engine.template import TemplateProblem

Actions = Mapping[str, type[Action]]
LONGEST: Final = 255
"""How many characters a state has at most."""


class Sensed(Trigger):
    """What a sensor listens to; its verdict is the state that the sensor takes on. Rules cannot name it."""

    name = ""

    def __init__(self, entity: str, sensor: Sensor) -> None:
        super().__init__({})
        self.entity = entity
        self.sensor = sensor

    def subject_of(self, fact: Fact) -> str:
        return ""

    def says(self, view: View, told: Mapping[str, Json], template: str) -> tuple[SetState, str]:
        """The state that this template gives, and why; `told` is what it may read besides entities."""
        own, told = self.sensor.attributes(), {"this": state_object(view.state(self.entity)), **told}
        try:
            available = self.sensor.availability is None or is_true(view.render(self.sensor.availability, told))
            if not available:
                return with_state(self.entity, UNAVAILABLE, own), "it has nothing to say now"
            state = self._spelled(view.render(template, told), view)
        except TemplateProblem as problem:
            return with_state(self.entity, UNAVAILABLE, own), f"a template failed: {problem}"
        more, reason = self._more(view, told)
        return with_state(self.entity, state, own, more), reason

    def _more(self, view: View, told: Mapping[str, Json]) -> tuple[dict[str, Json], str]:
        """The attributes that have templates, null where one fails, and why the sensor says what it says."""
        found: dict[str, Json] = {}
        reason = "as its template says"
        for name, value in self.sensor.worked_out().items():
            try:
                found[name] = view.render(value, told)
            except TemplateProblem as problem:
                found[name], reason = None, f"as its template says, but for {name}: {problem}"
        return found, reason

    def _spelled(self, value: Json, view: View) -> str:
        moment = calendar.told(value) if self.sensor.device_class == "timestamp" and isinstance(value, str) else None
        if isinstance(moment, datetime):
            moment = moment if moment.tzinfo else moment.replace(tzinfo=view.zone)
            return moment.astimezone(UTC).isoformat(timespec="seconds")
        return spelled(value)


class TemplateSensor(Sensed):
    """A sensor that is worked out anew when anything changes that its templates read."""

    @property
    def template(self) -> str:
        """What it says."""
        return str(self.sensor.state)

    def watches(self, view: View) -> list[Watch]:
        given = [self.template, self.sensor.availability, *self.sensor.worked_out().values()]
        return [Reads(template) for template in given if isinstance(template, str)]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(None, *self.says(view, {}, self.template))


class PollSensor(Sensed):
    """A sensor that asks another system again and again."""

    def __init__(self, entity: str, sensor: Sensor, actions: Actions) -> None:
        super().__init__(entity, sensor)
        self._actions = actions

    def watches(self, view: View) -> list[Watch]:
        asked = view.render(self.sensor.poll, strict=True)
        request = question(asked["action"], asked.get("data") or {}, self._actions, view)
        return [Poll(request, every=self.sensor.every, subject=self.entity, entity="")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if "failed" in fact.data:
            gone = with_state(self.entity, UNAVAILABLE, self.sensor.attributes())
            return Decision(None, gone, f"its poll failed: {fact.data['failed']}")
        return Decision(None, *self.says(view, {"response": fact.data["answer"]}, str(self.sensor.value)))


def question(name: str, data: Mapping[str, Json], actions: Actions, view: View) -> Request:
    """The one request of an action that only reads. Raises ValueError."""
    kind = actions.get(name)
    if kind is None:
        raise ValueError(f"there is no action {name}")
    try:
        plans = kind(data).plan(view)
    except FieldError as problem:
        raise ValueError(f"{name}: {problem}") from None
    if len(plans) != 1 or not isinstance(plans[0], Request):
        raise ValueError(f"{name} asks nobody; a poll is an action that reads, such as http.request")
    if plans[0].changes_world:
        raise ValueError(f"{name} would change something outside; a poll only reads: write method: GET")
    return plans[0]


def spelled(value: Json) -> str:
    """What a template gives, as a state."""
    if value is None:
        return UNKNOWN
    text = str(value)
    return text if len(text) <= LONGEST else UNKNOWN


def sensed(entity: str, sensor: Sensor, actions: Actions) -> Sensed:
    """What this sensor listens to."""
    return TemplateSensor(entity, sensor) if sensor.poll is None else PollSensor(entity, sensor, actions)
