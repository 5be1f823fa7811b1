"""The journal's interface: one write verb and a few named reads, the same over every store.

All reads return committed rows only. Lists come in the order in which the rows were made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from engine.problem import Problem
from engine.records import (
    Changes,
    CommandRecord,
    Conflict,
    Done,
    DueRecord,
    EffectRecord,
    EntityRecord,
    EventRecord,
    HistoryRecord,
    InboxRecord,
    MemoryRecord,
    ProblemRecord,
    RuleRecord,
    RunRecord,
    SeenRecord,
    StepRecord,
    WaitRecord,
)
from engine.remedies import REMEDIES

R = TypeVar("R")


class Changed(NamedTuple):
    """A row that is not as it was written, and what now stands in it; anything may stand there, in the key as well."""

    record: type[Any]
    key: tuple[Any, ...]
    row: tuple[Any, ...]


class Audit(NamedTuple):
    """What a look at some rows gave: how many they were, the key of the last, and those that somebody has changed."""

    rows: int
    last: tuple[Any, ...] | None
    changed: list[Changed]


class Journal(Protocol):
    """The durable record of facts, events, runs, effects, entities and problems.

    A row that somebody else has changed is not there for who reads, and cannot be updated: nobody acts on it. It can be
    put anew, or dropped. `on_changed` is told whenever one is met.
    """

    on_changed: Callable[[Changed], None]
    key_was_lost: bool
    """Whether the key of the codes was another one when this was opened: what was changed before is not known then."""

    async def commit(self, changes: Changes) -> Done | Conflict:
        """Writes all of the changes durably, or none of them.

        An update of a row that is not there is a conflict too, on `Expect(record, key, {})`.

        Raises JournalError when the store cannot write (disk full, read-only) or a record cannot be kept
        ("bad-record"); nothing was written then. Who is cancelled while waiting does not know which it was.
        """
        ...

    async def get(self, record: type[R], key: tuple[object, ...]) -> R | None:
        """The row with this key, or None."""
        ...

    async def new_events(self, limit: int) -> list[EventRecord]:
        """Events that no run has handled yet, oldest first."""
        ...

    async def open_counts(self) -> dict[str, int]:
        """How many runs of each rule have not ended."""
        ...

    async def queued_lanes(self) -> set[tuple[str, str]]:
        """The rules and keys of which a run waits for its turn."""
        ...

    async def open_runs(
        self, rule: str | None = None, key: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        """Runs that have not ended (states `queued` and `running`), oldest first; of one rule, and of one key."""
        ...

    async def inbox(self, limit: int) -> list[InboxRecord]:
        """Messages for waiting runs, oldest first."""
        ...

    async def due_before(self, when: datetime, limit: int) -> list[DueRecord]:
        """What is due at `when` or earlier, earliest first."""
        ...

    async def next_due(self) -> datetime | None:
        """The earliest time at which something is due."""
        ...

    async def dues(self, prefix: str) -> list[DueRecord]:
        """Due rows whose key begins with `prefix`."""
        ...

    async def effects(self, states: Collection[str], limit: int) -> list[EffectRecord]:
        """Effects in one of these states, oldest first."""
        ...

    async def capped_effects(self, since: datetime) -> list[EffectRecord]:
        """Effects of rules with `max_sends` that left or may have, with `send_by` after `since`, earliest first."""
        ...

    async def memories(self) -> list[MemoryRecord]:
        """What every trigger remembers."""
        ...

    async def waits(self) -> list[WaitRecord]:
        """The runs that wait for a trigger."""
        ...

    async def entities(self) -> list[EntityRecord]:
        """All entities."""
        ...

    async def history(self, entity: str, since: datetime, limit: int) -> list[HistoryRecord]:
        """How an entity stood from `since` on, oldest first."""
        ...

    async def old_history(self, before: datetime, limit: int) -> list[HistoryRecord]:
        """What is older than this, oldest first."""
        ...

    async def rules(self) -> list[RuleRecord]:
        """All rules with the program each runs now."""
        ...

    async def problems(self, *, open_only: bool = True) -> list[ProblemRecord]:
        """Problems, those that have not cleared unless asked for all."""
        ...

    async def commands(self) -> list[CommandRecord]:
        """Commands that wait to be carried out."""
        ...

    async def runs(self, *, rule: str | None = None, limit: int = 50) -> list[RunRecord]:
        """The newest runs, newest first."""
        ...

    async def steps(self, run: str) -> list[StepRecord]:
        """A run's trace in order."""
        ...

    async def sends(
        self, *, run: str | None = None, states: Collection[str] = (), limit: int = 50
    ) -> list[EffectRecord]:
        """The newest effects, newest first; `states` empty means all."""
        ...

    async def sends_to(self, recipient: str, since: datetime, limit: int) -> list[EffectRecord]:
        """The newest effects for this recipient that were made at `since` or later, newest first."""
        ...

    async def send_with_id(self, connection: str, message_id: str) -> EffectRecord | None:
        """The accepted effect of a connection whose answer has this `id`, or None."""
        ...

    async def page(self, record: type[R], after: tuple[object, ...] | None, limit: int) -> list[R]:
        """Rows of one kind in the order of their keys, those beyond `after`: for who sees them all, bit by bit."""
        ...

    async def audit(self, record: type[Any], after: tuple[object, ...] | None, limit: int) -> Audit:
        """Looks at rows of one kind in the order of their keys, those beyond `after`, whether they are as written."""
        ...

    async def prove(self, now: datetime) -> None:
        """Writes something that changes nothing. Raises JournalError when it cannot, or will soon have no room."""
        ...

    async def shred(self) -> None:
        """Makes that nothing which was dropped or replaced can be read in the store's own files any more.

        It takes as long as writing the whole store anew; others may write meanwhile, a little later.
        """
        ...

    async def close(self) -> None:
        """Finishes what is being written and lets go of the store."""
        ...


class JournalError(Exception):
    """The store cannot write or read; the text says why for people, `code` for machines ("disk-full")."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    def problem(self, remedy: str = "") -> Problem:
        """The error for people, with what to do about it: `remedy`, or what is always done about its code."""
        return Problem(self.code, str(self).rstrip("."), remedy=remedy or REMEDIES.get(self.code, ""))


def proof(now: datetime) -> Changes:
    """What `prove` writes: the same row each time."""
    return Changes(put=[SeenRecord("journal", "proof", now)])


def nobody_told(changed: Changed) -> None:
    """The `on_changed` of a journal that nobody listens to."""


def closed() -> JournalError:
    """What a call on a journal gets that was closed."""
    return JournalError("closed", "The journal is closed: the daemon is stopping.")
