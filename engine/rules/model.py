"""Programs and books: what the files say should happen, in one canonical form.

A program's `body` is plain data, so that it can be kept in the journal and run again after a restart:

    {"id", "alias", "description", "mode", "max", "max_exceeded", "per", "quiet_hours", "digest", "missed", "valid_for",
     "cooldown", "max_sends", "if_unsure", "variables", "trigger_variables",
     "fields" (of a script, whose id is "script.…" and which has no triggers),
     "triggers":   [{"trigger": name, "key", "id", "alias", "enabled", "variables", "with": {the plugin's fields}}],
                   (of one that is made of others, `of` in "with" is a list of such triggers)
     "conditions": [condition], "actions": [step], "on_error": [step], "finally": [step],
     "resolved": [step]}

condition   {"condition": "template", "value_template": text} | {"condition": "and" | "or" | "not", "conditions": [...]}
            | {"condition": "compare", "value": …, "above" | "below" | "equals" | "in" | "contains" | "matches": …}
            | {"condition": "holiday", "country": code, "subdivision", "date"}
            | {"condition": "trigger", "id": [text]}                         each may have "alias" and "enabled"
step        {"do": "action", "action": name, "data": {…}, "response_variable", "retry": {"attempts", "wait"}, "timeout"}
            | {"do": "delay", "delay": duration} | {"do": "condition", "condition": condition}
            | {"do": "if", "if": [condition], "then": [step], "else": [step]}
            | {"do": "choose", "choose": [{"conditions": [...], "sequence": [...]}], "default": [step]}
            | {"do": "repeat", "repeat": {"count" | "for_each" | "while": [condition] | "until": [condition],
                                          "sequence": [step]}}
            | {"do": "parallel", "parallel": [{"sequence": [step]}]} | {"do": "sequence", "sequence": [step]}
            | {"do": "wait_template", "wait_template": text, "timeout", "continue_on_timeout"}
            | {"do": "wait_for_trigger", "wait_for_trigger": [trigger], "timeout", "continue_on_timeout"}
            | {"do": "wait_for_reply", "from": [phone], "timeout", "continue_on_timeout"}
            | {"do": "variables", "variables": {…}} | {"do": "stop", "stop": text, "error": bool, "response_variable"}
            | {"do": "event", "event": type, "event_data": {…}}
                                              each may have "alias", "enabled", "continue_on_error"

The program of an entity that a file declares has its name as `id` ("counter.orders"), no steps, and its keys under
`declares`; a sensor listens to one trigger of its own, "sensor".

Keys that were not given are absent, but for `id`, `alias`, `mode`, `triggers`, `conditions`, `actions`, `variables`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.declaration import Declaration
from engine.plugin import Trigger
from engine.problem import Problem
from engine.values import Json


def content_hash(body: Json) -> str:
    """The name of a piece of plain data: 32 hex digits that change when the data does."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


SCRIPT = "script."


def is_script(name: str) -> bool:
    """Whether a program is a script, by the name that stands in the place of a rule's."""
    return name.startswith(SCRIPT)


@dataclass(frozen=True, slots=True)
class TriggerUse:
    """A trigger as one rule uses it. `key` names it for ever: its `id`, else the hash of its content (decision 3).

    `given` are the variables that its own templates read: `trigger_variables`, or what a run knows that waits for it.
    `outer` is the key of the trigger that it stands inside of; where that is empty, the rule runs when it fires.
    """

    key: str
    index: int
    id: str
    alias: str
    name: str
    plugin: Trigger
    variables: Mapping[str, Json]
    given: Mapping[str, Json] = field(default_factory=dict)
    dedupe: Json = None
    outer: str = ""

    @property
    def known(self) -> dict[str, Json]:
        """What a template sees of the trigger itself as `trigger` (semantics section 3, common fields)."""
        return {
            "id": self.id or str(self.index),
            "idx": str(self.index),
            "alias": self.alias or None,
            "platform": self.name,
        }


@dataclass(frozen=True, slots=True)
class Program:
    """One rule as checked and expanded, named by its content hash; or an entity that `declares` what it is."""

    hash: str
    rule: str
    alias: str
    body: Mapping[str, Json]
    triggers: tuple[TriggerUse, ...]
    file: str = ""
    line: int = 0
    text: str = ""
    declares: Declaration | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """The programs of one tree of files, by rule id, and what is wrong in the files.

    `stale` are the rules that run their last good version, because their file has a problem now.
    """

    programs: Mapping[str, Program] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    stale: frozenset[str] = frozenset()
    sources: Mapping[str, str] = field(default_factory=dict)


def count_rules(programs: Mapping[str, Program]) -> int:
    """How many of these are rules or scripts; the others declare entities."""
    return sum(program.declares is None for program in programs.values())
