"""One run while it is being advanced: its body, what it may read, and what has come of it so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from engine.plugin import Action, Kind, Request, Trigger
from engine.records import Changes, Drop, DueRecord, EffectRecord, RunRecord, StepRecord, WaitRecord
from engine.rules.model import Program, is_script
from engine.rules.normalise import slug
from engine.runs.called import sees_trigger
from engine.runs.frames import Body, Frame, shown_path
from engine.scope import Scope, TemplateProblem
from engine.states import Heard, Snapshot, heard
from engine.values import Fact, FactKind, Json, Say, state_object
from engine.watches import Waiting, Watcher

T = TypeVar("T")

MESSAGE_VALID = timedelta(hours=1)
REQUEST_VALID = timedelta(hours=24)
MOST_LINES = 20
REPEATED = "/repeat/"


@dataclass(frozen=True, slots=True)
class Means:
    """What a run has at hand besides its program: the actions and triggers by name, the rules and scripts that it may
    call, and where messages really go.

    `outward` turns a planned request into the one to be made: the same, or, with `sending: test`, one to a number of
    one's own; `reached` says which number answers to a message to this one.
    """

    actions: Mapping[str, type[Action]]
    triggers: Mapping[str, type[Trigger]] = field(default_factory=dict)
    outward: Callable[[Request], Request] = lambda request: request
    program: Callable[[str], Program | None] = lambda name: None
    reached: Callable[[str], str] = str


class StepFailed(Exception):
    """A step went wrong. `outcome` is that of the run if nothing catches it; `soft` means continue_on_error may.

    `path` is the step that failed, once the trace says so.
    """

    def __init__(self, reason: str, outcome: str = "error", *, soft: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome
        self.soft = soft
        self.path = ""


class RunEnded(Exception):
    """A step ends the whole run (`stop`)."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class SequenceEnded(Exception):
    """A false condition ends the sequence that holds it (semantics section 5)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NewWait:
    """A wait for triggers that a run begins: what is kept of it, and its triggers."""

    record: WaitRecord
    watchers: tuple[Watcher, ...]


@dataclass(slots=True)
class Course:
    """A run under way in `advance`. Step functions change `body` and add to the rest; nothing here touches the world.

    `is_admitted` says that the run is new and was let in, `is_over` that it does `resolved` steps; `waits` are
    the waits for triggers that begin, `left` those that are over; `replaces` are runs that this one ends, `joined` runs
    whose changes have been added to these, `abandoned` the op_ids of effects that nobody waits for any more: those that
    have not left are to be dropped, for this `reason`; `released` those of effects that were held and may go on.
    """

    program: Mapping[str, Json]
    run: RunRecord
    body: Body
    view: Snapshot
    means: Means
    changes: Changes = field(default_factory=Changes)
    effects: list[EffectRecord] = field(default_factory=list)
    facts: list[Heard] = field(default_factory=list)
    waits: list[NewWait] = field(default_factory=list)
    left: list[Waiting] = field(default_factory=list)
    says: list[Say] = field(default_factory=list)
    replaces: tuple[RunRecord, ...] = ()
    joined: list[RunRecord] = field(default_factory=list)
    abandoned: dict[str, str] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    warnings: list[TemplateProblem] = field(default_factory=list)
    at: Frame | None = None
    is_admitted: bool = False
    is_over: bool = False
    version: int = field(init=False)

    def __post_init__(self) -> None:
        self.version = self.run.version

    def scope(self) -> Scope:
        """What templates see now."""
        own: dict[str, Json] = {"this": self.this(), "context": {"id": self.run.id, "parent_id": None, "user_id": None}}
        if sees_trigger(self.program):
            own["trigger"] = self.body.trigger
        return Scope({**own, **self.body.variables, **self._of_sequences()}, self.view, self.warnings)

    def _of_sequences(self) -> dict[str, Json]:
        """The variables that only the sequences know that hold the present step."""
        found: dict[str, Json] = {}
        for frame in self.body.above(self.at) if self.at is not None else ():
            found |= frame.own
        return found

    def setting(self, name: str, given: Json, kind: Kind[T]) -> T:
        """A key of a rule or step: its template worked out, then read as what it is. Raises StepFailed."""
        try:
            return kind.read(self.scope().render(given, strict=True))
        except (TemplateProblem, ValueError) as problem:
            raise StepFailed(f"{name}: {problem}") from None

    def inherited(self) -> Mapping[str, Json]:
        """What the caller of this run says of its messages: `valid_for`, `if_unsure`, quiet hours."""
        return (self.body.call or {}).get("bounds") or {}

    def this(self) -> Json:
        """The rule's own state object when it was triggered, as templates know it (semantics section 6)."""
        if self.body.this is None:
            name = self.run.rule if is_script(self.run.rule) else f"automation.{slug(self.run.rule)}"
            self.body.this = state_object(self.view.state(name))
        return self.body.this

    def tell(self, kind: FactKind, subject: str, data: Json) -> None:
        """Makes a fact of its own, one deeper than the run, for the rules that care."""
        fact = Fact(kind, subject, data, self.view.now, depth=self.run.depth + 1, cause=self.run.id)
        self.facts.append(heard(fact, self.view.frozen()))

    def note(self, path: str, kind: str, result: str, reason: str, detail: Json = None) -> None:
        """Adds one line to the trace."""
        self.body.steps += 1
        seq = self.body.steps
        if REPEATED in path:
            self._forget_lines(path, seq)
        told = shown_path(path)
        self.changes.put.append(StepRecord(self.run.id, seq, told, kind, self.view.now, result, reason, detail))

    def _forget_lines(self, path: str, seq: int) -> None:
        """Of a step that is repeated only the newest lines are kept (semantics section 12)."""
        lines = self.body.lines.setdefault(path, [])
        lines.append(seq)
        if len(lines) > MOST_LINES:
            old = lines.pop(0)
            put = [each for each in self.changes.put if not (isinstance(each, StepRecord) and each.seq == old)]
            if len(put) == len(self.changes.put):
                self.changes.drop.append(Drop(StepRecord, (self.run.id, old)))
            self.changes.put = put

    def wake_after(self, token: str, wait: timedelta, kind: str = "due") -> None:
        """Asks for a message to the leaf with this token when the time is up."""
        data = {"run": self.run.id, "token": token, "kind": kind}
        self.changes.put.append(DueRecord(due_key(self.run.id, token), "run", self.view.after(wait), data))


def due_key(run: str, token: str) -> str:
    """The name of the due row of a waiting leaf; a leaf has one at most."""
    return f"run/{run}/{token}"
