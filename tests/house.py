"""A whole engine for tests: real parts, a clock that the test owns, a connection that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from textwrap import dedent, indent
from typing import Any, ClassVar

from engine.assembly import Engine, Ports
from engine.clock import Ids
from engine.journal.api import Journal, JournalError, proof
from engine.journal.memory import MemoryJournal
from engine.log import Log, SilentLog
from engine.plugin import Accepted, Action, Connection, Operation, Outcome, Request, Trigger
from engine.records import Changes, Conflict, Done, EffectRecord, ProgramRecord, RunRecord, StepRecord
from engine.registry import Registry
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.rules.model import Program
from engine.source import read
from engine.testing import START as START
from engine.testing import CountedIds, VirtualAlarm, VirtualClock
from engine.values import Fact, Json


class TestClock(VirtualClock):
    """Moves itself to where a part would sleep until, for tests that work the parts one by one."""

    __test__ = False

    async def sleep_until(self, when: datetime) -> None:
        self._now = max(self._now, when)
        await asyncio.sleep(0)


class PatientClock(TestClock):
    """Sleeps a moment of real time and stands still, for tests in which parts work by themselves."""

    async def sleep_until(self, when: datetime) -> None:
        await asyncio.sleep(0.001)


class Outside(Connection):
    """An outside system that answers as the test says; `performed` is what it was asked, in order."""

    name: ClassVar[str] = "outside"

    def __init__(self, answer: Callable[[Request], Outcome] | None = None) -> None:
        super().__init__({})
        self.answer: Callable[[Request], Outcome] = answer or (lambda request: Accepted({"ok": True}, "done"))
        self.performed: list[tuple[Request, Operation]] = []

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        self.performed.append((request, operation))
        return self.answer(request)

    def redirected(self, request: Request, to: str) -> Request:
        return Request(**{**{name: getattr(request, name) for name in request.__slots__}, "recipient": to})


class House:
    """An engine over a memory journal (or the one given), worked step by step."""

    def __init__(
        self,
        *,
        journal: Journal | None = None,
        clock: TestClock | None = None,
        outside: Outside | None = None,
        names: tuple[str, ...] = ("outside", "chakra", "http"),
        actions: Mapping[str, type[Action]] | None = None,
        rebuild: Callable[[ProgramRecord], Program] | None = None,
        zone: tzinfo = UTC,
        test_to: str | None = None,
        places: int = 64,
        ids: Ids | None = None,
        log: Log | None = None,
    ) -> None:
        self.ids = ids or CountedIds()
        self.journal = journal or MemoryJournal()
        self.clock = clock or TestClock()
        self.alarm = VirtualAlarm()
        self.outside = outside or Outside()
        registry = everything()
        self.programs: dict[str, Program] = {}
        ports = Ports(
            journal=self.journal,
            clock=self.clock,
            ids=self.ids,
            alarm=self.alarm,
            log=log or SilentLog(),
            connections=dict.fromkeys(names, self.outside),
            actions={**registry.actions, **(actions or {})},
            triggers=registry.triggers,
            rebuild=rebuild or (lambda record: self.programs[record.hash]),
            zone=zone,
            test_to=test_to,
            places=places,
            elapsed=self.clock.elapsed,
        )
        self.engine = Engine(ports)

    async def start(self, *programs: Program) -> None:
        """Starts the engine with these rules and works until nothing can happen without time passing."""
        self.programs = {program.hash: program for program in programs}
        await self.engine.start()
        await self.adopt(*programs)

    async def adopt(self, *programs: Program) -> None:
        """These rules from now on."""
        self.programs |= {program.hash: program for program in programs}
        await self.engine.adopt({program.rule: program for program in programs})
        await self.engine.work()

    def again(self, journal: Journal | None = None) -> House:
        """What stands here after the process died: another engine over the same journal, clock and outside.

        `journal` is another front of that same journal.
        """
        inner = self.journal.inner if isinstance(self.journal, FailingJournal) else self.journal
        following = House(
            journal=journal or inner,
            clock=self.clock,
            outside=self.outside,
            ids=self.ids,
            rebuild=self.engine.ports.rebuild,
        )
        following.programs = self.programs
        return following

    async def problems(self) -> list[str]:
        """The codes of the open problems."""
        return [record.code for record in await self.journal.problems()]

    async def fire(self, event_type: str, **data: Json) -> None:
        """An event of the engine."""
        await self.engine.intake.take(("event", event_type), Fact("event", event_type, data, self.clock.now()))
        await self.engine.work()

    async def advance(self, seconds: float) -> None:
        """Lets time pass; what is due happens in order, each at its time."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (at := self.alarm.next()) is not None and at <= end:
            self.clock.move(max(timedelta(0), at - self.clock.now()))
            self.alarm.ring(self.clock.now())
            await self.engine.work()
        self.clock.move(end - self.clock.now())
        await self.engine.work()

    async def runs(self, rule: str | None = None) -> list[RunRecord]:
        """Runs, oldest first."""
        return list(reversed(await self.journal.runs(rule=rule, limit=10_000)))

    async def outcomes(self) -> list[str]:
        """The outcomes of all runs, oldest first; the state of those that are still open."""
        return [run.outcome or run.state for run in await self.runs()]

    async def steps(self) -> list[StepRecord]:
        """The traces of all runs."""
        return [step for run in await self.runs() for step in await self.journal.steps(run.id)]

    async def sends(self) -> list[EffectRecord]:
        """Effects, oldest first."""
        return list(reversed(await self.journal.sends(limit=10_000)))


class TestLog:
    """Remembers what it was told, as (level, message, values)."""

    __test__ = False

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def debug(self, message: str, **values: Any) -> None:
        self.lines.append(("debug", message, values))

    def info(self, message: str, **values: Any) -> None:
        self.lines.append(("info", message, values))

    def warning(self, message: str, **values: Any) -> None:
        self.lines.append(("warning", message, values))

    def error(self, message: str, **values: Any) -> None:
        self.lines.append(("error", message, values))

    def said(self, level: str) -> list[str]:
        """The messages of this level."""
        return [message for kind, message, _ in self.lines if kind == level]


class FailingJournal:
    """A journal in front of another that stops writing when told: a full disk, or a process that dies.

    `fails_after` commits have gone well, every one fails with `code`; `writes_last` lets the first of them be written,
    only its answer is lost.
    """

    def __init__(self, inner: Journal, code: str = "disk-full") -> None:
        self.inner = inner
        self.code = code
        self.commits = 0
        self.fails_after: int | None = None
        self.writes_last = False

    async def commit(self, changes: Changes) -> Done | Conflict:
        self.commits += 1
        if self.fails_after is None or self.commits <= self.fails_after:
            return await self.inner.commit(changes)
        if self.writes_last and self.commits == self.fails_after + 1:
            await self.inner.commit(changes)
        raise JournalError(self.code, "the test's disk is full")

    async def prove(self, now: datetime) -> None:
        await self.commit(proof(now))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@cache
def everything() -> Registry:
    """All plugins of ours."""
    return Registry.discover(("actions", "triggers"))


def programs(text: str, *more: type[Trigger] | type[Action]) -> list[Program]:
    """The rules of a file, checked as every file is; `more` are plugins of the test."""
    ours = everything()
    triggers = {plugin.name: plugin for plugin in more if issubclass(plugin, Trigger)}
    actions = {plugin.name: plugin for plugin in more if issubclass(plugin, Action)}
    registry = replace(ours, triggers={**ours.triggers, **triggers}, actions={**ours.actions, **actions})
    checked = check_file(read(dedent(text), "rules.yaml"), Known(registry))
    wrong = [str(problem) for problem in checked.problems if problem.severity == "error"]
    assert not wrong, wrong
    return list(checked.programs)


def program(text: str, *more: type[Trigger] | type[Action]) -> Program:
    """The only rule of a file."""
    (only,) = programs(text, *more)
    return only


def acting(actions: str, **keys: str) -> Program:
    """The rule `r` on the event `go` with these steps; `keys` are further keys of it, as YAML."""
    more = "".join(f"  {key}: {value}\n" for key, value in keys.items())
    steps = indent(dedent(actions).strip("\n"), "    ")
    return program(f"- id: r\n{more}  triggers:\n    - trigger: event\n      event_type: go\n  actions:\n{steps}\n")


def rule(actions: list[Any], *, trigger: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """A rule as a person writes it, on the event `go` unless another trigger is given."""
    return {"id": "r", "triggers": [trigger or {"trigger": "event", "event_type": "go"}], "actions": actions, **keys}
