"""Actions on notes for whoever runs rulewheel: putting one up, and taking it down."""

from __future__ import annotations

import hashlib
import re

from engine.plugin import TEXT, Action, Example, Plan, SetState, View, optional, required

DOMAIN = "persistent_notification"


def _entity(notification_id: str) -> str:
    return f"{DOMAIN}.{re.sub(r'[^A-Za-z0-9_-]+', '_', notification_id)[:100]}"


class Create(Action):
    """Puts up a note, which stays until it is taken down; one with the same id takes the place of the one before.

    It is an entity, `persistent_notification.<id>`, that rules may watch.
    """

    name = "persistent_notification.create"
    aliases = ("notify.persistent_notification",)
    message = required(TEXT, "What the note says")
    title = optional(TEXT, "Its title")
    notification_id = optional(TEXT, "Its name, to change it or take it down; without it, it gets one of its own")
    examples = (
        Example(
            "The import is to be looked at",
            "title: Import\nmessage: Thirty entries went wrong\nnotification_id: import\n",
            gives=[
                {
                    "entity": "persistent_notification.import",
                    "state": "notifying",
                    "attributes": {
                        "notification_id": "import",
                        "title": "Import",
                        "message": "Thirty entries went wrong",
                        "created_at": "2026-03-02T04:30:00+00:00",
                    },
                }
            ],
        ),
        Example(
            "A note without a name of its own",
            "message: The till was opened at night\n",
            gives=[
                {
                    "entity": "persistent_notification.520a9147ebe0",
                    "state": "notifying",
                    "attributes": {
                        "notification_id": "520a9147ebe0",
                        "title": None,
                        "message": "The till was opened at night",
                        "created_at": "2026-03-02T04:30:00+00:00",
                    },
                }
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        made = hashlib.sha256(f"{self.title}\n{self.message}\n{view.now.isoformat()}".encode()).hexdigest()[:12]
        name = self.notification_id or made
        told = {"notification_id": name, "title": self.title, "message": self.message}
        return [SetState(_entity(name), "notifying", {**told, "created_at": view.now.isoformat()})]


class Dismiss(Action):
    """Takes a note down; where there is none, nothing happens."""

    name = "persistent_notification.dismiss"
    notification_id = required(TEXT, "The name of the note")
    examples = (
        Example(
            "The import was looked at",
            "notification_id: import\n",
            gives=[{"entity": "persistent_notification.import", "state": None, "attributes": {}}],
        ),
        Example(
            "A name with a blank",
            "notification_id: till at night\n",
            gives=[{"entity": "persistent_notification.till_at_night", "state": None, "attributes": {}}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [SetState(_entity(self.notification_id), None)]


class DismissAll(Action):
    """Takes all notes down."""

    name = "persistent_notification.dismiss_all"
    examples = (
        Example(
            "Two notes hang there",
            "{}\n",
            known={"persistent_notification.a": "notifying", "persistent_notification.b": "notifying"},
            gives=[
                {"entity": "persistent_notification.a", "state": None, "attributes": {}},
                {"entity": "persistent_notification.b", "state": None, "attributes": {}},
            ],
        ),
        Example("None hangs there", "{}\n", known={"sensor.a": "x"}, gives=[]),
    )

    def plan(self, view: View) -> list[Plan]:
        return [SetState(state.entity, None) for state in view.entities(f"{DOMAIN}.")]
