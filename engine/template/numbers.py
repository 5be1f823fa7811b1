"""Numbers in templates: read them, round them, bound them, and the functions of mathematics and statistics."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from engine.template.budget import REQUIRED, SEQUENCES, TemplateProblem, current, fallback
from engine.template.lists import absent, getter

_ALL_DIGITS = re.compile(r"\s*[-+]?\d+\s*")


def to_int(value: Any, default: Any = REQUIRED, base: int = 10) -> Any:
    """A whole number from text or a number; `default` if it is neither."""
    try:
        if isinstance(value, str) and base != 10:
            return int(short(value), base)
        return int(value) if isinstance(value, int) else int(_whole(value))
    except (ValueError, TypeError, OverflowError):
        return fallback("int", value, default)


def _whole(value: Any) -> int | float:
    if isinstance(value, str) and _ALL_DIGITS.fullmatch(short(value)):
        return int(value)
    return float(short(value))


def to_float(value: Any, default: Any = REQUIRED) -> Any:
    """A number from text or a number; `default` if it is neither, also for text that says `inf` or `nan`."""
    try:
        found = float(short(value))
    except (ValueError, TypeError, OverflowError):
        return fallback("float", value, default)
    if isinstance(value, str) and not math.isfinite(found):
        return fallback("float", value, default)
    return found


def short(value: Any) -> Any:
    """The value; raises ValueError for text that is too long to be a number."""
    if isinstance(value, str) and len(value) > 400:
        raise ValueError
    return value


def to_bool(value: Any, default: Any = REQUIRED) -> Any:
    """True or false from yes/no, on/off, true/false, enable/disable, or a number."""
    if isinstance(value, (bool, int, float)):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in ("true", "yes", "on", "enable", "1"):
        return True
    return False if word in ("false", "no", "off", "disable", "0") else fallback("bool", value, default)


def is_number(value: Any) -> bool:
    """Whether `| float` can read it, and it is finite."""
    found = to_float(value, None)
    return found is not None and math.isfinite(found)


def rounded(value: Any, precision: int = 0, method: str = "common", default: Any = REQUIRED) -> Any:
    """A number rounded to `precision` places, a whole one for 0; method `common`, `floor`, `ceil` or `half`."""
    number = to_float(value, None)
    if number is None:
        return fallback("round", value, default)
    if not -15 <= precision <= 15:
        raise TemplateProblem("`round` keeps at most 15 places", subject="round")
    scale = 10.0**precision
    methods: dict[str, Callable[[], float]] = {
        "floor": lambda: math.floor(number * scale) / scale,
        "ceil": lambda: math.ceil(number * scale) / scale,
        "half": lambda: round(number * 2) / 2,
        "common": lambda: float(round(number, precision)),
    }
    found = methods.get(method, methods["common"])()
    return int(found) if precision == 0 else found


def ordinal(value: Any) -> str:
    number = int(value)
    teen = 10 < abs(number) % 100 < 14
    return f"{value}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(number) % 10, 'th')}"


def added(value: Any, amount: Any, default: Any = REQUIRED) -> Any:
    """The value as a number with fraction, and `amount` more."""
    return _worked_out("add", value, default, lambda number: number + amount)


def multiplied(value: Any, amount: Any, default: Any = REQUIRED) -> Any:
    """The value as a number with fraction, `amount` times."""
    return _worked_out("multiply", value, default, lambda number: number * float(amount))


def _worked_out(name: str, value: Any, default: Any, function: Callable[[float], float]) -> Any:
    try:
        return function(float(short(value)))
    except (ValueError, TypeError):
        return fallback(name, value, default)


def of_one(name: str, function: Callable[[float], float]) -> Callable[..., Any]:
    """A function of mathematics with a `default` for what is no number, or none that it takes."""
    return lambda value, default=REQUIRED: _worked_out(name, value, default, function)


def logarithm(value: Any, base: Any = math.e, default: Any = REQUIRED) -> Any:
    """The logarithm, to the base e unless another is given."""
    return _worked_out("log", value, default, lambda number: math.log(number, float(short(base))))


def arc_tangent_of_two(*values: Any, default: Any = REQUIRED) -> Any:
    """The angle of a point `y, x`, or of a list of both."""
    if isinstance(values[0], SEQUENCES):
        default = values[1] if len(values) > 1 and default is REQUIRED else default
        values = tuple(values[0])
    elif len(values) == 3 and default is REQUIRED:
        default = values[2]
    return _worked_out("atan2", values[0], default, lambda y: math.atan2(y, float(short(values[1]))))


def clamp(value: Any, low: Any, high: Any) -> float:
    """The number, but not less than `low` and not more than `high`."""
    return max(float(low), min(float(high), float(short(value))))


def wrap(value: Any, low: Any, high: Any) -> float:
    """The number, counted round and round from `low` to just below `high`."""
    size = float(high) - float(low)
    return (float(short(value)) - float(low)) % size + float(low) if size else float(low)


def remap(
    value: Any, in_min: Any, in_max: Any, out_min: Any, out_max: Any, *, steps: int = 0, edges: str = "none"
) -> float:
    """The number's place in one range as a number of another range.

    `steps` makes the result one of so many steps; `edges` says what to do with numbers outside: `none`, `clamp`, `wrap`
    or `mirror`.
    """
    low, high, start, end = float(in_min), float(in_max), float(out_min), float(out_max)
    if low == high:
        raise TemplateProblem("`remap` needs a range to map from, not a single number", subject="remap")
    number = _inside(float(short(value)), low, high, edges)
    if steps <= 0 and (low, high) == (start, end):
        return number
    part = (number - low) / (high - low)
    part = round(part * steps) / steps if steps > 0 else part
    return start + part * (end - start)


def _inside(number: float, low: float, high: float, edges: str) -> float:
    if edges == "clamp":
        return max(low, min(high, number))
    if edges == "wrap":
        return wrap(number, low, high)
    if edges == "mirror":
        period, rest = divmod(number - low, high - low)
        return low + (rest if period >= 0 and period % 2 == 0 else high - low - rest)
    return number


def statistic(name: str, function: Callable[[Any], Any]) -> Callable[..., Any]:
    """A statistic of a list, or of several values; a second value after a list is the `default`, as the keyword is."""

    def work_out(*values: Any, default: Any = REQUIRED) -> Any:
        numbers: Any = values
        if values and isinstance(values[0], (str, Mapping, *SEQUENCES)):
            numbers = values[0]
            default = values[1] if len(values) > 1 and default is REQUIRED else default
        elif len(values) < 2:
            raise TypeError
        try:
            return function(list(numbers))
        except (TypeError, statistics.StatisticsError):
            return fallback(name, None, default)

    return work_out


def aggregate(choose: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`min` or `max` of a list or of several values; text is compared without case unless `case_sensitive`."""

    def work_out(*values: Any, case_sensitive: bool = False, attribute: Any = None) -> Any:
        if len(values) == 1:
            values = tuple(values[0])
        get = getter(attribute)

        def key(value: Any) -> Any:
            found = get(value)
            return found.lower() if isinstance(found, str) and not case_sensitive else found

        return choose(values, key=key) if values else absent(f"the {name} of nothing")

    return work_out


def bits(function: Callable[[int, int], int]) -> Callable[..., int]:
    """A function of the bits of two whole numbers."""

    def work_out(first: Any, second: Any) -> int:
        if not (isinstance(first, int) and isinstance(second, int)):
            raise TypeError
        current().pay()
        return function(first, second)

    return work_out
