"""What becomes of an effect by its outcome: ended, tried again at a stated time, or unsure (design contract 5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.clock import Ids
from engine.records import Changes, Drop, DueRecord, EffectRecord, Expect, InboxRecord, Update
from engine.values import Accepted, Outcome, Refused, Unsure, Waiting

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
NEVER = timedelta(0)
NOT_AGAIN = "it may have arrived, and is not sent again"
"""With this begins the reason of what is `dropped`."""


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many attempts: 1, 2, 4 … seconds, five minutes at most."""
    return min(LONGEST_WAIT, FIRST_WAIT * float(2 ** min(max(0, attempts - 1), 20)))


def settled(effect: EffectRecord, outcome: Outcome, now: datetime, ids: Ids, settle_time: timedelta = NEVER) -> Changes:
    """What to write when a connection has said what came of an effect.

    An unsure one is settled when `settle_time` is over since its `send_by`; with none, nobody can look it up.
    """
    if isinstance(outcome, Unsure) and effect.idempotent:
        outcome = Waiting(f"{outcome.reason}; it is safe to repeat")
    if isinstance(outcome, Waiting):
        return _waiting(effect, outcome, now, ids)
    if isinstance(outcome, Accepted):
        return ended(effect, "accepted", outcome.proof or "accepted", now, ids, outcome.answer)
    if isinstance(outcome, Refused):
        return ended(effect, "refused", outcome.reason, now, ids, outcome.answer)
    if effect.reads or settle_time <= NEVER:
        return in_doubt(effect, outcome.reason, now, ids)
    return _unsure(effect, outcome, now, settle_time)


def settle_key(op_id: str) -> str:
    """The name of the due row at which an unsure effect is looked up."""
    return f"settle/{op_id}"


def ended(effect: EffectRecord, state: str, reason: str, now: datetime, ids: Ids, answer: object = None) -> Changes:
    """The effect's end, and the message of it for the run that waits."""
    values = {"state": state, "reason": reason, "answer": answer, "ended": now, "due": None}
    told = {"op_id": effect.op_id, "state": state, "reason": reason, "answer": answer}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        put=[InboxRecord(ids.row_id(), effect.run, effect.token, "outcome", told)],
    )


def _unsure(effect: EffectRecord, outcome: Unsure, now: datetime, settle_time: timedelta) -> Changes:
    """The run is not told yet: until the settle time is over, proof may come."""
    due = max(now, effect.send_by or now) + settle_time
    values = {"state": "unsure", "reason": outcome.reason, "due": due}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        put=[DueRecord(settle_key(effect.op_id), "settle", due, {"op_id": effect.op_id, "looks": 0})],
    )


def held(effect: EffectRecord, reason: str, until: datetime | None, now: datetime, caps: object = None) -> Changes:
    """What to write when an effect may not leave before `until`, or, with None, before somebody says so.

    Time that a limit takes does not count against how long the effect is worth sending (design decision 2).
    """
    valid_until, due = effect.valid_until, until or effect.valid_until
    if until is not None and valid_until is not None:
        valid_until += until - now
    attempts = effect.attempts - (effect.state == "intent")
    values: dict[str, Any] = {"state": "waiting", "reason": reason, "due": due, "send_by": None}
    values |= {"valid_until": valid_until, "attempts": attempts}
    values |= {"caps": caps} if caps is not None else {}
    changes = Changes([Expect(EffectRecord, (effect.op_id,), {"state": effect.state})])
    changes.update.append(Update(EffectRecord, (effect.op_id,), values))
    if due is not None:
        changes.put.append(DueRecord(f"effect/{effect.op_id}", "effect", due, {"op_id": effect.op_id}))
    return changes


def requeued(effect: EffectRecord) -> Changes:
    """What waited is to be looked at again now."""
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": "waiting"})],
        update=[Update(EffectRecord, (effect.op_id,), {"state": "queued", "due": None})],
        drop=[Drop(DueRecord, (f"effect/{effect.op_id}",))],
    )


def in_doubt(effect: EffectRecord, reason: str, now: datetime, ids: Ids) -> Changes:
    """What to write when no look-up can tell what became of an effect: its rule says whether a person is to."""
    if effect.if_unsure == "drop":
        return ended(effect, "dropped", f"{NOT_AGAIN} (if_unsure: drop): {reason}", now, ids)
    return ended(effect, "unsure", reason, now, ids)


def cancelled(effect: EffectRecord, reason: str, now: datetime) -> Changes:
    """What to write when nobody wants an effect any more that is not under way.

    It has surely not left, unless it is repeated because that is safe.
    """
    may_have_arrived = effect.idempotent and effect.attempts > 0
    state, reason = ("dropped", f"{NOT_AGAIN}: {reason}") if may_have_arrived else ("cancelled", reason)
    values = {"state": state, "reason": reason, "ended": now, "due": None}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        drop=[Drop(DueRecord, (f"effect/{effect.op_id}",))],
    )


def _waiting(effect: EffectRecord, outcome: Waiting, now: datetime, ids: Ids) -> Changes:
    due = now + (outcome.after if outcome.after is not None else backoff(effect.attempts))
    if effect.valid_until is not None and due >= effect.valid_until:
        if now >= effect.valid_until:
            return ended(effect, "expired", f"no longer worth sending; last: {outcome.reason}", now, ids)
        due = effect.valid_until
    values = {"state": "waiting", "reason": outcome.reason, "due": due, "send_by": None}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        put=[DueRecord(f"effect/{effect.op_id}", "effect", due, {"op_id": effect.op_id})],
    )
