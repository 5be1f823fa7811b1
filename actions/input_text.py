"""The action on texts of one's own."""

from __future__ import annotations

from engine.plugin import Action, Example, InputText, Json, Kind, Plan, Say, View, declared, entities_of, required

_NOTE = {"input_text.note": {"max": 20}}
_SHOWN = {"editable": False, "min": 0, "max": 20, "pattern": None, "mode": "text"}


def _plain(value: Json) -> str:
    if isinstance(value, dict | list) or value is None:
        raise ValueError("expected text")
    return str(value)


_TEXT = Kind("text", {"type": ["string", "number", "boolean"]}, _plain)


class InputTextSetValue(Action):
    """Sets a text; one that is too short or too long leaves it as it is, and is told in the log."""

    name = "input_text.set_value"
    entity_id = required(entities_of(InputText.domain), "The text, or several")
    value = required(_TEXT, "The new text")
    examples = (
        Example(
            "What was ordered last",
            "entity_id: input_text.note\nvalue: 3 lamps\n",
            known={"input_text.note": ""},
            declared=_NOTE,
            gives=[{"entity": "input_text.note", "state": "3 lamps", "attributes": _SHOWN}],
        ),
        Example(
            "Too long",
            "entity_id: input_text.note\nvalue: twenty one characters\n",
            known={"input_text.note": ""},
            declared=_NOTE,
            gives=[
                {
                    "message": "input_text.note stays as it is: it takes 0 to 20 characters, not 21",
                    "level": "warning",
                }
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [self._set(name, text) for name, text, _ in declared(view, self.entity_id, InputText)]

    def _set(self, name: str, text: InputText) -> Plan:
        if text.fits(self.value):
            return text.at(name, self.value)
        takes = f"{text.min} to {text.max} characters, not {len(self.value)}"
        return Say(f"{name} stays as it is: it takes {takes}", "warning")
