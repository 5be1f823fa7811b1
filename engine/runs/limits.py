"""How much may be under way at once."""

from __future__ import annotations

from collections import Counter


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
