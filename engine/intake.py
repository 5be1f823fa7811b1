"""How facts come in: decided, committed, and only then answered (promise P1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import tzinfo

from engine.clock import Clock, Ids
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.match import Channel, Matcher, Reaction
from engine.records import Changes, Done, DueRecord, EntityRecord, EventRecord, Expect, SeenRecord
from engine.states import Snapshot, States
from engine.values import Fact
from engine.wake import Wake


class Intake:
    """Turns facts into committed events of the rules that care."""

    def __init__(
        self,
        journal: Journal,
        matcher: Matcher,
        states: States,
        clock: Clock,
        ids: Ids,
        zone: tzinfo,
        events: Wake[EventRecord],
        log: Log,
    ) -> None:
        self._journal = journal
        self._matcher = matcher
        self._states = states
        self._clock = clock
        self._ids = ids
        self._zone = zone
        self._events = events
        self._log = log
        self.on_states: Callable[[], None] = lambda: None
        self.on_dues: Callable[[], None] = lambda: None
        self.on_failure: Callable[[JournalError], Awaitable[None]] = _unheard

    def view(self) -> Snapshot:
        """What may be read now."""
        return Snapshot(self._clock.now(), self._zone, self._ids, self._states)

    async def take(self, channel: Channel, fact: Fact, entity: EntityRecord | None = None) -> list[str]:
        """Commits what the rules make of the fact, with the entity's new state; gives the reasons, one a trigger.

        When it returns, the events are on disk. Raises JournalError when they cannot be; then nothing was taken in.
        """
        while True:
            reactions = self._matcher.decide(channel, fact, self.view())
            try:
                fresh = [reaction for reaction in reactions if not await self._seen(reaction)]
                is_written = await self._commit(fresh, entity)
            except BaseException as error:
                await self._recall(reactions)
                if isinstance(error, JournalError) and error.code not in ("bad-record", "closed"):
                    await self.on_failure(error)
                raise
            if is_written:
                await self._recall([reaction for reaction in reactions if reaction not in fresh])
                return [self._reason(reaction, reaction in fresh) for reaction in reactions]
            await self._recall(reactions)

    async def _seen(self, reaction: Reaction) -> bool:
        if reaction.dedupe is None:
            return False
        return await self._journal.get(SeenRecord, (_scope(reaction), reaction.dedupe)) is not None

    async def _commit(self, reactions: Sequence[Reaction], entity: EntityRecord | None) -> bool:
        changes = Changes()
        for reaction in reactions:
            changes.add(reaction.changes)
            if reaction.dedupe is not None:
                seen = SeenRecord(_scope(reaction), reaction.dedupe, self._clock.now())
                changes.expect.append(Expect(SeenRecord, (seen.scope, seen.key), None))
                changes.put.append(seen)
        if entity is not None:
            changes.put.append(entity)
        if changes and not isinstance(await self._journal.commit(changes), Done):
            return False
        if entity is not None:
            before = self._states.get(entity.entity)
            self._states.take(entity)
            if before is None or before.state != entity.state:
                self.on_states()
        self._events.say(*[reaction.event for reaction in reactions if reaction.event is not None])
        if any(isinstance(record, DueRecord) for record in changes.put):
            self.on_dues()
        return True

    async def _recall(self, reactions: Sequence[Reaction]) -> None:
        try:
            await self._matcher.recall(reactions, self._journal.get)
        except JournalError as error:
            self._log.error("the triggers' memories could not be read again", reason=str(error))

    def _reason(self, reaction: Reaction, is_fresh: bool) -> str:
        rule, _ = reaction.watcher.place
        if reaction.fault:
            self._log.error("a trigger failed", rule=rule, reason=reaction.fault)
        return f"{rule}: {reaction.decision.reason}" + ("" if is_fresh else f"; skipped: {reaction.dedupe} came before")


async def _unheard(error: JournalError) -> None:
    """Nobody wants to know."""


def _scope(reaction: Reaction) -> str:
    rule, trigger = reaction.watcher.place
    return f"{rule}/{trigger}"
