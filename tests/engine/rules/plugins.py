"""A few plugins for the tests of rules: small, and with one of everything that rules can get wrong."""

from __future__ import annotations

from collections.abc import Mapping

from engine.plugin import (
    DURATION,
    MAPPING,
    NUMBER,
    PHONE,
    TEXT,
    Action,
    Json,
    Trigger,
    choice,
    default,
    many,
    optional,
    required,
)
from engine.problem import render
from engine.registry import Registry
from engine.rules.check import Checked, check_file
from engine.rules.known import Known
from engine.source import read


class Entries(Trigger):
    """Entries of a job that have a status."""

    name = "job.entries"
    aliases = ("job.entry_count",)
    gives = {"job.id": "its id", "job.name": "its name", "status": "asked for", "count": "how many", "counts": "all"}  # noqa: RUF012
    job = required(many(TEXT), "The job")
    status = required(choice("ERROR", "SUCCESS"), "The status")
    above = optional(NUMBER, "More than this")
    below = optional(NUMBER, "Less than this")
    for_ = optional(DURATION, "For how long")

    def check(self) -> list[tuple[str, str]]:
        return [("above", "say above or below")] if self.above is None and self.below is None else []


class Fragile(Trigger):
    """A trigger that cannot be made."""

    name = "fragile"

    def check(self) -> list[tuple[str, str]]:
        return []

    def __init__(self, values: Mapping[str, Json]) -> None:
        raise RuntimeError("out of glass")


class Send(Action):
    """Sends a message."""

    name = "message.send"
    aliases = ("message.old_send",)
    to = required(many(PHONE), "To whom")
    text = required(TEXT, "What it says")


class Call(Action):
    """Calls a host."""

    name = "host.call"
    responds = True
    host = required(TEXT, "Which host")
    headers = default(MAPPING, {}, "Its headers", secret=True)

    @classmethod
    def forbidden(cls, data: Mapping[str, Json], hosts: Mapping[str, Mapping[str, Json]]) -> list[tuple[str, str]]:
        if data["host"] == "explode":
            raise RuntimeError("boom")
        return [] if data["host"] in hosts else [("host", f"the settings do not list the host {data['host']}")]


class Write(Action):
    """Writes a line."""

    name = "log.write"
    message = required(TEXT, "The line")


REGISTRY = Registry.of(Entries, Fragile, Send, Call, Write)
KNOWN = Known(REGISTRY, {"shop.example": {}}, frozenset({"token"}))


def checked(text: str, known: Known = KNOWN) -> Checked:
    """What a file with this text gives."""
    return check_file(read(text, "rules/a.yaml"), known)


def told(text: str, known: Known = KNOWN) -> list[str]:
    """The problems of a file as `line:column code message; expected; remedy`."""
    return [
        f"{problem.place.line}:{problem.place.column} {problem.code} {problem.message}"
        + (f"; {problem.remedy}" if problem.remedy else "")
        for problem in checked(text, known).problems
        if problem.place
    ]


def printed(text: str, known: Known = KNOWN) -> str:
    """The problems of a file as a person reads them."""
    return "\n\n".join(render(problem, {"rules/a.yaml": text}) for problem in checked(text, known).problems)
