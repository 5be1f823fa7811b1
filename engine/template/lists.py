"""What templates do with lists and mappings: order, group, join, add up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Undefined, filters

from engine.template import operators
from engine.template.budget import REQUIRED, SEQUENCES, TemplateProblem, current, fallback, plain, settled, text


def to_list(value: Any = ()) -> list[Any]:
    return list(value)


def to_set(value: Any = ()) -> list[Any]:
    """The different values of a list, in their order."""
    return unique(value)


def unique(values: Any, case_sensitive: bool = True, attribute: Any = None) -> list[Any]:
    get = getter(attribute)
    found: dict[Any, Any] = {}
    for value in values:
        key = get(value)
        key = key.lower() if isinstance(key, str) and not case_sensitive else key
        found.setdefault((_hashable(key)), value)
    return list(found.values())


def _hashable(value: Any) -> Any:
    return json.dumps(plain(value), sort_keys=True) if isinstance(value, (Mapping, *SEQUENCES)) else value


def getter(attribute: Any) -> Callable[..., Any]:
    """What reads `attribute` ("a.b", a number, or none for the value itself) of a value."""
    if attribute is None:
        return settled
    keys = tuple(int(part) if part.isdecimal() else part for part in str(attribute)[:200].split("."))
    return lambda value: operators.read(value, keys, str(attribute))


def _each(values: Any, attribute: Any) -> Iterable[Any]:
    get = getter(attribute)
    return (settled(get(value)) for value in values)


def ordered(value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    getters = [getter(part.strip()) for part in str(attribute).split(",")] if attribute is not None else [settled]

    def key(each: Any) -> list[Any]:
        found = [settled(get(each)) for get in getters]
        return found if case_sensitive else [part.lower() if isinstance(part, str) else part for part in found]

    return sorted(value, key=key, reverse=reverse)


def dictsort(value: Any, case_sensitive: bool = False, by: str = "key", reverse: bool = False) -> list[Any]:
    position = {"key": 0, "value": 1}[by]
    return ordered([(key, each) for key, each in value.items()], reverse, case_sensitive, position)


def reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(value)[::-1]


def items(value: Any) -> list[Any]:
    return [(key, each) for key, each in value.items()] if value else []


def first(value: Any) -> Any:
    return next(iter(value), "")


def last(value: Any) -> Any:
    return (value if isinstance(value, str) else list(value))[-1] if len(value) else ""


def join(value: Any, separator: Any = "", attribute: Any = None) -> str:
    return operators.join(text(separator), [] if value == "" else list(_each(value, attribute)))


def batch(value: Any, size: int, fill: Any = None) -> list[list[Any]]:
    """The values in rows of `size`, the last one filled up."""
    values = list(value)
    current().pay(max(0, size))
    rows = [values[start : start + max(1, size)] for start in range(0, len(values), max(1, size))]
    if rows and fill is not None:
        rows[-1] += [fill] * (size - len(rows[-1]))
    return rows


def sliced(value: Any, slices: int, fill: Any = None) -> list[list[Any]]:
    """The values in `slices` columns of about the same length."""
    current().pay(max(0, slices))
    columns: list[list[Any]] = [list(column) for column in filters.sync_do_slice(list(value), slices, fill)]
    return columns


def groupby(value: Any, attribute: Any, default: Any = None, case_sensitive: bool = False) -> list[Any]:
    """The values in groups of the same `attribute`: a list of its value and the group."""
    groups: dict[Any, tuple[Any, list[Any]]] = {}
    get = getter(attribute)
    for each in value:
        key = get(each)
        key = default if isinstance(key, Undefined) and default is not None else settled(key)
        sign = key.lower() if isinstance(key, str) and not case_sensitive else _hashable(key)
        groups.setdefault(sign, (key, []))[1].append(each)
    return [{"grouper": key, "list": found} for key, found in sorted(groups.values(), key=lambda group: group[0])]


def total(values: Any, attribute: Any = None, start: Any = 0) -> Any:
    for value in _each(values, attribute):
        start = operators.calculate("+", start, value)
    return start


def average(*values: Any, default: Any = REQUIRED) -> Any:
    numbers = _flat(values)
    if not numbers:
        return fallback("average", None, default)
    return total(numbers) / len(numbers)


def median(*values: Any, default: Any = REQUIRED) -> Any:
    numbers = sorted(_flat(values))
    if not numbers:
        return fallback("median", None, default)
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def smallest(*values: Any, attribute: Any = None) -> Any:
    return min(_flat(values), key=getter(attribute))


def largest(*values: Any, attribute: Any = None) -> Any:
    return max(_flat(values), key=getter(attribute))


def _flat(values: tuple[Any, ...]) -> list[Any]:
    if len(values) == 1 and isinstance(values[0], (Mapping, *SEQUENCES)):
        return list(values[0])
    return list(values)


def contains(values: Any, value: Any) -> bool:
    return operators.compare(value, "in", values)


def counted(*args: int) -> range:
    """`range(...)`, of at most 100,000 numbers."""
    found = range(*args)
    if len(range(*args)) > 100_000:
        raise TemplateProblem("this `range` is too long", expected="at most 100,000 numbers", subject="range")
    return found
