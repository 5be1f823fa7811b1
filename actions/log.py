"""The action that writes to the log."""

from __future__ import annotations

from typing import cast

from engine.plugin import TEXT, Action, Example, Level, Plan, Say, View, choice, default, required


class LogWrite(Action):
    """Writes a line to the log, where whoever runs rulewheel can read it."""

    name = "log.write"
    message = required(TEXT, "What to write")
    level = default(choice("debug", "info", "warning", "error"), "info", "How important it is")
    examples = (
        Example(
            "A note",
            "message: The import has begun\n",
            gives=[{"message": "The import has begun", "level": "info"}],
        ),
        Example(
            "A warning",
            "message: 30 entries failed\nlevel: warning\n",
            gives=[{"message": "30 entries failed", "level": "warning"}],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [Say(self.message, cast("Level", self.level))]
