"""How rules and scripts stand, which are entities too: on or off, how many runs are open, when they last ran.

Their states are no rows of their own: they follow from the rules, the switches and the runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from engine.records import RuleRecord, RunRecord
from engine.rules.model import Program, is_script
from engine.rules.normalise import slug
from engine.values import Json, State

RULE = "automation."
COUNTING_MODES = ("queued", "parallel")


class Standing:
    """Every rule and script of the book as an entity.

    A rule is `automation.` and its alias as a slug, or its id where another has that name; a script is `script.` and
    its name.
    """

    def __init__(self, now: datetime) -> None:
        self._programs: dict[str, Program] = {}
        self._off: frozenset[str] = frozenset()
        self._rules: dict[str, str] = {}
        self._entities: dict[str, str] = {}
        self._open: Counter[str] = Counter()
        self._last: dict[str, datetime] = {}
        self._changed: dict[str, datetime] = {}
        self._begun = now

    def load(self, rules: Iterable[RuleRecord], runs: Mapping[str, int]) -> None:
        """Takes what the journal holds: when each rule last ran, and how many of its runs are open."""
        self._last = {rule.rule: rule.last_triggered for rule in rules if rule.last_triggered is not None}
        self._open = Counter(runs)

    def take(self, programs: Mapping[str, Program], off: Collection[str], now: datetime) -> None:
        """These are the rules and scripts from now on; `off` are those that are off."""
        before = self._off
        self._programs = dict(programs)
        self._off = frozenset(off)
        self._changed |= dict.fromkeys(before ^ self._off, now)
        self._rules, self._entities = _named(programs)

    def rule_of(self, entity: str) -> str | None:
        """The rule or script that an entity stands for, also by its id where its alias names it."""
        if entity in self._programs and is_script(entity):
            return entity
        return self._rules.get(entity)

    def entity_of(self, rule: str) -> str:
        """The name of a rule or script as an entity."""
        return rule if is_script(rule) else self._entities.get(rule, RULE + slug(rule))

    def entities(self) -> list[str]:
        """The names of all of them."""
        return [self.entity_of(rule) for rule in self._programs]

    def state(self, entity: str) -> State | None:
        """How a rule or script stands; None where there is none of this name."""
        rule = self.rule_of(entity)
        program = self._programs.get(rule) if rule is not None else None
        return self._state(program, self._open[program.rule]) if program is not None else None

    def knows(self, rule: str) -> bool:
        """Whether there is such a rule or script."""
        return rule in self._programs

    def switched(self, off: Collection[str], now: datetime) -> list[tuple[State, State]]:
        """How the rules stand, and will, that are switched off or on so that these are off."""
        found = []
        for rule, program in self._programs.items():
            if not is_script(rule) and (rule in off) != (rule in self._off):
                before = self._state(program, self._open[rule])
                found.append((before, replace(before, state="off" if rule in off else "on", changed=now, updated=now)))
        return found

    def ran(self, rule: str, at: datetime) -> None:
        """A run of the rule has been let in."""
        self._last[rule] = at

    def moves(self, run: RunRecord) -> int:
        """How a record of a run changes the number of open ones once it is written: 1, -1 or 0."""
        if run.version == 1:
            return 0 if run.state == "done" else 1
        return -1 if run.state == "done" else 0

    def written(self, run: RunRecord) -> None:
        """A run's record is on disk."""
        moves = self.moves(run)
        if moves:
            self._open[run.rule] += moves
            if is_script(run.rule) and self._open[run.rule] == max(0, moves):
                self._changed[run.rule] = run.ended or run.started

    def before_and_after(self, run: RunRecord) -> tuple[State, State] | None:
        """How the rule or script of a run stands, and how it will with the run's record; None if the same."""
        program, moves = self._programs.get(run.rule), self.moves(run)
        if program is None or not moves:
            return None
        now = self._open[run.rule]
        return self._state(program, now), self._state(program, max(0, now + moves), run)

    def _state(self, program: Program, running: int, run: RunRecord | None = None) -> State:
        rule = program.rule
        last = self._last.get(rule)
        if run is not None and run.version == 1:
            last = run.started
        is_on = running > 0 if is_script(rule) else rule not in self._off
        attributes: dict[str, Json] = {
            "id": rule.removeprefix("script."),
            "friendly_name": program.alias,
            "last_triggered": last.isoformat() if last else None,
            "mode": program.body.get("mode", "queued"),
            "current": running,
        }
        if attributes["mode"] in COUNTING_MODES and isinstance(program.body.get("max"), int):
            attributes["max"] = program.body["max"]
        changed = self._changed.get(rule, self._begun)
        moved = run is not None and is_script(rule)
        at = (run.ended or run.started) if run is not None else max(changed, last or changed)
        return State(self.entity_of(rule), "on" if is_on else "off", attributes, at if moved else changed, at)


def _named(programs: Mapping[str, Program]) -> tuple[dict[str, str], dict[str, str]]:
    """From the names of entities to rules, by alias and by id, and from rules to the one name of each."""
    rules = [rule for rule in programs if not is_script(rule)]
    aliases = Counter(slug(programs[rule].alias) for rule in rules)
    found = {RULE + slug(rule): rule for rule in rules}
    names: dict[str, str] = {}
    for rule in rules:
        alias = slug(programs[rule].alias)
        own = alias if alias and aliases[alias] == 1 else slug(rule)
        names[rule] = RULE + own
        found[RULE + own] = rule
    return found, names
