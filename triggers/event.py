"""The trigger on events: those that the step `event` of a rule fires, and those of the engine itself."""

from __future__ import annotations

from collections.abc import Mapping

from engine.plugin import (
    MAPPING,
    TEXT,
    Decision,
    Example,
    Fact,
    Facts,
    Fire,
    Json,
    Kind,
    Misread,
    Nothing,
    Trigger,
    View,
    Watch,
    default,
    inside,
    many,
    required,
    same,
)

_NOBODY = {"id": None, "parent_id": None, "user_id": None}
_OF_EXAMPLES = {"time_fired": "2026-03-02T04:30:00+00:00", "context": _NOBODY}


def _context(value: Json) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        raise ValueError("expected a mapping with id, parent_id or user_id")
    for key in value:
        if key not in _NOBODY:
            raise Misread("expected id, parent_id or user_id", (key,), value[key], at_key=True)
    return {key: inside(key, many(TEXT), wanted) for key, wanted in value.items()}


CONTEXT = Kind(
    "a mapping with id, parent_id or user_id",
    {
        "type": "object",
        "properties": {key: many(TEXT).schema for key in _NOBODY},
        "additionalProperties": False,
    },
    _context,
)


class Event(Trigger):
    """Fires on an event of a type, such as one that another rule fires with the step `event`.

    With `event_data`, only on events that carry these values; what else they carry does not matter. Each change of an
    entity is an event, too: `state_changed`, with `entity_id`, `old_state` and `new_state`.
    """

    name = "event"
    gives = {
        "event.event_type": "The type of the event",
        "event.data": "What it carries, by name",
        "event.time_fired": "When it was fired",
        "event.context": "By whom it came: `id` is the run that fired it, or null; `parent_id` and `user_id` are null",
    }
    passes = {"event.data": ""}
    event_type = required(many(TEXT), "The type of the event, or a list of types")
    event_data = default(MAPPING, {}, "Only events that carry these values; mappings inside may hold more")
    context = default(CONTEXT, {}, "Only events that came by one of these: `id`, `parent_id` or `user_id`")
    examples = (
        Example(
            "When a rule reports an order as paid",
            "event_type: order_paid\n",
            gives=[
                (
                    {"order": "A1"},
                    {"event": {"event_type": "order_paid", "data": {"order": "A1"}, **_OF_EXAMPLES}},
                )
            ],
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
                            **_OF_EXAMPLES,
                        }
                    },
                ),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", event_type) for event_type in dict.fromkeys(self.event_type)]

    def needs(self) -> Mapping[str, Json]:
        wanted: Mapping[str, Json] = self.event_data
        return wanted

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        if other := _difference(self.event_data, fact.data, "event_data"):
            return Decision(memory, Nothing(), f"{other} is not what the rule asks for")
        context = {**_NOBODY, "id": fact.cause or None}
        for key, wanted in self.context.items():
            if context[key] not in wanted:
                return Decision(memory, Nothing(), f"its context.{key} is not what the rule asks for")
        told = {"event_type": fact.subject, "data": fact.data, "time_fired": fact.at.isoformat(), "context": context}
        return Decision(memory, Fire({"event": told}), f"the event {fact.subject} came")

    def describe(self, told: Mapping[str, Json]) -> str:
        return f"event '{told['event']['event_type']}'"


def _difference(wanted: Json, found: Json, name: str) -> str:
    """The dotted name of the first value that is not as wanted, or an empty text; the values may be private."""
    if not isinstance(wanted, dict) or not isinstance(found, dict):
        return "" if same(wanted, found) else name
    for key, value in wanted.items():
        inner = f"{name}.{key}"
        if key not in found:
            return inner
        if other := _difference(value, found[key], inner):
            return other
    return ""
