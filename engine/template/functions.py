"""The functions, filters and tests of templates: those of Home Assistant and Jinja that need no device and no chance.

A filter and a function of the same name are the same thing: `x | int` and `int(x)`. Everything goes through
`metered`, which settles names that are absent, pays for what comes in and goes out, and turns a wrong use into words.
"""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias

from jinja2 import Undefined, filters
from jinja2.utils import Namespace

from engine.template import dates, lists, operators, texts
from engine.template.budget import (
    REQUIRED,
    SEQUENCES,
    TemplateProblem,
    current,
    fallback,
    kind,
    settled,
    suggestion,
    text,
)
from engine.template.lists import getter

Function: TypeAlias = Callable[..., Any]
Table: TypeAlias = dict[str, Function]


def metered(
    name: str, function: Function, *, cost: int = 1, deep: int = 0, free: bool = False, lazy: bool = False
) -> Function:
    """`function` inside the budget.

    `cost` is the price of a call; `deep` is how often it goes through all that is inside its arguments; `free` says
    that it looks at no more than one part; `lazy` that it wants to see names that are absent.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not lazy:
            args = tuple(settled(arg) for arg in args)
            kwargs = {key: settled(arg) for key, arg in kwargs.items()}
        meter = current()
        meter.pay(1 if free or lazy else cost + sum(map(_length, args)))
        for _ in range(deep):
            meter.weigh((*args, *kwargs.values()))
        try:
            result = function(*args, **kwargs)
        except (TypeError, AttributeError, ValueError, LookupError, UnicodeError):
            given = kind(settled(args[0])) if args else "this"
            raise TemplateProblem(f"`{name}` cannot be used with {given} in this way", subject=name) from None
        return result if free or lazy else meter.made(result)

    return call


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value) // 32
    return len(value) if isinstance(value, (Mapping, *SEQUENCES)) else 0


def to_int(value: Any, default: Any = REQUIRED, base: int = 10) -> Any:
    """A whole number from text or a number; `default` if it is neither."""
    try:
        if isinstance(value, str) and base != 10:
            return int(_short(value), base)
        return int(value) if isinstance(value, int) else int(_whole(value))
    except (ValueError, TypeError, OverflowError):
        return fallback("int", value, default)


def _whole(value: Any) -> int | float:
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+\s*", _short(value)):
        return int(value)
    return float(_short(value))


def to_float(value: Any, default: Any = REQUIRED) -> Any:
    """A number from text or a number; `default` if it is neither."""
    try:
        found = float(_short(value))
    except (ValueError, TypeError, OverflowError):
        return fallback("float", value, default)
    return found if math.isfinite(found) else fallback("float", value, default)


def _short(value: Any) -> Any:
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
    """Whether `| float` can read it."""
    return not isinstance(value, bool) and to_float(value, None) is not None


def typeof(value: Any) -> str:
    """The name of the value's type, as Home Assistant names it."""
    value = [] if isinstance(value, SEQUENCES) else value
    return type(value).__name__ if not isinstance(value, Mapping) else "dict"


def rounded(value: Any, precision: int = 0, method: str = "common", default: Any = REQUIRED) -> Any:
    """A number rounded to `precision` places; method `common`, `floor`, `ceil` or `half`."""
    number = to_float(value, None)
    if number is None:
        return fallback("round", value, default)
    if not -15 <= precision <= 15:
        raise TemplateProblem("`round` keeps at most 15 places", subject="round")
    scale = 10.0**precision
    methods: dict[str, Callable[[], float]] = {
        "common": lambda: round(number, precision),
        "floor": lambda: math.floor(number * scale) / scale,
        "ceil": lambda: math.ceil(number * scale) / scale,
        "half": lambda: round(number * 2) / 2,
    }
    found = methods[method]()
    return int(found) if precision == 0 and method != "half" else found


def ordinal(value: Any) -> str:
    number = int(value)
    teen = 10 < abs(number) % 100 < 14
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(abs(number) % 10, 'th')}"


def filesize(value: Any, binary: bool = False) -> str:
    return filters.do_filesizeformat(float(_short(value)), binary)


def mapped(value: Any, name: Any = None, *args: Any, attribute: Any = None, default: Any = None) -> list[Any]:
    """Each value through the filter `name`, or the `attribute` of each."""
    if attribute is None:
        use = named(FILTERS, name, "filter")
        return [use(each, *args) for each in value]
    get, found = getter(attribute), []
    for each in value:
        part = get(each)
        found.append(default if isinstance(part, Undefined) and default is not None else part)
        current().pay()
    return found


def chosen(wanted: bool, by_attribute: bool) -> Function:
    """The filter `select`, `reject`, `selectattr` or `rejectattr`."""

    def choose(value: Any, *args: Any) -> list[Any]:
        get = getter(args[0]) if by_attribute else getter(None)
        name, *rest = args[by_attribute:] or ("true like",)
        use = named(TESTS, name, "test")
        return [each for each in value if bool(use(get(each), *rest)) is wanted]

    return choose


def named(table: Mapping[str, Function], name: Any, what: str) -> Function:
    """The filter or test of this name; raises TemplateProblem with a near name."""
    found = table.get(name) if isinstance(name, str) else None
    if found is None:
        raise unknown(what, str(name)[:60], table)
    return found


def unknown(what: str, name: str, table: Iterable[str]) -> TemplateProblem:
    """The problem of a filter, test or function that does not exist."""
    known = [word for word in table if word.isidentifier()]
    return TemplateProblem(f"no {what} `{name}`", remedy=suggestion(name, known), subject=name)


def default(value: Any, other: Any = "", boolean: bool = False) -> Any:
    """`other` where the value is absent; with `boolean` also where it is empty."""
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def iif(value: Any, if_true: Any = True, if_false: Any = False, if_none: Any = REQUIRED) -> Any:
    if value is None and if_none is not REQUIRED:
        return if_none
    return if_true if value else if_false


def namespace(*args: Any, **kwargs: Any) -> Namespace:
    return Namespace(*args, **kwargs)


def is_defined(value: Any) -> Any:
    """The value; an error in any render if it is absent."""
    if isinstance(value, Undefined):
        raise TemplateProblem("`is_defined` was given a name that is not defined", subject="is_defined")
    return value


def _table(functions: Table, **traits: Any) -> Table:
    return {name: metered(name, function, **traits) for name, function in functions.items()}


_VALUES: Table = {
    "abs": abs,
    "average": lists.average,
    "bool": to_bool,
    "float": to_float,
    "int": to_int,
    "is_number": is_number,
    "list": lists.to_list,
    "ordinal": ordinal,
    "round": rounded,
    "sum": lists.total,
    "contains": lists.contains,
    "tuple": lists.to_list,
    "typeof": typeof,
}
_SORTING: Table = {"max": lists.largest, "median": lists.median, "min": lists.smallest, "set": lists.to_set}
_DATES: Table = {
    "as_datetime": dates.as_datetime,
    "as_local": dates.as_local,
    "as_timedelta": dates.as_timedelta,
    "as_timestamp": dates.as_timestamp,
    "relative_time": dates.time_since,
    "strptime": dates.strptime,
    "time_since": dates.time_since,
    "time_until": dates.time_until,
    "timestamp_custom": dates.timestamp_custom,
    "timestamp_local": dates.timestamp_local,
    "timestamp_utc": dates.timestamp_utc,
}
_TEXTS: Table = {
    "base64_decode": texts.decoded,
    "base64_encode": texts.encoded,
    "from_json": texts.from_json,
    "md5": texts.digest("md5"),
    "regex_findall": texts.regex_findall,
    "regex_findall_index": texts.regex_findall_index,
    "regex_match": texts.regex_match,
    "regex_replace": texts.regex_replace,
    "regex_search": texts.regex_search,
    "sha1": texts.digest("sha1"),
    "sha256": texts.digest("sha256"),
    "sha512": texts.digest("sha512"),
    "slugify": texts.slugify,
    "to_json": texts.to_json,
    "urlencode": texts.urlencoded,
}
_BOTH: Table = {
    **_table(_VALUES),
    **_table(_DATES, cost=4),
    **_table(_TEXTS, cost=3),
    **_table(_SORTING, deep=4),
    **_table({"iif": iif}, free=True),
    **_table({"is_defined": is_defined}, lazy=True),
}

_CLOCK: Table = {"now": dates.now, "timedelta": dates.duration_of, "today_at": dates.today_at, "utcnow": dates.utcnow}

FUNCTIONS: Table = {
    **_BOTH,
    **_table(_CLOCK, cost=3),
    **_table({"dict": dict, "namespace": namespace, "range": lists.counted}, free=True),
}

_SHAPING: Table = {
    "attr": operators.item,
    "batch": lists.batch,
    "capitalize": str.capitalize,
    "center": texts.wide(str.center),
    "e": html.escape,
    "escape": html.escape,
    "filesizeformat": filesize,
    "format": lambda form, *values, **named: operators.percent_format(form, named or values),
    "indent": texts.indent,
    "items": lists.items,
    "join": lists.join,
    "lower": str.lower,
    "map": mapped,
    "reject": chosen(False, False),
    "rejectattr": chosen(False, True),
    "replace": operators.replace,
    "reverse": lists.reverse,
    "select": chosen(True, False),
    "selectattr": chosen(True, True),
    "slice": lists.sliced,
    "string": text,
    "striptags": texts.striptags,
    "title": filters.do_title,
    "tojson": texts.to_json,
    "trim": str.strip,
    "truncate": texts.truncate,
    "upper": str.upper,
    "wordcount": lambda value: len(value.split()),
    "wordwrap": texts.wordwrap,
}
_GROUPING: Table = {
    "dictsort": lists.dictsort,
    "groupby": lists.groupby,
    "sort": lists.ordered,
    "unique": lists.unique,
}

FILTERS: Table = {
    **_BOTH,
    **_table(_SHAPING),
    **_table(_GROUPING, deep=4),
    **_table({"d": default, "default": default}, lazy=True),
    **_table({"count": len, "first": lists.first, "last": lists.last, "length": len}, free=True),
}


def _comparing(sign: str, *names: str) -> Table:
    return dict.fromkeys(names, lambda value, other: operators.compare(value, sign, other))


def _being(*types: type) -> Function:
    return lambda value: isinstance(value, types)


_KINDS: Table = {
    "boolean": _being(bool),
    "datetime": _being(datetime, date, time),
    "false": lambda value: value is False,
    "float": _being(float),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "is_number": is_number,
    "iterable": _being(str, Mapping, *SEQUENCES),
    "list": _being(*SEQUENCES),
    "lower": str.islower,
    "mapping": _being(Mapping),
    "none": lambda value: value is None,
    "number": _being(int, float),
    "sequence": _being(str, *SEQUENCES),
    "string": _being(str),
    "timedelta": _being(timedelta),
    "true": lambda value: value is True,
    "true like": lambda value: bool(value),
    "upper": str.isupper,
}
_QUESTIONS: Table = {
    "contains": lists.contains,
    "divisibleby": lambda value, by: operators.calculate("%", value, by) == 0,
    "even": lambda value: value % 2 == 0,
    "filter": lambda value: value in FILTERS,
    "match": texts.regex_match,
    "odd": lambda value: value % 2 == 1,
    "sameas": lambda value, other: type(value) is type(other) and operators.compare(value, "eq", other),
    "search": texts.regex_search,
    "test": lambda value: value in TESTS,
}

TESTS: Table = {
    **_table(_KINDS, free=True),
    **_table(_QUESTIONS),
    **_table(
        {
            **_comparing("eq", "==", "eq", "equalto"),
            **_comparing("ne", "!=", "ne"),
            **_comparing("gt", ">", "gt", "greaterthan"),
            **_comparing("gteq", ">=", "ge"),
            **_comparing("lt", "<", "lt", "lessthan"),
            **_comparing("lteq", "<=", "le"),
            **_comparing("in", "in"),
        }
    ),
    **_table(
        {
            "defined": lambda value: not isinstance(value, Undefined),
            "undefined": lambda value: isinstance(value, Undefined),
        },
        lazy=True,
    ),
}
