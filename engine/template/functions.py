"""The functions, filters and tests of templates: those of Home Assistant and Jinja that need no device and no chance.

A filter and a function of the same name are the same thing: `x | int` and `int(x)`. Everything goes through
`metered`, which settles names that are absent, pays for what comes in and goes out, and turns a wrong use into words.
"""

from __future__ import annotations

import functools
import math
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from jinja2 import Undefined, filters
from jinja2.runtime import LoopContext
from jinja2.utils import Namespace

from engine.template import dates, entities, lists, numbers, operators, packing, sets, texts, versions
from engine.template.budget import (
    REQUIRED,
    SEQUENCES,
    TemplateProblem,
    current,
    kind,
    settled,
    suggestion,
    text,
)
from engine.template.elsewhere import ELSEWHERE
from engine.template.lists import getter
from engine.template.macros import MADE_HERE, as_function

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


def typeof(value: Any) -> str:
    """The name of the value's type, as Home Assistant names it."""
    if isinstance(value, Undefined):
        return "Undefined"
    if isinstance(value, Mapping):
        return "dict"
    return "set" if isinstance(value, sets.Distinct) else type(value).__name__


def filesize(value: Any, binary: bool = False) -> str:
    return filters.do_filesizeformat(float(numbers.short(value)), binary)


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
        return [each for each in value if bool(use(_or_absent(get(each)), *rest)) is wanted]

    return choose


def _or_absent(value: Any) -> Any:
    """The value; what is missing is not complained of, for it only does not pass the test."""
    return lists.absent("an attribute") if isinstance(value, Undefined) else value


def named(table: Mapping[str, Function], name: Any, what: str) -> Function:
    """The filter or test of this name; raises TemplateProblem with a near name."""
    found = table.get(name) if isinstance(name, str) else None
    if found is None:
        raise unknown(what, str(name)[:60], table)
    return found


def unknown(what: str, name: str, table: Iterable[str]) -> TemplateProblem:
    """The problem of a filter, test or function that does not exist."""
    known = [word for word in table if word.isidentifier()]
    remedy = ELSEWHERE.get(name) or suggestion(name, known)
    remedy = remedy or f"take it out, or write it in another way; docs/templates.md has every {what} that there is"
    return TemplateProblem(f"no {what} `{name}`", remedy=remedy, subject=name)


def default(value: Any, other: Any = "", boolean: bool = False) -> Any:
    """`other` where the value is absent; with `boolean` also where it is empty."""
    return other if isinstance(value, Undefined) or (boolean and not value) else value


def iif(value: Any, if_true: Any = True, if_false: Any = False, if_none: Any = REQUIRED) -> Any:
    if value is None and if_none is not REQUIRED:
        return if_none
    return if_true if value else if_false


def may_be_called(value: Any) -> bool:
    """Whether a template may call it: our functions, what it made itself, and functions that were handed in."""
    if isinstance(value, (*MADE_HERE, LoopContext)) or id(value) in _OURS:
        return True
    return callable(value) and any(value is known for known in current().context.values())


def apply(value: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or macro called with the value."""
    if not may_be_called(function):
        raise TemplateProblem("`apply` needs a function or a macro", subject="apply")
    return function(value, *args, **kwargs)


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
    "add": numbers.added,
    "as_function": as_function,
    "bool": numbers.to_bool,
    "clamp": numbers.clamp,
    "contains": lists.contains,
    "float": numbers.to_float,
    "int": numbers.to_int,
    "is_number": numbers.is_number,
    "list": lists.to_list,
    "multiply": numbers.multiplied,
    "ordinal": numbers.ordinal,
    "remap": numbers.remap,
    "round": numbers.rounded,
    "shuffle": lists.shuffle,
    "sum": lists.total,
    "tuple": lists.to_tuple,
    "version": versions.version,
    "wrap": numbers.wrap,
}
_OF_ONE_NUMBER = ("acos", "asin", "atan", "cos", "sin", "sqrt", "tan")
_MATHS: Table = {
    **{name: numbers.of_one(name, getattr(math, name)) for name in _OF_ONE_NUMBER},
    "atan2": numbers.arc_tangent_of_two,
    "bitwise_and": numbers.bits(operator.and_),
    "bitwise_or": numbers.bits(operator.or_),
    "bitwise_xor": numbers.bits(operator.xor),
    "log": numbers.logarithm,
}
_SORTING: Table = {
    "average": numbers.statistic("average", statistics.fmean),
    "max": numbers.aggregate(max, "largest"),
    "median": numbers.statistic("median", statistics.median),
    "min": numbers.aggregate(min, "smallest"),
    "set": sets.to_set,
    "statistical_mode": numbers.statistic("statistical_mode", statistics.mode),
    **sets.SETS,
}
_NESTED: Table = {
    "combine": lists.combine,
    "flatten": lists.flatten,
    "merge_response": lists.merge_response,
    "zip": lists.paired,
}
_DATES: Table = {
    "as_datetime": dates.as_datetime,
    "as_local": dates.as_local,
    "as_timedelta": dates.as_timedelta,
    "as_timestamp": dates.as_timestamp,
    "relative_time": dates.relative_time,
    "strptime": dates.strptime,
    "time_since": dates.time_since,
    "time_until": dates.time_until,
    "timedelta_string": dates.timedelta_string,
    "timestamp_custom": dates.timestamp_custom,
    "timestamp_local": dates.timestamp_local,
    "timestamp_utc": dates.timestamp_utc,
    "today_at": dates.today_at,
}
_TEXTS: Table = {
    "base64_decode": packing.decoded,
    "base64_encode": packing.encoded,
    "from_hex": packing.from_hex,
    "from_json": texts.from_json,
    "md5": texts.digest("md5"),
    "pack": packing.pack,
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
    "unpack": packing.unpack,
    "urlencode": texts.urlencoded,
}
_BOTH: Table = {
    **_table(_VALUES),
    **_table(_MATHS),
    **_table(entities.ASKING, cost=2),
    **_table(_DATES, cost=4),
    **_table(_TEXTS, cost=3),
    **_table(_NESTED, deep=1),
    **_table(_SORTING, deep=4),
    **_table({"apply": apply, "iif": iif}, free=True),
    **_table({"is_defined": is_defined, "typeof": typeof}, lazy=True),
}

_CLOCK: Table = {"now": dates.now, "timedelta": dates.duration_of, "utcnow": dates.utcnow}
CONSTANTS: dict[str, float] = {"e": math.e, "inf": math.inf, "pi": math.pi, "tau": math.tau}

FUNCTIONS: Table = {
    **_BOTH,
    **_table(_CLOCK, cost=3),
    **_table({"dict": dict, "namespace": namespace, "range": lists.counted}, free=True),
    "states": entities.STATES,
}
_OURS = {id(function) for function in FUNCTIONS.values()}

ASK_THE_CLOCK = frozenset({"now", "relative_time", "time_since", "time_until", "today_at", "utcnow"})
ASK_FOR_STATES = frozenset({"states", *entities.ASKING})


def _of_text(function: Function) -> Function:
    """A filter of text that takes any other value as the text that stands for it."""
    return lambda value, *args, **kwargs: function(text(value), *args, **kwargs)


_SHAPING: Table = {
    "attr": operators.item,
    "batch": lists.batch,
    "capitalize": _of_text(str.capitalize),
    "center": texts.wide(str.center),
    "e": texts.escaped,
    "escape": texts.escaped,
    "forceescape": texts.escaped,
    "filesizeformat": filesize,
    "format": lambda form, *values, **named: operators.percent_format(form, named or values),
    "indent": texts.indent,
    "items": lists.items,
    "join": lists.join,
    "lower": _of_text(str.lower),
    "map": mapped,
    "ord": ord,
    "pprint": text,
    "random": lists.drawn,
    "reject": chosen(False, False),
    "rejectattr": chosen(False, True),
    "replace": _of_text(operators.replace),
    "reverse": lists.reverse,
    "safe": text,
    "select": chosen(True, False),
    "selectattr": chosen(True, True),
    "slice": lists.sliced,
    "string": text,
    "striptags": _of_text(texts.striptags),
    "title": _of_text(filters.do_title),
    "tojson": texts.tojson,
    "trim": _of_text(str.strip),
    "truncate": texts.truncate,
    "upper": _of_text(str.upper),
    "wordcount": _of_text(lambda value: len(re.findall(r"\w+", value))),
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
    **_table({"states": entities.STATES}, cost=2),
}


def _comparing(sign: str, *names: str) -> Table:
    return dict.fromkeys(names, lambda value, other: operators.compare(value, sign, other))


def _being(*types: type) -> Function:
    return lambda value: isinstance(value, types)


_is_set: Function = _being(sets.Distinct)

_KINDS: Table = {
    "boolean": _being(bool),
    "callable": callable,
    "datetime": _being(datetime),
    "escaped": lambda value: False,
    "false": lambda value: value is False,
    "float": _being(float),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "is_number": numbers.is_number,
    "iterable": _being(str, bytes, Mapping, *SEQUENCES),
    "list": _being(list),
    "lower": str.islower,
    "mapping": _being(Mapping),
    "none": lambda value: value is None,
    "number": _being(int, float),
    "sequence": lambda value: isinstance(value, (str, bytes, Mapping, *SEQUENCES)) and not _is_set(value),
    "set": _being(sets.Distinct),
    "string": _being(str),
    "string_like": _being(str, bytes),
    "timedelta": _being(timedelta),
    "true": lambda value: value is True,
    "true like": lambda value: bool(value),
    "tuple": lambda value: isinstance(value, tuple) and not _is_set(value),
    "upper": str.isupper,
}
_QUESTIONS: Table = {
    "apply": apply,
    "contains": lists.contains,
    "divisibleby": lambda value, by: operators.calculate("%", value, by) == 0,
    "even": lambda value: value % 2 == 0,
    "filter": lambda value: value in FILTERS,
    "match": texts.regex_match,
    "odd": lambda value: value % 2 == 1,
    "sameas": lambda value, other: type(value) is type(other) and operators.compare(value, "eq", other),
    "search": texts.regex_search,
    "test": lambda value: value in TESTS,
    **{name: entities.ASKING[name] for name in ("has_value", "is_state", "is_state_attr")},
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
