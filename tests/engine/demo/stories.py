"""Stories for the tests of the demo."""

from __future__ import annotations

from engine.demo.story import Story

NAMES = ("spring", "orders")
COUNTS = {"spring": {"NOT_STARTED": 358, "SUCCESS": 380, "ERROR": 32}, "orders": {"SUCCESS": 420}}
ACCEPTED = {"to": "919876543210", "rendered": "Import spring has 30 failed entries.", "at": 1_772_442_000_000}


def told() -> Story:
    """One import went wrong, and its message was read."""
    story = Story()
    story.see(COUNTS, NAMES)
    story.hear(0.7, {"message": "ready", "level": "info"})
    story.fire(4.9, "import_errors", {"job": {"id": "spring"}, "count": 30})
    story.deliver(5.0, [ACCEPTED])
    story.requests = 19
    return story
