"""Joins the parts: ports in, engine out. Daemon, demo and tests all build their engine here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from typing import Any

from engine.adopt import adoption, triggers_of
from engine.clock import Alarm, Clock, Ids
from engine.due import Due
from engine.effects import Effects
from engine.executor import Executor
from engine.intake import Intake
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.match import Matcher, Place
from engine.notices import Notices
from engine.plugin import Action, Connection, Request
from engine.poll import Polls
from engine.records import Changes, CommandRecord, Drop, EffectRecord, EventRecord, InboxRecord, ProgramRecord
from engine.rules.model import Program
from engine.runs.course import Means
from engine.runs.limits import Room
from engine.states import States
from engine.values import Fact, Json
from engine.wake import Wake

Part = Callable[[], Coroutine[Any, Any, bool]]

PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that the engine gets from outside itself."""

    journal: Journal
    clock: Clock
    ids: Ids
    alarm: Alarm
    log: Log
    connections: Mapping[str, Connection]
    actions: Mapping[str, type[Action]]
    rebuild: Callable[[ProgramRecord], Program]
    zone: tzinfo = UTC
    test_to: str | None = None
    places: int = 64


@dataclass(slots=True)
class Wakes:
    """The hand-overs between the parts; events and inbox are both the executor's."""

    signal: asyncio.Event = field(default_factory=asyncio.Event)
    events: Wake[EventRecord] = field(init=False)
    inbox: Wake[InboxRecord] = field(init=False)
    effects: Wake[EffectRecord] = field(default_factory=Wake)

    def __post_init__(self) -> None:
        self.events = Wake(self.signal)
        self.inbox = Wake(self.signal)


class Engine:
    """The running whole. `start`, `adopt` books, then either `run` for ever or `work` step by step."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.programs: dict[str, Program] = {}
        self._known_programs: dict[str, Program] = {}
        self._triggers: frozenset[Place] = frozenset()
        wakes = Wakes()
        self.wakes = wakes
        journal, clock, ids, log = ports.journal, ports.clock, ports.ids, ports.log
        self.states = States()
        self.matcher = Matcher()
        self.notices = Notices(journal, clock, log)
        room = Room(ports.places)
        means = Means(ports.actions, self._outward)
        self.intake = Intake(journal, self.matcher, self.states, clock, ids, ports.zone, wakes.events, log)
        self.executor = Executor(
            journal,
            self.matcher,
            self.states,
            clock,
            means,
            self.intake.view,
            self._known_programs.get,
            wakes.events,
            wakes.inbox,
            wakes.effects,
            room,
            log,
        )
        self.effects = Effects(
            journal, ports.connections, clock, ids, wakes.effects, wakes.inbox, room, self.notices, log
        )
        self.polls = Polls(
            self.matcher, ports.connections, self.intake, self.states, clock, ports.alarm, self.notices, log
        )
        self.due = Due(
            journal,
            self.matcher,
            self.intake,
            clock,
            ids,
            ports.alarm,
            wakes.events,
            wakes.inbox,
            wakes.effects,
            log,
        )
        for part in (self.executor, self.effects):
            part.on_dues = self.due.wake.say
        for source in (self.executor, self.intake):
            source.on_states = self._states_changed

    async def start(self) -> None:
        """Takes up what the journal holds, before any book is adopted."""
        journal = self.ports.journal
        self.states.load(await journal.entities())
        self.matcher.load(await journal.memories())
        await self.notices.load()
        await self._keep_programs_of_open_work()
        unsure = await self.effects.recover()
        if unsure:
            self.ports.log.warning("sends were under way when rulewheel stopped; they are unsure", count=unsure)

    async def adopt(self, programs: Mapping[str, Program]) -> None:
        """Runs these rules from now on. Raises JournalError when the change cannot be written; nothing changes then."""
        journal = self.ports.journal
        records = {record.rule: record for record in await journal.rules()}
        known = self._triggers or await self._triggers_before(list(records))
        dues = [*await journal.dues("hold/"), *await journal.dues("schedule/")]
        changes = adoption(self.matcher, programs, records, known, dues, self.intake.view())
        try:
            await journal.commit(changes)
        except JournalError:
            self.matcher.attach(self.programs.values(), self.intake.view())
            self.matcher.load(await journal.memories())
            raise
        self.programs = dict(programs)
        self._triggers = triggers_of(programs.values())
        self._known_programs.update({program.hash: program for program in programs.values()})
        for rule in records:
            if rule not in programs:
                await self.executor.cancel(rule, "the rule was removed or switched off")
        self.due.wake.say()
        self.polls.wake.say()

    async def started(self) -> None:
        """Tells the rules that the engine has started."""
        await self.intake.take(("start", "start"), Fact("start", "start", {}, self.ports.clock.now()))

    async def run(self) -> None:
        """Works until cancelled. A journal that cannot write pauses the parts and is a Problem until it can again."""
        async with asyncio.TaskGroup() as group:
            for name, wake, work in self._parts():
                group.create_task(self._run(name, wake, work), name=name)

    async def work(self) -> bool:
        """Does everything that can be done without time passing, calls under way included; false if there was nothing."""
        did = False
        while True:
            busy = False
            for _, wake, work in self._parts():
                if wake:
                    busy = await work() or busy
            if self.effects.under_way or self.polls.under_way:
                await self.effects.finish()
                await self.polls.finish()
                busy = True
            if not busy:
                return did
            did = True

    async def carry_out(self, command: CommandRecord) -> None:
        """Does what a person asked for from outside."""
        if command.kind == "watch-job":
            await self._watch_job(str(command.data["job"]))
        await self.ports.journal.commit(Changes(drop=[Drop(CommandRecord, (command.id,))]))

    async def stop(self) -> None:
        """Finishes the calls under way; nothing new is begun once the parts are cancelled."""
        await self.effects.finish()
        await self.polls.finish()

    async def _watch_job(self, job: str) -> None:
        entity = f"job.{job}"
        if self.states.get(entity) is not None:
            return
        record = self.states.changed(entity, "watched", {}, self.ports.clock.now())
        assert record is not None
        moved: Json = {"from": None, "to": "watched", "attributes": {}}
        await self.intake.take(("state", entity), Fact("state", entity, moved, self.ports.clock.now()), record)

    def _parts(self) -> list[tuple[str, Wake[Any], Part]]:
        return [
            ("executor", self.wakes.inbox, self.executor.work),
            ("effects", self.wakes.effects, self.effects.work),
            ("due", self.due.wake, self.due.work),
            ("polls", self.polls.wake, self.polls.work),
        ]

    async def _run(self, name: str, wake: Wake[Any], work: Part) -> None:
        while True:
            await wake.wait()
            try:
                await work()
            except JournalError as error:
                await self.notices.report(f"journal/{error.code}", error.code, str(error))
                await self.ports.clock.sleep_until(self.ports.clock.now() + PAUSE)
                wake.sweep()
            else:
                await self.notices.clear("journal/")

    async def _keep_programs_of_open_work(self) -> None:
        journal = self.ports.journal
        needed = {run.program for run in await journal.open_runs()}
        needed |= {event.program for event in await journal.new_events(1_000_000)}
        for name in needed:
            record = await journal.get(ProgramRecord, (name,))
            if record is not None:
                self._known_programs[name] = self.ports.rebuild(record)

    async def _triggers_before(self, rules: list[str]) -> frozenset[Place]:
        found = []
        for record in await self.ports.journal.rules():
            program = await self.ports.journal.get(ProgramRecord, (record.program,))
            if record.rule in rules and program is not None:
                found.append(self.ports.rebuild(program))
        return triggers_of(found)

    def _outward(self, request: Request) -> Request:
        if self.ports.test_to is None or request.recipient is None:
            return request
        return self.ports.connections[request.connection].redirected(request, self.ports.test_to)

    def _states_changed(self) -> None:
        self.matcher.refresh(self.intake.view())
        self.polls.wake.say()
