"""The value types that flow through the engine: facts, verdicts, requests, outcomes, durations, phones.

All of them are immutable and plain; times are aware and in UTC; `Json` is plain data (dict, list, text, number,
boolean, None) and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

Json: TypeAlias = Any

FactKind = Literal[
    "poll", "due", "webhook", "event", "state", "start", "shutdown", "command", "trigger", "ended", "message"
]
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Fact:
    """What came in: a poll's answer, a due time, a webhook, an event, a changed state, the engine's start.

    `subject` says what it is about (a job id, a webhook id, an event type, an entity id); `key` is an identity that
    the sender gave, by which the same fact is recognised when it comes twice (design decision 5). A fact made by a run
    is one deeper than the run, and names it as its `cause`; what comes from outside has depth 0.
    """

    kind: FactKind
    subject: str
    data: Json
    at: datetime
    key: str | None = None
    depth: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Fire:
    """A trigger accepts the fact: `data` becomes `trigger.*`, `key` is the default of the rule's `per:`."""

    data: Mapping[str, Json]
    key: str = ""
    dedupe: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Fires when nothing has cancelled it for this long (`for:`)."""

    lasting: timedelta
    fire: Fire


@dataclass(frozen=True, slots=True)
class Nothing:
    """Does not fire; `cancels` ends a hold that is under way for the same subject.

    `over` says that what the trigger fires for is over, or not there, for this subject: where it has fired, the rule's
    `resolved` steps follow, once.
    """

    cancels: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a trigger made of a fact: its new memory for this subject, the verdict, and why in words.

    The verdict of a sensor is the state that it takes on. With `warns` the reason is something that a person should
    know: the fact could not be judged.
    """

    memory: Json
    verdict: Fire | Hold | Nothing | SetState
    reason: str
    warns: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on how often: at most `burst` at once, refilled at `rate` per second, counted per `key`.

    `says` is the bound in words ("1 message in 6 s to this contact"), for who reads why something waits.
    """

    key: str
    rate: float
    burst: int
    says: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """An outside call as data.

    `body` is what the connection needs to perform `operation`; `shown` is the view of it that people may see, without
    secrets and with phone numbers masked; `recipient` is the phone number of a message. `idempotent` means that
    repeating it is safe, by nature (a read) or because the rule's author says so.
    """

    connection: str
    operation: str
    body: Mapping[str, Json]
    changes_world: bool = True
    shown: Mapping[str, Json] = field(default_factory=dict)
    recipient: str | None = None
    idempotent: bool = False
    limits: tuple[Limit, ...] = ()
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SetState:
    """A change of an entity's state, made by an action of the engine itself; None as state removes the entity."""

    entity: str
    state: str | None
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """These changes happen at a time; of two with the same `key` the later one counts, None takes it back."""

    key: str
    at: datetime | None
    then: tuple[SetState | FireEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    """A line for the log."""

    message: str
    level: Level = "info"


@dataclass(frozen=True, slots=True)
class FireEvent:
    """An event of the engine, for rules with the trigger `event`."""

    event_type: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Accepted:
    """It happened. `proof` names how we know ("message id wamid.…"); `answer` is what came back."""

    answer: Json = None
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """It surely did not happen and never will by itself. `answer` is None where the other side said nothing."""

    reason: str
    answer: Json = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """It surely did not happen and will be tried again, after `after` or by the engine's backoff.

    `problem` is the code of what a person should mend meanwhile ("token-refused"), or empty. `limit` is the key of the
    limit that the other side says was overrun: nothing under it leaves until this may be tried again. `answered` means
    that the other side said so itself, which proves that it can be reached.
    """

    reason: str
    after: timedelta | None = None
    problem: str = ""
    limit: str = ""
    answered: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may have happened; nobody knows yet (promise P10). `answered` means that the other side said something."""

    reason: str
    answered: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A run of a rule or script; with `waits` the step goes on when it has ended, and gets its answer."""

    name: str
    variables: Mapping[str, Json] = field(default_factory=dict)
    waits: bool = True
    skip_conditions: bool = True


@dataclass(frozen=True, slots=True)
class Switch:
    """A rule is switched on or off, or the runs of a script are ended; with `stops` those of the rule are as well."""

    rule: str
    on: bool
    stops: bool = True


Outcome: TypeAlias = Accepted | Refused | Waiting | Unsure


async def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Operation:
    """The identity of one effect over all its attempts, of which this is the nth.

    Past `send_by` nothing may leave, nor once `is_stopped` says so: both are looked at right before the first byte.
    """

    op_id: str
    send_by: datetime | None = None
    attempt: int = 1
    is_stopped: Callable[[], Awaitable[bool]] = field(default=_never, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TimeSaid:
    """The time that another system named in an answer, and what ours was `at` that moment."""

    theirs: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """An unsure send has arrived. `proof` names how we know; `answer` is what the run gets, as of an accepted one."""

    proof: str
    answer: Json = None


@dataclass(frozen=True, slots=True)
class NotFound:
    """An unsure send is surely not there; `looked` says where that was looked up."""

    looked: str


@dataclass(frozen=True, slots=True)
class CannotTell:
    """Nobody can say (yet) whether an unsure send arrived; `again` if a later look may tell more."""

    reason: str
    again: bool = True


Settlement: TypeAlias = Arrived | NotFound | CannotTell


@dataclass(frozen=True, slots=True)
class OtherSend:
    """Another send of ours to the same recipient: what a look-up by likeness has to count as well.

    `at` is when it was attempted, `state` what became of it so far, `answer` what came back.
    """

    op_id: str
    operation: str
    body: Mapping[str, Json]
    state: str
    at: datetime
    answer: Json = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side tells later about one of our sends.

    `op_id` is empty where it names none; `message_id` is the other side's own. `state` is its word ("delivered",
    "failed"); `reason` says why it failed.
    """

    op_id: str
    message_id: str
    state: str
    at: datetime | None = None
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether the message was taken, but will not be delivered."""
        return self.state == "failed"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that somebody has written to us.

    `message_id` is the other side's own, by which it is known when it is told twice; `sender` is a phone number in the
    form +919876543210; `data` is what rules see of it.
    """

    message_id: str
    sender: str
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class State:
    """An entity as it stands: its state as text, its attributes, and when it last changed or was updated."""

    entity: str
    state: str
    attributes: Mapping[str, Json]
    changed: datetime
    updated: datetime


def state_object(state: State | None) -> Json:
    """An entity as rules see it in `trigger.from_state` and `trigger.to_state`; times are ISO text."""
    if state is None:
        return None
    return {
        "entity_id": state.entity,
        "state": state.state,
        "attributes": dict(state.attributes),
        "last_changed": state.changed.isoformat(),
        "last_updated": state.updated.isoformat(),
    }


def moved(before: State | None, after: State | None, at: datetime, depth: int = 0, cause: str = "") -> Fact:
    """The fact that an entity has changed, appeared or gone; at least one of the two is given.

    Its data are {"entity_id", "from_state", "to_state"}, as in Home Assistant's `state` trigger.
    """
    found = after or before
    assert found is not None
    data = {"entity_id": found.entity, "from_state": state_object(before), "to_state": state_object(after)}
    return Fact("state", found.entity, data, at, depth=depth, cause=cause)


_TRUE = frozenset(("true", "yes", "on", "enable"))


def is_true(found: Json) -> bool:
    """Whether what a template gives counts as true for a trigger or a wait (semantics section 3, `template`)."""
    if isinstance(found, bool):
        return found
    if isinstance(found, str):
        word = found.strip().lower()
        try:
            return word in _TRUE or float(word) != 0
        except ValueError:
            return False
    return isinstance(found, int | float) and found != 0


_DURATION = re.compile(r"(-?)(\d+):([0-5]?\d)(?::([0-5]?\d)(?:\.(\d+))?)?")
DURATION_UNITS = ("days", "hours", "minutes", "seconds", "milliseconds")


def duration(value: Json) -> timedelta:
    """A duration as people write it: seconds, "HH:MM", "HH:MM:SS", or a mapping of days … milliseconds.

    Raises ValueError with a sentence for people. Source: Home Assistant semantics, section 1.
    """
    expected = 'expected a duration: a number of seconds, "HH:MM:SS", or a mapping such as {minutes: 5}'
    if isinstance(value, bool) or value is None:
        raise ValueError(expected)
    try:
        found = _duration(value)
    except (OverflowError, ValueError, TypeError):
        raise ValueError(expected + _meant_duration(value)) from None
    if found < timedelta(0):
        raise ValueError("a duration cannot be negative; take the minus away")
    return found


def _meant_duration(value: Json) -> str:
    """What to write for "5 min"; empty where that cannot be told."""
    found = re.fullmatch(r"(\d{1,9}) ?([a-z]+)", value.strip().lower()) if isinstance(value, str) else None
    unit = found and next((unit for unit in DURATION_UNITS if unit.startswith(found[2].rstrip("s") or "s")), None)
    return f"; write {{{unit}: {found[1]}}}" if found and unit else ""


def _duration(value: Json) -> timedelta:
    if isinstance(value, Mapping):
        if not value or set(value) - set(DURATION_UNITS):
            raise ValueError
        if any(isinstance(amount, bool) for amount in value.values()):
            raise ValueError
        return timedelta(**{unit: float(amount) for unit, amount in value.items()})
    if isinstance(value, str) and (long := re.fullmatch(r"(\d+) days?, (\d.*)", value.strip())):
        return timedelta(days=int(long[1])) + _duration(long[2])
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        sign, hours, minutes, seconds, fraction = match.groups()
        whole = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(f"{seconds or 0}.{fraction or 0}"))
        return -whole if sign else whole
    return timedelta(seconds=float(value))


EXAMPLE_PHONE = "+919876543210"
"""The number that messages and pages show as an example."""

_PHONE_LIKE = re.compile(r"(?<![\w-])(?!\d{4}-\d\d-\d\d)\+?\d[\d ().-]{6,30}\d(?![\w-])")


def phones_masked(text: str) -> str:
    """A text with every phone number in it masked."""
    return _PHONE_LIKE.sub(lambda match: _masked_if_long(match.group()), text)


def _masked_if_long(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    if len(digits) < 8:
        return text
    return masked(f"+{digits}" if text.startswith("+") else digits)


def masked(phone: str) -> str:
    """A phone number as it may be shown: `+9198…210`, without the plus where it had none."""
    digits = phone.lstrip("+")
    if len(digits) < 8:
        return "…"
    return f"{'+' if phone.startswith('+') else ''}{digits[:4]}…{digits[-3:]}"
