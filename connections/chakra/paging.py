"""A job's entries, page by page: by our own skip and limit, within bounds of number and size.

Chakra's `_meta.next` is broken (`skip=2limit=2`) and is never followed; `_meta.total` may change while we read, and
nobody knows whether it counts the filter or the whole job.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from connections.chakra.envelope import Envelope
from engine.plugin import Json

PAGE: Final = 100
MOST_BYTES: Final = 4_000_000
_KEPT: Final = {
    "id": "id",
    "completionStatus": "status",
    "completionMessage": "message",
    "completionResult": "result",
    "validationStatus": "validation_status",
    "validationMessage": "validation_message",
    "data": "data",
}


class Pages:
    """The entries read so far, and whether another page is needed."""

    def __init__(self, job: str, skip: int, limit: int) -> None:
        self._job = job
        self._limit = limit
        self._entries: list[dict[str, Json]] = []
        self._seen: set[str] = set()
        self._bytes = 0
        self._total: int | None = None
        self._page = PAGE
        self.skip = skip
        self.ended = False

    @property
    def full(self) -> bool:
        """Whether the bounds are reached."""
        return len(self._entries) >= self._limit or self._bytes >= MOST_BYTES

    @property
    def page(self) -> int:
        """How many entries to ask for next."""
        return min(self._page, self._limit - len(self._entries))

    def shorten(self) -> bool:
        """Asks for shorter pages, since one was too long to read; false when they are as short as can be."""
        shorter = self.page // 4
        if not shorter:
            return False
        self._page = shorter
        return True

    def add(self, envelope: Envelope) -> None:
        """Takes a page. Raises ValueError when it is no list of entries."""
        if not isinstance(envelope.data, list) or not all(isinstance(entry, Mapping) for entry in envelope.data):
            raise ValueError("the answer holds no list of entries")
        total = envelope.meta.get("total")
        self._total = total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None
        before = len(self._entries)
        for entry in envelope.data:
            if self.full:
                return
            self.skip += 1
            self._keep(entry)
        at_total = self._total is not None and self.skip >= self._total
        self.ended = not envelope.data or at_total or len(self._entries) == before

    def answer(self) -> dict[str, Json]:
        """What was read: `next` is the skip to go on with, None at the end."""
        total = self._total if self._total is not None else len(self._entries)
        following = None if self.ended else self.skip
        return {"id": self._job, "entries": self._entries, "total": total, "next": following}

    def _keep(self, entry: Mapping[str, Json]) -> None:
        name = str(entry.get("id"))
        if name in self._seen:
            return
        self._seen.add(name)
        kept = {ours: entry.get(theirs) for theirs, ours in _KEPT.items()}
        self._bytes += len(json.dumps(kept))
        self._entries.append(kept)
