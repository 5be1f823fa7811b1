"""What the rules make of facts, on its way into the commit of whoever brings them, and told to the parts afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from engine.entity import change
from engine.journal.api import Journal
from engine.log import Log
from engine.match import Matcher, Reaction
from engine.records import Changes, CommandRecord, DueRecord, EntityRecord, EventRecord, InboxRecord
from engine.states import Heard, Overlay, Snapshot, States
from engine.values import Fact
from engine.wake import Wake

CASCADE = 1_000
"""How many changes of sensors one commit may bring about; more means that they set each other off for ever."""
_CHANGES = ("event", "state_changed")


class Reactions:
    """Decides facts for the parts that commit them; `on_dues`, `on_watches` and `on_commands` hear of new ones."""

    def __init__(
        self,
        journal: Journal,
        matcher: Matcher,
        states: States,
        events: Wake[EventRecord],
        inbox: Wake[InboxRecord],
        log: Log,
    ) -> None:
        self._journal = journal
        self._matcher = matcher
        self._states = states
        self._events = events
        self._inbox = inbox
        self._log = log
        self.on_dues: Callable[[], None] = lambda: None
        self.on_watches: Callable[[], None] = lambda: None
        self.on_commands: Callable[[], None] = lambda: None

    def to(
        self, facts: Iterable[Heard], changes: Changes, view: Snapshot, made: Iterable[Reaction] = ()
    ) -> list[Reaction]:
        """What the rules make of these facts, and of the states that sensors take on because of them.

        `view` is that of the commit, in whose states the sensors change. What is to be written is added to `changes`,
        but for the reactions' own changes. `made` are reactions that there are already, which may tell others.
        """
        found = list(made)
        coming = deque([*facts, *_passed_on(found)])
        cascade = 0
        expected: set[Any] = set()
        while coming:
            channel, fact, then = coming.popleft()
            if fact.kind == "state":
                changes.add(self._matcher.rescheduled(fact.subject, then))
                if self._matcher.hears(_CHANGES):
                    coming.append(Heard(_CHANGES, _as_event(fact), then))
            decided = self._matcher.decide(channel, fact, then)
            coming.extend(_passed_on(decided))
            for reaction in decided:
                found.append(reaction)
                _once(reaction.changes, expected)
                if reaction.sets is None:
                    continue
                cascade += 1
                following = change(reaction.sets, view, changes, fact.depth, fact.cause) if cascade <= CASCADE else None
                if following is not None:
                    coming.append(following)
        if cascade > CASCADE:
            self._log.error("sensors set each other off without end; what they say now may be stale")
        return found

    def joined(self, facts: Iterable[Heard], changes: Changes, view: Snapshot) -> list[Reaction]:
        """The same, with the reactions' own changes added to `changes`."""
        found = self.to(facts, changes, view)
        for reaction in found:
            changes.add(reaction.changes)
        return found

    def written(self, reactions: Sequence[Reaction], changes: Changes, view: Snapshot) -> None:
        """It is on disk: the states are as it says, and the parts hear of their work."""
        for reaction in reactions:
            rule, decision = reaction.watcher.program.rule, reaction.decision
            if reaction.fault:
                self._log.error("a trigger failed", rule=rule, reason=reaction.fault)
            elif decision.warns:
                self._log.warning("a trigger cannot tell", rule=rule, reason=decision.reason)
        self._take_states(changes, view)
        if events := [record for record in changes.put if isinstance(record, EventRecord)]:
            self._events.say(*events)
        if messages := [record for record in changes.put if isinstance(record, InboxRecord)]:
            self._inbox.say(*messages)
        if any(isinstance(record, DueRecord) for record in changes.put):
            self.on_dues()
        if any(isinstance(record, CommandRecord) for record in changes.put):
            self.on_commands()

    async def lost(self, reactions: Iterable[Reaction]) -> None:
        """It was not written: the triggers remember what is on disk again. Raises JournalError."""
        await self._matcher.recall(reactions, self._journal.get)

    def stood(self, entities: Iterable[str], view: Snapshot) -> None:
        """These rules and scripts stand otherwise now: what reads them may read others from now on."""
        if moved := dict.fromkeys((each for each in entities if self._matcher.hears(("state", each))), False):
            self._ask_again(moved, view)

    def _take_states(self, changes: Changes, view: Snapshot) -> None:
        moved: dict[str, bool] = {}
        for record in changes.put:
            if isinstance(record, EntityRecord):
                before = self._states.get(record.entity)
                is_same = before is not None and before.state == record.state
                moved[record.entity] = moved.get(record.entity, True) and is_same
                self._states.take(record)
        for drop in changes.drop:
            if drop.record is EntityRecord:
                self._states.drop(drop.key[0])
                moved[drop.key[0]] = False
        if moved:
            self._ask_again(moved, view)

    def _ask_again(self, moved: dict[str, bool], view: Snapshot) -> None:
        """Has the triggers that read these entities say what they watch now; of each, whether its state is the same."""
        now = Snapshot(view.now, view.zone, view.ids, Overlay(self._states))
        changed = [
            watched
            for entity, only_attributes in moved.items()
            for watched in self._matcher.refresh(entity, now, only_attributes=only_attributes)
        ]
        for watched in changed:
            if watched.fault:
                rule = watched.watcher.program.rule
                self._log.error("a trigger watches nothing", rule=rule, reason=watched.fault)
        if changed:
            self.on_watches()


def _as_event(fact: Fact) -> Fact:
    """The change of an entity as the event that Home Assistant fires for it."""
    told = {"entity_id": fact.subject, "old_state": fact.data["from_state"], "new_state": fact.data["to_state"]}
    return replace(fact, kind="event", subject="state_changed", data=told)


def _once(changes: Changes, expected: set[Any]) -> None:
    """Takes out what this very commit has changed already: the journal still holds what was before both."""
    changes.expect = [each for each in changes.expect if (each.record, each.key) not in expected]
    expected.update((each.record, each.key) for each in changes.expect)


def _passed_on(reactions: Iterable[Reaction]) -> list[Heard]:
    """What triggers tell those that they stand inside of: the last in a list first, so that one fact is one step."""
    told = [(reaction.watcher.use.index, reaction.tells) for reaction in reactions if reaction.tells is not None]
    return [heard for _, heard in sorted(told, key=lambda each: -each[0])]
