"""How facts come in: decided, committed, and only then answered (promise P1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import tzinfo
from typing import TypeAlias

from engine.clock import Clock, Ids
from engine.entity import change, guard
from engine.journal.api import Journal, JournalError
from engine.later import put_off
from engine.log import Log
from engine.match import Reaction
from engine.reactions import Reactions
from engine.records import Changes, Done, Expect, SeenRecord
from engine.states import Channel, Heard, Overlay, Snapshot, States
from engine.values import Fact, Later, SetState

Decide: TypeAlias = Callable[[Snapshot], Iterable[SetState | Later]]


class Intake:
    """Turns facts, and changes of entities, into committed events of the rules that care."""

    def __init__(
        self, journal: Journal, reactions: Reactions, states: States, clock: Clock, ids: Ids, zone: tzinfo, log: Log
    ) -> None:
        self._journal = journal
        self._reactions = reactions
        self._states = states
        self._clock = clock
        self._ids = ids
        self._zone = zone
        self._log = log
        self.on_failure: Callable[[JournalError], Awaitable[None]] = _unheard

    def view(self) -> Snapshot:
        """What may be read now; changes to its states stay its own."""
        return Snapshot(self._clock.now(), self._zone, self._ids, Overlay(self._states))

    async def take(self, channel: Channel, fact: Fact, sets: SetState | None = None) -> list[str]:
        """Commits what the rules make of the fact, with the entity's new state; gives the reasons, one a trigger.

        A fact with a key is taken once, however often it comes. When it returns, the events are on disk. Raises
        JournalError when they cannot be; then nothing was taken in.
        """
        return await self._take(Heard(channel, fact, self.view()), lambda view: () if sets is None else (sets,))

    async def set(self, wanted: SetState) -> list[str]:
        """Commits the new state of an entity with what the rules make of it, as `take` does with a fact."""
        return await self._take(None, lambda view: (wanted,))

    async def settle(self, decide: Decide) -> list[str]:
        """Commits what `decide` makes of a view, all of it or nothing; a change shows in the view for the next one.

        It is decided again if any entity has moved meanwhile, also one that was to stay as it was.
        """
        return await self._take(None, decide, guards=True)

    async def _take(self, came: Heard | None, decide: Decide, *, guards: bool = False) -> list[str]:
        while True:
            view, changes = self.view(), Changes()
            if came is not None and came.fact.key is not None:
                taken = SeenRecord(f"fact/{came.fact.kind}", came.fact.key, view.now)
                if await self._journal.get(SeenRecord, (taken.scope, taken.key)) is not None:
                    return [f"skipped: this {came.fact.kind} came before"]
                changes.expect.append(Expect(SeenRecord, (taken.scope, taken.key), None))
                changes.put.append(taken)
            facts = [Heard(came.channel, came.fact, view.frozen())] if came is not None else []
            for each in decide(view):
                if isinstance(each, Later):
                    put_off(each, changes)
                    continue
                if guards:
                    guard(each.entity, view.state(each.entity), changes)
                if (moved := change(each, view, changes)) is not None:
                    facts.append(moved)
            reactions = self._reactions.to(facts, changes, view)
            try:
                fresh = [reaction for reaction in reactions if not await self._seen(reaction)]
                is_written = await self._commit(fresh, changes, view)
            except BaseException as error:
                await self._lost(reactions)
                if isinstance(error, JournalError) and error.code not in ("bad-record", "closed"):
                    await self.on_failure(error)
                raise
            if is_written:
                await self._lost([reaction for reaction in reactions if reaction not in fresh])
                return [_reason(reaction, reaction in fresh) for reaction in reactions]
            await self._lost(reactions)

    async def _seen(self, reaction: Reaction) -> bool:
        if reaction.dedupe is None:
            return False
        return await self._journal.get(SeenRecord, (_scope(reaction), reaction.dedupe)) is not None

    async def _commit(self, reactions: Sequence[Reaction], changes: Changes, view: Snapshot) -> bool:
        for reaction in reactions:
            changes.add(reaction.changes)
            if reaction.dedupe is not None:
                seen = SeenRecord(_scope(reaction), reaction.dedupe, view.now)
                changes.expect.append(Expect(SeenRecord, (seen.scope, seen.key), None))
                changes.put.append(seen)
        if changes and not isinstance(await self._journal.commit(changes), Done):
            return False
        self._reactions.written(reactions, changes, view)
        return True

    async def _lost(self, reactions: Sequence[Reaction]) -> None:
        try:
            await self._reactions.lost(reactions)
        except JournalError as error:
            self._log.error("the triggers' memories could not be read again", reason=str(error))


async def _unheard(error: JournalError) -> None:
    """Nobody wants to know."""


def _scope(reaction: Reaction) -> str:
    rule, trigger = reaction.watcher.place
    return f"{rule}/{trigger}"


def _reason(reaction: Reaction, is_fresh: bool) -> str:
    rule, _ = reaction.watcher.place
    return f"{rule}: {reaction.decision.reason}" + ("" if is_fresh else f"; skipped: {reaction.dedupe} came before")
