"""What becomes of an effect by its outcome: ended, or tried again at a stated time (design contract 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from engine.clock import Ids
from engine.records import Changes, DueRecord, EffectRecord, Expect, InboxRecord, Update
from engine.values import Accepted, Outcome, Refused, Unsure, Waiting

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)


def backoff(attempts: int) -> timedelta:
    """How long to wait after this many attempts: 1, 2, 4 … seconds, five minutes at most."""
    return min(LONGEST_WAIT, FIRST_WAIT * float(2 ** min(max(0, attempts - 1), 20)))


def settled(effect: EffectRecord, outcome: Outcome, now: datetime, ids: Ids) -> Changes:
    """What to write when a connection has said what came of an effect."""
    if isinstance(outcome, Unsure) and effect.idempotent:
        outcome = Waiting(f"{outcome.reason}; it is safe to repeat")
    if isinstance(outcome, Waiting):
        return _waiting(effect, outcome, now, ids)
    if isinstance(outcome, Accepted):
        return ended(effect, "accepted", outcome.proof or "accepted", now, ids, outcome.answer)
    if isinstance(outcome, Refused):
        return ended(effect, "refused", outcome.reason, now, ids, outcome.answer)
    return ended(effect, "unsure", outcome.reason, now, ids)


def ended(effect: EffectRecord, state: str, reason: str, now: datetime, ids: Ids, answer: object = None) -> Changes:
    """The effect's end, and the message of it for the run that waits."""
    values = {"state": state, "reason": reason, "answer": answer, "ended": now, "due": None}
    told = {"op_id": effect.op_id, "state": state, "reason": reason, "answer": answer}
    return Changes(
        expect=[Expect(EffectRecord, (effect.op_id,), {"state": effect.state})],
        update=[Update(EffectRecord, (effect.op_id,), values)],
        put=[InboxRecord(ids.row_id(), effect.run, effect.token, "outcome", told)],
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
