"""The world itself; how to use it is in the package's text."""

from __future__ import annotations

import asyncio
import json as _json
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from engine.assembly import Engine, Ports
from engine.journal.api import Journal
from engine.journal.memory import MemoryJournal
from engine.log import Log, SilentLog
from engine.plugin import Action, Connection, Tools
from engine.problem import near
from engine.records import Changes, CommandRecord, ProblemRecord, ProgramRecord, RunRecord
from engine.registry import OURS
from engine.rules.book import RuleFile, blueprint_path
from engine.rules.known import Known
from engine.rules.model import Program, is_script
from engine.rules.program import program_from_record
from engine.runs.called import called
from engine.settings import Settings
from engine.testing.act import DATA, act
from engine.testing.clock import START, CountedIds, VirtualAlarm, VirtualClock
from engine.testing.settings import world_settings
from engine.testing.stubs import STUBS, Answer, Behaviour, Call, Nowhere, StubAction, Stubs
from engine.testing.told import Answered, Event, Message, Run, told_run
from engine.tree import Tree, last_programs
from engine.values import Fact, Json, SetState, State
from engine.web.webhooks import WebhookApp, hook_path

_KEY = bytes(32)
_PATIENCE = 30.0

T = TypeVar("T")


class World:
    """An engine with rules, time and an outside of its own; see the package's text.

    `start` is a time of the world's `time_zone` where it names no zone of its own.
    `settings` is what would stand in rulewheel.yaml, or settings as they were loaded; `journal` is another than one in
    memory, `plugins` are the packages whose actions, triggers and connections there are. From `seed` comes all chance
    outside, such as that of faults; where none is given, one is drawn and printed.
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
        seed: int | None = None,
    ) -> None:
        self.ids = CountedIds()
        self.journal: Journal = journal or MemoryJournal()
        self.log = log or SilentLog()
        self.settings = world_settings(settings, time_zone, plugins)
        self.clock = VirtualClock((start if start.tzinfo else start.replace(tzinfo=self.settings.zone)).astimezone(UTC))
        self.seed = time.time_ns() % 1_000_000 if seed is None else seed
        self.connections: dict[str, Connection] = {}
        self._actions = dict(self.settings.registry.actions)
        self._real = frozenset(self._actions)
        self.settings = replace(self.settings, registry=replace(self.settings.registry, actions=self._actions))
        self._stubs = Stubs(self.clock)
        self._simulators: dict[str, Any] = {}
        self._files: dict[str, str] = {}
        self._events: list[Fact] = []
        self._stack = AsyncExitStack()
        self._has_started = False
        self._says_seed = seed is None

    async def __aenter__(self) -> Self:
        if self._says_seed:
            sys.stdout.write(f"seed of the world: {self.seed}\n")
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
        reads: bool = False,
    ) -> None:
        """An action of this name that rules may call, instead of the real one if there is one; calls are in `calls`.

        `response` is what comes back, `refuses` why nothing does; each may be a function of the step's data. With
        `crashes` nobody knows what happened; `takes` are seconds; `sets` are entities and their new states. What only
        `reads` may be the poll of a sensor. An undefined name in its data is empty text, unless it stands for a real
        action that changes the outside world.
        """
        self._stubs.behaviours[name] = Behaviour(response, refuses, crashes, takes, sets)
        given = {"name": name, "sets": sets or {}, "responds": True, "reads": reads, "lenient": name not in self._real}
        self._actions[name] = type("Stub", (StubAction,), given)
        if hasattr(self, "_tree"):
            self._tree.know(Known.of(self.settings))

    async def set_state(self, entity: str, state: str | None, attributes: Mapping[str, Json] | None = None) -> None:
        """Gives an entity this state, and tells the rules if that is new; None takes the entity away."""
        await self.engine.intake.set(SetState(entity, state, dict(attributes or {})))
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
        """Another system calls a webhook; "connection/chakra" is the one at which Chakra tells what became of messages.

        Raises LookupError when nobody listens there.
        """
        known = {**self.engine.matcher.watches.webhooks, **self.engine.receivers}
        if webhook_id not in known:
            raise LookupError(f'nobody listens to the webhook "{webhook_id}". {near(webhook_id, known)}'.strip())
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
        """Calls a script, such as "script.greet", or any action, such as "counter.increment", as a person would.

        Gives its answer, None as long as it runs; the run of an action is among `runs`, by the action's name. Raises
        LookupError when there is nothing of this name.
        """
        if name in self._actions:
            run = await self._act(self._actions[name], dict(data or {}))
        else:
            run = await self._command("trigger", name, {"variables": dict(data or {})})
        found = await self.journal.get(RunRecord, (run,))
        return found.body.get("response") if found is not None and found.state == "done" else None

    async def trigger(self, rule: str, *, skip_conditions: bool = True) -> None:
        """Runs a rule by hand, as a person would."""
        await self._command("trigger", rule, {"skip_conditions": skip_conditions})

    async def turn_on(self, rule: str) -> None:
        """Switches a rule on."""
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
        """The runs of a rule, by its id or its name as an entity, or of all; oldest first."""
        found = _read(self.journal.runs(rule=rule and self._id(rule), limit=1_000_000))
        return [told_run(run, _read(self.journal.steps(run.id))) for run in reversed(found)]

    def running(self, rule: str) -> int:
        """How many runs of the rule are open, those that wait for their turn included."""
        return len(_read(self.journal.open_runs(self._id(rule))))

    def state(self, entity: str) -> State | None:
        """An entity as it stands, or None."""
        return self.engine.states.get(entity)

    async def _open_connections(self) -> None:
        for name, kind in self.settings.registry.connections.items():
            simulation = kind.simulated(self.clock, self.settings.connection_values(name), self.seed)
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
            triggers=self.settings.registry.triggers,
            rebuild=self._rebuilt,
            zone=self.settings.zone,
            test_to=self.settings.test_to if self.settings.sending == "test" else None,
            elapsed=self.clock.elapsed,
        )

    def _rebuilt(self, record: ProgramRecord) -> Program:
        return program_from_record(record, self.settings.registry)

    def _rule_files(self) -> list[RuleFile]:
        return [
            RuleFile(name, text.encode(), blueprint=blueprint_path(name)) for name, text in sorted(self._files.items())
        ]

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

    def _id(self, name: str) -> str:
        return name if name in self.engine.programs else self.engine.standing.rule_of(name) or name

    def _program(self, rule: str) -> Program:
        found = self.engine.programs.get(self._id(rule))
        if found is None:
            what = "script" if is_script(rule) else "rule"
            known = [*self.engine.programs, *self.engine.standing.entities()]
            raise LookupError(f'there is no {what} "{rule}". {near(rule, known)}'.strip())
        return found

    async def _command(self, kind: str, rule: str, data: Mapping[str, Json] | None = None) -> str:
        told = {"rule": self._program(rule).rule, **(data or {})}
        command = CommandRecord(self.ids.row_id(), kind, told, self.clock.now())
        await self.journal.commit(Changes(put=[command]))
        await self.engine.carry_out(command)
        await self._settle()
        return command.id

    async def _act(self, kind: type[Action], data: Json) -> str:
        program, now = act(kind), self.clock.now()
        event = called(program, {DATA: data}, self.ids.row_id(), now)
        kept = ProgramRecord(program.hash, program.rule, program.body, "", 0, "", now)
        await self.journal.commit(Changes(put=[kept, event]))
        self.engine.wakes.events.say(event)
        await self._settle()
        return event.id

    async def _posted(self, path: str, method: str, headers: Mapping[str, str], body: bytes) -> Answered:
        engine = self.engine
        app = WebhookApp(
            engine.intake,
            engine.matcher,
            _KEY,
            self.log,
            receivers=engine.receivers,
            heard=engine.silence.heard,
        )
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
        await self.engine.finish()


def _read(reading: Coroutine[Any, Any, T]) -> T:
    """The result of a read of the journal, which never has to wait."""
    try:
        reading.send(None)
    except StopIteration as done:
        found: T = done.value
        return found
    raise RuntimeError("this journal cannot be read at once")
