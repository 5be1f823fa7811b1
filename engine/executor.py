"""Makes runs of events and goes on with runs whose inbox has something; the only one who writes runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from engine.clock import Clock
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.match import Matcher, Reaction
from engine.records import (
    Changes,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    InboxRecord,
    RunRecord,
)
from engine.rules.model import Program
from engine.runs.advance import admitted, advance, begin, cancel
from engine.runs.course import Course, Means
from engine.runs.limits import Room
from engine.states import Snapshot, States
from engine.wake import Wake

SEND_BY = timedelta(seconds=10)
BATCH = 200
HOT_RUNS = 5_000

Lane = tuple[str, str]


class Executor:
    """Takes events and inbox rows in batches; each run is committed for itself, all of a batch in one group."""

    def __init__(
        self,
        journal: Journal,
        matcher: Matcher,
        states: States,
        clock: Clock,
        means: Means,
        view: Callable[[], Snapshot],
        find_program: Callable[[str], Program | None],
        events: Wake[EventRecord],
        inbox: Wake[InboxRecord],
        effects: Wake[EffectRecord],
        room: Room,
        log: Log,
    ) -> None:
        self._journal = journal
        self._matcher = matcher
        self._states = states
        self._clock = clock
        self._means = means
        self._view = view
        self._program = find_program
        self._events = events
        self._inbox = inbox
        self._effects = effects
        self._room = room
        self._log = log
        self._hot: dict[str, RunRecord] = {}
        self._lanes: dict[Lane, list[RunRecord]] = {}
        self._ended: set[str] = set()
        self.on_states: Callable[[], None] = lambda: None
        self.on_dues: Callable[[], None] = lambda: None

    async def work(self) -> bool:
        """Does what there is to do now; false when there was nothing."""
        messages, sweep_inbox = self._inbox.take()
        events, sweep_events = self._events.take()
        try:
            if sweep_inbox:
                messages = await self._journal.inbox(BATCH)
                self._again(self._inbox, messages)
            if sweep_events:
                events = await self._journal.new_events(BATCH)
                self._again(self._events, events)
            if not messages and not events:
                return False
            await self._batch(messages, events)
        except JournalError:
            self._hot.clear()
            self._inbox.sweep()
            self._events.sweep()
            raise
        return True

    async def cancel(self, rule: str, reason: str) -> None:
        """Ends all open runs of a rule."""
        runs = await self._journal.open_runs(rule)
        view = self._view()
        courses = [
            cancel(program.body, run, reason, view, self._means) for run in runs if (program := self._find(run.program))
        ]
        await self._commit(courses)

    @staticmethod
    def _again(wake: Wake[EventRecord] | Wake[InboxRecord], rows: Sequence[object]) -> None:
        if len(rows) == BATCH:
            wake.sweep()

    async def _batch(self, messages: Sequence[InboxRecord], events: Sequence[EventRecord]) -> None:
        self._lanes = {}
        self._ended = set()
        view = self._view()
        courses = []
        for run_id, inbox in _by_run(messages).items():
            course = await self._advance(run_id, inbox, view)
            if course is not None:
                courses.append(course)
        for event in events:
            course = await self._begin(event, view)
            if course is not None:
                courses.append(course)
        await self._commit(courses)

    async def _advance(self, run_id: str, inbox: Sequence[InboxRecord], view: Snapshot) -> Course | None:
        run = self._hot.get(run_id) or await self._journal.get(RunRecord, (run_id,))
        program = self._find(run.program) if run is not None else None
        if run is None or program is None or run.state == "done":
            await self._journal.commit(Changes(drop=[Drop(InboxRecord, (message.id,)) for message in inbox]))
            return None
        course = advance(program.body, run, inbox, view, self._means)
        if course.run.state == "done":
            self._ended.add(run.id)
            await self._promote(course, program, view)
        return course

    async def _begin(self, event: EventRecord, view: Snapshot) -> Course | None:
        program = self._find(event.program)
        if program is None:
            self._log.error("an event's program is not there any more", rule=event.rule, event=event.id)
            return None
        course = begin(program.body, event, view, self._means)
        if course.run.state == "done":
            return course
        lane = (event.rule, course.run.key)
        free = program.body.get("mode") == "parallel" and "max" not in program.body
        admitted(course, [] if free else await self._lane(lane))
        for other in course.replaces:
            self._join(course, cancel(program.body, other, "a newer run replaces it", view, self._means))
        if not free:
            self._note(lane, course)
        return course

    async def _promote(self, course: Course, program: Program, view: Snapshot) -> None:
        """Starts the run that was queued behind the one that has just ended, in the same changes."""
        ended = course.run
        while program.body.get("mode", "queued") == "queued":
            lane = (ended.rule, ended.key)
            waiting = [run for run in await self._lane(lane) if run.id != ended.id]
            self._lanes[lane] = waiting
            if not waiting or waiting[0].state != "queued":
                return
            own = self._find(waiting[0].program) or program
            following = advance(own.body, waiting[0], (), view, self._means)
            self._join(course, following)
            self._note(lane, following)
            if following.run.state != "done":
                return
            ended = following.run

    async def _lane(self, lane: Lane) -> list[RunRecord]:
        found = self._lanes.get(lane)
        if found is None:
            found = [run for run in await self._journal.open_runs(*lane) if run.id not in self._ended]
            self._lanes[lane] = found
        return found

    def _note(self, lane: Lane, course: Course) -> None:
        replaced = {other.id for other in course.replaces}
        others = [run for run in self._lanes.get(lane, []) if run.id not in {course.run.id, *replaced}]
        if course.run.state == "done":
            self._lanes[lane] = others
        elif course.run.state == "queued":
            self._lanes[lane] = [*others, course.run]
        else:
            self._lanes[lane] = [course.run, *others]

    @staticmethod
    def _join(course: Course, other: Course) -> None:
        course.changes.add(other.changes)
        course.effects += other.effects
        course.facts += other.facts
        course.says += other.says
        course.joined.append(other.run)

    async def _commit(self, courses: Sequence[Course]) -> None:
        prepared = [(course, self._completed(course)) for course in courses]
        commits = [self._journal.commit(course.changes) for course, _ in prepared]
        failure: BaseException | None = None
        for (course, reactions), result in zip(
            prepared, await asyncio.gather(*commits, return_exceptions=True), strict=True
        ):
            if isinstance(result, Done):
                self._after(course, reactions)
                continue
            self._undo(course)
            failure = result if isinstance(result, BaseException) else failure
        if failure is not None:
            self._matcher.load(await self._journal.memories())
            raise failure

    def _completed(self, course: Course) -> list[Reaction]:
        """Adds what the run's facts set off, and the intents of its effects, to the run's own commit."""
        view = self._view() if course.facts else course.view
        reactions = [
            reaction
            for fact in course.facts
            for reaction in self._matcher.decide((fact.kind, fact.subject), fact, view)
        ]
        for reaction in reactions:
            course.changes.add(reaction.changes)
        course.effects = [self._intent(effect) for effect in course.effects]
        course.changes.put += course.effects
        return reactions

    def _intent(self, effect: EffectRecord) -> EffectRecord:
        if effect.reads or not self._room.take(effect.connection):
            return effect
        return effect._replace(state="intent", send_by=self._clock.now() + SEND_BY, attempts=1)

    def _undo(self, course: Course) -> None:
        """Nothing of this was written: the journal says what there is to do."""
        for effect in course.effects:
            if effect.state == "intent":
                self._room.give(effect.connection)
        for run in [course.run, *course.joined]:
            self._hot.pop(run.id, None)
        self._inbox.sweep()
        self._events.sweep()

    def _after(self, course: Course, reactions: Sequence[Reaction]) -> None:
        for run in [course.run, *course.joined]:
            self._remember(run)
            if run.state == "done":
                self._log.info("run ended", rule=run.rule, run=run.id, outcome=run.outcome, reason=run.reason)
        for say in course.says:
            getattr(self._log, say.level)(say.message, rule=course.run.rule)
        entities = [record for record in course.changes.put if isinstance(record, EntityRecord)]
        for record in entities:
            self._states.take(record)
        if entities:
            self.on_states()
        if any(isinstance(record, DueRecord) for record in course.changes.put):
            self.on_dues()
        self._effects.say(*course.effects)
        self._events.say(*[reaction.event for reaction in reactions if reaction.event is not None])

    def _remember(self, run: RunRecord) -> None:
        self._hot.pop(run.id, None)
        if run.state == "done":
            return
        self._hot[run.id] = run
        if len(self._hot) > HOT_RUNS:
            del self._hot[next(iter(self._hot))]

    def _find(self, program: str) -> Program | None:
        return self._program(program)


def _by_run(messages: Sequence[InboxRecord]) -> Mapping[str, list[InboxRecord]]:
    found: dict[str, list[InboxRecord]] = {}
    for message in messages:
        found.setdefault(message.run, []).append(message)
    return found
