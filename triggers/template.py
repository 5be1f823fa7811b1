"""The trigger on templates: what one gives becomes true."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from engine.plugin import (
    DURATION,
    TEXT,
    Decision,
    Example,
    Fact,
    Fire,
    Hold,
    Json,
    Late,
    Nothing,
    Reads,
    TemplateProblem,
    Trigger,
    View,
    Watch,
    late,
    optional,
    required,
)

_TRUE = frozenset({"1", "true", "yes", "on", "enable"})
_LONGEST_KEPT = 100


class Template(Trigger):
    """Fires when what a template gives becomes true.

    It is worked out whenever an entity that it reads changes, and, where it asks for the time, at the start of each
    minute. True are `true`, a number other than 0, and the words true, yes, on and enable. What is true already when
    the rule is loaded has to become false first. `for` ends when the template gives anything else.
    """

    name = "template"
    gives = {
        "entity_id": "The entity whose change made it true; null where it was the time",
        "from_state": "How that entity stood before, or null",
        "to_state": "How that entity stands now, or null",
        "for": "How long it had to stay true, such as 0:05:00; null without `for`",
    }
    value_template = required(late(TEXT), "A template that gives true or false")
    for_ = optional(late(DURATION), "Only when it stays true for this long")
    examples = (
        Example(
            "When both shops are closed",
            "value_template: \"{{ states('sensor.shop_pune') == states('sensor.shop_delhi') == 'closed' }}\"\n",
            known={"sensor.shop_pune": "open", "sensor.shop_delhi": "closed"},
            gives=[
                (
                    {"sensor.shop_pune": "closed"},
                    {"entity_id": "sensor.shop_pune", "from_state": "open", "to_state": "closed", "for": None},
                ),
                ({"sensor.shop_delhi": "open"}, None),
            ],
        ),
        Example(
            "When the till has been open for an hour",
            "value_template: \"{{ states('sensor.till') == 'open' }}\"\nfor: {hours: 1}\n",
            known={"sensor.till": "closed"},
            gives=[
                (
                    {"sensor.till": "open"},
                    {"entity_id": "sensor.till", "from_state": "closed", "to_state": "open", "for": "1:00:00"},
                ),
            ],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        written = self.value_template.written if isinstance(self.value_template, Late) else ""
        if "{{" in written or "{%" in written:
            return []
        fault = "value_template is no template, so it never changes; write it between {{ and }}, in quotes"
        return [("value_template", fault)]

    def watches(self, view: View) -> list[Watch]:
        return [Reads(str(self.value_template.written))]

    @property
    def ends(self) -> bool:
        return True

    def subject_of(self, fact: Fact) -> str:
        return ""

    def attach(self, view: View) -> Mapping[str, Json]:
        try:
            found = self._result(view)
        except TemplateProblem:
            return {}  # it has to be seen false before it can become true
        return {"": {"armed": not _is_true(found), "gives": _kept(found)}}

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        found = self._result(view)
        before = memory or {"armed": False, "gives": None}
        reason = f"the template gives {str(found)[:_LONGEST_KEPT]}"
        if _kept(found) == before["gives"]:
            return Decision(memory, Nothing(), f"{reason}, as before")
        after = {"armed": not _is_true(found), "gives": _kept(found)}
        ends = Nothing(cancels=self.for_ is not None)
        if not _is_true(found):
            return Decision(after, Nothing(ends.cancels, over=True), f"{reason}, which is not true")
        if not before["armed"]:
            return Decision(after, ends, f"{reason}, and it was true before, or nothing was known")
        told = _told(fact)
        try:
            lasting = self.for_.read(view, {"trigger": told}) if self.for_ is not None else None
        except (TemplateProblem, ValueError) as problem:
            return Decision(after, ends, f"`for` cannot be worked out: {problem}", warns=True)
        fire = Fire({**told, "for": str(lasting) if lasting is not None else None})
        return Decision(after, Hold(lasting, fire) if lasting else fire, reason)

    def describe(self, told: Mapping[str, Json]) -> str:
        return f"{told['entity_id'] or 'the time'} via template"

    def _result(self, view: View) -> Json:
        return view.render(self.value_template.written)


def _told(fact: Fact) -> dict[str, Json]:
    """What changed, as far as it was an entity."""
    keys = ("entity_id", "from_state", "to_state")
    return {**{key: fact.data[key] if fact.kind == "state" else None for key in keys}, "for": None}


def _is_true(found: Json) -> bool:
    if isinstance(found, str):
        return found.strip().lower() in _TRUE
    return isinstance(found, bool | int | float) and bool(found)


def _kept(found: Json) -> str:
    """By what a result is known again."""
    text = repr(found)
    return text if len(text) <= _LONGEST_KEPT else hashlib.sha256(text.encode()).hexdigest()
