"""Tells of sends that were not made while they were worth it: one problem a rule (promise P2).

It clears when a send of the rule is accepted again, or a day after the last one that expired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.clock import Alarm, Clock
from engine.journal.api import Journal
from engine.notices import Notices
from engine.records import EffectRecord, ProblemRecord
from engine.wake import Wake

CODE = "sends-expired"
KEPT = timedelta(days=1)
OPENED_WITHIN = timedelta(minutes=1)
"""After the first one has expired."""
MOST_COUNTED = 1_000


class Expired:
    """Counts what has expired, from the journal, whenever something has."""

    def __init__(self, journal: Journal, clock: Clock, alarm: Alarm, notices: Notices) -> None:
        self._journal = journal
        self._clock = clock
        self._alarm = alarm
        self._notices = notices
        self._unwell: set[str] = set()
        self._well: set[str] = set()
        self.wake: Wake[None] = Wake()

    def ended(self, rule: str, state: str) -> None:
        """A send of the rule has come to this end."""
        if state == "expired" or (state == "accepted" and rule in self._unwell):
            if state == "accepted":
                self._well.add(rule)
            self.wake.sweep()

    async def work(self) -> bool:
        """Opens and clears the problems as things stand now; false if nobody asked for it."""
        _, is_asked = self.wake.take()
        well, self._well = self._well, set()
        for rule in well:
            await self._notices.clear(_key(rule))
        found = await self._counted()
        for rule in self._open() - set(found):
            await self._notices.clear(_key(rule))
        for rule, effects in found.items():
            times = [each.ended for each in effects if each.ended is not None]
            await self._notices.restate(f"{_key(rule)}{CODE}", CODE, _text(rule, effects), times)
        self._unwell = set(found)
        last = [max(each.ended for each in effects if each.ended is not None) for effects in found.values()]
        self._alarm.at("expired", min(last) + KEPT if last else None, self.wake.sweep)
        return is_asked

    async def _counted(self) -> dict[str, list[EffectRecord]]:
        """What has expired by rule since its problem opened, of rules of which something has within a day."""
        by_rule: dict[str, list[EffectRecord]] = defaultdict(list)
        for each in await self._journal.sends(states=("expired",), limit=MOST_COUNTED):
            by_rule[each.rule].append(each)
        day_ago = self._clock.now() - KEPT
        found = {}
        for rule, effects in by_rule.items():
            since = await self._since(rule, day_ago)
            counted = [each for each in effects if each.ended is not None and each.ended > since]
            if any(each.ended is not None and each.ended > day_ago for each in counted):
                found[rule] = counted
        return found

    async def _since(self, rule: str, day_ago: datetime) -> datetime:
        """From when on it counts: what had expired before its problem cleared is over."""
        problem = await self._journal.get(ProblemRecord, (f"{_key(rule)}{CODE}",))
        if problem is None:
            return day_ago
        cleared: datetime = problem.cleared or problem.since - OPENED_WITHIN
        return cleared

    def _open(self) -> set[str]:
        open_now = [record.key for record in self._notices.open() if record.code == CODE]
        return {key.removeprefix("expired/").removesuffix(f"/{CODE}") for key in open_now}


def _key(rule: str) -> str:
    return f"expired/{rule}/"


def _text(rule: str, effects: Sequence[EffectRecord]) -> str:
    count = f"{len(effects)} or more" if len(effects) == MOST_COUNTED else str(len(effects))
    newest = max(effects, key=lambda each: (each.ended is not None, each.ended))
    oldest = min(each.ended for each in effects if each.ended is not None)
    many = "send has" if len(effects) == 1 else "sends have"
    return f"{count} {many} expired since {oldest:%Y-%m-%d %H:%M} UTC in the rule {rule}; the last: {newest.reason}"
