"""The trigger on events: those that the step `event` of a rule fires, and those of the engine itself."""

from __future__ import annotations

from engine.plugin import (
    MAPPING,
    TEXT,
    Decision,
    Example,
    Fact,
    Facts,
    Fire,
    Json,
    Nothing,
    Trigger,
    View,
    Watch,
    default,
    many,
    required,
)


class Event(Trigger):
    """Fires on an event of a type, such as one that another rule fires with the step `event`.

    With `event_data`, only on events that carry these values; what else they carry does not matter.
    """

    name = "event"
    gives = {"event.event_type": "The type of the event", "event.data": "What it carries, by name"}
    event_type = required(many(TEXT), "The type of the event, or a list of types")
    event_data = default(MAPPING, {}, "Only events that carry these values; mappings inside may hold more")
    examples = (
        Example(
            "When a rule reports an order as paid",
            "event_type: order_paid\n",
            gives=[({"order": "A1"}, {"event": {"event_type": "order_paid", "data": {"order": "A1"}}})],
        ),
        Example(
            "Only orders from the shop in Pune",
            "event_type: order_paid\nevent_data:\n  shop: {city: Pune}\n",
            gives=[
                ({"shop": {"city": "Delhi"}}, None),
                (
                    {"shop": {"city": "Pune", "till": 2}, "order": "A1"},
                    {
                        "event": {
                            "event_type": "order_paid",
                            "data": {"shop": {"city": "Pune", "till": 2}, "order": "A1"},
                        }
                    },
                ),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", event_type) for event_type in dict.fromkeys(self.event_type)]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if other := _difference(self.event_data, fact.data, "event_data"):
            return Decision(memory, Nothing(), f"{other} is not what the rule asks for")
        told = {"event": {"event_type": fact.subject, "data": fact.data}}
        return Decision(memory, Fire(told), f"the event {fact.subject} came")


def _difference(wanted: Json, found: Json, name: str) -> str:
    """The dotted name of the first value that is not as wanted, or an empty text; the values may be private."""
    if not isinstance(wanted, dict) or not isinstance(found, dict):
        return "" if _same(wanted, found) else name
    for key, value in wanted.items():
        inner = f"{name}.{key}"
        if key not in found:
            return inner
        if other := _difference(value, found[key], inner):
            return other
    return ""


def _same(wanted: Json, found: Json) -> bool:
    """Equal as people read them: true is not 1."""
    return isinstance(wanted, bool) == isinstance(found, bool) and bool(wanted == found)
