"""Scripted faults: what goes wrong, at which requests; drawn from a seed and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Protocol

from engine.problem import Problem, ProblemError, listing, near

POINTS = ("before_reading", "after_reading", "before_answer", "in_answer")
_CHOICES = {
    "at": POINTS,
    "how": ("close", "reset"),
    "form": ("html", "truncated", "empty", "no_id", "errors", "not_json"),
}


@dataclass(slots=True)
class Disturbance:
    """Everything that goes wrong with one request. Delays are seconds by the point at which they are waited."""

    delays: dict[str, float] = field(default_factory=dict)
    cut: Cut | None = None
    replaced: Status | None = None
    malformed: Malformed | None = None
    refuse_seconds: float = 0.0
    listing_lag_ms: int = 0


class Effect(Protocol):
    """One kind of fault; its fields are the keys of its rule."""

    def strike(self, disturbance: Disturbance, random: Random) -> None: ...


@dataclass(frozen=True, slots=True)
class Latency:
    """Waits `min_ms` to `max_ms`; before `before_answer` the message is not yet taken in, from there on it is."""

    min_ms: float = 0.0
    max_ms: float = 0.0
    at: str = "after_reading"

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        seconds = random.uniform(self.min_ms, max(self.min_ms, self.max_ms)) / 1000
        disturbance.delays[self.at] = disturbance.delays.get(self.at, 0.0) + seconds


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes or resets the connection at a point; from `before_answer` on the message is taken in all the same."""

    at: str = "before_reading"
    how: str = "close"

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.cut = disturbance.cut or self


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The message is taken in, and no byte of the answer comes back."""

    how: str = "close"

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.cut = disturbance.cut or Cut("before_answer", self.how)


@dataclass(frozen=True, slots=True)
class Status:
    """Answers with an HTTP status; with `code` as Meta's error object, else with `text` in `_errors`.

    `retry_after` seconds become a header. `accepted`: the message is taken in although the answer says otherwise.
    """

    status: int = 503
    code: int = 0
    text: str = "The simulator was told to fail."
    retry_after: float = 0.0
    accepted: bool = False

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.replaced = disturbance.replaced or self


@dataclass(frozen=True, slots=True)
class Malformed:
    """A 200 that cannot be read as documented. Only with the form `errors` the message is not taken in.

    Forms: `html`, `truncated` JSON, `empty`, `not_json`, `no_id` (`_data` without content), `errors` (`_errors` in
    a 200).
    """

    form: str = "html"

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.malformed = disturbance.malformed or self


@dataclass(frozen=True, slots=True)
class Refuse:
    """This request is answered; from then on new connections are refused for `seconds`."""

    seconds: float = 1.0

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.refuse_seconds = max(disturbance.refuse_seconds, self.seconds)


@dataclass(frozen=True, slots=True)
class ListingLag:
    """The message shows in the listing only `min_ms` to `max_ms` after it was taken in."""

    min_ms: float = 0.0
    max_ms: float = 0.0

    def strike(self, disturbance: Disturbance, random: Random) -> None:
        disturbance.listing_lag_ms = round(random.uniform(self.min_ms, max(self.min_ms, self.max_ms)))


KINDS: dict[str, type[Latency | Cut | AnswerLost | Status | Malformed | Refuse | ListingLag]] = {
    "latency": Latency,
    "cut": Cut,
    "answer_lost": AnswerLost,
    "status": Status,
    "malformed": Malformed,
    "refuse": Refuse,
    "listing_lag": ListingLag,
}


@dataclass(frozen=True, slots=True)
class When:
    """Which requests a fault strikes.

    `match`: an operation (`messages`, `job`, `entries`, `send_template`, `list_messages`, `templates`, `health`), a
    path pattern with `*`, or `*` for all. Of those: `nth` (counted from 1), or `every` so many, or each with
    `probability`; at most `times`.
    """

    match: str = "*"
    probability: float = 1.0
    nth: tuple[int, ...] = ()
    every: int = 0
    times: int = 0

    def matches(self, operation: str, path: str) -> bool:
        return self.match in ("*", operation) or ("/" in self.match and fnmatchcase(path, self.match))

    def strikes(self, count: int, fired: int, random: Random) -> bool:
        """Whether the matching request of this number is struck."""
        if self.times and fired >= self.times:
            return False
        if self.nth:
            return count in self.nth
        if self.every:
            return count % self.every == 0
        return random.random() < self.probability


class Fault:
    """One rule with its own stream of chance and its own counts."""

    def __init__(self, kind: str, when: When, effect: Effect, random: Random) -> None:
        self.kind, self.when, self.effect = kind, when, effect
        self._random = random
        self.matched = 0
        self.fired = 0

    def meet(self, operation: str, path: str, disturbance: Disturbance) -> None:
        if not self.when.matches(operation, path):
            return
        self.matched += 1
        if self.when.strikes(self.matched, self.fired, self._random):
            self.fired += 1
            self.effect.strike(disturbance, self._random)

    def report(self) -> dict[str, Any]:
        return {"kind": self.kind, "match": self.when.match, "matched": self.matched, "fired": self.fired}


class Faults:
    """The rules in force; all that strike a request add up, of two that end it the first counts."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(self, *rules: Mapping[str, Any]) -> None:
        """Add rules such as `{"kind": "cut", "match": "messages", "probability": 0.03}`; all of them or none.

        Raises ProblemError for an unknown kind, key or value.
        """
        read = [_read(rule) for rule in rules]
        for kind, when, effect in read:
            self._faults.append(Fault(kind, when, effect, Random(f"{self._seed}/{self._added}")))
            self._added += 1

    def clear(self) -> None:
        """No faults from now on; those of the past leave the report."""
        self._faults.clear()

    def disturb(self, operation: str, path: str) -> Disturbance | None:
        """What strikes this request, if anything."""
        if not self._faults:
            return None
        disturbance = Disturbance()
        for fault in self._faults:
            fault.meet(operation, path, disturbance)
        return disturbance

    def report(self) -> list[dict[str, Any]]:
        return [fault.report() for fault in self._faults]


def _read(rule: Mapping[str, Any]) -> tuple[str, When, Effect]:
    if not isinstance(rule, Mapping):
        raise _bad(f"a fault is a mapping, not {rule!r}", 'something like {"kind": "latency", "max_ms": 50}')
    kind = str(rule.get("kind", ""))
    if kind not in KINDS:
        raise _bad(f'there is no fault of the kind "{kind}"', listing(KINDS), near(kind, KINDS))
    effect, whens = _defaults(KINDS[kind]), _defaults(When)
    for key, value in rule.items():
        if key == "kind":
            continue
        target = effect if key in effect else whens
        if key not in target:
            known = (*effect, *whens)
            raise _bad(f'a fault of the kind "{kind}" has no key "{key}"', listing(known), near(str(key), known))
        target[key] = _value(key, value, target[key])
    return kind, When(**whens), KINDS[kind](**effect)


def _defaults(kind: type) -> dict[str, Any]:
    return {one.name: one.default for one in fields(kind)}


def _value(key: str, value: Any, default: Any) -> Any:
    choices: Iterable[str] = _CHOICES.get(key, ())
    if choices and value not in choices:
        raise _bad(f'"{value}" is no value of "{key}"', listing(choices), near(str(value), choices))
    if isinstance(default, tuple):
        numbers = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_value(key, number, 0) for number in numbers)
    wanted = (int, float) if isinstance(default, (int, float)) and not isinstance(default, bool) else type(default)
    if not isinstance(value, wanted) or (isinstance(value, bool) and not isinstance(default, bool)):
        raise _bad(f'the value {value!r} of "{key}" does not fit', f"a value such as {default!r}")
    return type(default)(value)


def _bad(message: str, expected: str, remedy: str = "") -> ProblemError:
    return ProblemError(Problem("bad-fault", message, expected=expected, remedy=remedy))
