"""A whole rulewheel for tests: real parts over virtual time, no network, nothing to wait for.

    async with World(time_zone="Asia/Kolkata") as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": text})
        await world.webhook("order_paid", json={"id": "A1"})
        await world.advance(3600)
        assert world.calls == [Call("crm.tag", {"order": "A1"}, world.now)]

After each call the world goes on until nothing can happen without time passing; only `advance` lets time pass.
"""

from __future__ import annotations

import asyncio
import json as _json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from engine.assembly import Engine, Ports
from engine.clock import Clock
from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.log import Log, SilentLog
from engine.plugin import (
    Accepted,
    Action,
    Connection,
    Operation,
    Outcome,
    Plan,
    Refused,
    Request,
    SetState,
    Tools,
    View,
)
from engine.problem import ProblemError, near
from engine.records import Changes, CommandRecord, ProblemRecord, ProgramRecord, RunRecord, StepRecord
from engine.registry import OURS, Registry
from engine.rules.book import RuleFile
from engine.rules.known import Known
from engine.rules.model import Program
from engine.rules.program import is_off, program_from_record
from engine.secret import Secrets
from engine.settings import SECRETS_FILE, SETTINGS_FILE, Settings, settings_of
from engine.tree import Tree, last_programs
from engine.values import Fact, Json, State
from engine.web.webhooks import WebhookApp, hook_path

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

STUBS = "stubs"
_KEY = bytes(32)
_PATIENCE = 30.0

T = TypeVar("T")
Answer = Json | Callable[[Json], Json]


class VirtualClock:
    """Stands still until it is moved, and wakes who slept till then."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        sleeper = (when, woken)
        self._sleepers.append(sleeper)
        try:
            await woken
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def move(self, by: timedelta) -> None:
        """Lets this much time pass at once."""
        self._now += by
        for sleeper in [each for each in self._sleepers if each[0] <= self._now]:
            self._sleepers.remove(sleeper)
            if not sleeper[1].done():
                sleeper[1].set_result(None)

    def next(self) -> datetime | None:
        """When the first of the sleepers wants to be woken."""
        return min((when for when, _ in self._sleepers), default=None)

    @property
    def sleeping(self) -> int:
        """How many wait for time to pass."""
        return len(self._sleepers)

    def abandon(self) -> None:
        """Cancels whoever sleeps: their process has died."""
        for _, woken in self._sleepers:
            woken.cancel()


class CountedIds:
    """Counts: the same test makes the same ids."""

    def __init__(self) -> None:
        self._made = 0

    def op_id(self) -> str:
        self._made += 1
        return f"{self._made:032x}"

    def row_id(self) -> str:
        self._made += 1
        return f"{self._made:026d}"


class VirtualAlarm:
    """Remembers what would ring; whoever moves the clock rings it."""

    def __init__(self) -> None:
        self.times: dict[str, tuple[datetime, Callable[[], None]]] = {}

    def at(self, name: str, when: datetime | None, ring: Callable[[], None]) -> None:
        self.times.pop(name, None)
        if when is not None:
            self.times[name] = (when, ring)

    def next(self) -> datetime | None:
        """When the first one rings."""
        return min((when for when, _ in self.times.values()), default=None)

    def ring(self, now: datetime) -> None:
        """Rings all that are due."""
        for name in [name for name, (when, _) in self.times.items() if when <= now]:
            _, ring = self.times.pop(name)
            ring()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a stub: its name, what it was called with, and when."""

    name: str
    data: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message that the simulator accepted. `to` is the number as it was sent, `text` as it reads on the phone."""

    to: str
    template: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the engine."""

    type: str
    data: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a run's trace: where, what it did and why, and the values that it saw."""

    path: str
    kind: str
    result: str
    reason: str
    values: Json


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a rule. `outcome` is empty while it is open, `trigger` what the rule sees under this name."""

    rule: str
    state: str
    outcome: str
    reason: str
    started: datetime
    ended: datetime | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a webhook's caller is told."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a stub does when it is called."""

    response: Answer = None
    refuses: str | Callable[[Json], str | None] | None = None
    crashes: bool = False
    takes: float = 0.0
    sets: Mapping[str, str] | None = None


class StubAction(Action):
    """An action of a test, which takes whatever data a step gives it."""

    sets: ClassVar[Mapping[str, str]] = {}

    def __init__(self, values: Mapping[str, Json]) -> None:
        super().__init__({})
        self._data = dict(values)

    @classmethod
    def schema(cls) -> dict[str, Json]:
        """Any mapping."""
        return {"type": "object"}

    def plan(self, view: View) -> list[Plan]:
        """One request to the stubs, and the states that the test wants set."""
        changes: list[Plan] = [SetState(entity, state) for entity, state in self.sets.items()]
        return [Request(STUBS, self.name, self._data, shown=self._data), *changes]


class Stubs(Connection):
    """The other end of all stubs: records each call and answers as the test says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__({})
        self._clock = clock
        self.behaviours: dict[str, Behaviour] = {}
        self.calls: list[Call] = []

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Records the call and does as it was told."""
        name, data = request.operation, dict(request.body)
        behaviour = self.behaviours[name]
        self.calls.append(Call(name, data, self._clock.now()))
        if behaviour.takes:
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=behaviour.takes))
        if behaviour.crashes:
            raise ConnectionError(f"the stub {name} crashes, as the test says")
        refusal = behaviour.refuses(data) if callable(behaviour.refuses) else behaviour.refuses
        if refusal is not None:
            return Refused(refusal)
        return Accepted(behaviour.response(data) if callable(behaviour.response) else behaviour.response, "stub")


class Nowhere(Connection):
    """Stands where a connection would need a network."""

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Refuses, and says what to do."""
        return Refused("a World has no network; stub the action that this rule calls")


class World:
    """An engine with rules, time and an outside of its own; see the module's text.

    `settings` is what would stand in rulewheel.yaml, or settings as they were loaded; `journal` is another than one in
    memory, `plugins` are the packages whose actions, triggers and connections there are.
    """

    def __init__(
        self,
        *,
        start: datetime = START,
        time_zone: str | None = None,
        settings: Settings | Mapping[str, Json] | None = None,
        journal: Journal | None = None,
        plugins: Sequence[str] = OURS,
        log: Log | None = None,
    ) -> None:
        self.clock = VirtualClock(start.astimezone(UTC))
        self.ids = CountedIds()
        self.journal: Journal = journal or MemoryJournal()
        self.log = log or SilentLog()
        self.settings = _settings(settings, time_zone, plugins)
        self.connections: dict[str, Connection] = {}
        self._actions = dict(self.settings.registry.actions)
        self.settings = replace(self.settings, registry=replace(self.settings.registry, actions=self._actions))
        self._stubs = Stubs(self.clock)
        self._simulators: dict[str, Any] = {}
        self._files: dict[str, str] = {}
        self._events: list[Fact] = []
        self._stack = AsyncExitStack()
        self._has_started = False

    async def __aenter__(self) -> Self:
        await self._open_connections()
        await self._build()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._end()
        await self._stack.aclose()

    async def load(self, files: Mapping[str, str]) -> None:
        """These are the rule files from now on, by name; the first time rulewheel starts with them."""
        self._files = dict(files)
        await self._read_rules()
        if not self._has_started:
            self._has_started = True
            await self.engine.started()
        await self._settle()

    def stub(
        self,
        name: str,
        *,
        response: Answer = None,
        refuses: str | Callable[[Json], str | None] | None = None,
        crashes: bool = False,
        takes: float = 0.0,
        sets: Mapping[str, str] | None = None,
    ) -> None:
        """An action of this name that rules may call, instead of the real one if there is one; calls are in `calls`.

        `response` is what comes back, `refuses` why nothing does; each may be a function of the step's data. With
        `crashes` nobody knows what happened; `takes` are seconds; `sets` are entities and their new states.
        """
        self._stubs.behaviours[name] = Behaviour(response, refuses, crashes, takes, sets)
        self._actions[name] = type("Stub", (StubAction,), {"name": name, "sets": sets or {}, "responds": True})
        if hasattr(self, "_tree"):
            self._tree.know(Known.of(self.settings))

    async def set_state(self, entity: str, state: str, attributes: Mapping[str, Json] | None = None) -> None:
        """Gives an entity this state, and tells the rules if that is new."""
        before = self.engine.states.get(entity)
        now = self.clock.now()
        record = self.engine.states.changed(entity, state, attributes or {}, now)
        if record is not None:
            moved = {"from": before.state if before else None, "to": state, "attributes": dict(attributes or {})}
            await self.engine.intake.take(("state", entity), Fact("state", entity, moved, now), record)
        await self._settle()

    async def fire(self, event_type: str, data: Mapping[str, Json] | None = None) -> None:
        """An event of the engine, as the step `event` fires it."""
        fact = Fact("event", event_type, dict(data or {}), self.clock.now())
        await self.engine.intake.take(("event", event_type), fact)
        await self._settle()

    async def webhook(
        self,
        webhook_id: str,
        *,
        json: Json = None,
        text: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Another system calls a webhook. Raises LookupError when no rule listens there."""
        known = self.engine.matcher.watches.webhooks
        if webhook_id not in known:
            raise LookupError(f'no rule listens to the webhook "{webhook_id}". {near(webhook_id, known)}'.strip())
        body = text.encode() if json is None else _json.dumps(json).encode()
        kind = "text/plain" if json is None else "application/json"
        answer = await self._posted(
            hook_path(_KEY, webhook_id), method, {"content-type": kind, **(headers or {})}, body
        )
        await self._settle()
        return answer

    async def advance(self, seconds: float) -> None:
        """Lets time pass; what is due happens in order, each at its time."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while (at := self.next()) is not None and at <= end:
            self._move_to(at)
            await self._settle()
        self._move_to(end)
        await self._settle()

    async def call(self, name: str, data: Mapping[str, Json] | None = None) -> Json:
        """Calls a script. Raises ValueError: there are none yet."""
        raise ValueError(f"there are no scripts yet, so there is no {name}; fire an event that a rule listens to")

    async def trigger(self, rule: str, *, skip_conditions: bool = True) -> None:
        """Runs a rule by hand, as a person would."""
        await self._command("trigger", rule, {"skip_conditions": skip_conditions})

    async def turn_on(self, rule: str) -> None:
        """Switches a rule on. Raises ValueError when its own file switches it off."""
        if is_off(self._program(rule).body):
            raise ValueError(f"{rule} is off in its file: take initial_state: false out of it")
        await self._command("turn-on", rule)

    async def turn_off(self, rule: str) -> None:
        """Switches a rule off; its runs are cancelled."""
        await self._command("turn-off", rule)

    async def restart(self, journal: Journal | None = None) -> None:
        """Rulewheel dies as it is and starts again, with nothing but its journal; the outside goes on.

        `journal` is what the new one finds, if it is another than the old one left.
        """
        await self._end()
        self.journal = journal or self.journal
        await self._build()
        if self._has_started:
            await self._read_rules()
            await self.engine.started()
        for command in await self.journal.commands():
            await self.engine.carry_out(command)
        await self._settle()

    @property
    def now(self) -> datetime:
        """The time in this world, in UTC."""
        return self.clock.now()

    @property
    def problems(self) -> list[ProblemRecord]:
        """What a person should mend: mistakes in the files, connections that are unwell; oldest first."""
        return self.engine.notices.open()

    @property
    def simulator(self) -> Any:
        """The simulated outside, of the one connection that has one. Raises LookupError when none or several do."""
        if len(self._simulators) != 1:
            raise LookupError(f"there are {len(self._simulators)} simulators: {', '.join(self._simulators)}")
        return next(iter(self._simulators.values()))

    @property
    def messages(self) -> list[Message]:
        """The messages that the simulator accepted, in order."""
        return [Message(each.to, each.template, each.rendered or each.text) for each in self.simulator.messages]

    @property
    def calls(self) -> list[Call]:
        """The calls of all stubs, in order."""
        return self._stubs.calls

    def next(self) -> datetime | None:
        """When something happens next by itself; None when nothing ever does."""
        return min((at for at in (self.alarm.next(), self.clock.next()) if at is not None), default=None)

    def events(self, event_type: str) -> list[Event]:
        """The engine's events of this type since the world began, in order."""
        return [Event(fact.subject, fact.data, fact.at) for fact in self._events if fact.subject == event_type]

    def runs(self, rule: str | None = None) -> list[Run]:
        """The runs of a rule, or of all, oldest first."""
        found = _read(self.journal.runs(rule=rule, limit=1_000_000))
        return [_run(run, _read(self.journal.steps(run.id))) for run in reversed(found)]

    def running(self, rule: str) -> int:
        """How many runs of the rule are open, those that wait for their turn included."""
        return len(_read(self.journal.open_runs(rule)))

    def state(self, entity: str) -> State | None:
        """An entity as it stands, or None."""
        return self.engine.states.get(entity)

    async def _open_connections(self) -> None:
        for name, kind in self.settings.registry.connections.items():
            simulation = kind.simulated(self.clock)
            self.connections[name] = simulation.connection if simulation else Nowhere({})
            if simulation:
                self._simulators[name] = simulation.simulator
        self.connections[STUBS] = self._stubs
        for connection in self.connections.values():
            await connection.open(Tools(self.clock, hosts=self.settings.hosts))
            self._stack.push_async_callback(connection.close)

    async def _build(self) -> None:
        self.alarm = VirtualAlarm()
        self._reload = False
        self.engine = Engine(self._ports())
        self.engine.matcher.on_fact = self._heard
        await self.engine.start()
        last = await last_programs(self.journal, self._rebuilt, self.log)
        self._tree = Tree(self._rule_files, Known.of(self.settings), last)

    def _ports(self) -> Ports:
        return Ports(
            journal=self.journal,
            clock=self.clock,
            ids=self.ids,
            alarm=self.alarm,
            log=self.log,
            connections=self.connections,
            actions=self._actions,
            rebuild=self._rebuilt,
            zone=self.settings.zone,
            test_to=self.settings.test_to if self.settings.sending == "test" else None,
        )

    def _rebuilt(self, record: ProgramRecord) -> Program:
        return program_from_record(record, self.settings.registry)

    def _rule_files(self) -> list[RuleFile]:
        return [RuleFile(name, text.encode()) for name, text in sorted(self._files.items())]

    async def _read_rules(self) -> None:
        reading = self._tree.read(self.clock.now())
        await self.engine.adopt(reading.programs)
        await reading.tell(self.engine.notices)
        self.alarm.at("rules", reading.again, self._reads_again)

    def _reads_again(self) -> None:
        self._reload = True

    def _heard(self, fact: Fact) -> None:
        if fact.kind == "event" and not any(fact is known for known in self._events[-8:]):
            self._events.append(fact)

    def _program(self, rule: str) -> Program:
        found = self.engine.programs.get(rule)
        if found is None:
            raise LookupError(f'there is no rule "{rule}". {near(rule, self.engine.programs)}'.strip())
        return found

    async def _command(self, kind: str, rule: str, data: Mapping[str, Json] | None = None) -> None:
        told = {"rule": self._program(rule).rule, **(data or {})}
        command = CommandRecord(self.ids.row_id(), kind, told, self.clock.now())
        await self.journal.commit(Changes(put=[command]))
        await self.engine.carry_out(command)
        await self._settle()

    async def _posted(self, path: str, method: str, headers: Mapping[str, str], body: bytes) -> Answered:
        app = WebhookApp(self.engine.intake, self.engine.matcher, _KEY, self.log)
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        head = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "path": path, "method": method, "headers": head, "query_string": b""}
        await app(scope, receive, send)
        start, *parts = told
        return Answered(start["status"], b"".join(part["body"] for part in parts).decode())

    async def _settle(self) -> None:
        """Goes on until whatever is under way waits for time to pass."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            await self.engine.work_at_hand()
            if self._reload:
                self._reload = False
                await self._read_rules()
            elif self.engine.is_idle and self.engine.under_way <= self.clock.sleeping:
                return
            elif loop.time() > until:
                raise RuntimeError("a call waits for something other than the world's clock")
            await asyncio.sleep(0)

    def _move_to(self, at: datetime) -> None:
        self.clock.move(max(timedelta(0), at - self.clock.now()))
        self.alarm.ring(self.clock.now())

    async def _end(self) -> None:
        """The process dies: calls under way are never heard of again."""
        self.clock.abandon()
        await self.engine.effects.finish()
        await self.engine.polls.finish()


def _settings(given: Settings | Mapping[str, Json] | None, time_zone: str | None, plugins: Sequence[str]) -> Settings:
    """The settings of a world; those of a mapping are read as the file is. Raises ProblemError."""
    if not isinstance(given, Settings):
        chosen = {} if given and "sending" in given else {"sending": "live"}
        text = _json.dumps({**chosen, **(given or {})})
        loaded = settings_of(text.encode(), Path(SETTINGS_FILE), Secrets(SECRETS_FILE), Registry.discover(plugins))
        if loaded.settings is None:
            raise ProblemError(*loaded.problems)
        given = loaded.settings
    return replace(given, time_zone=time_zone) if time_zone else given


def _read(reading: Coroutine[Any, Any, T]) -> T:
    """The result of a read of the journal, which never has to wait."""
    try:
        reading.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise RuntimeError("this journal cannot be read at once")


def _run(run: RunRecord, steps: Sequence[StepRecord]) -> Run:
    told = tuple(Step(step.path, step.kind, step.result, step.reason, step.detail) for step in steps)
    return Run(run.rule, run.state, run.outcome, run.reason, run.started, run.ended, told)
