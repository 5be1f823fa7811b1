"""Settles unsure sends, by proof only: a status webhook, a look-up after the settle time, a person (promise P9)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from engine.clock import Clock, Ids
from engine.effects import request_of
from engine.journal.api import Journal, JournalError
from engine.log import Log
from engine.notices import Notices
from engine.plugin import Connection, Operation
from engine.reactions import Reactions
from engine.records import (
    Changes,
    Done,
    Drop,
    DueRecord,
    EffectRecord,
    Expect,
    SeenRecord,
    Update,
)
from engine.runs.gate import SEND_BY
from engine.runs.retry import NOT_AGAIN, ended, in_doubt, settle_key
from engine.states import Snapshot, States, heard
from engine.values import Arrived, CannotTell, Fact, NotFound, OtherSend, Receipt, Settlement, masked
from engine.wake import Wake

LOOKS_AT_ONCE = 8
MOST_LOOKS = 7
FIRST_WAIT = timedelta(minutes=1)
OTHERS_WITHIN = timedelta(days=1)
MOST_OTHERS = 5_000
MOST_COUNTED = 1_000
MAY_HAVE_LEFT = frozenset({"intent", "unsure", "waiting", "queued", "dropped", "expired", "cancelled"})
UNSURE_KEY = "sends/unsure"


def receipts_webhook(connection: str) -> str:
    """The id of the webhook at which a connection hears what became of its sends."""
    return f"connection/{connection}"


def listing_entity(connection: str) -> str:
    """The entity that says whether the listing of a connection was seen to show our own messages ("proven")."""
    return f"connection.{connection}.listing"


class Settler:
    """Takes unsure sends whose settle time is over, and whatever else proves what became of a send."""

    def __init__(
        self,
        journal: Journal,
        connections: Mapping[str, Connection],
        reactions: Reactions,
        states: States,
        view: Callable[[], Snapshot],
        clock: Clock,
        ids: Ids,
        effects: Wake[EffectRecord],
        notices: Notices,
        log: Log,
    ) -> None:
        self._journal = journal
        self._connections = connections
        self._reactions = reactions
        self._states = states
        self._view = view
        self._clock = clock
        self._ids = ids
        self._effects = effects
        self._notices = notices
        self._log = log
        # No hint is thrown away; one that is lost with the process comes again when its row is due again.
        self.wake: Wake[DueRecord] = Wake(keep=lambda row: True)
        self._queue: deque[DueRecord] = deque()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unsure: dict[str, datetime] | None = None
        self.on_receipts: Callable[[str], None] = lambda connection: None

    @property
    def under_way(self) -> int:
        """Look-ups that have begun and are not over."""
        return len(self._tasks)

    async def work(self) -> bool:
        """Begins the look-ups that are due, and tells people how many sends are unsure; false if none was due."""
        rows, recount = self.wake.take()
        self._queue.extend(rows)
        self._begin()
        if recount:
            await self._recount()
        return bool(rows)

    async def finish(self) -> None:
        """Waits for the look-ups under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def receive(self, connection: str, headers: Mapping[str, str], body: bytes) -> str:
        """Takes a webhook that tells what became of sends; when it returns, that is on disk.

        Gives why it is not believed, or an empty text. Raises JournalError.
        """
        try:
            receipts = self._connections[connection].read_receipts(headers, body)
        except Exception as error:  # a plugin's mistake proves nothing
            self._log.error("a status webhook could not be read", connection=connection, reason=repr(error))
            return "it could not be read"
        if isinstance(receipts, str):
            return receipts
        for receipt in receipts:
            await self._take(connection, receipt)
        if receipts:
            self.on_receipts(connection)
        return ""

    async def decide(self, op_id: str, verdict: str) -> str:
        """Does what a person says of an unsure send: "arrived", "send-again" or "drop". Gives what came of it."""
        effect = await self._journal.get(EffectRecord, (op_id,))
        if effect is None or effect.state != "unsure":
            return "there is no such send" if effect is None else f"it is {effect.state}, not unsure"
        now = self._clock.now()
        if verdict == "arrived":
            changes = ended(effect, "accepted", "a person says that it arrived", now, self._ids)
        elif verdict == "drop":
            changes = ended(effect, "dropped", f"{NOT_AGAIN}: a person says so", now, self._ids)
        else:
            changes = _again(effect, "a person says to send it again", _valid_anew(effect, now))
        changes.drop.append(Drop(DueRecord, (settle_key(op_id),)))
        return verdict if await self._commit(effect, changes) else "it was settled at this very moment"

    def _begin(self) -> None:
        while self._queue and len(self._tasks) < LOOKS_AT_ONCE:
            row = self._queue.popleft()
            op_id = row.data["op_id"]
            if op_id not in self._tasks:
                self._tasks[op_id] = asyncio.get_running_loop().create_task(self._look(row))

    async def _look(self, row: DueRecord) -> None:
        try:
            effect = await self._journal.get(EffectRecord, (row.data["op_id"],))
            if effect is None or effect.state != "unsure":
                await self._journal.commit(Changes(drop=[Drop(DueRecord, (row.key,))]))
                return
            found = await self._looked_up(effect)
            self._log.info("an unsure send was looked up", op_id=effect.op_id, found=repr(found))
            await self._commit(effect, self._changes(effect, found, row))
        except JournalError as error:  # the row is due again soon
            await self._notices.journal_failed(error)
        finally:
            del self._tasks[row.data["op_id"]]
            self._begin()

    async def _looked_up(self, effect: EffectRecord) -> Settlement:
        connection = self._connections.get(effect.connection)
        if connection is None:
            return CannotTell(f"there is no connection {effect.connection} in the settings")
        attempted_at = attempted(effect)
        others = await self._others(effect, attempted_at)
        operation = Operation(effect.op_id, effect.send_by)
        try:
            found = await connection.settle(request_of(effect), operation, attempted_at, others)
            if isinstance(found, Settlement):
                return found
            raise TypeError(f"{found!r} is no settlement")
        except Exception as error:  # a plugin's mistake proves nothing
            self._log.error("a look-up failed", connection=effect.connection, reason=repr(error))
            return CannotTell(f"the connection {effect.connection} failed while looking: {type(error).__name__}")

    async def _others(self, effect: EffectRecord, attempted_at: datetime) -> list[OtherSend]:
        if not effect.recipient:
            return []
        since = attempted_at - OTHERS_WITHIN
        found = await self._journal.sends_to(effect.recipient, since, MOST_OTHERS)
        return other_sends(effect, found)

    def _changes(self, effect: EffectRecord, found: Settlement, row: DueRecord) -> Changes:
        """What to write after a look-up; only proof changes what is known of the send."""
        if isinstance(found, CannotTell):
            return self._not_told(effect, found, row)
        now = self._clock.now()
        if isinstance(found, Arrived):
            changes = ended(effect, "accepted", found.proof, now, self._ids, found.answer)
        elif effect.if_unsure == "drop":
            changes = in_doubt(effect, found.looked, now, self._ids)
        elif effect.if_unsure == "send_again" and self._is_proven(effect.connection):
            changes = _again(effect, f"sent again: {found.looked}", effect.valid_until)
        else:
            changes = ended(effect, "unsure", self._held(effect, found), now, self._ids)
        changes.drop.append(Drop(DueRecord, (row.key,)))
        return changes

    def _not_told(self, effect: EffectRecord, found: CannotTell, row: DueRecord) -> Changes:
        """Looked up again later, up to a bound; the run is told at the first look, for its time is over."""
        now = self._clock.now()
        looks = int(row.data["looks"]) + 1
        if found.again and looks < MOST_LOOKS:
            at = now + FIRST_WAIT * 2 ** (looks - 1)
            later = DueRecord(row.key, "settle", at, {**row.data, "looks": looks})
            guard = Expect(EffectRecord, (effect.op_id,), {"state": effect.state})
            changes = Changes([guard]) if effect.ended else ended(effect, "unsure", found.reason, now, self._ids)
            changes.update.append(Update(EffectRecord, (effect.op_id,), {"due": at, "reason": found.reason}))
            changes.put.append(later)
            return changes
        changes = in_doubt(effect, found.reason, now, self._ids)
        changes.drop.append(Drop(DueRecord, (row.key,)))
        return changes

    def _is_proven(self, connection: str) -> bool:
        state = self._states.get(listing_entity(connection))
        return state is not None and state.state == "proven"

    def _held(self, effect: EffectRecord, found: NotFound) -> str:
        if effect.if_unsure == "send_again":
            return (
                f"{found.looked}; not sent again, for the listing is not proven yet (rulewheel doctor --prove-listing)"
            )
        return f"{found.looked}; a person decides (rulewheel settle)"

    async def _take(self, connection: str, receipt: Receipt) -> None:
        effect = await self._named(connection, receipt)
        while effect is not None and effect.state in MAY_HAVE_LEFT and effect.attempts:
            if await self._commit(effect, self._received(effect, receipt)):
                effect = effect._replace(state="accepted")
                break
            effect = await self._journal.get(EffectRecord, (effect.op_id,))
        if effect is None or effect.state != "accepted":
            self._log.debug("a status names no send of ours", connection=connection, state=receipt.state)
        elif receipt.failed:
            await self._failed(effect, receipt)
        elif receipt.state in ("delivered", "read"):
            await self._notices.clear(f"deliveries/{connection}")

    async def _named(self, connection: str, receipt: Receipt) -> EffectRecord | None:
        """The send that a receipt speaks of. One without our op_id can only tell more of what we know already."""
        if receipt.op_id:
            effect = await self._journal.get(EffectRecord, (receipt.op_id,))
            return effect if effect is not None and effect.connection == connection else None
        if not receipt.message_id or not receipt.failed:
            return None
        return await self._journal.send_with_id(connection, receipt.message_id)

    def _received(self, effect: EffectRecord, receipt: Receipt) -> Changes:
        proof = f'status webhook "{receipt.state}" with our op_id'
        answer = {"id": receipt.message_id} if receipt.message_id else None
        changes = ended(effect, "accepted", proof, self._clock.now(), self._ids, answer)
        keys = (settle_key(effect.op_id), f"effect/{effect.op_id}")
        changes.drop += [Drop(DueRecord, (key,)) for key in keys]
        return changes

    async def _failed(self, effect: EffectRecord, receipt: Receipt) -> None:
        """A message that was taken will not be delivered: told once, however often its status comes."""
        seen = SeenRecord(f"receipt/{effect.connection}", f"{effect.op_id}/failed", self._clock.now())
        changes = Changes([Expect(SeenRecord, (seen.scope, seen.key), None)], [seen])
        data = {**_told(effect), "state": "failed", "reason": receipt.reason}
        if not await self._write(changes, Fact("event", "send.failed", data, self._clock.now())):
            return
        text = f"a message of the rule {effect.rule} to {data['to']} was taken and then not delivered: {receipt.reason}"
        await self._notices.more(f"deliveries/{effect.connection}", "delivery-failed", text)

    async def _commit(self, effect: EffectRecord, changes: Changes) -> bool:
        """Writes what was found out; rules hear of it where it settles what was unsure."""
        values = changes.update[0].values
        state, fact = values.get("state", "unsure"), None
        if effect.state in ("unsure", "dropped") and state != "unsure":
            told = {**_told(effect), "state": "sent_again" if state == "queued" else state, "proof": values["reason"]}
            fact = Fact("event", "send.settled", told, self._clock.now())
        if not await self._write(changes, fact):
            return False
        if state == "queued":
            self._effects.say(effect._replace(**values))
        if effect.state == "unsure":
            self.wake.sweep()
        return True

    async def _write(self, changes: Changes, fact: Fact | None) -> bool:
        """Commits, together with what the rules make of the fact."""
        view = self._view()
        facts = [heard(fact, view.frozen())] if fact is not None else []
        reactions = self._reactions.joined(facts, changes, view)
        is_written = False
        try:
            is_written = isinstance(await self._journal.commit(changes), Done)
        finally:
            if not is_written:
                await self._reactions.lost(reactions)
        if is_written:
            self._reactions.written(reactions, changes, view)
        return is_written

    async def _recount(self) -> None:
        """One problem for all unsure sends, as long as there are any."""
        found = [each for each in await self._journal.effects(("unsure",), MOST_COUNTED) if not each.reads]
        is_first, now = self._unsure is None, self._clock.now()
        known = self._unsure or {}
        # When it became so is not written down; what the start finds was so at its last attempt or soon after it.
        self._unsure = {e.op_id: known.get(e.op_id) or (attempted(e) if is_first else now) for e in found}
        if not found:
            await self._notices.clear(UNSURE_KEY)
            return
        count = f"{len(found)} or more" if len(found) == MOST_COUNTED else str(len(found))
        many = "send is" if len(found) == 1 else "sends are"
        text = f"{count} {many} unsure: nobody knows yet whether it arrived. See: rulewheel sends --unsure"
        await self._notices.restate(UNSURE_KEY, "sends-unsure", text, list(self._unsure.values()))


def attempted(effect: EffectRecord) -> datetime:
    """When the last attempt of a send began."""
    return effect.created if effect.send_by is None else effect.send_by - SEND_BY


def other_sends(effect: EffectRecord, found: Sequence[EffectRecord]) -> list[OtherSend]:
    """The sends beside this one that may have left, as a connection counts them."""
    return [
        OtherSend(each.op_id, each.operation, each.body, each.state, attempted(each), each.answer)
        for each in found
        if each.op_id != effect.op_id and each.connection == effect.connection and each.attempts and not each.reads
    ]


def _again(effect: EffectRecord, reason: str, valid_until: datetime | None) -> Changes:
    """The same send once more, under the same op_id; the run goes on waiting for it."""
    values = {"state": "queued", "reason": reason, "due": None, "send_by": None, "valid_until": valid_until}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
    )


def _valid_anew(effect: EffectRecord, now: datetime) -> datetime | None:
    """A person who wants it sent again wants it sent now: it is worth sending for as long as it was at first."""
    return None if effect.valid_until is None else now + (effect.valid_until - effect.created)


def _told(effect: EffectRecord) -> dict[str, str]:
    return {"op_id": effect.op_id, "rule": effect.rule, "to": masked(effect.recipient) if effect.recipient else ""}
