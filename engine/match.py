"""Which rules care about a fact, and what their triggers make of it.

Pure but for the memories that it mirrors. The mirror runs ahead of the journal, so every change of a memory expects
the one that it was decided on; a caller whose commit fails brings the mirror back with `recall` and decides again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import resolved
from engine.plugin import Combined, Poll, Schedule, Trigger
from engine.records import Changes, Drop, DueRecord, EventRecord, Expect, InboxRecord, MemoryRecord, WaitRecord
from engine.rules.model import Program
from engine.scope import Scope, TemplateProblem
from engine.states import Channel, Heard, Snapshot
from engine.values import Decision, Fact, Fire, Hold, Json, Nothing, SetState
from engine.watches import Place, Waiting, Watched, Watcher, Watches, asked, inner_channel, schedule_key

Lookup = Callable[[type[MemoryRecord], tuple[str, str, str]], Awaitable[MemoryRecord | None]]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one trigger made of one fact: an event of its rule, or a message for the run that waits for it.

    `tells` is what the trigger that it stands inside of hears of it, `sets` the state that a sensor takes on, `fault`
    says how a plugin failed that could make nothing of it.
    """

    watcher: Watcher
    decision: Decision
    changes: Changes
    event: EventRecord | None = None
    message: InboxRecord | None = None
    dedupe: str | None = None
    sets: SetState | None = None
    fault: str = ""
    tells: Heard | None = None


class Matcher:
    """Holds what the rules watch and what their triggers remember, and decides facts."""

    def __init__(self) -> None:
        self.watches = Watches()
        self._programs: dict[str, Program] = {}
        self._subjects: dict[Place, dict[str, Json]] = {}
        self._waits: dict[Waiting, list[Place]] = {}
        self.on_fact: Callable[[Fact], None] = lambda fact: None

    def load(self, memories: Iterable[MemoryRecord]) -> None:
        """Takes what the journal holds as the triggers' memories."""
        self._subjects = {}
        self.learn(memories)

    def attach(self, programs: Iterable[Program], view: Snapshot) -> None:
        """Listens for these programs from now on, and for no others; runs that wait go on waiting."""
        self._programs = {program.rule: program for program in programs}
        for watched in list(self.watches.all()):
            if watched.watcher.waiting is None:
                self.watches.remove(watched.watcher.place)
        for program in self._programs.values():
            for use in program.triggers:
                self.watches.add(asked(Watcher(program, use), view))

    def wait(self, watchers: Iterable[Watcher], view: Snapshot) -> None:
        """Listens for the triggers that a run waits for."""
        for watcher in watchers:
            if watcher.waiting is not None:
                self._waits.setdefault(watcher.waiting, []).append(watcher.place)
            self.watches.add(asked(watcher, view))

    def ended(self, waiting: Waiting) -> None:
        """Nobody waits for these triggers any more."""
        for place in self._waits.pop(waiting, ()):
            self.watches.remove(place)
            self._subjects.pop(place, None)

    def leaving(self, waiting: Waiting) -> Changes:
        """What to write when a wait is over: nothing of it stays."""
        changes = Changes(drop=[Drop(WaitRecord, (waiting.run, waiting.token))])
        for place in self._waits.get(waiting, ()):
            for subject in self._subjects.get(place, {}):
                changes.drop.append(Drop(MemoryRecord, (*place, subject)))
                changes.drop.append(Drop(DueRecord, (hold_key(*place, subject),)))
            watched = self.watches.watched(place)
            changes.drop += [Drop(DueRecord, (key,)) for key in (_schedules(watched) if watched else ())]
        return changes

    def entering(self, watchers: Iterable[Watcher], view: Snapshot) -> Changes:
        """What to write when a run begins to wait: what is known already, and when its calendars are due next."""
        changes = Changes()
        for watcher in watchers:
            watched = asked(watcher, view)
            changes.put += [*self.arm(watched, view), *self.begun(watched, view)]
            changes.put += [row for row in instants(watched, view).values() if row is not None]
        return changes

    def refresh(self, entity: str, view: Snapshot, *, only_attributes: bool = False) -> list[Watched]:
        """Asks the triggers again that read this entity to say what they watch; gives those that say otherwise."""
        found = []
        for before in self.watches.readers(entity, only_attributes=only_attributes):
            watched = asked(before.watcher, view)
            if watched.watches != before.watches or watched.fault != before.fault:
                found.append(watched)
            self.watches.add(watched)
        return found

    def rescheduled(self, entity: str, view: Snapshot) -> Changes:
        """What to write because a calendar depends on an entity that has changed."""
        changes = Changes()
        for before in self.watches.readers(entity):
            rows = dict.fromkeys(_schedules(before))
            if before.is_template or not (rows or before.read):
                continue
            watched = asked(before.watcher, view)
            if watched.watches == before.watches:
                continue
            for key, row in {**rows, **instants(watched, view)}.items():
                if row is None:
                    changes.drop.append(Drop(DueRecord, (key,)))
                else:
                    changes.put.append(row)
        return changes

    def decide(self, channel: Channel, fact: Fact, view: Snapshot) -> list[Reaction]:
        """What each trigger that listens makes of the fact, but for those that it surely does not concern."""
        self.on_fact(fact)
        concerned = self.watches.concerned(channel, fact)
        return [self._react(each, fact, view) for each in concerned if not _is_own_end(each, fact)]

    def listens(self, channel: Channel) -> bool:
        """Whether anybody listens to a channel, be it to everything of its kind."""
        return bool(self.watches.watchers(channel))

    def hears(self, channel: Channel) -> bool:
        """Whether anybody listens to a channel by its name; who listens to everything does not count."""
        return self.watches.is_named(channel)

    def arm(self, watched: Watched, view: Snapshot) -> list[MemoryRecord]:
        """What a newly loaded trigger remembers of what is known already; it does not fire for the past."""
        watcher = watched.watcher
        found: dict[str, Json] = dict(_attached(watcher, view))
        for watch in watched.watches:
            state = view.state(watch.entity) if isinstance(watch, Poll) else None
            if isinstance(watch, Poll) and state is not None and state.attributes:
                fact = Fact("poll", watch.subject, state.attributes, view.now)
                found[watcher.use.plugin.subject_of(fact)] = _decided(watcher, None, fact, view)[0].memory
        return [
            MemoryRecord(*watcher.place, subject, memory) for subject, memory in found.items() if memory is not None
        ]

    def begun(self, watched: Watched, view: Snapshot) -> list[DueRecord]:
        """The holds that are under way from the moment when a trigger is loaded."""
        watcher = watched.watcher
        holds = _begun(watcher, view).items()
        return [_held(watcher, subject, hold, view) for subject, hold in holds]

    def remembered(self) -> list[tuple[str, str, str]]:
        """Of what there is a memory: rule, trigger and subject."""
        return [(*place, subject) for place, subjects in self._subjects.items() for subject in subjects]

    def is_outlived(self, memory: MemoryRecord, view: Snapshot) -> bool:
        """Whether a memory means nothing any more to the trigger whose it is."""
        watched = self.watches.watched((memory.rule, memory.trigger))
        try:
            return watched is not None and watched.watcher.use.plugin.is_outlived(memory.data, view)
        except Exception:  # a plugin's mistake: what it remembers stays
            return False

    def learn(self, memories: Iterable[MemoryRecord], forgotten: Iterable[tuple[str, str, str]] = ()) -> None:
        """Takes memories along that were committed by themselves."""
        for key in forgotten:
            self._forget(key)
        for record in memories:
            self._subjects.setdefault((record.rule, record.trigger), {})[record.subject] = record.data

    async def recall(self, reactions: Iterable[Reaction], lookup: Lookup) -> None:
        """Remembers what is on disk again, after these reactions were not written; `lookup` reads the journal."""
        expects = [expect for reaction in reactions for expect in reaction.changes.expect]
        for key in {expect.key for expect in expects if expect.record is MemoryRecord}:
            self._forget(key)
            record = await lookup(MemoryRecord, key)
            self.learn([record] if record is not None else [])

    def held(self, row: DueRecord, view: Snapshot) -> Reaction | None:
        """What becomes of a hold that has lasted; None when its trigger is gone."""
        data = row.data
        watched = self.watches.watched((data["rule"], data["trigger"]))
        if watched is None:
            return None
        fire = Fire(data["fire"], data["key"])
        decision = Decision(None, fire, "it has lasted as long as `for` asks")
        depth, cause = data.get("depth", 0), data.get("cause", "")
        came = Fact("due", "", None, row.at, depth=depth, cause=cause)
        subject = row.key.removeprefix(hold_key(data["rule"], data["trigger"], ""))
        return self._fired(watched.watcher, decision, fire, Changes(), view, came, subject, at=row.at)

    def _react(self, watcher: Watcher, fact: Fact, view: Snapshot) -> Reaction:
        subject = watcher.use.plugin.subject_of(fact)
        place = watcher.place
        memory = self._subjects.get(place, {}).get(subject)
        decision, fault = _decided(watcher, memory, fact, view)
        changes = self._remembering((*place, subject), memory, decision.memory)
        verdict = decision.verdict
        if isinstance(verdict, Fire):
            return self._fired(watcher, decision, verdict, changes, view, fact, subject, fault)
        if isinstance(verdict, Hold):
            changes.put.append(_held(watcher, subject, verdict, view, fact.depth, fact.cause))
        elif isinstance(verdict, Nothing) and verdict.cancels:
            changes.drop.append(Drop(DueRecord, (hold_key(*place, subject),)))
        if isinstance(verdict, Nothing) and verdict.over and resolved.is_asked(watcher):
            return Reaction(watcher, decision, changes, self._over(watcher, subject, fact, view, changes), fault=fault)
        sets = verdict if isinstance(verdict, SetState) else None
        return Reaction(watcher, decision, changes, sets=sets, fault=fault)

    def _fired(
        self,
        watcher: Watcher,
        decision: Decision,
        fire: Fire,
        changes: Changes,
        view: Snapshot,
        fact: Fact,
        subject: str,
        fault: str = "",
        at: datetime | None = None,
    ) -> Reaction:
        data = {**watcher.use.known, "description": watcher.use.plugin.describe(fire.data), **fire.data}
        if watcher.use.outer:
            return self._passed_on(watcher, decision, fire, data, changes, view, fact)
        if watcher.waiting is not None:
            run, token = watcher.waiting.run, watcher.waiting.token
            message = InboxRecord(view.ids.row_id(), run, token, "trigger", data)
            changes.put.append(message)
            return Reaction(watcher, decision, changes, message=message, fault=fault)
        program = watcher.program
        row = view.ids.row_id()
        key = watcher.use.key
        when = at or view.now  # what was due while nobody was there is as old as it is
        event = EventRecord(row, program.rule, program.hash, key, fire.key, data, when, "new", fact.depth, fact.cause)
        changes.put.append(event)
        if resolved.is_asked(watcher):
            place = resolved.fired_place(watcher.place)
            before = self._subjects.get(place, {}).get(subject)
            changes.add(self._remembering((*place, subject), before, resolved.with_event(before, event)))
        return Reaction(watcher, decision, changes, event, None, _dedupe(watcher, fire, data, view), None, fault)

    def _passed_on(
        self,
        watcher: Watcher,
        decision: Decision,
        fire: Fire,
        data: dict[str, Any],
        changes: Changes,
        view: Snapshot,
        came: Fact,
    ) -> Reaction:
        """A trigger inside another fired: that is a fact for the outer one."""
        place = (watcher.place[0], watcher.use.outer)
        outer = self.watches.watched(place)
        if outer is None or not isinstance(outer.watcher.use.plugin, Combined):
            return Reaction(watcher, decision, changes)
        try:
            subject = outer.watcher.use.plugin.key_of(data, view.with_variables(watcher.use.given))
        except (TemplateProblem, ValueError) as problem:
            unsaid = Decision(decision.memory, Nothing(), f"`per` failed: {problem}", warns=True)
            return Reaction(watcher, unsaid, changes)
        known = _dedupe(watcher, fire, data, view)
        fact = Fact("trigger", subject, data, view.now, known, came.depth, came.cause)
        return Reaction(watcher, decision, changes, tells=Heard(inner_channel(place), fact, view.frozen()))

    def _over(self, watcher: Watcher, subject: str, fact: Fact, view: Snapshot, changes: Changes) -> EventRecord | None:
        """The event that what a trigger fired for is over, if it has fired."""
        key = (*resolved.fired_place(watcher.place), subject)
        memory = self._subjects.get(key[:2], {}).get(subject)
        if memory is None:
            return None
        event = resolved.over(memory, watcher, fact, view)
        self._forget(key)
        changes.expect.append(Expect(MemoryRecord, key, {"data": memory}))
        changes.drop.append(Drop(MemoryRecord, key))
        changes.put.append(event)
        return event

    def _remembering(self, key: tuple[str, str, str], before: Json, memory: Json) -> Changes:
        if memory is None or memory == before:
            return Changes()
        self._subjects.setdefault(key[:2], {})[key[2]] = memory
        held = None if before is None else {"data": before}
        return Changes(expect=[Expect(MemoryRecord, key, held)], put=[MemoryRecord(*key, memory)])

    def _forget(self, key: tuple[Any, ...]) -> None:
        subjects = self._subjects.get((key[0], key[1]))
        if subjects is not None:
            subjects.pop(key[2], None)
            if not subjects:
                del self._subjects[key[0], key[1]]


def watched_by(programs: Iterable[Program], view: Snapshot) -> dict[Place, Watched]:
    """What the triggers of these programs watch now."""
    watchers = (Watcher(program, use) for program in programs for use in program.triggers)
    return {watcher.place: asked(watcher, view) for watcher in watchers}


def instants(watched: Watched, view: Snapshot) -> dict[str, DueRecord | None]:
    """The due rows of a trigger's calendars, by name; None where a calendar has ended."""
    found: dict[str, DueRecord | None] = {}
    for watch in watched.watches:
        if isinstance(watch, Schedule):
            key = schedule_key(watched.watcher, watch)
            at = watch.calendar.next_after(view.now)
            found[key] = DueRecord(key, "schedule", at, {}) if at is not None else None
    return found


def _is_own_end(watcher: Watcher, fact: Fact) -> bool:
    """Whether a rule would run because it has run; a run may wait for another of its rule."""
    return fact.kind == "ended" and fact.subject == watcher.program.rule and watcher.waiting is None


def _schedules(watched: Watched) -> list[str]:
    """The names of the due rows of a trigger's calendars."""
    return [schedule_key(watched.watcher, watch) for watch in watched.watches if isinstance(watch, Schedule)]


def hold_key(rule: str, trigger: str, subject: str) -> str:
    """The name of the due row of a `for:` under way."""
    return f"hold/{rule}/{trigger}/{subject}"


def _held(watcher: Watcher, subject: str, hold: Hold, view: Snapshot, depth: int = 0, cause: str = "") -> DueRecord:
    """The due row of a hold that begins now."""
    rule, trigger = watcher.place
    held: dict[str, Json] = {"rule": rule, "trigger": trigger, "fire": dict(hold.fire.data), "key": hold.fire.key}
    held |= {"depth": depth, "cause": cause}
    return DueRecord(hold_key(rule, trigger, subject), "hold", view.after(hold.lasting), held)


def _begun(watcher: Watcher, view: Snapshot) -> Mapping[str, Hold]:
    try:
        return watcher.use.plugin.begins(view.with_variables(watcher.use.given))
    except Exception:  # a plugin's mistake: nothing is under way, and it says so when it decides
        return {}


def _attached(watcher: Watcher, view: Snapshot) -> Mapping[str, Json]:
    try:
        return watcher.use.plugin.attach(view.with_variables(watcher.use.given))
    except Exception:  # a plugin's mistake: it remembers nothing, and says so when it decides
        return {}


def _decided(watcher: Watcher, memory: Json, fact: Fact, view: Snapshot) -> tuple[Decision, str]:
    """The trigger's decision; a plugin that fails decides nothing, and its fault is told."""
    plugin: Trigger = watcher.use.plugin
    try:
        return plugin.decide(memory, fact, view.with_variables(watcher.use.given)), ""
    except TemplateProblem as problem:
        return Decision(memory, Nothing(), f"a template failed: {problem}", warns=True), ""
    except Exception as error:  # one trigger's mistake must not keep the fact from the others
        fault = f"the trigger {watcher.use.name} failed: {type(error).__name__}: {error}"
        return Decision(memory, Nothing(), fault), fault


def _dedupe(watcher: Watcher, fire: Fire, told: Mapping[str, Json], view: Snapshot) -> str | None:
    """The identity of the occasion by the trigger's `dedupe:` template or the plugin's own, or None."""
    if watcher.use.dedupe is None:
        return fire.dedupe
    try:
        found = Scope({"trigger": told}, view).render(watcher.use.dedupe, strict=True)
    except TemplateProblem:
        return fire.dedupe
    return None if found in (None, "") else str(found)
