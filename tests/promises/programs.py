"""Rules and what happens to them, made up from a seed: every construct that the language has may turn up."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from engine.values import Json

Node = dict[str, Any]

STUBS = ("test.ok", "test.slow", "test.refuse", "test.flaky", "test.crash", "test.set")
PHONES = ("+919876543210", "+14155550104", "+919812345678")
DEPTH = 2
FAULTS: tuple[Node, ...] = (
    {"kind": "status", "status": 429, "retry_after": 5},
    {"kind": "status", "status": 503},
    {"kind": "refuse", "seconds": 20},
    {"kind": "latency", "at": "before_answer", "min_ms": 4000},
)

EVENT = {"n": "{{ trigger.event.data.n }}", "k": "{{ trigger.event.data.k }}"}
WEBHOOK = {"n": "{{ trigger.json.n }}", "k": "{{ trigger.json.k }}"}
JOB = {"n": "{{ trigger.job.id }}", "k": 3}
TIME = {"n": "{{ trigger.now.isoformat() }}", "k": 2}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that happens: `kind` is fire, webhook, job, fault, switch (a rule off and on) or advance."""

    kind: str
    name: str = ""
    data: Json = None


@dataclass(frozen=True, slots=True)
class Story:
    """Rules as a file, and what happens; `rules` are their bodies by id, `chains` who hears whose events."""

    seed: int
    text: str
    deeds: tuple[Deed, ...]
    rules: dict[str, Node] = field(default_factory=dict)
    chains: dict[str, set[str]] = field(default_factory=dict)
    constructs: frozenset[str] = frozenset()


class Author:
    """Writes one story."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"story/{seed}")
        self.used: set[str] = set()
        self.chains: dict[str, set[str]] = {}
        self._steps = 0
        self._rule = ""
        self._ids: list[str] = []

    def story(self) -> Story:
        """Two or three rules; those with a higher number hear the events of those with a lower one."""
        rules = {}
        for index in range(self.random.randint(1, 3)):
            self._rule = f"r{index}"
            rules[self._rule] = self._one_rule(index)
        deeds = self._deeds(rules)
        text = json.dumps(list(rules.values()), indent=1)
        return Story(self.seed, text, tuple(deeds), rules, self.chains, frozenset(self.used))

    def _use(self, name: str) -> str:
        self.used.add(name)
        return name

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _one_rule(self, index: int) -> Node:
        rule: Node = {"id": self._rule, "triggers": self._triggers(index)}
        rule["mode"] = mode = self._use(self.random.choice(("queued", "queued", "parallel", "single", "restart")))
        if mode in ("queued", "parallel") and self._chance(0.3):
            rule[self._use("max")] = 2
        if self._chance(0.3):
            rule[self._use("per")] = "{{ k }}"
        if self._chance(0.3):
            rule["conditions"] = [self._condition()]
        if self._chance(0.2):
            rule[self._use("valid_for")] = 3600
        rule["actions"] = self._sequence(0, self.random.randint(1, 4))
        if self._chance(0.4):
            rule[self._use("on_error")] = self._sequence(DEPTH, self.random.randint(1, 2))
        if self._chance(0.3):
            rule[self._use("finally")] = self._sequence(DEPTH, self.random.randint(1, 2))
        if mode != "single" and self._chance(0.15):
            rule[self._use("digest")] = self.random.choice(
                ({"for": 20}, {"every": 60, "max": 3}, {"for": 300, "max": 2})
            )
        if "digest" not in rule and "job.entries" in str(rule["triggers"]) and self._chance(0.5):
            rule[self._use("resolved")] = self._sequence(DEPTH, 1)
        if self._chance(0.3):
            rule["missed"] = self._use(self.random.choice(("skip", "each")))
        return rule

    def _triggers(self, index: int) -> list[Node]:
        event: Node = {"trigger": "event", "event_type": "go", "id": "by_event", "variables": EVENT}
        if index and self._chance(0.7):
            event["event_type"] = ["go", f"chain{index}"]
        if self._chance(0.2):
            event[self._use("event_data")] = {"k": 1}
        found = [event]
        more: dict[str, Node] = {
            "webhook": {"trigger": "webhook", "webhook_id": "hook", "variables": WEBHOOK},
            "dedupe": {
                "trigger": "webhook",
                "webhook_id": "hook",
                "dedupe": "{{ trigger.json.k }}",
                "variables": WEBHOOK,
            },
            "job.entries": {"trigger": "job.entries", "job": "any", "status": "ERROR", "above": 2, "variables": JOB},
            "for": {
                "trigger": "job.entries",
                "job": "any",
                "status": "ERROR",
                "above": 2,
                "for": 30,
                "variables": JOB,
            },
            "time": {"trigger": "time", "at": "09:01:30", "variables": TIME},
            "time_pattern": {"trigger": "time_pattern", "minutes": "4", "variables": TIME},
            "cron": {"trigger": "cron", "expression": "2 9 * * *", "variables": TIME},
        }
        if self._chance(0.6):
            name = self.random.choice(sorted(more))
            found.append({**more[self._use(name)], "id": "by_other"})
        self._ids = [str(trigger["id"]) for trigger in found]
        return found

    def _condition(self, depth: int = 0) -> Json:
        kinds: dict[str, Callable[[], Json]] = {
            "template": lambda: f"{{{{ k % 2 == {self.random.randint(0, 1)} }}}}",
            "compare": lambda: {"condition": "compare", "value": "{{ k }}", "above": self.random.randint(0, 2)},
            "trigger": lambda: {"condition": "trigger", "id": self.random.choice(self._ids)},
            "or": lambda: {"condition": "or", "conditions": [self._condition(1), self._condition(1)]},
            "and": lambda: {"condition": "and", "conditions": [self._condition(1), self._condition(1)]},
            "not": lambda: {"condition": "not", "conditions": [self._condition(1)]},
        }
        known = [name for name in kinds if not depth or name not in ("or", "and", "not")]
        return kinds[self._use(self.random.choice(known))]()

    def _sequence(self, depth: int, length: int) -> list[Json]:
        return [self._step(depth) for _ in range(length)]

    def _step(self, depth: int) -> Json:
        kinds: dict[str, tuple[int, Callable[[int], Json]]] = {
            "action": (6, self._action),
            "send": (3, self._send),
            "delay": (3, lambda depth: {"delay": self.random.choice((0, 1, 20, 90))}),
            "if": (2, self._if),
            "choose": (2, self._choose),
            "variables": (1, lambda depth: {"variables": {"k": "{{ k + 1 }}"}}),
            "stop": (1, lambda depth: {"stop": "enough", "error": self._chance(0.5)}),
            "event": (2, self._event),
            "condition": (1, lambda depth: self._condition(1)),
        }
        if depth >= DEPTH:
            kinds = {name: kinds[name] for name in ("action", "send", "delay", "variables", "event")}
        if self._rule == "r2":
            del kinds["event"]
        name = self.random.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        return kinds[self._use(name)][1](depth)

    def _label(self) -> str:
        self._steps += 1
        return f"{self._rule}.{self._steps}"

    def _action(self, depth: int) -> Json:
        name = self._use(self.random.choice(("test.ok", *STUBS)))
        step: Node = {"action": name, "data": {"step": self._label(), "n": "{{ n }}"}}
        if self._chance(0.3):
            step[self._use("continue_on_error")] = True
        if name in ("test.refuse", "test.flaky", "test.ok") and self._chance(0.5):
            step[self._use("retry")] = {"attempts": 3, "wait": self.random.choice((0, 5))}
        if name == "test.slow" and self._chance(0.5):
            step[self._use("timeout")] = self.random.choice((5, 50))
        if name == "test.ok" and self._chance(0.3):
            step[self._use("response_variable")] = "answer"
        if self._chance(0.05):
            step[self._use("enabled")] = False
        return step

    def _send(self, depth: int) -> Json:
        to = self.random.sample(PHONES, self.random.choice((1, 1, 2, 3)))
        self._use("one recipient" if len(to) == 1 else "many recipients")
        data = {"to": to, "template": "import_failed", "language": "en", "body": ["{{ n }}", self._label()]}
        return {"action": "whatsapp.send_template", "data": data}

    def _if(self, depth: int) -> Json:
        step: Node = {"if": [self._condition(1)], "then": self._sequence(depth + 1, self.random.randint(1, 2))}
        if self._chance(0.5):
            step["else"] = self._sequence(depth + 1, 1)
        return step

    def _choose(self, depth: int) -> Json:
        options = [
            {"conditions": [self._condition(1)], "sequence": self._sequence(depth + 1, 1)}
            for _ in range(self.random.randint(1, 2))
        ]
        return {"choose": options, **({"default": self._sequence(depth + 1, 1)} if self._chance(0.5) else {})}

    def _event(self, depth: int) -> Json:
        label = self._label()
        index = int(self._rule[1:]) + 1
        self.chains.setdefault(self._rule, set()).add(f"r{index}")
        return {"event": f"chain{index}", "event_data": {"n": f"{{{{ n }}}}/{label}", "k": "{{ k }}"}}

    def _deeds(self, rules: dict[str, Node]) -> list[Deed]:
        kinds = {trigger["trigger"] for rule in rules.values() for trigger in rule["triggers"]}
        deeds = []
        for number in range(self.random.randint(2, 4)):
            deeds.append(self._deed(number, kinds))
            if self._chance(0.7):
                deeds.append(Deed("advance", data=self.random.choice((1, 10, 40, 130))))
        return [*deeds, Deed("advance", data=1200)]

    def _deed(self, number: int, kinds: set[str]) -> Deed:
        told = {"n": f"n{number}", "k": self.random.randint(1, 2)}
        if "webhook" in kinds and self._chance(0.5):
            return Deed("webhook", "hook", told)
        if "job.entries" in kinds and self._chance(0.5):
            return Deed("job", f"job-{number}", self.random.choice((0, 60)))
        if self._chance(0.1):
            self._use("turned off and on")
            return Deed("switch", "r0")
        if self._chance(0.3):
            fault = self.random.choice(FAULTS)
            self._use(f"fault {fault['kind']}")
            return Deed("fault", data={"match": "messages", "times": 1, **fault})
        return Deed("fire", "go", told)


def story(seed: int) -> Story:
    """The story of this seed: the same for ever."""
    return Author(seed).story()
