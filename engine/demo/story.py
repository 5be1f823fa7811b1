"""What has happened in the demo so far: imports, what the rule did, what customers read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.log import veiled
from engine.values import masked

ALLOWED = 25
"""Failed entries that the rule of the demo lets pass."""


@dataclass(frozen=True, slots=True)
class Import:
    """One background job: entries by status."""

    id: str
    counts: Mapping[str, int]

    @property
    def entries(self) -> int:
        return sum(self.counts.values())

    @property
    def failed(self) -> int:
        return self.counts.get("ERROR", 0)

    @property
    def done(self) -> int:
        return self.entries - self.counts.get("NOT_STARTED", 0)


@dataclass(frozen=True, slots=True)
class Message:
    """A WhatsApp message as its reader has it on the phone."""

    to: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Beat:
    """One thing that happened, so many seconds after the beginning; a message comes with what it looks like."""

    at: float
    says: str
    well: bool = True
    message: Message | None = None


@dataclass(slots=True)
class Story:
    """Grows by what the stage hears; the screen shows it."""

    imports: list[Import] = field(default_factory=list)
    beats: list[Beat] = field(default_factory=list)
    fired: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    @property
    def messages(self) -> list[Message]:
        return [beat.message for beat in self.beats if beat.message]

    @property
    def is_over(self) -> bool:
        """Whether no import moves any more."""
        return bool(self.imports) and all(each.done == each.entries for each in self.imports)

    def hear(self, at: float, line: Mapping[str, Any]) -> None:
        """A line of the daemon's log."""
        if line.get("message") == "ready":
            self.beats.append(Beat(at, "The daemon is ready and asks about each import once a second."))
        elif line.get("level") in ("warning", "error"):
            why = line.get("reason") or line.get("text") or ""
            self.beats.append(Beat(at, veiled(f"{line.get('message')} {why}".strip()), well=False))

    def fire(self, at: float, rule: str, trigger: Mapping[str, Any]) -> None:
        """The rule ran for an import; the same one is told once."""
        job, count = str(trigger["job"]["id"]), int(trigger["count"])
        if job not in self.fired:
            self.fired[job] = count
            self.beats.append(Beat(at, f"{rule} fires: {count} entries of {job} have failed."))

    def see(self, counts: Mapping[str, Mapping[str, int]], names: Iterable[str]) -> None:
        """The simulator's jobs by id, in the order of these names."""
        self.imports = [Import(name, counts[name]) for name in names if name in counts]

    def deliver(self, at: float, messages: Iterable[Mapping[str, Any]]) -> None:
        """Messages that the simulator accepted since the last look."""
        for each in messages:
            sent = datetime.fromtimestamp(each["at"] / 1000).astimezone()
            message = Message(masked(f"+{each['to']}"), each["rendered"], sent)
            self.beats.append(Beat(at, "WhatsApp delivers the message:", message=message))
