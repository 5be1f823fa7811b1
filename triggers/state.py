"""The trigger on states: an entity, or one of its attributes, takes on another value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from engine.plugin import (
    DURATION,
    ENTITIES,
    TEXT,
    WANTED,
    Decision,
    Example,
    Fact,
    Fire,
    Hold,
    Json,
    Nothing,
    States,
    TemplateProblem,
    Trigger,
    View,
    Wanted,
    Watch,
    late,
    optional,
    required,
    same,
    truth_as_state,
)


class StateTrigger(Trigger):
    """Fires when an entity takes on another state.

    Without `from`, `to`, `not_from` and `not_to` it fires on any change, also of attributes alone; with one of them
    only when the state itself is another, and `to: null` means any state. `for` begins with the change that fits: it
    ends when the state is another, or, with `from` and without `to`, when the state is the old one again.
    """

    name = "state"
    gives = {
        "entity_id": "The entity that changed",
        "from_state": "How it stood before: state, attributes, last_changed, last_updated; null where it is new",
        "to_state": "How it stands now, or stood when `for` began; null where it is gone",
        "for": "How long it had to stay so, such as 0:05:00; null without `for`",
        "attribute": "The attribute asked for; null where it is the state",
    }
    entity_id = required(ENTITIES, "The entity: one, a list, or several with commas between them")
    from_ = optional(WANTED, "The state before, or a list of them; null is any")
    to = optional(WANTED, "The state after, or a list of them; null is any")
    not_from = optional(WANTED, "Not when it was this before, or one of a list")
    not_to = optional(WANTED, "Not when it is this after, or one of a list")
    attribute = optional(TEXT, "Look at this attribute and not at the state")
    for_ = optional(late(DURATION), "Only when it stays so for this long")
    examples = (
        Example(
            "When somebody says that it is a holiday",
            "entity_id: input_boolean.holidays\nto: on\n",
            known={"input_boolean.holidays": "off"},
            gives=[
                (
                    {"input_boolean.holidays": "on"},
                    {
                        "entity_id": "input_boolean.holidays",
                        "from_state": "off",
                        "to_state": "on",
                        "for": None,
                        "attribute": None,
                    },
                ),
                ({"input_boolean.holidays": "off"}, None),
            ],
        ),
        Example(
            "When an order has been waiting for ten minutes",
            "entity_id: [sensor.order_1, sensor.order_2]\nto: waiting\nfor: {minutes: 10}\n",
            known={"sensor.order_1": "new", "sensor.order_2": "new"},
            gives=[
                (
                    {"sensor.order_2": "waiting"},
                    {
                        "entity_id": "sensor.order_2",
                        "from_state": "new",
                        "to_state": "waiting",
                        "for": "0:10:00",
                        "attribute": None,
                    },
                ),
            ],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        pairs = (("from", "not_from", self.from_, self.not_from), ("to", "not_to", self.to, self.not_to))
        faults = [
            (second, f'"{first}" and "{second}" are both given; keep one of them')
            for first, second, one, other in pairs
            if one is not None and other is not None
        ]
        if self.attribute is None:
            found = {key: truth_as_state(wanted) for key, wanted in self._asked().items()}
            faults += [(key, fault) for key, fault in found.items() if fault]
        return faults

    def watches(self, view: View) -> list[Watch]:
        return [States(tuple(self.entity_id))]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        old, new = self._value(fact.data["from_state"]), self._value(fact.data["to_state"])
        if why := self._misfit(old, new):
            ends = self.for_ is not None and self._ends_hold(memory, old, fact.data["to_state"])
            return Decision(memory, Nothing(cancels=ends, over=self._is_over(new)), why)
        reason = f"{fact.subject} was {_shown(old)} and is {_shown(new)}"
        if same(old, new) and self.for_ is not None and _is_held(memory, view.now):
            return Decision(memory, Nothing(), f"{fact.subject} is still {_shown(new)}, and `for` goes on")
        told = {"entity_id": fact.subject, "for": None, "attribute": self.attribute}
        told |= {key: fact.data[key] for key in ("from_state", "to_state")}
        if self.for_ is None:
            return Decision(memory, Fire(told), reason)
        try:
            lasting = self.for_.read(view, {"trigger": told})
        except (TemplateProblem, ValueError) as problem:
            return Decision(memory, Nothing(cancels=True), f"`for` cannot be worked out: {problem}", warns=True)
        fire = Fire({**told, "for": str(lasting)})
        held = {"from": old, "until": _until(view.now, lasting)}
        return Decision(held, Hold(lasting, fire) if lasting else fire, reason)

    def describe(self, told: Mapping[str, Json]) -> str:
        return f"state of {told['entity_id']}"

    def _asked(self) -> dict[str, Wanted | None]:
        return {"from": self.from_, "to": self.to, "not_from": self.not_from, "not_to": self.not_to}

    def _value(self, state: Mapping[str, Json] | None) -> Json:
        if state is None:
            return None
        return state["state"] if self.attribute is None else state["attributes"].get(self.attribute)

    def _misfit(self, old: Json, new: Json) -> str:
        """Why this change is not one that is asked for; empty when it is."""
        asked = {key: wanted for key, wanted in self._asked().items() if wanted is not None}
        if same(old, new) and (asked or self.attribute is not None):
            return f"{self.attribute or 'the state'} is {_shown(new)} as before"
        for key, wanted in asked.items():
            value, is_not = old if key.endswith("from") else new, key.startswith("not_")
            wanted = wanted if self.attribute is not None else wanted.as_text()
            if (value in wanted) is is_not:
                it = "it was" if key.endswith("from") else "it is"
                return f"{it} {_shown(value)}, and the rule asks for {'not ' if is_not else ''}{wanted}"
        return ""

    @property
    def ends(self) -> bool:
        return self.to is not None and self.to.values is not None

    def _is_over(self, new: Json) -> bool:
        """Whether the state is none of those that the rule waits for; of one that is not there nobody knows."""
        if self.to is None or new is None:
            return False
        return new not in (self.to if self.attribute is not None else self.to.as_text())

    def _ends_hold(self, memory: Json, old: Json, to_state: Mapping[str, Json] | None) -> bool:
        new = self._value(to_state)
        if to_state is None or same(old, new):
            return to_state is None
        if self.from_ is not None and self.to is None:
            return memory is not None and same(new, memory["from"])
        return True


def _is_held(memory: Json, now: datetime) -> bool:
    return memory is not None and (memory["until"] is None or datetime.fromisoformat(memory["until"]) > now)


def _until(now: datetime, lasting: timedelta) -> str | None:
    """When a hold is over; None where no calendar reaches that far."""
    try:
        return (now + lasting).isoformat()
    except OverflowError:
        return None


def _shown(value: Json) -> str:
    return "not there" if value is None else str(value)[:100]
