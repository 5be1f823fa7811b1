"""Notes that rules put up and take down, and the rules that hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import World
from tests.triggers.listening import heard, rule

NOTES = """
- id: create
  triggers: {trigger: event, event_type: create}
  actions: [{action: persistent_notification.create, data: "{{ trigger.event.data }}"}]
- id: dismiss
  triggers: {trigger: event, event_type: dismiss}
  actions: [{action: persistent_notification.dismiss, data: {notification_id: "{{ trigger.event.data.name }}"}}]
- id: all
  triggers: {trigger: event, event_type: dismiss_all}
  actions: [{action: persistent_notification.dismiss_all}]
"""
NOTES = NOTES.replace(
    'data: "{{ trigger.event.data }}"',
    'data: {message: "{{ trigger.event.data.message }}", notification_id: "{{ trigger.event.data.name }}"}',
)


async def with_notes(w: World, trigger: str) -> None:
    w.stub("test.heard")
    await w.load({"a.yaml": rule(trigger), "b.yaml": NOTES})
    assert not w.problems, w.problems


def told(w: World) -> list[Any]:
    return [(each["update_type"], each["notification"]["notification_id"]) for each in heard(w)]


async def test_a_note_is_added_updated_and_removed() -> None:
    async with World() as w:
        await with_notes(w, "{trigger: persistent_notification}")
        await w.fire("create", {"message": "Look", "name": "import"})
        await w.fire("create", {"message": "Look again", "name": "import"})
        await w.fire("dismiss", {"name": "import"})
        await w.fire("dismiss", {"name": "import"})
        assert told(w) == [("added", "import"), ("updated", "import"), ("removed", "import")]
        assert heard(w)[1]["notification"]["message"] == "Look again"
        assert heard(w)[2]["notification"]["message"] == "Look again"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (", update_type: removed", [("removed", "a"), ("removed", "b")]),
        (", update_type: [added, removed], notification_id: a", [("added", "a"), ("removed", "a")]),
        (", update_type: current", []),
    ],
)
async def test_only_what_is_asked_for_fires(asked: str, expected: list[tuple[str, str]]) -> None:
    async with World() as w:
        await with_notes(w, f"{{trigger: persistent_notification{asked}}}")
        await w.fire("create", {"message": "x", "name": "a"})
        await w.fire("create", {"message": "x", "name": "b"})
        await w.fire("dismiss_all")
        assert told(w) == expected


async def test_a_note_is_an_entity_that_outlasts_a_restart() -> None:
    async with World() as w:
        await with_notes(w, "{trigger: persistent_notification}")
        await w.fire("create", {"message": "Look", "name": "my note"})
        await w.restart()
        note = w.state("persistent_notification.my_note")
        assert note is not None
        assert note.attributes["message"] == "Look"
