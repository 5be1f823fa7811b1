"""Joins the parts: ports in, engine out. Daemon, demo and tests all build their engine here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, tzinfo
from functools import partial
from typing import Any

from engine.adopt import Contents, adoption, contents_of, ended_by_file, listening, switched_off
from engine.clock import Alarm, Clock, Ids, elapsed
from engine.declarations import Declarations
from engine.drift import Drift
from engine.due import Due
from engine.effects import Effects
from engine.executor import Executor
from engine.expired import Expired
from engine.inbound import Inbound
from engine.intake import Intake
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.lookout import Lookout
from engine.match import Matcher
from engine.notices import Notices
from engine.outages import Outages
from engine.plugin import Action, Connection, Request, Trigger
from engine.poll import GIVEN_UP, Polls
from engine.programs import Programs
from engine.prune import Prune
from engine.pulse import Pulse
from engine.reactions import Reactions
from engine.records import (
    Changes,
    CommandRecord,
    Done,
    Drop,
    EffectRecord,
    EntityRecord,
    EventRecord,
    Expect,
    InboxRecord,
    MemoryRecord,
    ProgramRecord,
    RuleRecord,
)
from engine.rules.model import Program, is_script
from engine.runs.called import called
from engine.runs.caps import WINDOWS
from engine.runs.course import Means
from engine.runs.gate import SENDING, STOPPED, Gate
from engine.runs.waits import watchers_of
from engine.scrub import Scrub
from engine.settings import Keep
from engine.settle import Settler, listing_entity, receipts_webhook
from engine.silence import Silence
from engine.standing import Standing
from engine.states import States, heard_to_stand
from engine.values import Fact, SetState
from engine.wake import Wake

Part = Callable[[], Coroutine[Any, Any, bool]]

PAUSE = timedelta(seconds=1)
SWITCHES = {"stop-sending": "stopped", "resume-sending": "on"}
REMEMBERED = 2_000
"""How many of the newest effects are looked at for the limits of the other side, after a start."""


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
    triggers: Mapping[str, type[Trigger]]
    rebuild: Callable[[ProgramRecord], Program]
    zone: tzinfo = UTC
    test_to: str | None = None
    places: int = 64
    keep: Keep = field(default_factory=lambda: Keep({}))
    elapsed: Callable[[], timedelta] = elapsed


@dataclass(slots=True)
class Wakes:
    """The hand-overs between the parts; events and inbox are both the executor's."""

    signal: asyncio.Event = field(default_factory=asyncio.Event)
    events: Wake[EventRecord] = field(init=False)
    inbox: Wake[InboxRecord] = field(init=False)
    effects: Wake[EffectRecord] = field(default_factory=lambda: Wake(keep=_is_intent))

    def __post_init__(self) -> None:
        self.events = Wake(self.signal)
        self.inbox = Wake(self.signal)


RELOADED = "automation_reloaded"


def _is_intent(effect: EffectRecord) -> bool:
    """Whether this must be begun here and now: an intent that is lost could only be called unsure."""
    return effect.state == "intent"


class Engine:
    """The running whole. `start`, `adopt` books, then either `run` for ever or `work` step by step."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.programs: dict[str, Program] = {}
        self._adopting = asyncio.Lock()
        self._are_unknown: set[str] = set()
        wakes = Wakes()
        self.wakes = wakes
        journal, clock, ids, log = ports.journal, ports.clock, ports.ids, ports.log
        self.states = States()
        self.pulse = Pulse(clock)
        self.standing = Standing(clock.now())
        self.states.of_rules, self.states.rules = self.standing.state, self.standing.entities
        self.matcher = Matcher()
        self.notices = Notices(journal, clock, log)
        self.scrub = Scrub(journal, clock, self.notices, ports.alarm)
        self._kept = Programs(journal, ports.rebuild, self.notices)
        gate = self.gate = Gate(ports.places, ports.zone)
        means = Means(ports.actions, ports.triggers, self._outward, self._callable, self._reached)
        self.reactions = Reactions(journal, self.matcher, self.states, wakes.events, wakes.inbox, log)
        self.intake = Intake(journal, self.reactions, self.states, clock, ids, ports.zone, log)
        self.declarations = Declarations(self.states, self.intake)
        self.executor = Executor(
            journal,
            self.matcher,
            self.reactions,
            clock,
            means,
            self.intake.view,
            self._kept,
            wakes.events,
            wakes.inbox,
            wakes.effects,
            self.standing,
            gate,
            self.scrub.has_met,
            log,
        )
        self.outages = Outages(journal, ports.connections, clock, ports.alarm, self.notices)
        self.effects = Effects(
            journal,
            ports.connections,
            clock,
            ids,
            wakes.effects,
            wakes.inbox,
            gate,
            self.notices,
            self.outages,
            log,
        )
        self.polls = Polls(
            self.matcher,
            ports.connections,
            self.intake,
            self.states,
            clock,
            ports.alarm,
            self.notices,
            self.outages,
            log,
        )
        self.settler = Settler(
            journal,
            ports.connections,
            self.reactions,
            self.states,
            self.intake.view,
            clock,
            ids,
            wakes.effects,
            self.notices,
            log,
        )
        self.due = Due(
            journal,
            self.matcher,
            self.reactions,
            self.intake,
            clock,
            ids,
            ports.alarm,
            wakes.inbox,
            wakes.effects,
            self.settler.wake,
            log,
        )
        self.commands: Wake[None] = Wake()
        self.expired = Expired(journal, clock, ports.alarm, self.notices)
        self.inbound = Inbound(ports.connections, self.settler.receive, self.intake, log)
        self.prune = Prune(journal, self.states, clock, ports.keep, ports.alarm, log)
        self.silence = Silence(journal, clock, self.states, self.notices, lambda: self.matcher.watches.webhooks)
        drift = Drift(clock, ports.elapsed, ports.connections, self.notices)
        drift.on_set = self._clock_set
        self._lookout = Lookout(journal, clock, self.notices, self.pulse, (drift.look, self.silence.look))
        self._join()

    def _join(self) -> None:
        """What one part has to tell another goes by a wake or one of these."""
        self.effects.on_dues = self.due.wake.say
        self.reactions.on_dues = self.due.wake.say
        self.reactions.on_watches = self.polls.wake.say
        self.reactions.on_commands = self.commands.say
        self.effects.on_unsure = self.settler.wake.sweep
        self.effects.on_end = self._effect_ended
        self.settler.on_receipts = self.silence.told
        self.prune.is_outlived = lambda memory: self.matcher.is_outlived(memory, self.intake.view())
        self.prune.on_forgotten = lambda key: self.matcher.learn((), [key])
        self.scrub.on_mended = self._look_again
        self.intake.on_failure = self.notices.journal_failed

    def _effect_ended(self, effect: EffectRecord, state: str) -> None:
        self.expired.ended(effect.rule, state)
        if state == "accepted":
            self.silence.accepted(effect)

    def _clock_set(self, by: timedelta) -> None:
        """What is due by now is due now, and polls keep their pace."""
        self.polls.shift(by)
        self.due.wake.say()

    async def start(self) -> None:
        """Takes up what the journal holds, before any book is adopted."""
        journal = self.ports.journal
        self.states.load(await journal.entities())
        self.silence.load()
        await self._load_gate()
        self.matcher.load(await journal.memories())
        await self._load_waits()
        self.standing.load(await journal.rules(), await journal.open_counts())
        await self.notices.load()
        await self.scrub.start()
        unsure = await self.effects.recover()
        if unsure:
            self.ports.log.warning("sends were under way when rulewheel stopped; they are unsure", count=unsure)

    async def adopt(self, programs: Mapping[str, Program]) -> None:
        """Runs these rules from now on.

        Raises JournalError when it cannot be written; then the rules before go on, and adopting is to be tried again.
        """
        is_reload = bool(self.programs)
        async with self._adopting:
            await self._adopt(programs)
        if is_reload and self.matcher.hears(("event", RELOADED)):
            await self.intake.take(("event", RELOADED), Fact("event", RELOADED, {}, self.ports.clock.now()))

    async def switch(self, rule: str, *, on: bool, stops: bool = True) -> None:
        """Switches a rule on or off, until somebody switches it again: over reloads and restarts.

        Off, it hears nothing; its holds are cancelled, and its runs if it `stops`. A script is never off: its runs are
        cancelled. Raises JournalError, KeyError where there is no such rule.
        """
        if not on:
            await self.executor.work()  # what was asked for before begins before
        if is_script(rule):
            if not on:
                await self.executor.cancel(lambda each: each == rule, "the script was turned off")
            return
        async with self._adopting:
            known = {record.rule: record.enabled for record in await self.ports.journal.rules()}
            if known.get(self.programs[rule].rule) is not on:
                await self._adopt(self.programs, {rule: on})
            if not on and stops:
                await self.executor.cancel(lambda each: each == rule, "the rule was switched off")

    async def _adopt(self, programs: Mapping[str, Program], switched: Mapping[str, bool] | None = None) -> None:
        journal, switched = self.ports.journal, switched or {}
        records = {record.rule: record for record in await journal.rules()}
        known = await self._contents_before([record for record in records.values() if record.enabled])
        switchable = (rule for rule, each in programs.items() if each.declares is None and not is_script(rule))
        unknown = self._unknown(set(switchable) - records.keys() - switched.keys())
        stays_off = switched_off(programs, records, starting=not self.programs) | unknown
        off = {rule for rule in stays_off | switched.keys() if not switched.get(rule, False)}
        ended = ended_by_file(programs, records, off)
        await self.declarations.adopt(programs, records)
        dues = [*await journal.dues("hold/"), *await journal.dues("schedule/")]
        view = self.intake.view()
        changes = adoption(self.matcher, programs, records, known, dues, view, off, unknown)
        facts = [heard_to_stand(*each, view) for each in self.standing.switched(off, view.now)]
        reactions = self.reactions.joined(facts, changes, view)
        try:
            await journal.commit(changes)
        except JournalError:
            await self.reactions.lost(reactions)
            raise
        self._take_over(programs, off, changes)
        self.reactions.written(reactions, changes, view)
        self.reactions.stood([each.fact.subject for each in facts], view)
        await self.declarations.work_out()
        go_on = programs.keys() - ended
        await self.executor.cancel(lambda rule: rule not in go_on, "the rule was removed or switched off")
        self.due.wake.say()
        self.polls.wake.say()

    def _unknown(self, rules: Iterable[str]) -> set[str]:
        """Rules whose row somebody else has changed: they are off until it is put back, or somebody switches them."""
        found = {rule for rule in rules if self.scrub.has_met(RuleRecord, (rule,))}
        for rule in found - self._are_unknown:
            self.ports.log.warning("a rule is off: its row in the state was changed", rule=rule)
        self._are_unknown = found
        return found

    def _take_over(self, programs: Mapping[str, Program], off: Collection[str], changes: Changes) -> None:
        self.programs = dict(programs)
        self._kept.take(programs)
        rules = {rule: program for rule, program in programs.items() if program.declares is None}
        self.standing.take(rules, off, self.ports.clock.now())
        forgotten = [drop.key for drop in changes.drop if drop.record is MemoryRecord]
        self.matcher.learn([record for record in changes.put if isinstance(record, MemoryRecord)], forgotten)
        self.matcher.attach(listening(programs, off).values(), self.intake.view())
        self._tell_faults()

    async def started(self) -> None:
        """Tells the rules that the engine has started."""
        await self.intake.take(("start", "start"), Fact("start", "start", {}, self.ports.clock.now()))

    async def run(self) -> None:
        """Works until cancelled. A journal that cannot write pauses the parts and is a Problem until it can again."""
        async with asyncio.TaskGroup() as group:
            for name, wake, work in self._parts():
                group.create_task(self._run(name, wake, work), name=name)
            group.create_task(self._until_well(), name="until well")
            group.create_task(self._lookout.run(), name="lookout")

    async def work(self) -> bool:
        """Does all that can be done without time passing, calls under way included; false if there was nothing."""
        did = False
        while await self.work_at_hand() or self.under_way:
            await self.finish()
            did = True
        return did

    async def work_at_hand(self) -> bool:
        """Does all that can be done without waiting for the calls under way; false if there was nothing."""
        did = False
        while any([await work() for _, wake, work in self._parts() if wake]):
            did = True
        return did

    @property
    def is_idle(self) -> bool:
        """Whether no part has been told of work."""
        return not any(wake for _, wake, _ in self._parts())

    @property
    def under_way(self) -> int:
        """Calls that have begun and are not over."""
        return self.effects.under_way + self.polls.under_way + self.settler.under_way

    @property
    def receivers(self) -> dict[str, Callable[[Mapping[str, str], bytes], Awaitable[str]]]:
        """Who takes the webhooks of connections, by webhook id; each gives why one is not believed, or ""."""
        named = self.ports.connections.items()
        return {receipts_webhook(name): partial(self.inbound.receive, name) for name, each in named if each.receives}

    async def carry_out(self, command: CommandRecord) -> None:
        """Does what a person asked for from outside."""
        rule = self._named(str(command.data.get("rule", "")))
        if command.kind == "watch-job":
            await self._watch_job(str(command.data["job"]))
        elif command.kind in ("turn-on", "turn-off", "trigger") and rule not in self.programs:
            self.ports.log.warning("a command names a rule that is not there", kind=command.kind, rule=rule)
        elif command.kind in ("turn-on", "turn-off"):
            await self.switch(rule, on=command.kind == "turn-on", stops=bool(command.data.get("stops", True)))
        elif command.kind == "trigger":
            await self._trigger(command, self.programs[rule])
        elif command.kind == "settle":
            await self._settle(str(command.data["op_id"]), str(command.data["verdict"]))
        elif command.kind in SWITCHES:
            await self._switch_sending(SWITCHES[command.kind])
        elif command.kind == "listing-proven":
            await self._set(listing_entity(str(command.data["connection"])), "proven")
        await self._carried_out(command)

    async def _carried_out(self, command: CommandRecord) -> None:
        """The command is over; a run that gave it goes on."""
        changes = Changes(drop=[Drop(CommandRecord, (command.id,))])
        if "token" in command.data:
            told = {"op_id": command.id, "state": "accepted", "reason": "done", "answer": None}
            row = self.ports.ids.row_id()
            message = InboxRecord(row, command.data["run"], command.data["token"], "outcome", told)
            changes.put.append(message)
        await self.ports.journal.commit(changes)
        if changes.put:
            self.wakes.inbox.say(*changes.put)

    async def work_off_commands(self) -> bool:
        """Carries out what people and rules have asked for; false when there was nothing."""
        self.commands.take()
        commands = await self.ports.journal.commands()
        for command in commands:
            await self.carry_out(command)
        return bool(commands)

    def _named(self, name: str) -> str:
        """A rule or script by its id, or by its name as an entity."""
        return name if name in self.programs else self.standing.rule_of(name) or name

    def _callable(self, name: str) -> Program | None:
        """What a step may call: a script by its name, a rule by its name as an entity."""
        return self.programs.get(self.standing.rule_of(name) or "")

    async def _report(self, prefix: str, name: str, error: Exception) -> None:
        if isinstance(error, JournalError):
            await self.notices.journal_failed(error)
            return
        self.ports.log.error("a part of rulewheel failed; it goes on", part=name, reason=repr(error))
        text = f"rulewheel itself made a mistake in its {name} part and tries again: {type(error).__name__}: {error}"
        await self.notices.report(f"{prefix}own-mistake", "own-mistake", text)

    async def stop(self) -> None:
        """Finishes the calls under way once the parts are cancelled; what was about to begin is queued again."""
        await self.effects.hand_back()
        await self.finish()

    async def finish(self) -> None:
        """Waits for the calls under way."""
        await self.effects.finish()
        await self.polls.finish()
        await self.settler.finish()

    async def _load_waits(self) -> None:
        """Runs that waited for a trigger when the engine stopped go on waiting."""
        for record in await self.ports.journal.waits():
            program = await self._kept.find(record.program)
            if program is not None:
                self.matcher.wait(watchers_of(record, program, self.ports.triggers), self.intake.view())

    async def _load_gate(self) -> None:
        """Counts what has left lately, so that a restart gives nobody more than the limits do."""
        since = self.ports.clock.now() - max(WINDOWS.values())
        newest = await self.ports.journal.sends(limit=REMEMBERED)
        self.gate.load(await self.ports.journal.capped_effects(since), newest, len(newest) < REMEMBERED)
        switch = self.states.get(SENDING)
        is_unknown = self.scrub.has_met(EntityRecord, (SENDING,))
        self.gate.stopped = is_unknown or (switch is not None and switch.state == "stopped")
        if self.gate.stopped:
            self.ports.log.warning(STOPPED)
        else:
            await self.effects.resume()

    async def _switch_sending(self, state: str) -> None:
        """Stops or resumes sending; a stop counts at once, whatever becomes of its record."""
        self.gate.stopped = self.gate.stopped or state == "stopped"
        await self._set(SENDING, state)
        self.gate.stopped = state == "stopped"
        if state == "stopped":
            self.ports.log.warning(STOPPED)
        else:
            await self.effects.resume()
            self.ports.log.info("sending goes on")

    async def _trigger(self, command: CommandRecord, program: Program) -> None:
        """Runs a rule by hand: an event without a trigger, in the commit that takes the command away."""
        event = called(
            program,
            command.data.get("variables") or {},
            command.id,
            self.ports.clock.now(),
            skip_conditions=bool(command.data.get("skip_conditions", True)),
        )
        changes = Changes([Expect(CommandRecord, (command.id,), {})], [event])
        changes.drop.append(Drop(CommandRecord, (command.id,)))
        if isinstance(await self.ports.journal.commit(changes), Done):
            self.wakes.events.say(event)

    async def _settle(self, op_id: str, verdict: str) -> None:
        came = await self.settler.decide(op_id, verdict)
        self.ports.log.info("a person settled a send", op_id=op_id, wanted=verdict, came=came)

    async def _set(self, entity: str, state: str) -> None:
        """Changes the state of an entity of the engine's own; rules may watch it."""
        await self.intake.set(SetState(entity, state))

    async def _watch_job(self, job: str) -> None:
        entity = f"job.{job}"
        known = self.states.get(entity)
        if known is not None and known.state not in GIVEN_UP:
            return
        await self._set(entity, "watched")

    def _parts(self) -> list[tuple[str, Wake[Any], Part]]:
        return [
            ("executor", self.wakes.inbox, self.executor.work),
            ("effects", self.wakes.effects, self.effects.work),
            ("due", self.due.wake, self.due.work),
            ("settler", self.settler.wake, self.settler.work),
            ("expired", self.expired.wake, self.expired.work),
            ("polls", self.polls.wake, self.polls.work),
            ("commands", self.commands, self.work_off_commands),
            ("outages", self.outages.wake, self.outages.work),
            ("prune", self.prune.wake, self.prune.work),
            ("scrub", self.scrub.wake, self.scrub.work),
        ]

    async def _run(self, name: str, wake: Wake[Any], work: Part) -> None:
        prefix = f"part/{name}/"
        while True:
            await wake.wait()
            try:
                with self.pulse.beat(name):
                    await work()
                await self.notices.clear(prefix)
            except Exception as error:
                await self._report(prefix, name, error)
                await self.ports.clock.sleep_until(self.ports.clock.now() + PAUSE)
                wake.sweep()

    async def _until_well(self) -> None:
        """Tries the journal again and again after it failed."""
        while True:
            await self.notices.unwell.wait()
            await self.ports.clock.sleep_until(self.ports.clock.now() + PAUSE)
            with self.pulse.beat("journal"):
                await self.notices.try_journal()

    async def _contents_before(self, rules: Iterable[RuleRecord]) -> Contents:
        """What the triggers said until now: by the book, or after a restart by the journal."""
        bodies = {}
        for rule in rules:
            if rule.rule in self.programs:
                bodies[rule.rule] = self.programs[rule.rule].body
                continue
            record = await self.ports.journal.get(ProgramRecord, (rule.program,))
            if record is not None:
                bodies[rule.rule] = record.body
        return contents_of(bodies.items())

    def _tell_faults(self) -> None:
        for watched in self.matcher.watches.all():
            if watched.fault:
                rule = watched.watcher.program.rule
                self.ports.log.error("a trigger watches nothing", rule=rule, reason=watched.fault)

    def _reached(self, phone: str) -> str:
        """Who answers to a message to this number."""
        return self.ports.test_to or phone

    def _outward(self, request: Request) -> Request:
        connection = self.ports.connections.get(request.connection)
        if self.ports.test_to is not None and request.recipient is not None:
            if connection is None:
                raise ValueError(f"there is no connection {request.connection} in the settings")
            request = connection.redirected(request, self.ports.test_to)
        limits = connection.limits(request) if connection is not None and request.changes_world else ()
        return replace(request, limits=(*request.limits, *limits)) if limits else request

    async def _look_again(self) -> None:
        """Rows that nobody saw are there again."""
        if self._are_unknown:
            await self.adopt(self.programs)
        for _, wake, _ in self._parts():
            if wake is not self.scrub.wake:
                wake.sweep()
