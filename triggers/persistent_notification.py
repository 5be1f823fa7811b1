"""The trigger on notes that rules put up and take down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.plugin import (
    TEXT,
    Decision,
    Example,
    Fact,
    Fire,
    Json,
    Nothing,
    States,
    Trigger,
    View,
    Watch,
    choice,
    default,
    many,
    optional,
)

_NOTE: Final = {
    "state": "notifying",
    "attributes": {"notification_id": "import", "title": "Import", "message": "30 went wrong", "created_at": "now"},
}
_TOLD: Final = {"notification_id": "import", "title": "Import", "message": "30 went wrong", "created_at": "now"}
_KINDS = ("added", "updated", "removed", "current")


class PersistentNotification(Trigger):
    """Fires when a note is put up, changed or taken down, as actions such as `persistent_notification.create` do.

    `current` is read for the sake of rules from Home Assistant: it never comes, for what hangs there already when the
    rule is loaded is the past.
    """

    name = "persistent_notification"
    gives = {
        "update_type": "added, updated or removed",
        "notification.notification_id": "The note's name",
        "notification.title": "Its title, or null",
        "notification.message": "What it says",
        "notification.created_at": "When it was put up",
    }
    update_type = default(many(choice(*_KINDS)), list(_KINDS), "What happened to the note, or a list of that")
    notification_id = optional(TEXT, "Only this note")
    examples = (
        Example(
            "Whenever a note is put up",
            "update_type: added\n",
            gives=[
                (
                    {"persistent_notification.import": _NOTE},
                    {"update_type": "added", "notification": _TOLD},
                ),
                ({"persistent_notification.import": None}, None),
            ],
        ),
        Example(
            "When somebody has looked after the import",
            "update_type: removed\nnotification_id: import\n",
            gives=[
                ({"persistent_notification.import": _NOTE}, None),
                (
                    {"persistent_notification.import": None},
                    {"update_type": "removed", "notification": _TOLD},
                ),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        return [States(("persistent_notification.",))]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        before, after = fact.data["from_state"], fact.data["to_state"]
        happened = "removed" if after is None else "updated" if before is not None else "added"
        note: Mapping[str, Json] = (after or before)["attributes"]
        told = {key: note.get(key) for key in _TOLD}
        if self.notification_id is not None and told["notification_id"] != self.notification_id:
            return Decision(memory, Nothing(), f"it is the note {told['notification_id']}")
        if happened not in self.update_type:
            return Decision(memory, Nothing(), f"the note was {happened}, wanted {' or '.join(self.update_type)}")
        fire = Fire({"update_type": happened, "notification": told})
        return Decision(memory, fire, f"the note {told['notification_id']} was {happened}")
