"""Makes runs of events and goes on with runs whose inbox has something; the only one who writes runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from engine import resolved
from engine.clock import Clock
from engine.journal.api import Journal, JournalError
from engine.journal.rows import RowError, form_of
from engine.log import LEVELS, Log
from engine.match import Matcher, Reaction
from engine.programs import Programs
from engine.reactions import Reactions
from engine.records import (
    Changes,
    Conflict,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    EventRecord,
    Expect,
    InboxRecord,
    MemoryRecord,
    RuleRecord,
    RunRecord,
    Update,
)
from engine.rules.model import Program, is_script
from engine.runs import digest
from engine.runs.advance import admitted, advance, begin, by_hand, cancel, cooldown, refused, turned_away
from engine.runs.called import forbidden
from engine.runs.caps import clock_time
from engine.runs.closing import is_last_chance
from engine.runs.course import Course, Means, NewWait, StepFailed
from engine.runs.frames import GATHERING
from engine.runs.gate import NO_STOP, SEND_BY, Gate
from engine.runs.quiet import AGAIN
from engine.runs.retry import cancelled, requeued
from engine.standing import Standing
from engine.states import Heard, Snapshot, heard, heard_to_stand
from engine.values import Fact, Json
from engine.wake import Wake
from engine.watches import Waiting

DEEPEST = 3
BATCH = 200
HOT_RUNS = 5_000
REFUSED = ("failed_single", "failed_max_runs")
IN_CIRCLES = "disallowed_recursion_detected"
GONE = "the version of the rule that this belongs to cannot be used any more"

Lane = tuple[str, str]


class Executor:
    """Takes events and inbox rows in batches; each run is committed for itself, all of a batch in one group."""

    def __init__(
        self,
        journal: Journal,
        matcher: Matcher,
        reactions: Reactions,
        clock: Clock,
        means: Means,
        view: Callable[[], Snapshot],
        programs: Programs,
        events: Wake[EventRecord],
        inbox: Wake[InboxRecord],
        effects: Wake[EffectRecord],
        standing: Standing,
        gate: Gate,
        is_changed: Callable[[type[Any], tuple[Any, ...]], bool],
        log: Log,
    ) -> None:
        self._journal = journal
        self._matcher = matcher
        self._reactions = reactions
        self._clock = clock
        self._means = means
        self._view = view
        self._programs = programs
        self._events = events
        self._inbox = inbox
        self._effects = effects
        self._standing = standing
        self._gate = gate
        self._is_changed = is_changed
        self._log = log
        self._hot: dict[str, RunRecord] = {}
        self._spoilt: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._lanes: dict[Lane, list[RunRecord]] = {}
        self._touched: dict[Lane, list[RunRecord]] = {}
        self._ended: set[str] = set()
        self._started: dict[str, RunRecord] = {}
        self._resting: dict[str, DueRecord] = {}
        self._ran_now: set[str] = set()
        self._begun: dict[str, RunRecord] = {}
        self._queued: set[Lane] | None = None
        self._held: dict[str, str] = {}
        """Messages for runs whose row somebody else has changed, with the run of each."""
        self._rowless: set[str] = set()
        """Rules that have no row by which it could be kept when they last ran."""

    async def work(self) -> bool:
        """Does what there is to do now; false when there was nothing."""
        messages, sweep_inbox = self._inbox.take()
        events, sweep_events = self._events.take()
        try:
            if sweep_inbox:
                messages = await self._messages()
            if sweep_events:
                events = await self._journal.new_events(BATCH)
                if len(events) == BATCH:
                    self._events.sweep()
            if not messages and not events:
                return False
            # In parts, so that a burst does not hold the loop while webhooks wait to be answered.
            for at in range(0, max(len(messages), len(events)), BATCH):
                async with self._turn:
                    await self._batch(messages[at : at + BATCH], events[at : at + BATCH])
        except Exception:
            self._hot.clear()
            self._inbox.sweep()
            self._events.sweep()
            raise
        return True

    async def cancel(self, ends: Callable[[str], bool], reason: str) -> None:
        """Ends the open runs of the rules that `ends` says. Raises JournalError; then it is to be asked for again."""
        async with self._turn:
            self._rowless.clear()
            self._start_batch()
            view = self._view()
            before: set[tuple[str, int]] = set()
            while runs := await self._runs_of(ends):
                courses = [cancel(await self._body_of(run), run, reason, view, self._means) for run in runs]
                for course in courses:
                    await self._abandon(course)
                await self._commit(courses)
                left = {(run.id, run.version) for run in runs}
                if left == before:
                    return
                before = left  # again where an effect left just when it was to be dropped

    async def _runs_of(self, ends: Callable[[str], bool]) -> list[RunRecord]:
        """The open runs of these rules, but for those that are cancelled and only do their `finally` steps."""
        rules = [rule for rule in await self._journal.open_counts() if ends(rule)]
        found = [run for rule in rules for run in await self._journal.open_runs(rule)]
        return [run for run in found if not is_last_chance(run)]

    async def _body_of(self, run: RunRecord) -> Mapping[str, Json]:
        """The program of a run; empty where it cannot be used any more."""
        program = await self._programs.find(run.program)
        return {} if program is None else program.body

    async def _messages(self) -> list[InboxRecord]:
        """The oldest messages, but for those of runs whose row is changed: they wait until it is put back."""
        self._held = {message: run for message, run in self._held.items() if self._is_changed(RunRecord, (run,))}
        most = BATCH + len(self._held)
        found = await self._journal.inbox(most)
        if len(found) == most:
            self._inbox.sweep()
        return [message for message in found if message.id not in self._held]

    def _start_batch(self) -> None:
        self._lanes = {}
        self._touched = {}
        self._ended = set()
        self._started = {}
        self._resting = {}
        self._ran_now = set()
        self._begun = {}

    async def _batch(self, messages: Sequence[InboxRecord], events: Sequence[EventRecord]) -> None:
        self._start_batch()
        if self._queued is None:
            self._queued = await self._journal.queued_lanes()
        view = self._view()
        courses = []
        for run_id, inbox in _by_run(messages).items():
            course = await self._advance(run_id, inbox, view)
            if course is not None:
                courses.append(course)
        for event in events:
            course = await self._begin(event, view)
            if course is not None:
                self._begun[event.id] = course.run
                courses.append(course)
        for course in courses:
            if course.abandoned:
                await self._abandon(course)
            await self._release(course.released, course.changes)
        await self._commit(courses)

    async def _abandon(self, course: Course) -> None:
        """Drops the effects that nobody waits for any more, if they have not left; else they go on to their outcome."""
        for op_id, reason in course.abandoned.items():
            effect = await self._journal.get(EffectRecord, (op_id,))
            if effect is not None and effect.state in ("queued", "waiting"):
                course.changes.add(cancelled(effect, reason, course.view.now))
                self._gate.forget(op_id)
        course.effects = [effect for effect in course.effects if effect.op_id not in course.abandoned]

    async def _release(self, released: Sequence[str], changes: Changes) -> None:
        """Queues the effects again that quiet hours have held, if they wait still."""
        for op_id in released:
            effect = await self._journal.get(EffectRecord, (op_id,))
            if effect is not None and effect.state == "waiting":
                changes.add(requeued(effect))

    async def _advance(self, run_id: str, inbox: Sequence[InboxRecord], view: Snapshot) -> Course | None:
        run = self._hot.get(run_id) or await self._journal.get(RunRecord, (run_id,))
        if run is None and self._is_changed(RunRecord, (run_id,)):
            self._held |= {message.id: run_id for message in inbox}
            return None
        if run is None or run.state == "done":
            await self._too_late(inbox)
            return None
        course = await self._gone_on(run, inbox, view)
        self._touched.setdefault(_lane(course), []).append(course.run)
        if course.run.state == "done":
            self._ended.add(run.id)
            await self._promote(course, view)
        return course

    async def _too_late(self, inbox: Sequence[InboxRecord]) -> None:
        """Drops messages for a run that has ended; what quiet hours held for a person leaves all the same."""
        changes = Changes(drop=[Drop(InboxRecord, (message.id,)) for message in inbox])
        held = [message.data["op_id"] for message in inbox if message.kind == AGAIN]
        await self._release(held, changes)
        if not isinstance(await self._journal.commit(changes), Done):
            self._inbox.sweep()
        elif held:
            self._effects.sweep()

    async def _gone_on(self, run: RunRecord, inbox: Sequence[InboxRecord], view: Snapshot) -> Course:
        """The run a bit further, or ended where it cannot be."""
        program = await self._programs.find(run.program)
        fault = GONE if program is None else self._spoilt.get(run.event)
        if program is not None and fault is None and digest.is_gathering(run) and _is_time(inbox):
            course = digest.opened(program.body, run, inbox, view, self._means)
            self._lanes[_lane_of(run)] = []
            await self._open(course, program, view)
            return course
        if program is not None and fault is None:
            return advance(program.body, run, inbox, view, self._means)
        course = cancel({}, run, fault or GONE, view, self._means, outcome="error")
        course.changes.drop += [Drop(InboxRecord, (message.id,)) for message in inbox]
        return course

    async def _begin(self, event: EventRecord, view: Snapshot) -> Course | None:
        program = await self._programs.find(event.program)
        fault = GONE if program is None else self._spoilt.get(event.id)
        if program is None or fault is not None:
            return refused(event, fault or GONE, view, self._means)
        reason = forbidden(program, event)
        if reason:
            return refused(event, reason, view, self._means, IN_CIRCLES)
        if await self._is_orphan(event):
            return refused(event, "its caller has ended", view, self._means, "cancelled")
        if event.depth > DEEPEST:
            chain = await self._chain(event)
            reason = f"skipped: rules set each other off more than {DEEPEST} times: {chain}"
            return refused(event, reason, view, self._means, IN_CIRCLES)
        if resolved.is_over(event):
            return await self._over(program, event, view)
        course = begin(program.body, event, view, self._means)
        if course.run.state != "done" and program.body.get("digest") and not by_hand(event):
            return await self._gather(course, event, program, view)
        if course.run.state != "done":
            await self._admit(course, program, view)
        if course.is_admitted:
            self._ran(course)
        return course

    async def _gather(self, course: Course, event: EventRecord, program: Program, view: Snapshot) -> Course:
        """Puts the event into the run that gathers for its key, which begins if it is full."""
        lane = digest.lane_of(course.run.rule, course.run.key)
        before = next((run for run in await self._lane(lane) if run.program == event.program), None)
        try:
            into = digest.gathered(course, event, before)
            is_full = digest.is_full(into)
        except StepFailed as failure:
            turned_away(course, failure.outcome, failure.reason)
            return course
        if is_full:
            digest.open_now(into, "it is full")
            await self._open(into, program, view)
        self._lanes[lane] = [] if is_full else [into.run]
        return into

    async def _open(self, course: Course, program: Program, view: Snapshot) -> None:
        """A run that gathered begins, as any new run does."""
        await self._admit(course, program, view)
        if course.is_admitted:
            self._ran(course)

    async def _over(self, program: Program, event: EventRecord, view: Snapshot) -> Course | None:
        """The run of the `resolved` steps, if the rule did anything when its trigger fired."""
        for firing in resolved.firings(event):
            if not await self._has_run(firing.event):
                continue
            seen = resolved.variables(event, firing)
            course = begin(program.body, event._replace(data=firing.data), view, self._means, seen)
            if course.run.state != "done":
                await self._place(course, program, view)
            return course
        done = Changes([Expect(EventRecord, (event.id,), {"state": "new"})])
        done.update.append(Update(EventRecord, (event.id,), {"state": "done"}))
        await self._journal.commit(done)
        self._log.debug("what fired is over, and the rule had done nothing", rule=program.rule)
        return None

    async def _has_run(self, event: str) -> bool:
        """Whether the rule did what it says when this event came; of what is not kept any more it is assumed."""
        run = self._begun.get(event) or await self._journal.get(RunRecord, (event,))
        if run is not None:
            return resolved.has_run(run.outcome)
        return await self._journal.get(EventRecord, (event,)) is None

    def _ran(self, course: Course) -> None:
        """The rule has run: the last time is kept, and who listens hears of it (semantics section 2)."""
        rule, now = course.run.rule, course.view.now
        if rule not in self._ran_now and rule not in self._rowless and self._standing.knows(rule):
            self._ran_now.add(rule)
            course.changes.update.append(Update(RuleRecord, (rule,), {"last_triggered": now}))
        kind = "script_started" if is_script(rule) else "automation_triggered"
        if self._matcher.hears(("event", kind)):
            told = {"name": course.program.get("alias", rule), "entity_id": self._standing.entity_of(rule)}
            told["source"] = str(course.body.trigger.get("description") or "")
            fact = Fact("event", kind, told, now, depth=course.run.depth + 1, cause=course.run.id)
            course.facts.insert(0, heard(fact, course.view))

    async def _is_orphan(self, event: EventRecord) -> bool:
        """Whether the run that called for this one, and waits for it, has ended meanwhile."""
        caller = (event.data.get("call") or {}).get("run") if event.trigger == "" else ""
        if not caller:
            return False
        run = self._hot.get(caller) or await self._journal.get(RunRecord, (caller,))
        return run is None or run.state == "done"

    async def _chain(self, event: EventRecord) -> str:
        """The rules that set each other off, the first one first."""
        rules, cause = [event.rule], event.cause
        while cause and len(rules) <= event.depth:
            run = await self._journal.get(RunRecord, (cause,))
            before = None if run is None else await self._journal.get(EventRecord, (run.event,))
            rules.append(run.rule if run is not None else "…")
            cause = before.cause if before is not None else ""
        return " → ".join(reversed(rules))

    async def _admit(self, course: Course, program: Program, view: Snapshot) -> None:
        """Lets the run start, or turns it away, by its rule's cooldown and mode."""
        rest = cooldown(course)
        if course.run.state == "done":
            return
        if rest is None:
            await self._place(course, program, view)
            return
        key = f"cooldown/{course.run.rule}/{course.run.key}"
        row = self._resting.get(key) or await self._journal.get(DueRecord, (key,))
        course.changes.expect.append(Expect(DueRecord, (key,), {"at": row.at} if row is not None else None))
        if row is not None and row.at > view.now:
            until = clock_time(row.at, view.now, view.zone)
            turned_away(course, "failed_cooldown", f"skipped: cooldown until {until}")
            return
        await self._place(course, program, view)
        if course.run.outcome not in REFUSED:
            self._resting[key] = DueRecord(key, "cooldown", view.after(rest), {})
            course.changes.put.append(self._resting[key])

    async def _place(self, course: Course, program: Program, view: Snapshot) -> None:
        """Finds the run its place among those of its rule and key."""
        if program.body.get("mode") == "parallel" and "max" not in program.body and not course.is_over:
            admitted(course, [])
            return
        lane = _lane(course)
        others = await self._lane(lane)
        # What was decided on runs of this very batch holds only if they are written.
        for other in self._touched.get(lane, []):
            course.changes.expect.append(Expect(RunRecord, (other.id,), {"version": other.version}))
        admitted(course, others)
        for other in course.replaces:
            self._join(course, cancel(program.body, other, "a newer run replaces it", view, self._means))
        self._note(lane, course)
        self._touched[lane] = [course.run]

    async def _promote(self, course: Course, view: Snapshot) -> None:
        """Starts the run that was queued behind the one that has just ended, in the same changes."""
        ended, lane = course.run, _lane(course)
        # Without a look at the journal where nothing is queued: a lane in mode parallel may hold hundreds of runs.
        while ended.state == "done" and self._queued and lane in self._queued:
            oldest = await self._oldest(lane)
            if oldest is None:
                self._queued.discard(lane)
            if oldest is None or oldest.state != "queued":
                return
            following = await self._gone_on(oldest, (), view)
            self._join(course, following)
            ended = following.run
            self._started[ended.id] = ended
            if ended.state == "done":
                self._ended.add(ended.id)

    async def _oldest(self, lane: Lane) -> RunRecord | None:
        """The run of the lane that is at work, else the first that waits; the queue behind it may be long."""
        found = await self._journal.open_runs(*lane, limit=len(self._ended) + 1)
        return next((self._started.get(run.id, run) for run in found if run.id not in self._ended), None)

    async def _lane(self, lane: Lane) -> list[RunRecord]:
        found = self._lanes.get(lane)
        if found is None:
            left = [run for run in await self._journal.open_runs(*lane) if run.id not in self._ended]
            found = [self._started.get(run.id, run) for run in left]
            self._lanes[lane] = found
        return found

    def _note(self, lane: Lane, course: Course) -> None:
        replaced = {other.id for other in course.replaces}
        others = [run for run in self._lanes.get(lane, []) if run.id not in {course.run.id, *replaced}]
        if course.run.state == "done":
            self._lanes[lane] = others
        elif course.run.state == "queued":
            self._lanes[lane] = [*others, course.run]
            if self._queued is not None:
                self._queued.add(lane)
        else:
            self._lanes[lane] = [course.run, *others]

    @staticmethod
    def _join(course: Course, other: Course) -> None:
        course.changes.add(other.changes)
        course.effects += other.effects
        course.facts += other.facts
        course.waits += other.waits
        course.left += other.left
        course.says += other.says
        course.joined.append(other.run)
        course.abandoned |= other.abandoned
        course.released += other.released

    async def _commit(self, courses: Sequence[Course]) -> None:
        prepared = [(course, self._completed(course)) for course in courses]
        pending = asyncio.gather(
            *[self._journal.commit(course.changes) for course, _ in prepared], return_exceptions=True
        )
        stopped = False
        try:
            results = await asyncio.shield(pending)
        except asyncio.CancelledError:  # what has been written by now must not be forgotten
            stopped = True
            results = await pending
        failure: BaseException | None = None
        for (course, reactions), result in zip(prepared, results, strict=True):
            if isinstance(result, Done):
                self._after(course, reactions)
                continue
            await self._undo(course, reactions)
            if isinstance(result, Conflict):
                self._learn(result.expect)
            if isinstance(result, BaseException) and not self._is_spoilt(course, result):
                failure = result
        if failure is not None:
            raise failure
        if stopped:
            raise asyncio.CancelledError

    def _learn(self, broken: Expect) -> None:
        """What must be known when a course is made anew, or it would be refused for ever."""
        if broken == NO_STOP:
            self._gate.stopped = True
        elif broken.record is RuleRecord:
            self._rowless.add(broken.key[0])

    def _completed(self, course: Course) -> list[Reaction]:
        """Adds what the run's facts set off, and the intents of its effects, to the run's own commit."""
        facts = [*course.facts, *self._moves(course), *self._ends(course)]
        reactions = self._reactions.joined(facts, course.changes, course.view)
        for waiting in course.waits:
            self._listen(course, waiting)
        for over in course.left:
            course.changes.add(self._matcher.leaving(over))
        course.effects = [self._intent(effect) for effect in course.effects]
        course.changes.put += course.effects
        if any(effect.state == "intent" for effect in course.effects):
            course.changes.expect.append(NO_STOP)
        return reactions

    def _intent(self, effect: EffectRecord) -> EffectRecord:
        now = self._clock.now()
        is_over = effect.valid_until is not None and effect.valid_until <= now
        if effect.reads or is_over or not self._gate.passes(effect, now):
            return effect
        return effect._replace(state="intent", send_by=now + SEND_BY, attempts=1)

    async def _undo(self, course: Course, reactions: Sequence[Reaction]) -> None:
        """Nothing of this was written: the journal says what there is to do."""
        for effect in course.effects:
            if effect.state == "intent":
                self._gate.room.give(effect.connection)
                self._gate.undo(effect)
        for run in [course.run, *course.joined]:
            self._hot.pop(run.id, None)
        for waiting in course.waits:
            self._matcher.ended(Waiting(waiting.record.run, waiting.record.token))
        self._inbox.sweep()
        self._events.sweep()
        with suppress(JournalError):  # a memory that cannot be read again is found to differ when it is next written
            await self._reactions.lost(reactions)

    def _is_spoilt(self, course: Course, error: BaseException) -> bool:
        """Whether the journal refuses what one run holds; that run ends with the next batch, the others go on."""
        if not isinstance(error, JournalError) or error.code != "bad-record":
            return False
        runs = {run.id: run for run in [*course.joined, course.run]}
        run = runs.get(_unkeepable(course.changes), course.run)
        is_new = run.event not in self._spoilt
        self._spoilt[run.event] = f"the run holds something that cannot be kept: {error}"
        return is_new

    def _after(self, course: Course, reactions: Sequence[Reaction]) -> None:
        for run in [course.run, *course.joined]:
            self._remember(run)
            self._standing.written(run)
            if run.state == "done":
                self._spoilt.pop(run.event, None)
                self._tell_end(run, course.program)
        for say in course.says:
            getattr(self._log, say.level if say.level in LEVELS else "info")(say.message, rule=course.run.rule)
        if course.is_admitted:
            self._standing.ran(course.run.rule, course.run.started)
        self._effects.say(*course.effects)
        if course.released:
            self._effects.sweep()
        for over in course.left:
            self._matcher.ended(over)
        self._reactions.written(reactions, course.changes, course.view)
        moved = [run.rule for run in [*course.joined, course.run] if self._standing.moves(run)]
        self._reactions.stood(map(self._standing.entity_of, moved), course.view)
        if course.waits or course.left:
            self._reactions.on_watches()

    def _moves(self, course: Course) -> list[Heard]:
        """That the rules and scripts of these runs stand otherwise, where anybody listens for that."""
        found = []
        for run in [*course.joined, course.run]:
            if self._matcher.hears(("state", self._standing.entity_of(run.rule))):
                moves = self._standing.before_and_after(run)
                if moves is not None:
                    found.append(heard_to_stand(*moves, course.view, run.depth + 1, run.id))
        return found

    def _ends(self, course: Course) -> list[Heard]:
        """That these runs are over, where anybody listens; not of one that was refused for going in circles."""
        found = []
        for run in [*course.joined, course.run]:
            is_over = run.state == "done" and run.outcome != IN_CIRCLES
            if is_over and self._matcher.listens(("ended", run.rule)):
                told = {"run": run.id, "rule": run.rule, "outcome": run.outcome, "reason": run.reason}
                fact = Fact("ended", run.rule, told, course.view.now, depth=run.depth + 1, cause=run.id)
                found.append(heard(fact, course.view.frozen()))
        return found

    def _listen(self, course: Course, waiting: NewWait) -> None:
        """Listens before the wait is on disk, or what happens meanwhile would be missed; what it hears comes after."""
        entering = self._matcher.entering(waiting.watchers, course.view)
        course.changes.put.append(waiting.record)
        course.changes.add(entering)
        self._matcher.wait(waiting.watchers, course.view)
        self._matcher.learn([record for record in entering.put if isinstance(record, MemoryRecord)])

    def _tell_end(self, run: RunRecord, program: Mapping[str, Json]) -> None:
        """One line; a run that was turned away is as loud as `max_exceeded` says (semantics section 1)."""
        level = program.get("max_exceeded", "warning") if run.outcome in REFUSED else "info"
        if level != "silent":
            level = "error" if level == "critical" else level
            getattr(self._log, level)("run ended", rule=run.rule, run=run.id, outcome=run.outcome, reason=run.reason)

    def _remember(self, run: RunRecord) -> None:
        self._hot.pop(run.id, None)
        if run.state == "done":
            return
        self._hot[run.id] = run
        if len(self._hot) > HOT_RUNS:
            del self._hot[next(iter(self._hot))]


def _lane(course: Course) -> Lane:
    return _lane_of(course.run)


def _lane_of(run: RunRecord) -> Lane:
    return run.rule, run.key


def _is_time(inbox: Sequence[InboxRecord]) -> bool:
    """Whether one of the messages says that a digest has gathered long enough, and none that it is not wanted."""
    return any(each.token == GATHERING for each in inbox) and all(each.kind != "cancel" for each in inbox)


def _unkeepable(changes: Changes) -> str:
    """The id of the run whose record the journal cannot keep, or an empty text."""
    for record in changes.put:
        try:
            form_of(type(record)).encode(record)
        except RowError:
            return str(record.id if isinstance(record, RunRecord) else getattr(record, "run", ""))
    return ""


def _by_run(messages: Sequence[InboxRecord]) -> Mapping[str, list[InboxRecord]]:
    found: dict[str, list[InboxRecord]] = {}
    for message in messages:
        found.setdefault(message.run, []).append(message)
    return found
