"""Notices webhooks that used to come and come no more: nobody else would, for what does not come raises no error.

A webhook of a rule is silent when it came on 7 of the last 14 days, and now pauses three times as long as it ever did
in them, at least half an hour. The status webhook of a connection is silent when it has told of messages in the last
14 days, and then 5 were accepted, the first a quarter of an hour ago, and it told of none. Time during which rulewheel
did not run counts for neither. What was learnt lies in the journal, as the attributes of an entity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from engine.clock import Clock
from engine.journal.api import Journal
from engine.notices import Notices
from engine.records import Changes, EffectRecord
from engine.states import States
from engine.values import Json

LEARNT = "rulewheel.webhooks"
DAYS = 14
REGULAR = 7
TIMES = 3
LEAST = timedelta(minutes=30)
MESSAGES = 5
RECEIPT_WITHIN = timedelta(minutes=15)
KEEP_EVERY = timedelta(minutes=10)
CODE = "webhook-silent"
UNIT = timedelta(seconds=1)


@dataclass(slots=True)
class Rhythm:
    """When a webhook came last, and its longest pause by the day on which that ended, in seconds."""

    last: datetime
    pauses: dict[str, int] = field(default_factory=dict)
    is_fresh: bool = True
    """Whether it has come since the start; the pause before that may be ours."""

    @classmethod
    def of(cls, data: Json) -> Self:
        """What `to_json` made."""
        return cls(datetime.fromisoformat(data["last"]), dict(data["pauses"]), False)

    def to_json(self) -> Json:
        """As plain data."""
        return {"last": self.last.isoformat(), "pauses": dict(self.pauses)}

    def heard(self, now: datetime) -> None:
        """It came; a pause beyond the bound was silence and teaches nothing."""
        pause = now - self.last if self.is_fresh else timedelta(0)
        if self.is_fresh and self.pauses and timedelta(0) <= pause < UNIT:  # in a burst, where time is dear
            self.last = now
            return
        bound, day = self.bound(now), now.date().isoformat()
        if bound is None or pause <= bound:
            self.pauses[day] = max(self.pauses.get(day, 0), int(pause / UNIT))
        oldest = (now - timedelta(days=DAYS)).date().isoformat()
        self.pauses = {each: longest for each, longest in self.pauses.items() if each > oldest}
        self.last, self.is_fresh = now, True

    def longest(self, now: datetime) -> timedelta | None:
        """Its longest pause lately; None when it does not come regularly."""
        oldest = (now - timedelta(days=DAYS)).date().isoformat()
        known = [longest for day, longest in self.pauses.items() if day > oldest]
        return max(known) * UNIT if len(known) >= REGULAR else None

    def bound(self, now: datetime) -> timedelta | None:
        """After this long a pause is silence."""
        longest = self.longest(now)
        return None if longest is None else max(TIMES * longest, LEAST)


class Silence:
    """Hears of what comes and what is sent, and looks for what has not come."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        states: States,
        notices: Notices,
        in_use: Callable[[], Collection[str]],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._states = states
        self._notices = notices
        self._in_use = in_use
        self._began = self._kept_at = clock.now()
        self._rhythms: dict[str, Rhythm] = {}
        self._receipts: dict[str, datetime] = {}
        self._waiting: dict[str, list[datetime]] = {}

    def load(self) -> None:
        """Takes up what was learnt before the start."""
        kept = self._states.get(LEARNT)
        if kept is not None:
            self._rhythms = {name: Rhythm.of(data) for name, data in kept.attributes["webhooks"].items()}
            receipts = kept.attributes["receipts"].items()
            self._receipts = {name: datetime.fromisoformat(at) for name, at in receipts}

    def heard(self, webhook: str) -> None:
        """A webhook of a rule has come."""
        now = self._clock.now()
        rhythm = self._rhythms.get(webhook)
        if rhythm is None:
            rhythm = self._rhythms[webhook] = Rhythm(now)
        rhythm.heard(now)

    def told(self, connection: str) -> None:
        """The status webhook of a connection has told of messages."""
        self._receipts[connection] = self._clock.now()
        self._waiting.pop(connection, None)

    def accepted(self, effect: EffectRecord) -> None:
        """A send was accepted; if it has a recipient its status should come."""
        if effect.recipient and effect.connection in self._receipts:
            waiting = self._waiting.setdefault(effect.connection, [])
            if len(waiting) < MESSAGES:
                waiting.append(self._clock.now())

    async def look(self) -> None:
        """Opens a problem for each that is silent, and clears those of others."""
        now = self._clock.now()
        used = self._in_use()
        found = {name: text for name in used if (text := self._silent(name, now))}
        found |= {f"connection/{name}": text for name in self._receipts if (text := self._untold(name, now))}
        open_now = [record.key for record in self._notices.open() if record.code == CODE]
        for key in set(open_now) - {_key(name) for name in found}:
            await self._notices.clear(key)
        for name, text in found.items():
            await self._notices.restate(_key(name), CODE, text)
        if now - self._kept_at >= KEEP_EVERY:
            await self._keep(now)

    def _silent(self, name: str, now: datetime) -> str:
        rhythm = self._rhythms.get(name)
        bound = rhythm.bound(now) if rhythm is not None else None
        if rhythm is None or bound is None or now - max(rhythm.last, self._began) <= bound:
            return ""
        usual = _span(rhythm.longest(now) or timedelta(0))
        return f'the webhook "{name}" has not come since {rhythm.last:%Y-%m-%d %H:%M} UTC; it never paused over {usual}'

    def _untold(self, name: str, now: datetime) -> str:
        waiting = self._waiting.get(name, [])
        is_used = now - self._receipts[name] <= timedelta(days=DAYS)
        if not is_used or len(waiting) < MESSAGES or now - waiting[0] < RECEIPT_WITHIN:
            return ""
        last = f"{self._receipts[name]:%Y-%m-%d %H:%M} UTC"
        return f"no status of a message has come from {name} since {last}, though it has accepted {MESSAGES} or more"

    async def _keep(self, now: datetime) -> None:
        """Writes down what was learnt, if there is more of it."""
        self._kept_at = now
        learnt = {name: rhythm for name, rhythm in self._rhythms.items() if now - rhythm.last < timedelta(days=DAYS)}
        told: Json = {
            "webhooks": {name: rhythm.to_json() for name, rhythm in learnt.items()},
            "receipts": {name: at.isoformat() for name, at in self._receipts.items()},
        }
        record = self._states.changed(LEARNT, "known", told, now)
        if record is not None and (learnt or self._receipts):
            await self._journal.commit(Changes(put=[record]))
            self._states.take(record)


def _key(name: str) -> str:
    return f"webhook/{name}/{CODE}"


def _span(by: timedelta) -> str:
    minutes = by / timedelta(minutes=1)
    return f"{minutes / 60:.0f} hours" if minutes >= 120 else f"{max(1.0, minutes):.0f} minutes"
