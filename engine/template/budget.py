"""What a template may spend, and the one exception it may raise.

A `Meter` lives as long as one render. Every loop, call and operation pays it before it works, so no template
can take time or memory out of proportion to its budget, whatever it was handed (promise P15).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from math import isfinite
from typing import Any

from jinja2 import Undefined
from jinja2.utils import missing

from engine.problem import near

MAX_INTEGER = 10**30
TEXT_PER_TICK = 32
SEQUENCES = (list, tuple, range)
REQUIRED: Any = object()


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
    """The state of one render: what is left of its budget, and what it was handed."""

    __slots__ = ("context", "left", "now", "output", "result", "strict", "warnings", "zone")

    def __init__(
        self, budget: Budget, context: Mapping[str, object], now: datetime, zone: tzinfo, strict: bool
    ) -> None:
        self.left = budget.ticks
        self.output = budget.output
        self.context = context
        self.now = now
        self.zone = zone
        self.strict = strict
        self.warnings: list[TemplateProblem] = []
        self.result: object = None

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
        if isinstance(value, str):
            self.room(len(value))
            self.left -= len(value) // TEXT_PER_TICK
        elif isinstance(value, (list, tuple, dict)):
            self.pay(len(value))
        elif type(value) in (int, float):
            _check_number(value)
        return value

    def weigh(self, value: object) -> int:
        """Pay a tick for each value inside `value`, however deep and however often shared; returns the number."""
        stack, count = [value], 0
        while stack:
            item = stack.pop()
            cost = 1
            if isinstance(item, str):
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
        """Empty text, noted as a warning; raises TemplateProblem in a strict render."""
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
        """False; what Jinja itself leaves open (`caller`, `loop.nextitem`) may be asked for without a warning."""
        return False if self._undefined_hint else bool(self.settle())

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
        (SEQUENCES, "a list"),
        (Mapping, "a mapping"),
        (timedelta, "a duration"),
        ((date, time), "a date"),
    )
    if value is None:
        return "nothing (none)"
    return next((word for types, word in words if isinstance(value, types)), "a function")


def plain(value: Any) -> Any:
    """The value as JSON knows it: lists for tuples, ISO text for dates, `H:MM:SS` for durations."""
    value = settled(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return _check_number(value)
    if isinstance(value, SEQUENCES):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {text(key): plain(item) for key, item in value.items()}
    if isinstance(value, timedelta):
        return clock_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    raise TemplateProblem("a function is not a value", remedy="to call it, write brackets after its name: `now()`")


def text(value: Any) -> str:
    """The value as it is shown inside other text; at most as long as the output may be."""
    value = settled(value)
    if isinstance(value, str):
        return value
    meter = current()
    if isinstance(value, (Mapping, *SEQUENCES)):
        meter.weigh(value)
    shown: str = meter.made(str(plain(value)))
    return shown


def clock_text(value: timedelta) -> str:
    """A duration as `H:MM:SS`, hours not cut at a day, the form that duration fields read."""
    total = abs(value)
    minutes, seconds = divmod(total.days * 86_400 + total.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    part = f".{total.microseconds:06d}" if total.microseconds else ""
    return f"{'-' if value < timedelta(0) else ''}{hours}:{minutes:02d}:{seconds:02d}{part}"


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
    wanted = "true or false" if name == "bool" else "a number"
    remedy = f"say what to take instead: `| {name}({'false' if name == 'bool' else '0'})`"
    raise TemplateProblem(f"`{name}` needs {wanted}, not {given}", remedy=remedy, subject=name)
