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
SIMPLE = ("action", "send", "delay", "variables", "event", "entity", "call", "wait_template", "wait_for_trigger")
"""What stands at the greatest depth."""
FAULTS: tuple[Node, ...] = (
    {"kind": "status", "status": 429, "retry_after": 5},
    {"kind": "status", "status": 503},
    {"kind": "refuse", "seconds": 20},
    {"kind": "latency", "at": "before_answer", "min_ms": 4000},
)

STATE = {"n": "{{ trigger.to_state.state }}", "k": 1}
OWN = {"n": "{{ trigger.now | default(now()) }}", "k": 1}
SIGNAL = "sensor.signal"
EVENT = {"n": "{{ trigger.event.data.n }}", "k": "{{ trigger.event.data.k }}"}
WEBHOOK = {"n": "{{ trigger.json.n }}", "k": "{{ trigger.json.k }}"}
JOB = {"n": "{{ trigger.job.id }}", "k": 3}
TIME = {"n": "{{ trigger.now.isoformat() }}", "k": 2}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that happens: `kind` is fire, webhook, job, fault, state, switch (a rule off and on) or advance."""

    kind: str
    name: str = ""
    data: Json = None


@dataclass(frozen=True, slots=True)
class Story:
    """Rules as a file, and what happens.

    `rules` are bodies by id, those of scripts too, `chains` who hears whose events or calls whom; `raced` are rules
    that others switch on and off while they run, `callers` those that wait for the end of others.
    """

    seed: int
    text: str
    deeds: tuple[Deed, ...]
    rules: dict[str, Node] = field(default_factory=dict)
    chains: dict[str, set[str]] = field(default_factory=dict)
    constructs: frozenset[str] = frozenset()
    raced: frozenset[str] = frozenset()
    callers: frozenset[str] = frozenset()


class Author:
    """Writes one story."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"story/{seed}")
        self.used: set[str] = set()
        self.chains: dict[str, set[str]] = {}
        self.raced: set[str] = set()
        self.callers: set[str] = set()
        self._steps = 0
        self._rule = ""
        self._ids: list[str] = []
        self._loops = 0
        self._is_serial = True
        self._scripts: list[str] = []
        self._last = 0
        self._other = ""

    def story(self) -> Story:
        """One to three rules; those with a higher number hear the events of those with a lower one.

        Beside them one or two scripts, and of each kind of entity one that each rule has to itself.
        """
        scripts = {}
        for index in range(self.random.randint(0, 2)):
            self._rule = f"script.s{index}"
            scripts[self._rule] = self._one_script()
            self._scripts.append(self._rule)
        rules = {}
        self._last = self.random.randint(0, 2)
        for index in range(self._last + 1):
            self._rule = f"r{index}"
            rules[self._rule] = self._one_rule(index)
        deeds = self._deeds(rules)
        file = {"rules": list(rules.values()), "scripts": {name[7:]: body for name, body in scripts.items()}}
        parts = {key: part for key, part in file.items() if part}
        text = json.dumps({**parts, **_entities(list(rules), json.dumps(parts))}, indent=1)
        bodies = {**rules, **{name: {"triggers": [], **body} for name, body in scripts.items()}}
        sets = (frozenset(each) for each in (self.used, self.raced, self.callers))
        return Story(self.seed, text, tuple(deeds), bodies, self.chains, *sets)

    def _mode(self) -> str:
        mode = self.random.choice(("queued", "queued", "parallel", "single", "restart"))
        self._use(f"mode {mode}")
        return mode

    def _one_script(self) -> Node:
        script: Node = {"mode": self._mode()}
        self._is_serial = False
        script["sequence"] = self._sequence(1, self.random.randint(1, 3))
        if self._chance(0.5):
            script["variables"] = {"found": {"well": "{{ n }}"}}
            self._use("answer")
            script["sequence"].append({"stop": "answered", "response_variable": "found"})
        return script

    def _use(self, name: str) -> str:
        self.used.add(name)
        return name

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _one_rule(self, index: int) -> Node:
        rule: Node = {"id": self._rule, "triggers": self._triggers(index)}
        rule["variables"] = {"n": "{{ n | default('by hand') }}", "k": "{{ k | default(1) }}"}
        rule["mode"] = mode = self._mode()
        if mode in ("queued", "parallel") and self._chance(0.3):
            rule[self._use("max")] = 2
        if self._chance(0.3):
            rule[self._use("per")] = "{{ k }}"
        self._is_serial = mode == "queued" and "per" not in rule and "max" not in rule
        if self._chance(0.3):
            rule["conditions"] = [self._condition()]
        if self._chance(0.2):
            rule[self._use("valid_for")] = 3600
        rule["actions"] = self._sequence(0, self.random.randint(1, 4))
        if self._chance(0.4):
            rule[self._use("on_error")] = self._sequence(DEPTH, self.random.randint(1, 2))
        if self._chance(0.3):
            rule[self._use("finally")] = self._sequence(DEPTH, self.random.randint(1, 2))
        if self._chance(0.15):
            rule[self._use("quiet_hours")] = {"from": "09:00:30", "to": "09:02", "zone": "rule"}
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
        self._other = ""
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
            "state": {"trigger": "state", "entity_id": SIGNAL, "variables": STATE},
            "state for": {"trigger": "state", "entity_id": SIGNAL, "to": ["n1", "n2"], "for": 20, "variables": STATE},
            "numeric_state": {"trigger": "numeric_state", "entity_id": "sensor.level", "above": 1, "variables": STATE},
            "numeric_state for": {
                "trigger": "numeric_state",
                "entity_id": "sensor.level",
                "above": 1,
                "for": 15,
                "variables": STATE,
            },
            "template trigger": {
                "trigger": "template",
                "value_template": "{{ states('sensor.level') | int(0) > 2 }}",
                "for": 5,
                "variables": OWN,
            },
            "timer.finished": {
                "trigger": "event",
                "event_type": "timer.finished",
                "event_data": {"entity_id": f"timer.{self._rule}"},
                "variables": OWN,
            },
            "sensor": {"trigger": "state", "entity_id": "sensor.total", "variables": OWN},
            "time": {"trigger": "time", "at": "09:01:30", "variables": TIME},
            "time_pattern": {"trigger": "time_pattern", "minutes": "4", "variables": TIME},
            "cron": {"trigger": "cron", "expression": "2 9 * * *", "variables": TIME},
        }
        if index != self._last:
            del more["sensor"]
        if self._chance(0.75):
            name = self.random.choice(sorted(more))
            found.append({**more[self._use(name)], "id": "by_other"})
            if name == "sensor":
                for other in range(index):
                    self.chains.setdefault(f"r{other}", set()).add(self._rule)
            self._other = name
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
        own = self._rule
        if not self._ids:
            del kinds["trigger"]
        if self._is_serial:
            switch, level = f"input_boolean.{own}", f"counter.{own}"
            kinds["state condition"] = lambda: {"condition": "state", "entity_id": switch, "state": "on"}
            signal = {"condition": "state", "entity_id": SIGNAL, "state": ["n1", "n2"], "for": 5}
            kinds["state condition for"] = lambda: signal
            kinds["numeric_state condition"] = lambda: {"condition": "numeric_state", "entity_id": level, "below": 2}
        kinds["time condition"] = lambda: {"condition": "time", "after": "09:00:30", "before": "09:20:00"}
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
        if not self._rule.startswith("script"):
            kinds |= {
                "entity": (3, self._entity),
                "call": (2 if self._scripts else 0, self._call),
                "switch": (1 if self._rule != f"r{self._last}" else 0, self._switch),
            }
            kinds["by hand"] = (kinds["switch"][0], self._by_hand)
        kinds |= {
            "repeat": (2, self._repeat),
            "parallel": (1, self._parallel),
            "sequence": (1, lambda depth: {"sequence": self._sequence(depth + 1, self.random.randint(1, 2))}),
            "wait_template": (2, self._wait_template),
            "wait_for_trigger": (2, self._wait_for_trigger),
        }
        if self._loops:
            for name in ("repeat", "switch", "by hand"):
                kinds.pop(name, None)
        if depth >= DEPTH:
            kinds = {name: kinds[name] for name in SIMPLE if name in kinds}
        if self._rule in ("r2", f"r{self._last}") or self._rule.startswith("script"):
            kinds.pop("event", None)
        name = self.random.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        return kinds[self._use(name)][1](depth)

    def _entity(self, depth: int) -> Json:
        """Something that the rule does to an entity of its own."""
        own = self._rule
        kinds: dict[str, Node] = {
            "counter.increment": {"entity_id": f"counter.{own}"},
            "counter.reset": {"entity_id": f"counter.{own}"},
            "input_boolean.toggle": {"entity_id": f"input_boolean.{own}"},
            "input_number.set_value": {"entity_id": f"input_number.{own}", "value": "{{ k }}"},
            "input_text.set_value": {"entity_id": f"input_text.{own}", "value": "{{ n }}"},
            "input_datetime.set_datetime": {"entity_id": f"input_datetime.{own}", "datetime": "2026-04-01 08:00:00"},
            "timer.start": {"entity_id": f"timer.{own}"},
            "timer.cancel": {"entity_id": f"timer.{own}"},
        }
        name = self.random.choice(("counter.increment", *kinds))
        if name == "timer.start" and self._triggered_by("timer.finished"):
            name = "counter.increment"  # or else it would go round for ever
        return {"action": self._use(name), "data": kinds[name]}

    def _triggered_by(self, event_type: str) -> bool:
        return event_type == self._other

    def _tag(self) -> str:
        """What tells a run, or an event, from others: a label, and in a loop how often it has gone round."""
        return f"{{{{ n }}}}/{self._label()}" + ("-{{ repeat.index }}" if self._loops else "")

    def _call(self, depth: int) -> Json:
        name = self.random.choice(self._scripts)
        self.callers.add(self._rule)
        for one, other in ((self._rule, name), (name, self._rule)):
            self.chains.setdefault(one, set()).add(other)
        data = {"n": self._tag(), "k": "{{ k }}"}
        if self._chance(0.3):
            self.raced.add(name)  # nobody waits: with its mode it depends on who is first
            return {"action": self._use("script.turn_on"), "data": {"entity_id": name, "variables": data}}
        step: Node = {"action": name, "data": data}
        if self._chance(0.4):
            step[self._use("continue_on_error")] = True
        return step

    def _switch(self, depth: int) -> Json:
        other = f"r{int(self._rule[1:]) + 1}"
        self.raced.add(other)
        self.chains.setdefault(self._rule, set()).add(other)
        name = self._use(self.random.choice(("automation.turn_off", "automation.turn_on", "automation.toggle")))
        return {"action": name, "data": {"entity_id": f"automation.{other}"}}

    def _by_hand(self, depth: int) -> Json:
        other = f"r{int(self._rule[1:]) + 1}"
        self.callers.add(self._rule)
        for one, following in ((self._rule, other), (other, self._rule)):
            self.chains.setdefault(one, set()).add(following)
        data = {"entity_id": f"automation.{other}", "skip_condition": self._chance(0.5)}
        return {"action": self._use("automation.trigger"), "data": data}

    def _repeat(self, depth: int) -> Json:
        self._loops += 1
        kinds: dict[str, Node] = {
            "count": {"count": self.random.choice((0, 2, 3))},
            "for_each": {"for_each": ["a", "b"]},
            "while": {"while": "{{ repeat.index <= 2 }}"},
            "until": {"until": "{{ repeat.index >= 2 }}"},
        }
        kind = kinds[self._use(self.random.choice(list(kinds)))]
        step = {"repeat": {**kind, "sequence": self._sequence(depth + 1, self.random.randint(1, 2))}}
        self._loops -= 1
        return step

    def _parallel(self, depth: int) -> Json:
        return {"parallel": [{"sequence": [self._branch(), self._branch()]}, self._branch(), self._branch()]}

    def _branch(self) -> Json:
        """A step that says nothing to those beside it."""
        kinds = [self._action, self._send, lambda depth: {"delay": self.random.choice((0, 20))}, self._wait_template]
        return self.random.choice(kinds)(DEPTH)

    def _waits(self, step: Node) -> Node:
        step["timeout"] = self.random.choice((0, 10, 45))
        if self._chance(0.3):
            step[self._use("continue_on_timeout")] = False
        return step

    def _wait_template(self, depth: int) -> Json:
        tests = [f"{{{{ states('{SIGNAL}') == 'n2' }}}}", "{{ states('sensor.level') | int(0) > 1 }}"]
        if self._is_serial:
            tests.append(f"{{{{ is_state('timer.{self._rule}', 'idle') }}}}")
        return self._waits({"wait_template": self.random.choice(tests)})

    def _wait_for_trigger(self, depth: int) -> Json:
        kinds: list[Node] = [
            {"trigger": "state", "entity_id": SIGNAL},
            {"trigger": "state", "entity_id": SIGNAL, "for": 5},
            {"trigger": "numeric_state", "entity_id": "sensor.level", "above": 1},
            {"trigger": "template", "value_template": "{{ states('sensor.level') | int(0) > 1 }}"},
            {"trigger": "time_pattern", "seconds": "/15"},
        ]
        return self._waits({"wait_for_trigger": self.random.sample(kinds, self.random.choice((1, 1, 2)))})

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
        index = int(self._rule[1:]) + 1
        self.chains.setdefault(self._rule, set()).add(f"r{index}")
        return {"event": f"chain{index}", "event_data": {"n": self._tag(), "k": "{{ k }}"}}

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
        if self._chance(0.35):
            return self._state(number)
        if self._chance(0.1):
            self._use("turned off and on")
            return Deed("switch", "r0")
        if self._chance(0.3):
            fault = self.random.choice(FAULTS)
            self._use(f"fault {fault['kind']}")
            return Deed("fault", data={"match": "messages", "times": 1, **fault})
        return Deed("fire", "go", told)

    def _state(self, number: int) -> Deed:
        if self._chance(0.6):
            return Deed("state", SIGNAL, f"n{number}")
        return Deed("state", "sensor.level", str(self.random.randint(0, 4)))


def _entities(rules: list[str], text: str) -> Node:
    """Of each kind one for each rule, as far as the text names it, and a sensor that adds up all counters."""
    kinds: dict[str, Node] = {
        "counter": {},
        "input_boolean": {},
        "input_number": {"min": 0, "max": 100},
        "input_text": {},
        "input_datetime": {"has_date": True, "has_time": True},
        "timer": {"duration": 15},
    }
    adds_up = "sensor.total" in text
    declared: Node = {}
    for kind, keys in kinds.items():
        named = [rule for rule in rules if f"{kind}.{rule}" in text or (kind == "counter" and adds_up)]
        if named:
            declared[kind] = {rule: dict(keys) for rule in named}
    if adds_up:
        total = " + ".join(f"states('counter.{rule}') | int(0)" for rule in rules)
        declared["sensors"] = {"total": {"state": f"{{{{ {total} }}}}"}}
    return declared


def story(seed: int) -> Story:
    """The story of this seed: the same for ever."""
    return Author(seed).story()
