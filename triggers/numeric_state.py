"""The trigger on numbers: what an entity holds goes above or below a bound."""

from __future__ import annotations

from collections.abc import Mapping

from engine.plugin import (
    BOUND,
    DURATION,
    ENTITIES,
    TEXT,
    Bounds,
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
    Watch,
    late,
    measured,
    optional,
    required,
    state_object,
)


class NumericState(Trigger):
    """Fires when the number that an entity holds goes above or below a bound.

    It fires once on the way there, for each entity, and again only after the number was outside; a bound itself is
    outside, and so are `unknown` and `unavailable`. A bound may be another entity; that one alone never fires.
    """

    name = "numeric_state"
    gives = {
        "entity_id": "The entity whose number it is",
        "from_state": "How the entity stood before; null where it is new",
        "to_state": "How it stands now, or stood when `for` began",
        "above": "The bound as it is written, or null",
        "below": "The bound as it is written, or null",
        "for": "How long it had to stay there, such as 0:05:00; null without `for`",
    }
    knows = ("state",)
    entity_id = required(ENTITIES, "The entity: one, a list, or several with commas between them")
    above = optional(BOUND, "Fire when the number is more than this, or than what this entity holds")
    below = optional(BOUND, "Fire when the number is less than this, or than what this entity holds")
    attribute = optional(TEXT, "Look at this attribute and not at the state")
    value_template = optional(late(TEXT), "A template that gives the number; `state` is the entity as it stands")
    for_ = optional(late(DURATION), "Only when it stays there for this long")
    examples = (
        Example(
            "When more than 100 orders are open",
            "entity_id: counter.open_orders\nabove: 100\n",
            known={"counter.open_orders": "100"},
            gives=[
                (
                    {"counter.open_orders": "101"},
                    {
                        "entity_id": "counter.open_orders",
                        "from_state": "100",
                        "to_state": "101",
                        "above": 100,
                        "below": None,
                        "for": None,
                    },
                ),
                ({"counter.open_orders": "102"}, None),
            ],
        ),
        Example(
            "When the stock stays lower than the limit that somebody has set",
            "entity_id: sensor.stock\nbelow: input_number.least_stock\nfor: {minutes: 30}\n",
            known={"sensor.stock": "40", "input_number.least_stock": "25"},
            gives=[
                (
                    {"sensor.stock": "24"},
                    {
                        "entity_id": "sensor.stock",
                        "from_state": "40",
                        "to_state": "24",
                        "above": None,
                        "below": "input_number.least_stock",
                        "for": "0:30:00",
                    },
                ),
            ],
        ),
    )

    @property
    def ends(self) -> bool:
        return True

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.above, self.below)

    def check(self) -> list[tuple[str, str]]:
        fault = self.bounds.fault()
        return [("above", fault)] if fault else []

    def watches(self, view: View) -> list[Watch]:
        return [States(tuple(self.entity_id))]

    def attach(self, view: View) -> Mapping[str, Json]:
        found: dict[str, Json] = {}
        for state in filter(None, map(view.state, self.entity_id)):
            try:
                found[state.entity] = self.bounds.now(view.state).memory(self._value(state_object(state), view))
            except (TemplateProblem, ValueError):
                continue  # nothing is known of it, so it does not fire before it was seen outside
        return found

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        holds = self.for_ is not None
        if fact.data["to_state"] is None:
            return Decision(memory, Nothing(cancels=holds), f"{fact.subject} was removed")
        told = {"entity_id": fact.subject, "above": self.above, "below": self.below, "for": None}
        told |= {key: fact.data[key] for key in ("from_state", "to_state")}
        try:
            value = self._value(fact.data["to_state"], view)
            crossing = self.bounds.now(view.state).decide(memory, value)
            entered = crossing.movement == "entered"
            lasting = self.for_.read(view, {"trigger": told}) if self.for_ is not None and entered else None
        except (TemplateProblem, ValueError) as problem:
            return Decision(memory, Nothing(cancels=holds), f"{fact.subject}: {problem}", warns=True)
        reason = f"{fact.subject}: {crossing.reason}"
        if not entered:
            over = value is not None and not crossing.memory["inside"]
            verdict = Nothing(cancels=holds and crossing.movement == "left", over=over)
            return Decision(crossing.memory, verdict, reason)
        fire = Fire({**told, "for": str(lasting) if lasting is not None else None})
        return Decision(crossing.memory, Hold(lasting, fire) if lasting else fire, reason)

    def describe(self, told: Mapping[str, Json]) -> str:
        return f"numeric state of {told['entity_id']}"

    def _value(self, state: Mapping[str, Json], view: View) -> float | None:
        """The number that is looked at; None while there is none. Raises ValueError and TemplateProblem."""
        if self.value_template is not None:
            return measured(view.render(self.value_template.written, {"state": state}), "what the template gives")
        if self.attribute is not None:
            return measured(state["attributes"].get(self.attribute), f"the attribute {self.attribute}")
        return measured(state["state"], "the state")
