"""What templates do with values: read a part, calculate, compare, join, and call the harmless methods.

Methods are an allow-list per type; there is no other way from a value to code. Names that begin with `_` do
not exist.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from string import Formatter
from time import struct_time
from typing import Any

from jinja2.runtime import LoopContext, Macro
from jinja2.utils import Namespace

from engine.template import entities, sets, versions
from engine.template.budget import (
    SEQUENCES,
    Listing,
    Missing,
    TemplateProblem,
    current,
    kind,
    settled,
    suggestion,
    text,
)
from engine.template.macros import MacroFunction
from engine.template.moments import alike, moment_in, with_zones, zoned

Method = Callable[..., Any]

_ABSENT: Any = object()
_LONGEST_POWER = 256  # bits, well above the largest whole number
_WIDE = re.compile(r"\d{4,}|\*")
_WEEK = type(date(2000, 1, 1).isocalendar())
_ATTRIBUTES: dict[type, frozenset[str]] = {
    datetime: frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond", "fold", "tzinfo"}),
    date: frozenset({"year", "month", "day"}),
    time: frozenset({"hour", "minute", "second", "microsecond", "fold", "tzinfo"}),
    timedelta: frozenset({"days", "seconds", "microseconds"}),
    _WEEK: frozenset({"year", "week", "weekday"}),
    struct_time: frozenset({"tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday"}),
    LoopContext: frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
    | frozenset({"previtem", "nextitem", "depth", "depth0"}),
}


def read(value: Any, keys: tuple[str | int, ...], path: str) -> Any:
    """The part of `value` that `keys` lead to; `path` is the whole as written, for the message when it is absent."""
    for depth, key in enumerate(keys):
        part = _part(value, key)
        if part is _ABSENT:
            if isinstance(value, Missing):
                return value
            names = path.split(".")
            shown = ".".join(names[: len(names) - len(keys) + depth + 1])
            return Missing(path=shown, known=value if isinstance(value, Mapping) else ())
        value = part
    return value


def item(value: Any, key: Any) -> Any:
    """`value[key]` where the key is worked out by the template."""
    current().pay()
    key = settled(key)
    part = _part(settled(value), key) if isinstance(key, (str, int)) else _ABSENT
    if part is not _ABSENT:
        return part
    return Missing(path=f"[{key}]" if isinstance(key, int) else "this entry", known=())


def _part(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        if (key in entities.TIMES or (key in entities.FOLLOWING and key not in value)) and entities.is_entity(value):
            return entities.part_of(value, str(key))
        part = value.get(key, _ABSENT)
        return _ABSENT if callable(part) and not isinstance(part, Mapping) else part
    if isinstance(key, int):
        inside = isinstance(value, (str, *SEQUENCES)) and -len(value) <= key < len(value)
        return value[key] if inside else _ABSENT
    if key.startswith("_"):
        return _ABSENT
    if isinstance(value, Listing):
        return value.part(key)
    if isinstance(value, versions.Version):
        return value.part(key) if key in versions.ATTRIBUTES else _ABSENT
    if isinstance(value, str) and key in _ATTRIBUTES[datetime]:
        value = moment_in(value)
    if isinstance(value, Namespace) or key in _attributes(value):
        return getattr(value, key, _ABSENT)
    return _ABSENT


def _attributes(value: Any) -> Iterable[str]:
    fields: Iterable[str] = getattr(value, "_fields", ()) if isinstance(value, tuple) else ()
    return fields or _ATTRIBUTES.get(type(value), ())


def cut(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`value[start:stop:step]` of text or a list."""
    value = settled(value)
    if not isinstance(value, (str, *SEQUENCES)):
        raise TemplateProblem(f"a slice can be cut from text or a list, not from {kind(value)}")
    meter = current()
    part = slice(settled(start), settled(stop), settled(step))
    meter.pay(1 + len(value) // 32)
    return meter.made(value[part] if isinstance(value, (str, tuple)) else list(value[part]))


def calculate(sign: str, left: Any, right: Any) -> Any:
    """`left sign right`, with every result inside the budget."""
    left, right = settled(left), settled(right)
    meter = current()
    meter.pay()
    if sign == "*":
        _guard_repetition(left, right)
    elif sign == "%" and isinstance(left, str):
        return percent_format(left, right)
    elif isinstance(left, SEQUENCES) and isinstance(right, SEQUENCES):
        return _of_lists(sign, left, right)
    if sign == "-":
        left, right = alike(left, right)
    try:
        return meter.made(_SIGNS[sign](left, right))
    except TypeError:
        remedy = "turn text into a number with `| int` or `| float`, or join with `~`"
        raise TemplateProblem(f"`{sign}` cannot work on {kind(left)} and {kind(right)}", remedy=remedy) from None


def _power(base: Any, exponent: Any) -> Any:
    """`base ** exponent`; what would be far too long is not worked out."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _LONGEST_POWER:
        raise TemplateProblem("a number is too large", expected="at most 30 digits")
    found = operator.pow(base, exponent)
    if isinstance(found, complex):
        raise TemplateProblem("there is no root of a number below 0", subject="**")
    return found


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": _power,
}


def _of_lists(sign: str, left: Any, right: Any) -> Any:
    """Two lists as one; of two sets, `-` is what is only in the first."""
    current().pay(len(left) + len(right))
    if sign == "-" and isinstance(left, sets.Distinct) and isinstance(right, sets.Distinct):
        return sets.distinct(sets.SETS["difference"](left, right))
    if sign != "+":
        remedy = "to take values out of a list, write `| difference(…)`" if sign == "-" else ""
        raise TemplateProblem(f"`{sign}` cannot work on two lists", remedy=remedy)
    both = [*left, *right]
    return tuple(both) if type(left) is tuple and type(right) is tuple else both


def _guard_repetition(left: Any, right: Any) -> None:
    meter = current()
    for value, times in ((left, right), (right, left)):
        if isinstance(value, (str, list, tuple)) and isinstance(times, int):
            meter.room(len(value) * times)
            meter.pay(max(0, len(value) * times) // 32)


def negate(sign: str, value: Any) -> Any:
    """`-value` or `+value`."""
    value = settled(value)
    if not isinstance(value, (int, float, timedelta)):
        raise TemplateProblem(f"`{sign}` cannot work on {kind(value)}")
    current().pay()
    return -value if sign == "-" else value


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def compare(left: Any, *rest: Any) -> bool:
    """A comparison as written: `left`, then a name of an operator and a value, as often as there are."""
    absent = isinstance(left, Missing)
    left = settled(left)
    for sign, right in zip(rest[::2], rest[1::2], strict=True):
        absent, alone = isinstance(right, Missing), absent != isinstance(right, Missing)
        right = settled(right)
        unequal = alone and sign in ("eq", "ne")  # what is absent equals nothing else, not even empty text
        if not (sign == "ne" if unequal else _compare(sign, left, right)):
            return False
        left = right
    return True


def _compare(sign: str, left: Any, right: Any) -> bool:
    meter = current()
    meter.pay()
    for value in (left, right):
        if isinstance(value, (list, tuple)) or (isinstance(value, Mapping) and "in" not in sign):
            meter.weigh(value)
        elif isinstance(value, (str, range)):
            meter.pay(len(value) // 32)
    if isinstance(left, SEQUENCES) and isinstance(right, SEQUENCES):
        left, right = _comparable(left), _comparable(right)
    left, right = with_zones(left, right) if sign in ("eq", "ne") else alike(left, right)
    try:
        return bool(_COMPARISONS[sign](left, right))
    except TypeError:
        remedy = "compare numbers with numbers: turn text into one with `| int` or `| float`"
        raise TemplateProblem(f"{kind(left)} cannot be compared with {kind(right)}", remedy=remedy) from None


def _comparable(value: Any) -> Any:
    """A set as itself, any other list as a list."""
    return value if isinstance(value, sets.Distinct) else list(value)


def joined(*parts: Any) -> str:
    """`a ~ b ~ c`: each part as text, one after the other."""
    meter = current()
    meter.pay(len(parts))
    shown = [text(part) for part in parts]
    meter.room(sum(map(len, shown)))
    result: str = meter.made("".join(shown))
    return result


def concat(parts: Iterable[str]) -> str:
    """The text of a block or macro from its parts."""
    meter = current()
    parts = list(parts)
    meter.pay(1 + len(parts) // 8)
    meter.room(sum(map(len, parts)))
    result: str = meter.made("".join(parts))
    return result


def walk(value: Any, weight: int) -> Any:
    """The values that `for` goes through, each paying for the body of the loop."""
    value = settled(value)
    if not isinstance(value, (str, Mapping, *SEQUENCES)):
        raise TemplateProblem(f"`for` goes through a list, a mapping or text, not {kind(value)}")
    return _steps(value, weight)


def _steps(values: Any, weight: int) -> Any:
    meter = current()
    for value in values:
        meter.pay(weight)
        yield value


def percent_format(form: str, values: Any) -> str:
    """`form % values`, as in `'%.2f' % price`."""
    meter = current()
    if any(_WIDE.search(spec) for spec in re.findall(r"%(?:\([^)]*\))?([-+ #0-9.*]*)", form)):
        raise TemplateProblem("a width in a format is too large", expected="at most 999")
    values = tuple(plain_or_settled(v) for v in values) if isinstance(values, (tuple, list)) else settled(values)
    meter.weigh(values)
    parts = values.values() if isinstance(values, Mapping) else values if isinstance(values, tuple) else (values,)
    longest = max((len(text(part)) for part in parts), default=0)
    meter.room((len(form) + form.count("%") * longest) // 16)
    meter.pay(form.count("%") * (1 + longest // 32))
    try:
        result: str = meter.made(form % values)
    except (TypeError, ValueError, KeyError):
        raise TemplateProblem("the format and its values do not fit", expected="one value for each `%`") from None
    return result


def plain_or_settled(value: Any) -> Any:
    """A value ready to be formatted: numbers and text stay, the rest becomes text."""
    value = settled(value)
    return value if isinstance(value, (str, int, float)) else text(value)


class _Fields(Formatter):
    """`str.format` that reads only data and keeps widths small."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        first, *rest = [part for part in re.split(r"[.\[\]]+", field_name) if part]
        key = int(first) if first.isdecimal() else first
        value = self.get_value(key, args, kwargs)
        keys = tuple(int(part) if part.isdecimal() else part for part in rest)
        return settled(read(value, keys, ".".join([first, *rest]))), first

    def format_field(self, value: Any, format_spec: str) -> str:
        if _WIDE.search(format_spec) or ("%" in format_spec and isinstance(value, (date, time))):
            raise TemplateProblem("a width in a format is too large", expected="at most 999")
        meter = current()
        result: str = meter.made(format(plain_or_settled(value), format_spec))
        meter.pay()
        return result

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value if conversion is None else text(value)


def brace_format(form: str, *args: Any, **kwargs: Any) -> str:
    """`form.format(...)`, as in `'{:.2f}'.format(price)`."""
    if re.search(r":[^{}]*\{", form.replace("{{", "")):
        raise TemplateProblem("a format inside a format is not allowed")
    try:
        return _Fields().vformat(form, args, kwargs)
    except (LookupError, ValueError, AttributeError, TypeError):
        raise TemplateProblem("the format and its values do not fit", expected="one value for each `{}`") from None


def padded(method: Method) -> Method:
    """A method whose first argument is a width: the width is looked at first."""

    def pad(value: str, width: int, *rest: Any) -> Any:
        current().room(width)
        return method(value, width, *rest)

    return pad


def expand_tabs(value: str, width: int = 8) -> str:
    current().room(value.count("\t") * max(0, width) // 16)
    return value.expandtabs(width)


def replace(value: str, old: str, new: str, count: int | None = None) -> str:
    """`value` with `old` replaced by `new`, at most `count` times."""
    found = value.count(old)
    times = found if count is None or count < 0 else min(count, found)
    current().room(len(value) + times * (len(new) - len(old)))
    return value.replace(old, new, times)


def join(separator: str, values: Any) -> str:
    """The values as text, with `separator` between them."""
    meter = current()
    meter.pay(len(values))
    shown = [text(value) for value in values]
    meter.room(sum(map(len, shown)) + len(separator) * max(0, len(shown) - 1))
    return separator.join(shown)


def date_text(value: Any, form: str) -> str:
    """`value.strftime(form)`, as in `now().strftime('%H:%M')`."""
    if len(form) > 200 or re.search(r"%[-_0^#+:]*\d", form) or "\0" in form:
        raise TemplateProblem("this date format is not allowed", expected="for example `%d.%m.%Y %H:%M`")
    result: str = value.strftime(form)
    return result


def moved(value: Any, **fields: Any) -> Any:
    """A date with some of its parts replaced, as in `now().replace(hour=9, minute=0)`."""
    allowed = _ATTRIBUTES[type(value)]
    if not isinstance(fields.get("tzinfo"), (tzinfo, type(None))):
        raise TemplateProblem("`tzinfo` needs a zone", expected="for example `now().tzinfo`")
    unknown = next((name for name in fields if name not in allowed), None)
    if unknown:
        raise TemplateProblem(f"`replace` of a date does not know `{unknown}`", remedy=suggestion(unknown, allowed))
    return value.replace(**fields)


def _in_zone(value: datetime, zone: tzinfo | None = None) -> datetime:
    if not isinstance(zone, (tzinfo, type(None))):
        raise TypeError
    return zoned(value).astimezone(zone or current().zone)


def _same(kind_of: type, names: str) -> dict[str, Method]:
    return {name: getattr(kind_of, name) for name in names.split()}


_TEXT_METHODS = """
    upper lower title capitalize swapcase casefold strip lstrip rstrip removeprefix removesuffix
    split rsplit splitlines partition rpartition startswith endswith find rfind index rindex count
    isdigit isalpha isalnum isnumeric isdecimal isspace isupper islower istitle
"""


def _set_method(name: str) -> Method:
    return lambda value, other: sets.distinct(sets.SETS[name](value, other))


_DAY_METHODS = "isoformat weekday isoweekday toordinal ctime timetuple isocalendar"
_ZONE_METHODS = "utcoffset dst tzname"

METHODS: dict[type, dict[str, Method]] = {
    str: _same(str, _TEXT_METHODS)
    | {name: padded(getattr(str, name)) for name in ("center", "ljust", "rjust", "zfill")}
    | {"expandtabs": expand_tabs, "replace": replace, "join": join, "format": brace_format}
    | {"format_map": lambda form, values: brace_format(form, **dict(values))},
    list: {"index": lambda value, *rest: list(value).index(*rest), "count": lambda value, one: list(value).count(one)},
    sets.Distinct: {
        **{name: _set_method(name) for name in ("union", "difference", "symmetric_difference")},
        "intersection": _set_method("intersect"),
        "issubset": lambda value, other: not sets.SETS["difference"](value, other),
        "issuperset": lambda value, other: not sets.SETS["difference"](other, value),
        "isdisjoint": lambda value, other: not sets.SETS["intersect"](value, other),
    },
    dict: {
        "get": lambda value, key, default=None: value.get(key, default),
        "items": lambda value: [(key, each) for key, each in value.items()],
        "keys": list,
        "values": lambda value: list(value.values()),
    },
    float: _same(float, "is_integer"),
    int: {"is_integer": lambda value: True},
    datetime: _same(datetime, f"date time timetz {_DAY_METHODS} {_ZONE_METHODS}")
    | {"strftime": date_text, "replace": moved}
    | {"timestamp": lambda value: zoned(value).timestamp(), "astimezone": _in_zone},
    date: _same(date, _DAY_METHODS) | {"strftime": date_text, "replace": moved},
    time: _same(time, f"isoformat {_ZONE_METHODS}") | {"strftime": date_text, "replace": moved},
    timedelta: _same(timedelta, "total_seconds"),
    LoopContext: _same(LoopContext, "cycle changed"),
}


def _methods(value: Any) -> dict[str, Method]:
    if isinstance(value, Mapping):
        return METHODS[dict]
    own = METHODS.get(type(value), {})
    return own or (METHODS[list] if isinstance(value, SEQUENCES) else {})


def call_method(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """`value.name(...)`, where the kind of value has such a harmless method."""
    if isinstance(value, Missing):
        return value.settle()
    value = settled(value)
    meter = current()
    if isinstance(value, Namespace) and isinstance(macro := _part(value, name), (Macro, MacroFunction)):
        return macro(*args, **kwargs)
    method = _methods(value).get(name)
    if method is None and name in METHODS[datetime] and (moment := moment_in(value)) is not None:
        value, method = moment, METHODS[datetime][name]
    if method is None:
        guess = suggestion(name, _methods(value))
        raise TemplateProblem(f"{kind(value)} has no function `{name}`", remedy=guess, subject=name)
    args = tuple(settled(arg) for arg in args)
    meter.pay(1)
    for each in (*args, *kwargs.values(), *(() if name == "get" else (value,))):
        meter.weigh(each)
    try:
        return meter.made(method(value, *args, **kwargs))
    except (TypeError, ValueError, AttributeError, LookupError):
        raise TemplateProblem(f"`{name}` cannot be used in this way on {kind(value)}", subject=name) from None
