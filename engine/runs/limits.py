"""How much may be under way at once, and how often something may be asked of the other side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from engine.values import Json, Limit


class Room:
    """Places for calls under way, a number for each connection.

    An intent is committed only when there is a place, so that what a crash leaves unsure is what was really under way.
    """

    def __init__(self, places: int = 64) -> None:
        self._places = places
        self._taken: Counter[str] = Counter()

    def take(self, connection: str) -> bool:
        """Takes a place if there is one."""
        if self._taken[connection] >= self._places:
            return False
        self._taken[connection] += 1
        return True

    def give(self, connection: str) -> None:
        """Gives a place back."""
        self._taken[connection] -= 1

    @property
    def taken(self) -> int:
        """Calls under way over all connections."""
        return self._taken.total()


class Buckets:
    """The limits of the other side, each a bucket of tokens that fills up again at its rate; the clock is handed in.

    A bucket is one instant: when its next token would be due if its burst were used up (the generic cell rate
    algorithm). Who finds no token is promised a time of its own, so that nobody has to ask more than once a limit.
    """

    def __init__(self, began: datetime | None = None) -> None:
        self._began = began
        self._due: dict[str, datetime] = {}
        self._closed: dict[str, datetime] = {}
        self._promised: dict[str, dict[str, datetime]] = {}

    def take(self, limits: Iterable[Limit], now: datetime) -> bool:
        """Takes a token of each, if all have one now."""
        asked = list(limits)
        if any(self._free_at(limit, now) > now for limit in asked):
            return False
        for limit in asked:
            self.count(limit, now)
        return True

    def ask(self, op_id: str, limits: Iterable[Limit], now: datetime) -> tuple[Limit, datetime] | None:
        """Takes a token of each for this effect; or else gives a limit that has none, and when to ask again.

        The token of that time is kept for it. The limits that have one now are not touched until then.
        """
        mine = self._promised.setdefault(op_id, {})
        free = []
        for limit in limits:
            promised = mine.get(limit.key)
            if promised is not None and promised >= self._closed.get(limit.key, promised):
                at = promised
            elif (at := self._free_at(limit, now)) <= now:
                free.append(limit)
            else:
                mine[limit.key] = at
                self.count(limit, at)
            if at > now:
                return limit, at
        for limit in free:
            self.count(limit, now)
        self.forget(op_id)
        return None

    def count(self, limit: Limit, at: datetime) -> None:
        """Takes a token, whether there is one or not: so much has left or will."""
        self._due[limit.key] = max(at, self._due_at(limit, at)) + timedelta(seconds=1 / limit.rate)

    def close(self, limit: Limit, until: datetime) -> None:
        """Lets nothing through until then, and from then on no burst: the other side counts otherwise than we do."""
        self._closed[limit.key] = until
        self._due[limit.key] = max(until + _burst(limit), self._due_at(limit, until))

    def forget(self, op_id: str) -> None:
        """Keeps no promise for this effect any more."""
        self._promised.pop(op_id, None)

    def _free_at(self, limit: Limit, now: datetime) -> datetime:
        return max(now, self._due_at(limit, now) - _burst(limit))

    def _due_at(self, limit: Limit, now: datetime) -> datetime:
        # A bucket that nobody remembers is full; or empty at `began`, where nobody knows what was before.
        empty = now if self._began is None else self._began + _burst(limit)
        return self._due.get(limit.key, empty)


def _burst(limit: Limit) -> timedelta:
    """How far ahead of its rate a bucket may be."""
    return timedelta(seconds=(limit.burst - 1) / limit.rate)


def kept(limits: Iterable[Limit]) -> Json:
    """Limits as an effect's record keeps them; None where there are none."""
    return [[limit.key, limit.rate, limit.burst, limit.says] for limit in limits] or None


def limits_of(given: Json) -> list[Limit]:
    """The limits that `kept` gave."""
    return [Limit(*each) for each in given or ()]
