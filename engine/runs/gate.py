"""The last look before an intent: nothing leaves but through here (promise P13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from engine.records import CommandRecord, EffectRecord, Expect
from engine.runs import quiet
from engine.runs.caps import Caps, clock_time
from engine.runs.limits import Buckets, Room, limits_of
from engine.values import Json

SENDING = "rulewheel.sending"
STOPPED = "sending is stopped; `rulewheel resume-sending` lets it go on"
STOP: Final = "stop-sending"
"""Kind and id of the command that stops all sending: it counts from its commit on, before it is taken up."""
NO_STOP: Final = Expect(CommandRecord, (STOP,), None)
"""What an intent's own commit looks at, so that none is written after that of the command."""
SEND_BY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Held:
    """Not now, but at `until`; where that is None, when somebody says so. `caps` are the effect's from now on."""

    reason: str
    until: datetime | None = None
    caps: Json = None


@dataclass(frozen=True, slots=True)
class Over:
    """Not at all: its rule has sent what it may."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Not at all, and nothing is wrong with that: its rule drops what comes in quiet hours."""

    reason: str


class Gate:
    """The stop switch, quiet hours, the rules' caps, the limits of the other side, and room for calls under way."""

    def __init__(self, places: int = 64, zone: tzinfo = UTC) -> None:
        self.room = Room(places)
        self.stopped = False
        self._buckets = Buckets()
        self._caps = Caps(zone)
        self._zone = zone

    def passes(self, effect: EffectRecord, now: datetime) -> bool:
        """Whether the effect may leave at once; then it has a place everywhere, room included."""
        if (
            self.stopped
            or quiet.look(effect, now, self._zone)
            or self._caps.over(effect, now)
            or not self.room.take(effect.connection)
        ):
            return False
        if effect.limits and not self._buckets.take(limits_of(effect.limits), now):
            self.room.give(effect.connection)
            return False
        self._caps.take(effect, now)
        return True

    def look(self, effect: EffectRecord, now: datetime) -> Held | Over | Unwanted | None:
        """Why the effect may not leave now; None if it may, and then it is counted. It has room already."""
        if self.stopped:
            return Held(STOPPED)
        if hours := quiet.look(effect, now, self._zone):
            self._buckets.forget(effect.op_id)
            return Unwanted(hours.reason) if hours.drops else Held(hours.reason, hours.until, quiet.held_caps(effect))
        if reason := self._caps.over(effect, now):
            self._buckets.forget(effect.op_id)
            return self._over(effect, reason, now)
        held = self._buckets.ask(effect.op_id, limits_of(effect.limits), now) if effect.limits else None
        if held is not None:
            limit, until = held
            return Held(f"{limit.says or limit.key}, until {clock_time(until, now, self._zone, '%H:%M:%S')}", until)
        self._caps.take(effect, now)
        return None

    def _over(self, effect: EffectRecord, reason: str, now: datetime) -> Held | Over:
        """What quiet hours held comes all at once when they are over, and is spread under the caps."""
        until = self._caps.free_at(effect, now) if quiet.was_held(effect) else None
        return Over(reason) if until is None else Held(f"{reason}; it was held by quiet hours, and waits", until)

    def undo(self, effect: EffectRecord) -> None:
        """The effect surely did not leave, and counts no more against its rule's caps."""
        self._caps.give(effect)

    def forget(self, op_id: str) -> None:
        """Nothing is kept free for the effect any more: it has ended without leaving."""
        self._buckets.forget(op_id)

    def overrun(self, effect: EffectRecord, key: str, until: datetime) -> None:
        """The other side says that the limit of this key was overrun: nothing under it leaves before `until`."""
        for limit in limits_of(effect.limits):
            if limit.key == key:
                self._buckets.close(limit, until)

    def load(self, capped: Iterable[EffectRecord], newest: Sequence[EffectRecord], is_all: bool) -> None:
        """Counts what left before the engine started; `newest` are the newest effects, or all if `is_all`."""
        for effect in capped:
            if effect.send_by is not None:
                self._caps.take(effect, effect.send_by - SEND_BY)
        self._buckets = Buckets(None if is_all or not newest else min(effect.created for effect in newest))
        left = [(effect.send_by - SEND_BY, effect) for effect in newest if effect.send_by is not None]
        for at, effect in sorted(left, key=lambda each: each[0]):
            for limit in limits_of(effect.limits):
                self._buckets.count(limit, at)
