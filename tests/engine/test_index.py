"""Where many listen, those that a fact does not concern are not asked, and nothing else comes of it."""

from __future__ import annotations

import json
from datetime import UTC
from random import Random
from typing import Any

import pytest

from engine import watches
from engine.conditions import check_all
from engine.index import FEW, Index
from engine.predicates import Asks, Predicate, asked_of, dig, is_modest, ruled_out
from engine.rules.model import Program, TriggerUse
from engine.scope import Scope
from engine.states import Snapshot
from engine.testing import CountedIds
from engine.values import Fact, Fire, Json
from tests.house import START, House, TestLog, programs
from tests.promises.figure import new_seed

VALUES: list[Json] = [
    0,
    1,
    2,
    3,
    2.0,
    2.5,
    -1,
    "0",
    "1",
    "2",
    "2.5",
    "x",
    "",
    " 2 ",
    True,
    False,
    None,
    [1],
    {"c": 2},
    {},
]
VALUES += [*["2026-03-01T10:00:00"] * 3, 10**400]
OPERANDS: list[Json] = [0, 1, 2, 2.5, -1, "1", "2", "2.5", "x", "", True, False, None]
PATHS = ("a", "b", "b.c", "a.year", "m['c']", "m.n.c")


class Author:
    """Writes rules and events at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def rules(self, count: int) -> str:
        return json.dumps([self._rule(f"r{number}") for number in range(count)])

    def data(self) -> dict[str, Json]:
        found = {name: self.random.choice(VALUES) for name in ("a", "b") if self.random.random() < 0.9}
        if self.random.random() < 0.8:
            found["m"] = {"c": self.random.choice(VALUES), "n": {"c": self.random.choice(VALUES)}}
        return found

    def _rule(self, name: str) -> dict[str, Any]:
        chance, choice = self.random.random, self.random.choice
        kind = choice(("event", "event", "webhook"))
        self._top = "trigger.event.data" if kind == "event" else "trigger.json"
        trigger: dict[str, Any] = {"trigger": "event", "event_type": "go"}
        if kind == "webhook":
            trigger = {"trigger": "webhook", "webhook_id": "hook"}
        elif chance() < 0.4:
            trigger["event_data"] = choice(({"a": choice(OPERANDS)}, {"m": {"c": choice(OPERANDS)}}, {"b": {"c": 2}}))
        other = {"trigger": "event", "event_type": ["go", "come"]}
        triggers = [
            {**trigger, "id": "first", "alias": "one"},
            *([{**other, "id": "second"}] if chance() < 0.5 else []),
        ]
        self._ids = [each["id"] for each in triggers]
        rule: dict[str, Any] = {"id": name, "triggers": triggers, "actions": [{"stop": "it ran"}]}
        if chance() < 0.9:
            rule["conditions"] = [self._condition() for _ in range(choice((1, 1, 1, 2)))]
        if chance() < 0.2:
            rule["variables"] = {"v": choice(("{{ 1 / 0 }}", f"{{{{ {self._top}.a }}}}"))}
        if chance() < 0.1:
            rule["variables"] = {"trigger": {"event": {"data": {"a": 2}}, "json": {"a": 2}}}
        if chance() < 0.2:
            rule["per"] = f"{{{{ {self._top}.a }}}}"
        return rule

    def _condition(self) -> Json:
        choice, path = self.random.choice, f"{self._top}.{self.random.choice(PATHS)}"
        operand = choice(OPERANDS)
        sign = choice(("==", "==", ">", ">=", "<", "<=", "!="))
        kinds: dict[str, Json] = {
            "template": f"{{{{ {path} {sign} {_jinja(operand)} }}}}",
            "turned": f"{{{{ {_jinja(operand)} {sign} {path} }}}}",
            "both": f"{{{{ {path} {sign} {_jinja(operand)} and {self._top}.a == {_jinja(choice(OPERANDS))} }}}}",
            "chained": f"{{{{ 0 < {path} <= 2 }}}}",
            "other": f"{{{{ {path} is defined }}}}",
            "equals": {"value": f"{{{{ {path} }}}}", "equals": "none" if operand is None else operand},
            "bounds": {"value": f"{{{{ {path} }}}}", "above": choice((-1, 1, "1.5")), "below": choice((2, 3))},
            "in": {"value": f"{{{{ {path} }}}}", "in": [operand, choice(OPERANDS)]},
            "text": {"value": f"{{{{ {path} }}}}", "contains": "2"},
            "trigger": {"condition": "trigger", "id": choice(self._ids)},
            "id": f"{{{{ trigger.id == '{choice(('first', 'second'))}' }}}}",
        }
        condition = kinds[choice(list(kinds))]
        if isinstance(condition, dict):
            condition = {"condition": "compare", **condition}
            if self.random.random() < 0.2:
                condition["enabled"] = choice((True, False, "{{ 1 == 1 }}", "{{ 1 == 2 }}"))
        return {choice(("and", "or", "not")): [condition]} if self.random.random() < 0.2 else condition


def _jinja(value: Json) -> str:
    return (
        {True: "true", False: "false", None: "none"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )


async def played(seed: int, few: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], int]:
    """What the rules of this seed did, in order, without what their conditions kept from running; and all runs."""
    monkeypatch.setattr(watches, "FEW", few)
    author = Author(seed)
    house = House(log=TestLog())
    await house.start(*programs(author.rules(50)))
    for number in range(30):
        channel = ("event", "go") if number % 2 else ("webhook", "hook")
        data: Json = author.data()
        if number % 2 == 0:
            data = {"method": "POST", "json": data, "data": None, "query": {}, "headers": {}}
        await house.engine.intake.take(channel, Fact(channel[0], channel[1], data, START))  # type: ignore[arg-type]
        await house.engine.work()
    runs = await house.runs()
    told = [(run.rule, run.key, run.outcome, run.reason) for run in runs if run.outcome != "failed_conditions"]
    return told, len(runs)


async def test_the_same_rules_run_with_and_without_a_look_into_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    plain, tried = await played(seed, 10_000, monkeypatch)
    looked_up, considered = await played(seed, 0, monkeypatch)
    assert looked_up == plain
    assert plain
    assert considered < tried, "the index is of no use"


def test_what_is_ruled_out_surely_does_not_hold_and_an_index_finds_all_that_is_not() -> None:
    seed = new_seed()
    print(f"seed {seed}")
    author = Author(seed)
    index: Index[str] = Index()
    asked = {}
    for program in programs(author.rules(600)):
        for use in program.triggers:
            asked[program.rule, use.key] = (program, use, asked_of(program, use))
            index.add((program.rule, use.key), program.rule, asked[program.rule, use.key][2])
    refused = 0
    for _ in range(40):
        told = author.data()
        fact = Fact("event", "go", {**told, "method": "POST", "json": told}, START)
        expected = []
        for (rule, _), (program, use, asks) in asked.items():
            may_fail = not all(is_modest(dig(fact.data, path)) for path in asks.reads)
            if may_fail or not (asks.never or ruled_out(asks.predicates, fact.data)):
                expected.append(rule)
                continue
            refused += 1
            assert not would_run(program, use, fact), (program.body, told)
        assert index.concerned(fact) == expected
    assert refused > 1000


def would_run(program: Program, use: TriggerUse, fact: Fact) -> bool:
    view = Snapshot(START, UTC, CountedIds())
    verdict = use.plugin.decide(None, fact, view).verdict
    if not isinstance(verdict, Fire):
        return False
    scope = Scope({"trigger": {**use.known, **verdict.data}, **program.body["variables"]}, view)
    return check_all(program.body["conditions"], scope).holds


def rule(number: int, condition: str) -> str:
    return f"""
    - id: r{number}
      triggers: {{trigger: event, event_type: go}}
      conditions: {condition}
      actions: [{{stop: it ran}}]
    """


async def many(condition: str, count: int = FEW + 1) -> House:
    house = House()
    text = "".join(rule(number, condition.replace("NUMBER", str(number))) for number in range(count))
    await house.start(*programs(text))
    return house


async def test_of_many_rules_only_those_that_an_event_concerns_leave_a_run() -> None:
    house = await many('"{{ trigger.event.data.n == NUMBER }}"')
    await house.fire("go", n=7)
    assert [(run.rule, run.outcome) for run in await house.runs()] == [("r7", "finished")]


async def test_of_few_rules_each_leaves_a_run_that_says_why_it_did_nothing() -> None:
    house = await many('"{{ trigger.event.data.n == NUMBER }}"', FEW)
    await house.fire("go", n=7)
    assert len(await house.runs()) == FEW


async def test_a_rule_that_was_passed_over_says_how_often_and_why() -> None:
    house = await many("{condition: compare, value: '{{ trigger.event.data.n }}', above: NUMBER}")
    for n in (5, 9, 3):
        await house.fire("go", n=n)
    passed = house.engine.matcher.watches.passed_over
    assert passed("r7") == [(2, "trigger.event.data.n is 3, which is not above 7")]
    assert passed("r2") == [(0, "")]


async def test_a_trigger_that_a_condition_never_means_says_so() -> None:
    house = await many("\"{{ trigger.id == 'xNUMBER' }}\"")
    await house.fire("go")
    assert await house.runs() == []
    assert house.engine.matcher.watches.passed_over("r1") == [(1, 'trigger.id is "0", which is not equal to "x1"')]


async def test_what_one_delivery_is_told_by_is_remembered_whatever_the_conditions_say() -> None:
    text = "".join(
        f"""
    - id: r{number}
      triggers: {{trigger: event, event_type: go, dedupe: "{{{{ trigger.event.data.id }}}}"}}
      conditions: "{{{{ trigger.event.data.n == {number} }}}}"
      actions: [{{stop: it ran}}]
    """
        for number in range(FEW + 1)
    )
    house = House()
    await house.start(*programs(text))
    await house.fire("go", id="a", n=1)
    await house.fire("go", id="a", n=2)
    assert [run.rule for run in await house.runs() if run.outcome == "finished"] == ["r1"]


async def test_runs_that_wait_are_found_by_what_they_wait_for() -> None:
    house = House()
    text = """
    - id: asks
      mode: parallel
      triggers: {trigger: event, event_type: go}
      actions:
        - wait_for_trigger:
            - trigger: event
              event_type: reply
              event_data: {n: "{{ trigger.event.data.n }}"}
        - stop: "{{ trigger.event.data.n }} was answered"
    """
    await house.start(*programs(text))
    for n in range(FEW + 10):
        await house.fire("go", n=n)
    index = house.engine.matcher.watches._indexes["event", "reply"]
    assert len(index.concerned(Fact("event", "reply", {"n": 3}, START))) == 1
    await house.fire("reply", n=3)
    assert [run.reason for run in await house.runs() if run.state == "done"] == ["3 was answered"]
    for n in range(FEW + 10):
        await house.fire("reply", n=n)
    assert all(run.state == "done" for run in await house.runs())
    assert not house.engine.matcher.watches._indexes


def test_an_index_looks_at_no_more_than_it_must() -> None:
    looked = []

    class Watched(Predicate):
        def holds(self, data: Json) -> bool:
            looked.append(self)
            return super().holds(data)

    index: Index[int] = Index()
    for number in range(1000):
        kind, own = Watched(("kind",), "is", "order"), Watched(("n",), "equals", number)
        index.add(("r", str(number)), number, Asks((kind, own)))
    assert index.concerned(Fact("event", "go", {"kind": "order", "n": "7"}, START)) == [7]
    assert len(looked) < 10


def test_who_is_removed_is_found_no_more() -> None:
    index: Index[str] = Index()
    asked = {
        "equal": Asks((Predicate(("n",), "equals", 5),)),
        "above": Asks((Predicate(("n",), "above", 4.0),), reads=(("n",), ("m",))),
        "under": Asks((Predicate(("n",), "<=", 5),)),
        "never": Asks(never="it is off"),
        "always": Asks(),
    }
    for name, asks in asked.items():
        index.add(("r", name), name, asks)
    fact = Fact("event", "go", {"n": 5}, START)
    assert index.concerned(fact) == ["equal", "above", "under", "always"]
    for name in asked:
        index.remove(("r", name))
    assert index.concerned(fact) == []
    assert index.passed_over(("r", "equal")) is None
