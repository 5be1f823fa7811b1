"""How much a rule may send in an hour and a day (`max_sends`), over windows that roll on with the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from engine.records import EffectRecord

WINDOWS: Mapping[str, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class Caps:
    """What each rule has sent lately; an effect is counted once, at its last attempt."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._sent: dict[tuple[str, str], dict[str, datetime]] = {}

    def over(self, effect: EffectRecord, now: datetime) -> str:
        """Why the effect may not be sent, in words; empty if it may."""
        for window, most in _windows(effect).items():
            sent = self._recent(effect.rule, window, now)
            if len(sent) >= most:
                following = clock_time(_possible(list(sent.values()), most, WINDOWS[window], now), now, self._zone)
                messages = f"{len(sent)} message{'s' * (len(sent) != 1)}"
                said = f"the rule has sent {messages} in this {window}, max_sends allows {most}"
                return f"{said}; the next is possible at {following}"
        return ""

    def free_at(self, effect: EffectRecord, now: datetime) -> datetime | None:
        """When it may be sent as far as can be told now; None where that is never."""
        found = [now]
        for window, most in _windows(effect).items():
            sent = self._recent(effect.rule, window, now)
            if not most:
                return None
            if len(sent) >= most:
                found.append(_possible(list(sent.values()), most, WINDOWS[window], now))
        return max(found)

    def take(self, effect: EffectRecord, at: datetime) -> None:
        """Counts it as sent at this time."""
        for window in _windows(effect):
            self._sent.setdefault((effect.rule, window), {})[effect.op_id] = at

    def give(self, effect: EffectRecord) -> None:
        """Counts it no more: it surely was not sent."""
        for window in _windows(effect):
            self._sent.get((effect.rule, window), {}).pop(effect.op_id, None)

    def _recent(self, rule: str, window: str, now: datetime) -> dict[str, datetime]:
        sent = self._sent.setdefault((rule, window), {})
        while sent and sent[oldest := next(iter(sent))] <= now - WINDOWS[window]:
            del sent[oldest]
        return sent


def _windows(effect: EffectRecord) -> dict[str, int]:
    """How much its rule may send in each window of time; other bounds stand beside these."""
    return {window: most for window, most in (effect.caps or {}).items() if window in WINDOWS}


def _possible(sent: list[datetime], most: int, window: timedelta, now: datetime) -> datetime:
    """When so many will have left the window that there is a place; `sent` is earliest first."""
    return sent[len(sent) - most] + window if most else now + window


def clock_time(when: datetime, now: datetime, zone: tzinfo, form: str = "%H:%M") -> str:
    """A time for people, with its day where that is not today."""
    local = when.astimezone(zone)
    return local.strftime(form if local.date() == now.astimezone(zone).date() else f"%Y-%m-%d {form}")
