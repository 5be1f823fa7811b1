"""What the journal keeps, and the one form in which it is changed.

Each record is a row: `KEY` names the columns that identify it, `JSON` those that hold plain data. A caller builds
`Changes` and hands them to `Journal.commit`; nothing else writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from engine.values import Json

EffectState: TypeAlias = Literal[
    "queued", "intent", "waiting", "accepted", "refused", "expired", "cancelled", "unsure", "dropped"
]
"""`cancelled` surely did not leave, for nobody wanted it any more; `dropped` may have arrived and is not sent again."""


class Record(Protocol):
    """One row of one table."""

    TABLE: ClassVar[str]
    KEY: ClassVar[tuple[str, ...]]
    JSON: ClassVar[frozenset[str]]
    _fields: ClassVar[tuple[str, ...]]


class ProgramRecord(NamedTuple):
    """One rule as checked and expanded, named by the hash of its content; `text` is the source it came from."""

    hash: str
    rule: str
    body: Json
    file: str
    line: int
    text: str
    at: datetime


class RuleRecord(NamedTuple):
    """Which program a rule runs now, so that the last good one is there after a restart."""

    rule: str
    program: str
    file: str
    enabled: bool
    last_triggered: datetime | None


class EventRecord(NamedTuple):
    """A fact that a trigger of a rule accepted. `data` is what the rule sees as `trigger`; `state` is new or done.

    `depth` counts the runs before it in the chain of rules that set each other off; `cause` is the last of them.
    """

    id: str
    rule: str
    program: str
    trigger: str
    key: str
    data: Json
    at: datetime
    state: str
    depth: int = 0
    cause: str = ""


class SeenRecord(NamedTuple):
    """An identity given by a sender that was handled already (promise P11)."""

    scope: str
    key: str
    at: datetime


class RunRecord(NamedTuple):
    """One rule handling one event; `version` grows with each advance and guards it, `body` holds frames, variables."""

    id: str
    event: str
    rule: str
    program: str
    key: str
    state: str
    outcome: str
    reason: str
    started: datetime
    ended: datetime | None
    version: int
    body: Json
    depth: int = 0


class StepRecord(NamedTuple):
    """One element of a run's trace: where (`path`), what it did (`result`), and why in words, with the values seen."""

    run: str
    seq: int
    path: str
    kind: str
    at: datetime
    result: str
    reason: str
    detail: Json


class EffectRecord(NamedTuple):
    """A request that changes the outside world, its intent and its outcome (promises, Words).

    `limits` are those of its request, each as [key, rate, burst, says]; `caps` is its rule's `max_sends`,
    with its quiet hours as {"quiet": …}.
    """

    op_id: str
    run: str
    token: str
    rule: str
    connection: str
    operation: str
    body: Json
    shown: Json
    recipient: str
    idempotent: bool
    reads: bool
    timeout: float | None
    state: str
    created: datetime
    send_by: datetime | None
    due: datetime | None
    valid_until: datetime | None
    attempts: int
    reason: str
    answer: Json
    ended: datetime | None
    if_unsure: str = "hold"
    limits: Json = None
    caps: Json = None


class InboxRecord(NamedTuple):
    """A message for a waiting leaf of a run: an outcome, a due time, a signal."""

    id: str
    run: str
    token: str
    kind: str
    data: Json


class DueRecord(NamedTuple):
    """Something that happens at a time: a delay's end, a hold's end, a schedule's next instant."""

    key: str
    kind: str
    at: datetime
    data: Json


class MemoryRecord(NamedTuple):
    """What a trigger remembers of one subject."""

    rule: str
    trigger: str
    subject: str
    data: Json


class WaitRecord(NamedTuple):
    """A run that waits for a trigger: the leaf's token, and its triggers in canonical form, templates worked out.

    `variables` are what templates of these triggers may read.
    """

    run: str
    token: str
    rule: str
    program: str
    triggers: Json
    variables: Json


class EntityRecord(NamedTuple):
    """A named value with a state."""

    entity: str
    state: str
    attributes: Json
    changed: datetime
    updated: datetime


class HistoryRecord(NamedTuple):
    """How an entity stood from `at` on; `id` sorts by the time it was made."""

    entity: str
    id: str
    at: datetime
    state: str
    attributes: Json


class ProblemRecord(NamedTuple):
    """Something a person should mend, since when, and when it cleared by itself."""

    key: str
    code: str
    text: str
    since: datetime
    cleared: datetime | None


class CommandRecord(NamedTuple):
    """What a person asked for from outside the daemon; it takes the way of every fact."""

    id: str
    kind: str
    data: Json
    at: datetime


def _describe(record: type[Any], key: tuple[str, ...], json: tuple[str, ...] = ()) -> None:
    record.TABLE = record.__name__.removesuffix("Record").lower()
    record.KEY = key
    record.JSON = frozenset(json)


_describe(ProgramRecord, ("hash",), ("body",))
_describe(RuleRecord, ("rule",))
_describe(EventRecord, ("id",), ("data",))
_describe(SeenRecord, ("scope", "key"))
_describe(RunRecord, ("id",), ("body",))
_describe(StepRecord, ("run", "seq"), ("detail",))
_describe(EffectRecord, ("op_id",), ("body", "shown", "answer", "limits", "caps"))
_describe(InboxRecord, ("id",), ("data",))
_describe(DueRecord, ("key",), ("data",))
_describe(MemoryRecord, ("rule", "trigger", "subject"), ("data",))
_describe(WaitRecord, ("run", "token"), ("triggers", "variables"))
_describe(EntityRecord, ("entity",), ("attributes",))
_describe(HistoryRecord, ("entity", "id"), ("attributes",))
_describe(ProblemRecord, ("key",))
_describe(CommandRecord, ("id",), ("data",))

RECORDS: tuple[type[Any], ...] = (
    ProgramRecord,
    RuleRecord,
    EventRecord,
    SeenRecord,
    RunRecord,
    StepRecord,
    EffectRecord,
    InboxRecord,
    DueRecord,
    MemoryRecord,
    WaitRecord,
    EntityRecord,
    HistoryRecord,
    ProblemRecord,
    CommandRecord,
)


class Expect(NamedTuple):
    """What must hold when the changes are written: these columns have these values, or (None) the row is absent."""

    record: type[Any]
    key: tuple[Any, ...]
    values: Mapping[str, Any] | None


class Update(NamedTuple):
    """New values for some columns of a row that exists."""

    record: type[Any]
    key: tuple[Any, ...]
    values: Mapping[str, Any]


class Drop(NamedTuple):
    """A row to remove; removing what is not there is no error."""

    record: type[Any]
    key: tuple[Any, ...]


@dataclass(slots=True)
class Changes:
    """What one caller wants written, all of it or nothing: `expect` guards, then `update`, `put` and `drop`."""

    expect: list[Expect] = field(default_factory=list)
    put: list[Any] = field(default_factory=list)
    update: list[Update] = field(default_factory=list)
    drop: list[Drop] = field(default_factory=list)

    def add(self, other: Changes) -> None:
        """Takes the changes of `other` along."""
        self.expect += other.expect
        self.put += other.put
        self.update += other.update
        self.drop += other.drop

    def __bool__(self) -> bool:
        return bool(self.put or self.update or self.drop or self.expect)


@dataclass(frozen=True, slots=True)
class Done:
    """The changes are committed and will survive a crash."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was written, because this did not hold."""

    expect: Expect


def dropped(record: type[Any], keys: Iterable[tuple[Any, ...]]) -> list[Drop]:
    """A drop for each of the keys."""
    return [Drop(record, key) for key in keys]
