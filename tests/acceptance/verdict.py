"""Compares what others have on their lists with what the journal says: nothing lost, nothing twice, nothing denied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from engine.journal.sqlite import SqliteJournal
from engine.records import EffectRecord, EventRecord

EVERYTHING = 1_000_000
NOT_SENT = frozenset({"queued", "waiting", "refused", "expired"})
IN_DOUBT = frozenset({"unsure", "dropped"})
ACCOUNTED = frozenset({"accepted", "refused", "expired", "waiting"}) | IN_DOUBT
LISTED = "chakra"
"""The connection whose taken requests can be looked up, so that what has arrived must be found."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one of the others took in: under which op_id, and for which event, such as "order 12"."""

    op_id: str
    event: str


@dataclass(slots=True)
class Verdict:
    """What was found; every list is empty when all promises were kept.

    `sends` counts states by connection, `in_doubt` sends that could be looked up and are unsure or dropped, by
    `if_unsure`; `in_doubt_and_taken` counts those that could not be looked up and had arrived.
    """

    sends: dict[str, Counter[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    sent_twice: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    not_in_journal: list[str] = field(default_factory=list)
    accepted_but_never_taken: list[str] = field(default_factory=list)
    taken_but_denied: list[str] = field(default_factory=list)
    unfound: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    in_doubt: Counter[str] = field(default_factory=Counter)
    in_doubt_and_taken: int = 0

    @property
    def states(self) -> Counter[str]:
        """How many sends ended in which state."""
        return sum(self.sends.values(), Counter())

    @property
    def faults(self) -> list[str]:
        """Every broken promise in words."""
        found = {
            "accepted and lost": self.lost,
            "never ended": self.unfinished,
            "sent twice": self.sent_twice,
            "event without a send": self.unsent,
            "failed import that nobody was told of": self.untold,
            "sent without an intent": self.not_in_journal,
            "shown as accepted, but never taken": self.accepted_but_never_taken,
            "taken, but shown as not sent": self.taken_but_denied,
            "taken, but never found": self.unfound,
            "unsure under send_again": self.unsettled,
            "unsure, but no problem": self.unshown,
        }
        return [f"{what}: {', '.join(sorted(names))}" for what, names in found.items() if names]


async def judge(journal: SqliteJournal, accepted: Collection[str], taken: Collection[Taken]) -> Verdict:
    """The verdict on a state at rest.

    `accepted` are the events answered 200, named as rules name them (`event` of what the webhook carried); every one
    must have a run that ended, and every run of these rules a send that is accounted for. An event `import-N` names a
    job that goes wrong: a run of the main job, `errors of import-N`, must have such a send, too.
    """
    verdict = Verdict()
    effects = [effect for effect in await journal.sends(limit=EVERYTHING) if not effect.reads]
    for effect in effects:
        verdict.sends.setdefault(effect.connection, Counter())[effect.state] += 1
    await _events(verdict, journal, accepted, {effect.run for effect in effects if effect.state in ACCOUNTED})
    _sends(verdict, effects, taken)
    if "sends-unsure" not in {problem.code for problem in await journal.problems()}:
        verdict.unshown += [effect.op_id for effect in effects if effect.state == "unsure"]
    return verdict


async def _events(
    verdict: Verdict, journal: SqliteJournal, accepted: Collection[str], with_effect: Collection[str]
) -> None:
    handled, told = set(), set()
    for run in await journal.runs(limit=EVERYTHING):
        event = await journal.get(EventRecord, (run.event,))
        assert event is not None
        name = name_of(event)
        handled.add(name)
        if run.state != "done":
            verdict.unfinished.append(name)
        elif run.rule != "watch_imports" and run.id not in with_effect:
            verdict.unsent.append(f"{name} ({run.outcome}: {run.reason})")
        if run.id in with_effect:
            told.add(name)
    verdict.lost += set(accepted) - handled
    watched = (name for name in handled.intersection(accepted) if name.startswith("import-"))
    verdict.untold += [name for name in watched if f"errors of {name}" not in told]


def name_of(event: EventRecord) -> str:
    """What an event is called: by its job, or by what its webhook carried."""
    if "job" in event.data:
        return f"errors of {event.data['job']['id']}"
    return str(event.data["json"]["event"])


def _sends(verdict: Verdict, effects: Iterable[EffectRecord], taken: Collection[Taken]) -> None:
    by_op_id = Counter(each.op_id for each in taken)
    by_event = Counter(each.event for each in taken)
    verdict.sent_twice += [name for name, count in (by_op_id + by_event).items() if count > 1]
    verdict.not_in_journal += by_op_id.keys() - {effect.op_id for effect in effects}
    for effect in effects:
        if effect.state == "accepted" and effect.op_id not in by_op_id:
            verdict.accepted_but_never_taken.append(effect.op_id)
        if effect.state in NOT_SENT and effect.op_id in by_op_id:
            verdict.taken_but_denied.append(effect.op_id)
        if effect.state in IN_DOUBT:
            _doubted(verdict, effect, is_taken=effect.op_id in by_op_id)


def _doubted(verdict: Verdict, effect: EffectRecord, *, is_taken: bool) -> None:
    """What could be looked up may stay in doubt only if it was not taken, and not where it is sent again then."""
    if effect.connection != LISTED:
        verdict.in_doubt_and_taken += is_taken
        return
    verdict.in_doubt[effect.if_unsure] += 1
    if is_taken:
        verdict.unfound.append(effect.op_id)
    if effect.if_unsure == "send_again":
        verdict.unsettled.append(effect.op_id)
