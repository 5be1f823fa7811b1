"""Whether this machine's clock is right: by how it moves, and by the time that the other side's answers name.

It is off when it was set by more than a minute while rulewheel ran, or when what connections say is more than a minute
away at two looks in a row. It is right again when it agrees with them or was set back; where nobody names a time, what
it was set to is believed after an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from engine.clock import Clock
from engine.notices import Notices
from engine.plugin import Connection

MOST = timedelta(minutes=1)
"""A Date of HTTP is in whole seconds, and an answer may take ten of them."""
BELIEVED_AFTER = timedelta(hours=1)
NOTICED = timedelta(seconds=1)
SURE = 2
"""Looks in a row: one odd answer is no proof."""
CODE = "clock-off"
KEY = f"clock/{CODE}"


class Drift:
    """Compares the clock with `elapsed`, which nobody can set, and with what connections say."""

    def __init__(
        self, clock: Clock, elapsed: Callable[[], timedelta], connections: Mapping[str, Connection], notices: Notices
    ) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._connections = connections
        self._notices = notices
        self._heard: dict[str, datetime] = {}
        self._doubts = 0
        self._set_at: timedelta | None = None
        self._base = self._last = clock.now() - elapsed()
        self.on_set: Callable[[timedelta], None] = lambda by: None

    async def look(self) -> None:
        """Opens the problem, or clears it."""
        said = self._said()
        if abs(by := self._jump()) > NOTICED:
            said, self._doubts = {}, 0  # said of the time before
            self.on_set(by)
        away = {name: by for name, by in said.items() if abs(by) > MOST}
        if said and not away:
            self._believe()
        elif away:
            self._doubts += 1
        moved = self._clock.now() - self._elapsed() - self._base
        if away and self._doubts >= SURE:
            name, by = next(iter(away.items()))
            how = "ahead of" if by > timedelta(0) else "behind"
            await self._notices.report(KEY, CODE, f"this machine's clock is {_span(by)} {how} what {name} says")
        elif abs(moved) > MOST:
            await self._was_set(moved)
        elif not self._doubts:
            self._set_at = None
            await self._notices.clear(KEY)

    async def _was_set(self, moved: timedelta) -> None:
        elapsed = self._elapsed()
        self._set_at = elapsed if self._set_at is None else self._set_at
        if elapsed - self._set_at < BELIEVED_AFTER:
            how = "forward" if moved > timedelta(0) else "back"
            text = f"this machine's clock was set {how} by {_span(moved)} while rulewheel ran"
            await self._notices.report(KEY, CODE, text)
        else:
            self._believe()
            await self._notices.clear(KEY)

    def _jump(self) -> timedelta:
        """By how much it was set since the last look."""
        before, self._last = self._last, self._clock.now() - self._elapsed()
        return self._last - before

    def _believe(self) -> None:
        """The clock is right as it is now."""
        self._base = self._clock.now() - self._elapsed()
        self._set_at = None
        self._doubts = 0

    def _said(self) -> dict[str, timedelta]:
        """How far the clock is ahead, by each connection that has named a time since the last look."""
        said = {name: each.time_said for name, each in self._connections.items() if each.time_said is not None}
        new = {name: each for name, each in said.items() if each.at != self._heard.get(name)}
        self._heard |= {name: each.at for name, each in new.items()}
        return {name: each.at - each.theirs for name, each in new.items()}


def _span(by: timedelta) -> str:
    seconds = abs(by.total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
