"""Which rules care about a fact, and what their triggers make of it.

Pure but for the memories that it mirrors. The mirror runs ahead of the journal, so every change of a memory expects
the one that it was decided on; a caller whose commit fails brings the mirror back with `recall` and decides again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from engine.plugin import Facts, Poll, Request, Schedule, States, Watch, Webhook
from engine.records import Changes, Drop, DueRecord, EventRecord, Expect, MemoryRecord
from engine.rules.model import Program, TriggerUse, content_hash
from engine.scope import Scope, TemplateProblem
from engine.states import Snapshot
from engine.values import Decision, Fact, Fire, Hold, Json, Nothing

Channel = tuple[str, str]
Place = tuple[str, str]
Lookup = Callable[[type[MemoryRecord], tuple[str, str, str]], Awaitable[MemoryRecord | None]]


@dataclass(frozen=True, slots=True)
class Watcher:
    """A trigger of a rule, as it watches one channel."""

    program: Program
    use: TriggerUse

    @property
    def place(self) -> Place:
        """The rule and the trigger's key: the name of this trigger for ever."""
        return self.program.rule, self.use.key


@dataclass(slots=True)
class SharedPoll:
    """One question to a connection, asked for every rule that needs its answer, at the smallest of their paces."""

    key: str
    request: Request
    every: timedelta
    subject: str
    entity: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one trigger made of one fact; `fault` says how a plugin failed that could make nothing of it."""

    watcher: Watcher
    decision: Decision
    changes: Changes
    event: EventRecord | None = None
    dedupe: str | None = None
    fault: str = ""


@dataclass(slots=True)
class Watches:
    """Everything that the rules of a book watch."""

    channels: dict[Channel, list[Watcher]] = field(default_factory=dict)
    prefixes: dict[str, list[Watcher]] = field(default_factory=dict)
    polls: dict[str, SharedPoll] = field(default_factory=dict)
    schedules: dict[str, tuple[Watcher, Schedule]] = field(default_factory=dict)
    webhooks: dict[str, frozenset[str]] = field(default_factory=dict)
    faults: dict[Place, str] = field(default_factory=dict)

    def listen(self, channel: Channel, watcher: Watcher) -> None:
        """Adds a watcher to a channel, once."""
        watchers = self.channels.setdefault(channel, [])
        if watcher not in watchers:
            watchers.append(watcher)


class Matcher:
    """Holds what the rules watch and what their triggers remember, and decides facts."""

    def __init__(self) -> None:
        self.watches = Watches()
        self._programs: tuple[Program, ...] = ()
        self._memories: dict[tuple[str, str, str], Json] = {}
        self.on_fact: Callable[[Fact], None] = lambda fact: None

    def load(self, memories: Iterable[MemoryRecord]) -> None:
        """Takes what the journal holds as the triggers' memories."""
        self._memories = {(record.rule, record.trigger, record.subject): record.data for record in memories}

    def attach(self, programs: Iterable[Program], view: Snapshot) -> None:
        """Listens for these programs from now on, and for no others."""
        self._programs = tuple(programs)
        self.refresh(view)

    def refresh(self, view: Snapshot) -> None:
        """Asks every trigger again what it watches, because something that it read has changed."""
        self.watches = watched(self._programs, view)

    def watchers(self, channel: Channel) -> list[Watcher]:
        """Who listens to a channel; those to a state's prefix and to everything of a kind included."""
        kind, subject = channel
        found = list(self.watches.channels.get(channel, ()))
        found += [other for other in self.watches.channels.get((kind, "*"), ()) if other not in found]
        if kind == "state":
            for prefix, watchers in self.watches.prefixes.items():
                if subject.startswith(prefix):
                    found += [other for other in watchers if other not in found]
        return found

    def decide(self, channel: Channel, fact: Fact, view: Snapshot) -> list[Reaction]:
        """What each trigger that listens makes of the fact."""
        self.on_fact(fact)
        return [self._react(watcher, fact, view) for watcher in self.watchers(channel)]

    def arm(self, watcher: Watcher, fact: Fact, view: Snapshot) -> MemoryRecord | None:
        """What a newly loaded trigger will remember of what is known already; it does not fire for the past."""
        decision, _ = _decided(watcher, None, fact, view)
        return MemoryRecord(*watcher.place, fact.subject, decision.memory) if decision.memory is not None else None

    def remembered(self) -> list[tuple[str, str, str]]:
        """Of what there is a memory: rule, trigger and subject."""
        return list(self._memories)

    def learn(self, memories: Iterable[MemoryRecord], forgotten: Iterable[tuple[str, str, str]] = ()) -> None:
        """Takes memories along that were committed by themselves."""
        for key in forgotten:
            self._memories.pop(key, None)
        for record in memories:
            self._memories[record.rule, record.trigger, record.subject] = record.data

    async def recall(self, reactions: Iterable[Reaction], lookup: Lookup) -> None:
        """Remembers what is on disk again, after these reactions were not written; `lookup` reads the journal."""
        for key in {expect.key for reaction in reactions for expect in reaction.changes.expect}:
            self._memories.pop(key, None)
            record = await lookup(MemoryRecord, key)
            self.learn([record] if record is not None else [])

    def held(self, row: DueRecord, view: Snapshot) -> EventRecord | None:
        """The event of a hold that has lasted; None when its trigger is gone."""
        data = row.data
        for program in self._programs:
            for use in program.triggers:
                if (program.rule, use.key) == (data["rule"], data["trigger"]):
                    fire = Fire(data["fire"], data["key"])
                    return _event(Watcher(program, use), fire, view, data.get("depth", 0), data.get("cause", ""))
        return None

    def _react(self, watcher: Watcher, fact: Fact, view: Snapshot) -> Reaction:
        rule, trigger = watcher.place
        memory = self._memories.get((rule, trigger, fact.subject))
        decision, fault = _decided(watcher, memory, fact, view)
        changes = self._remembering((rule, trigger, fact.subject), memory, decision.memory)
        verdict = decision.verdict
        hold = hold_key(rule, trigger, fact.subject)
        if isinstance(verdict, Fire):
            event = _event(watcher, verdict, view, fact.depth, fact.cause)
            changes.put.append(event)
            return Reaction(watcher, decision, changes, event, _dedupe(watcher, verdict, event, view), fault)
        if isinstance(verdict, Hold):
            held: dict[str, Json] = {
                "rule": rule,
                "trigger": trigger,
                "fire": dict(verdict.fire.data),
                "key": verdict.fire.key,
            }
            held |= {"depth": fact.depth, "cause": fact.cause}
            changes.put.append(DueRecord(hold, "hold", view.after(verdict.lasting), held))
        elif isinstance(verdict, Nothing) and verdict.cancels:
            changes.drop.append(Drop(DueRecord, (hold,)))
        return Reaction(watcher, decision, changes, fault=fault)

    def _remembering(self, key: tuple[str, str, str], before: Json, memory: Json) -> Changes:
        if memory is None or memory == before:
            return Changes()
        self._memories[key] = memory
        held = None if before is None else {"data": before}
        return Changes(expect=[Expect(MemoryRecord, key, held)], put=[MemoryRecord(*key, memory)])


def watched(programs: Iterable[Program], view: Snapshot) -> Watches:
    """What these programs watch now."""
    watches = Watches()
    for program in programs:
        for use in program.triggers:
            try:
                wanted = use.plugin.watches(view)
            except Exception as error:  # one trigger's mistake must not keep the other rules from watching
                watches.faults[program.rule, use.key] = f"the trigger {use.name} failed: {error!r}"
                continue
            for watch in wanted:
                _listen(watches, Watcher(program, use), watch)
    return watches


def _decided(watcher: Watcher, memory: Json, fact: Fact, view: Snapshot) -> tuple[Decision, str]:
    """The trigger's decision; a plugin that fails decides nothing, and its fault is told."""
    try:
        return watcher.use.plugin.decide(memory, fact, view), ""
    except Exception as error:  # one trigger's mistake must not keep the fact from the others
        fault = f"the trigger {watcher.use.name} failed: {type(error).__name__}: {error}"
        return Decision(memory, Nothing(), fault), fault


def hold_key(rule: str, trigger: str, subject: str) -> str:
    """The name of the due row of a `for:` under way."""
    return f"hold/{rule}/{trigger}/{subject}"


def schedule_key(watcher: Watcher, schedule: Schedule) -> str:
    """The name of the due row of a schedule's next instant."""
    rule, trigger = watcher.place
    return f"schedule/{rule}/{trigger}/{schedule.key}"


def poll_key(request: Request) -> str:
    """The same for two polls that ask the same question."""
    return content_hash([request.connection, request.operation, request.body])


def _listen(watches: Watches, watcher: Watcher, watch: Watch) -> None:
    if isinstance(watch, Poll):
        key = poll_key(watch.request)
        watches.listen(("poll", key), watcher)
        shared = watches.polls.get(key)
        if shared is None:
            watches.polls[key] = SharedPoll(key, watch.request, watch.every, watch.subject, watch.entity)
        else:
            shared.every = min(shared.every, watch.every)
    elif isinstance(watch, Schedule):
        key = schedule_key(watcher, watch)
        watches.listen(("due", key), watcher)
        watches.schedules[key] = (watcher, watch)
    elif isinstance(watch, Webhook):
        watches.listen(("webhook", watch.id), watcher)
        watches.webhooks[watch.id] = watches.webhooks.get(watch.id, frozenset()) | watch.methods
    elif isinstance(watch, Facts):
        watches.listen((watch.kind, watch.subject), watcher)
    elif isinstance(watch, States):
        for entity in watch.entities:
            if entity.endswith("."):
                watches.prefixes.setdefault(entity, []).append(watcher)
            else:
                watches.listen(("state", entity), watcher)


def _event(watcher: Watcher, fire: Fire, view: Snapshot, depth: int, cause: str) -> EventRecord:
    use = watcher.use
    data: dict[str, Any] = {
        "id": use.id or str(use.index),
        "idx": str(use.index),
        "alias": use.alias or None,
        "platform": use.name,
        "description": use.alias or use.name,
        **fire.data,
    }
    program = watcher.program
    row_id = view.ids.row_id()
    return EventRecord(row_id, program.rule, program.hash, use.key, fire.key, data, view.now, "new", depth, cause)


def _dedupe(watcher: Watcher, fire: Fire, event: EventRecord, view: Snapshot) -> str | None:
    """The identity of the event by the trigger's `dedupe:` template or the plugin's own, or None."""
    given: Mapping[str, Json] = watcher.program.body["triggers"][watcher.use.index]
    if "dedupe" not in given:
        return fire.dedupe
    try:
        found = Scope({"trigger": event.data}, view).render(given["dedupe"], strict=True)
    except TemplateProblem:
        return fire.dedupe
    return None if found in (None, "") else str(found)
