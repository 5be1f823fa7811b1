"""What a template may spend, and the one exception it may raise.

A `Meter` lives as long as one render. Every loop, call and operation pays it before it works, so no template
can take time or memory out of proportion to its budget, whatever it was handed (promise P15).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cached_property
from math import isfinite
from random import Random
from typing import TYPE_CHECKING, Any

from jinja2 import Undefined
from jinja2.utils import missing

from engine.problem import near

if TYPE_CHECKING:
    from engine.template.entities import Standing

MAX_INTEGER = 10**30
TEXT_PER_TICK = 32
REQUIRED: Any = object()


class Listing:
    """A list that is made when it is first looked into; a part of it can be had by name without.

    It is no `Sequence`, for a question whether a value is one of those takes long.
    """

    __slots__ = ()

    def entries(self) -> list[Any]:
        """What is in it."""
        raise NotImplementedError

    def part(self, key: str) -> Any:
        """The part of this name."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.entries())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries())

    def __getitem__(self, key: Any) -> Any:
        return self.entries()[key]


SEQUENCES = (list, tuple, range, Listing)


class Worded:
    """A value of ours that stands for itself as text."""

    __slots__ = ()


_TEXTUAL = (bytes, date, time, timedelta, tzinfo, Worded)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one render may use: characters of output, and ticks of loops, calls and work on data."""

    output: int = 64 * 1024
    ticks: int = 100_000


DEFAULT = Budget()


class TemplateProblem(Exception):
    """What is wrong with a template, for a person.

    `line` and `column` count from 1 inside the template's own text; 0 means not known. `subject` is the part of
    the text to point at.
    """

    def __init__(
        self, message: str, *, line: int = 0, column: int = 0, expected: str = "", remedy: str = "", subject: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.expected = expected
        self.remedy = remedy
        self.subject = subject

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class Meter:
    """The state of one render: what is left of its budget, and what it was handed.

    `listed` holds the entities that were listed so far, by the beginning of their names.
    """

    def __init__(
        self,
        budget: Budget,
        context: Mapping[str, object],
        now: datetime,
        zone: tzinfo,
        strict: bool,
        view: Standing | None = None,
    ) -> None:
        self.left = budget.ticks
        self.output = budget.output
        self.context = context
        self.now = now
        self.zone = zone
        self.strict = strict
        self.view = view
        self.listed: dict[str, list[Any]] = {}
        self.warnings: list[TemplateProblem] = []
        self.result: object = ""

    @cached_property
    def chance(self) -> Random:
        """Chance that comes from the clock alone: the same render at the same moment draws the same."""
        return Random(self.now.isoformat())

    def pay(self, ticks: int = 1) -> None:
        """Take `ticks` off the budget; raises TemplateProblem when it is used up."""
        self.left -= ticks
        if self.left < 0:
            raise TemplateProblem(
                "this template does too much work: its budget of loops and calls is used up",
                remedy="loop over fewer values, or prepare the data in an earlier step",
            )

    def room(self, length: int) -> None:
        """Refuse a text of `length` characters that the output could not hold, before it is made."""
        if length > self.output:
            raise TemplateProblem(
                f"this template makes a text of more than {self.output // 1024} kB",
                remedy="shorten it, for example with `truncate`",
            )

    def made(self, value: Any) -> Any:
        """Pay for a value that an operation has made, and hand it on."""
        if isinstance(value, (str, bytes)):
            self.room(len(value))
            self.left -= len(value) // TEXT_PER_TICK
        elif isinstance(value, (list, tuple, dict)):
            self.pay(len(value))
        elif type(value) is int:
            _check_number(value)
        return value

    def weigh(self, value: object) -> int:
        """Pay a tick for each value inside `value`, however deep and however often shared; returns the number."""
        stack, count = [value], 0
        while stack:
            item = stack.pop()
            cost = 1
            if isinstance(item, (str, bytes)):
                cost += len(item) // TEXT_PER_TICK
            elif isinstance(item, SEQUENCES):
                self.pay(len(item) // 8)
                stack.extend(item)
            elif isinstance(item, Mapping):
                self.pay(len(item) // 4)
                stack.extend(item)
                stack.extend(item.values())
            count += cost
            self.pay(cost)
        return count


_CURRENT: ContextVar[Meter] = ContextVar("meter")
begin, end, current = _CURRENT.set, _CURRENT.reset, _CURRENT.get


class Missing(Undefined):
    """A name that is not there: an error where the render is strict, else empty text and a warning."""

    __slots__ = ("_known", "_path")

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = missing,
        name: str | None = None,
        exc: Any = None,
        *,
        path: str = "",
        known: Iterable[object] | None = None,
    ) -> None:
        super().__init__(hint, obj, name)
        self._path = path or name or "this value"
        self._known = known

    def settle(self) -> str:
        """Empty text, noted as a warning; raises TemplateProblem in a strict render.

        What Jinja itself leaves open (`caller`, `loop.nextitem`, the first of nothing) is empty text without a word.
        """
        if self._undefined_hint:
            return ""
        meter = current()
        problem = self._problem(meter)
        if meter.strict:
            raise problem
        if all(problem.message != known.message for known in meter.warnings):
            meter.warnings.append(problem)
        return ""

    def _problem(self, meter: Meter) -> TemplateProblem:
        parent, _, key = self._path.rpartition(".")
        known = meter.context if self._known is None else self._known
        return undefined(self._path, suggestion(key, known, parent))

    def __bool__(self) -> bool:
        return bool(self.settle())

    def __str__(self) -> str:
        return self.settle()


def undefined(path: str, guess: str) -> TemplateProblem:
    """The problem of reading `path`, which is not defined; `guess` is a question such as "did you mean `x`?"."""
    remedy = guess or f"if it may be absent, write `{path} | default('')`"
    return TemplateProblem(f"`{path}` is not defined", remedy=remedy, subject=path)


def suggestion(key: str, known: Iterable[object], parent: str = "") -> str:
    """'did you mean `parent.x`?' for the known key that is closest, or an empty text."""
    guess = near(key, [word for word in known if isinstance(word, str)][:200])
    prefix = f"`{parent}." if parent else "`"
    return guess.replace('"', prefix, 1).replace('"', "`", 1)


def settled(value: Any) -> Any:
    """The value itself, or what stands for a value that is not there."""
    if isinstance(value, Missing):
        return value.settle()
    return "" if isinstance(value, Undefined) else value


def kind(value: object) -> str:
    """What a value is, in the words of a person who does not program."""
    words = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (bytes, "bytes"),
        (SEQUENCES, "a list"),
        (Mapping, "a mapping"),
        (timedelta, "a duration"),
        ((date, time), "a date"),
    )
    if value is None:
        return "nothing (none)"
    return next((word for types, word in words if isinstance(value, types)), "a function")


def plain(value: Any) -> Any:
    """The value as JSON knows it: lists for tuples and sets, text for dates and what else has no place there."""
    value = settled(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return _check_number(value)
    if isinstance(value, SEQUENCES) and not callable(value):
        return [_inside(item) for item in value]
    if isinstance(value, Mapping):
        return {text(key): _inside(item) for key, item in value.items()}
    if isinstance(value, _TEXTUAL):
        return str(value)
    raise TemplateProblem("a function is not a value", remedy="to call it, write brackets after its name: `now()`")


def _inside(value: Any) -> Any:
    """A value of a list or mapping as JSON knows it: dates in the form that machines read."""
    return value.isoformat() if isinstance(value, (date, time)) else plain(value)


def text(value: Any) -> str:
    """The value as it is shown inside other text, as Home Assistant shows it; at most as long as the output may be."""
    value = settled(value)
    if isinstance(value, str):
        return value
    meter = current()
    if isinstance(value, (Mapping, *SEQUENCES)):
        meter.weigh(value)
    shown: str = meter.made(str(_shown(value)))
    return shown


def _shown(value: Any) -> Any:
    """The value as Python would show it: lists, tuples and sets with their own brackets."""
    if isinstance(value, (range, Listing)) or not isinstance(value, (Mapping, *SEQUENCES)):
        return plain(value)
    if isinstance(value, Mapping):
        return {text(key): _shown_inside(item) for key, item in value.items()}
    make = getattr(value, "like", tuple if isinstance(value, tuple) else list)
    return make(map(_shown_inside, value))


def _shown_inside(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, time)) else _shown(value)


def _check_number(value: int | float) -> int | float:
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise TemplateProblem("a number is too large", expected="at most 30 digits")
    elif not isfinite(value):
        raise TemplateProblem("a number is too large or is not a number")
    return value


def fallback(name: str, value: Any, default: Any) -> Any:
    """`default`, or the problem that the value is none of what the function `name` wants."""
    if default is not REQUIRED:
        return default
    given = "this text" if isinstance(value, str) else kind(value)
    wanted = {"bool": "true or false", "average": "numbers", "median": "numbers", "statistical_mode": "values"}
    instead = {"bool": "(false)", "int": "(0)", "float": "(0)"}.get(name, "(default=0)")
    remedy = f"say what to take instead: `| {name}{instead}`"
    raise TemplateProblem(f"`{name}` needs {wanted.get(name, 'a number')}, not {given}", remedy=remedy, subject=name)
