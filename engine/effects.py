"""Performs requests: an intent on disk before the first byte, an outcome on disk after it (promises P6 to P10)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from engine.clock import Clock, Ids
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.notices import Notices
from engine.outages import Outages
from engine.plugin import Connection, Operation, Request
from engine.records import (
    Changes,
    CommandRecord,
    Conflict,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    Expect,
    InboxRecord,
    Update,
)
from engine.runs.gate import NO_STOP, SEND_BY, STOP, STOPPED, Gate, Over, Unwanted
from engine.runs.retry import backoff, ended, held, requeued, settled
from engine.values import Outcome, Refused, Unsure, Waiting
from engine.wake import Wake

BATCH = 1_000
RETRY_WRITE = timedelta(seconds=1)


class Effects:
    """Takes effects that are to be performed, each when there is a place for it, and says what came of them."""

    def __init__(
        self,
        journal: Journal,
        connections: Mapping[str, Connection],
        clock: Clock,
        ids: Ids,
        wake: Wake[EffectRecord],
        inbox: Wake[InboxRecord],
        gate: Gate,
        notices: Notices,
        outages: Outages,
        log: Log,
    ) -> None:
        self._journal = journal
        self._connections = connections
        self._clock = clock
        self._ids = ids
        self._wake = wake
        self._inbox = inbox
        self._gate = gate
        self._room = gate.room
        self._notices = notices
        self._outages = outages
        self._log = log
        self._queue: deque[EffectRecord] = deque()
        self._has_more = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.on_dues: Callable[[], None] = lambda: None
        self.on_unsure: Callable[[], None] = lambda: None
        self.on_end: Callable[[EffectRecord, str], None] = lambda effect, state: None

    @property
    def under_way(self) -> int:
        """Calls that have begun and have no outcome yet."""
        return len(self._tasks)

    async def recover(self) -> int:
        """After a start: what had an intent and no outcome may have happened, and is unsure; gives their number."""
        left = await self._journal.effects(("intent",), 100_000)
        now = self._clock.now()
        for effect in left:
            reason = "rulewheel stopped while this was being sent; nobody knows whether it arrived"
            await self._journal.commit(settled(effect, Unsure(reason), now, self._ids, self._settle_time(effect)))
        if left:
            self._inbox.sweep()
            self.on_dues()
            self.on_unsure()
        if self._notices.open():
            waiting = await self._journal.effects(("waiting",), 100_000)
            self._outages.load((effect.op_id, request_of(effect)) for effect in waiting)
        return len(left)

    async def work(self) -> bool:
        """Begins every call for which there is a place; false when nothing could be begun."""
        hints, sweep = self._wake.take()
        for hint in hints:
            if hint.state == "intent":
                self._begin(hint)
        self._queue.extend(hint for hint in hints if hint.state != "intent")
        if sweep:
            await self._sweep()
        has_begun = await self._from_queue()
        if has_begun and self._has_more and not self._queue:
            self._wake.sweep()
        return has_begun or bool(hints)

    async def resume(self) -> None:
        """Queues again what waits because sending was stopped."""
        waiting = [each for each in await self._journal.effects(("waiting",), 1_000_000) if each.reason == STOPPED]
        await asyncio.gather(*[self._journal.commit(requeued(effect)) for effect in waiting])
        self._wake.sweep()

    async def finish(self) -> None:
        """Waits for the calls under way; nothing new is begun meanwhile."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def hand_back(self) -> int:
        """Queues again what has an intent and was never begun, because the daemon stops first; gives their number."""
        hints, _ = self._wake.take()
        left = [hint for hint in hints if hint.state == "intent"]
        for effect in left:
            self._give_back(effect)
            try:
                await self._journal.commit(_unmade(effect))
            except JournalError as error:
                self._log.error("a send that never began will be unsure", op_id=effect.op_id, reason=str(error))
        return len(left)

    async def _sweep(self) -> None:
        """Takes what the journal has in the queue; what waits comes back there by its due row."""
        found = await self._journal.effects(("queued",), BATCH)
        self._has_more = len(found) == BATCH
        self._queue = deque(effect for effect in found if effect.op_id not in self._tasks)

    async def _from_queue(self) -> bool:
        ready: list[EffectRecord] = []
        left: deque[EffectRecord] = deque()
        others: list[tuple[EffectRecord, Changes]] = []
        now = self._clock.now()
        while self._queue:
            effect = self._queue.popleft()
            if effect.op_id in self._tasks:
                continue
            if not self._room.take(effect.connection):
                left.append(effect)
            elif (changes := self._kept_back(effect, now)) is not None:
                self._room.give(effect.connection)
                others.append((effect, changes))
            else:
                ready.append(effect)
        self._queue = left
        writes = [self._write(effect, changes) for effect, changes in others]
        await asyncio.gather(*[self._intend(effect, now) for effect in ready], *writes)
        return bool(ready or others)

    def _kept_back(self, effect: EffectRecord, now: datetime) -> Changes | None:
        """What to write instead of an intent: it expires, waits or is refused; None if it may leave."""
        if effect.valid_until is not None and now >= effect.valid_until:
            self._gate.forget(effect.op_id)
            return ended(effect, "expired", _expired(effect), now, self._ids)
        found = None if effect.reads else self._gate.look(effect, now)
        if isinstance(found, Over):
            return ended(effect, "refused", found.reason, now, self._ids)
        if isinstance(found, Unwanted):
            return ended(effect, "cancelled", f"not sent: {found.reason}", now, self._ids)
        return None if found is None else held(effect, found.reason, found.until, now, found.caps)

    async def _intend(self, effect: EffectRecord, now: datetime) -> None:
        """Commits the intent, and begins the call when it is on disk."""
        intent = effect
        if not effect.reads:
            intent = effect._replace(state="intent", send_by=now + SEND_BY, attempts=effect.attempts + 1)
            try:
                done = await self._journal.commit(_intent(effect, intent))
            except JournalError:
                self._give_back(effect)
                self._wake.sweep()
                raise
            if not isinstance(done, Done):
                self._give_back(effect)
                self._turned_away(done)
                return
        self._begin(intent)

    def _give_back(self, effect: EffectRecord) -> None:
        self._room.give(effect.connection)
        self._gate.undo(effect)

    def _turned_away(self, conflict: Conflict) -> None:
        """Of an intent that was not written: because of a stop, it is looked at again and then waits."""
        if conflict.expect == NO_STOP:
            self._gate.stopped = True
            self._wake.sweep()

    async def _is_stopped(self) -> bool:
        """Whether sending is stopped, also by a command that nobody has taken up yet."""
        if not self._gate.stopped:
            try:
                self._gate.stopped = await self._journal.get(CommandRecord, (STOP,)) is not None
            except JournalError as error:  # the intent's own commit has looked as well
                self._log.error("whether sending is stopped could not be read", reason=str(error))
        return self._gate.stopped

    def _begin(self, effect: EffectRecord) -> None:
        task = asyncio.get_running_loop().create_task(self._perform(effect))
        self._tasks[effect.op_id] = task

    async def _perform(self, effect: EffectRecord) -> None:
        try:
            if not effect.reads and await self._is_stopped():  # since the intent was made
                self._gate.undo(effect)
                await self._write(effect, held(effect, STOPPED, None, self._clock.now()))
                return
            outcome = await self._call(effect)
            self._count(effect, outcome)
            changes = settled(effect, outcome, self._clock.now(), self._ids, self._settle_time(effect))
            await self._write(effect, changes, _without_answer(changes))
            if isinstance(outcome, Unsure):
                self._log.warning("a send is unsure", op_id=effect.op_id, rule=effect.rule, reason=outcome.reason)
                self.on_unsure()
            await self._outages.tell(effect.op_id, request_of(effect), outcome)
        finally:
            del self._tasks[effect.op_id]
            self._room.give(effect.connection)
            if self._queue:
                self._wake.say()
            elif self._has_more:
                self._wake.sweep()

    async def _call(self, effect: EffectRecord) -> Outcome:
        connection = self._connections.get(effect.connection)
        if connection is None:
            return Waiting(f"there is no connection {effect.connection} in the settings", problem="no-connection")
        try:
            outcome = await connection.perform(
                request_of(effect), Operation(effect.op_id, effect.send_by, effect.attempts, self._is_stopped)
            )
            if isinstance(outcome, Outcome):
                return outcome
            raise TypeError(f"{outcome!r} is no outcome")
        except Exception as error:  # a plugin's mistake must not stop the daemon; what it did is not known
            self._log.error("a connection failed", connection=effect.connection, reason=repr(error))
            return Unsure(f"the connection {effect.connection} failed while sending: {type(error).__name__}")

    def _count(self, effect: EffectRecord, outcome: Outcome) -> None:
        """What surely did not leave does not count; what the other side slows down is slowed down here as well."""
        if isinstance(outcome, Refused | Waiting):
            self._gate.undo(effect)
        if isinstance(outcome, Waiting) and outcome.limit:
            pause = outcome.after if outcome.after is not None else backoff(effect.attempts)
            self._gate.overrun(effect, outcome.limit, self._clock.now() + pause)

    def _settle_time(self, effect: EffectRecord) -> timedelta:
        connection = self._connections.get(effect.connection)
        return timedelta(0) if connection is None else connection.settle_time

    async def _write(self, effect: EffectRecord, changes: Changes, plainer: Changes | None = None) -> None:
        """Writes the outcome, as often as it takes: it is known only here until it is on disk.

        `plainer` is written instead where the journal cannot keep what came back.
        """
        while True:
            try:
                done = await self._journal.commit(changes)
            except JournalError as error:
                self._log.error("an outcome cannot be written yet", op_id=effect.op_id, reason=str(error))
                if error.code == "closed":
                    return
                if error.code == "bad-record" and plainer is not None:
                    changes, plainer = plainer, None
                    continue
                await self._notices.journal_failed(error)
                await self._clock.sleep_until(self._clock.now() + RETRY_WRITE)
                continue
            if isinstance(done, Done):
                for update in changes.update:
                    self.on_end(effect, str(update.values.get("state", "")))
                self._inbox.say(*[record for record in changes.put if isinstance(record, InboxRecord)])
                if any(isinstance(record, DueRecord) for record in changes.put):
                    self.on_dues()
            return


def _intent(effect: EffectRecord, intent: EffectRecord) -> Changes:
    values = {"state": "intent", "send_by": intent.send_by, "attempts": intent.attempts, "due": None}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state}), NO_STOP],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        drop=[Drop(DueRecord, (f"effect/{effect.op_id}",))],
    )


def _unmade(effect: EffectRecord) -> Changes:
    """The intent taken back: nothing was sent."""
    values = {"state": "queued", "send_by": None, "attempts": effect.attempts - 1}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": "intent"})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
    )


def _without_answer(changes: Changes) -> Changes:
    """The same outcome, for a journal that cannot keep what came back with it."""
    return Changes(
        expect=changes.expect,
        update=[each._replace(values={**each.values, "answer": None}) for each in changes.update],
        put=[
            each._replace(data={**each.data, "answer": None}) if isinstance(each, InboxRecord) else each
            for each in changes.put
        ],
    )


def request_of(effect: EffectRecord) -> Request:
    """The request that an effect is the record of."""
    return Request(
        connection=effect.connection,
        operation=effect.operation,
        body=effect.body,
        changes_world=not effect.reads,
        shown=effect.shown,
        recipient=effect.recipient or None,
        idempotent=effect.idempotent,
        timeout=timedelta(seconds=effect.timeout) if effect.timeout is not None else None,
    )


def _expired(effect: EffectRecord) -> str:
    until: datetime | None = effect.valid_until
    last = f"; last: {effect.reason}" if effect.reason else ""
    return f"not sent: it was worth sending until {until:%Y-%m-%d %H:%M} UTC{last}"
