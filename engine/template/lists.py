"""What templates do with lists and mappings: order, group, join, add up, merge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from jinja2 import Undefined, filters

from engine.template import operators
from engine.template.budget import SEQUENCES, Missing, TemplateProblem, current, kind, settled, text
from engine.template.sets import sign


class Group(NamedTuple):
    """Values that have something in common."""

    grouper: Any
    list: Any


def absent(hint: str) -> Missing:
    """Stands for a value that nobody needs to miss: empty text, and `default` takes its place."""
    return Missing(hint=hint)


def to_list(value: Any = ()) -> list[Any]:
    return list(value)


def to_tuple(value: Any = ()) -> tuple[Any, ...]:
    return tuple(value)


def unique(values: Any, case_sensitive: bool = False, attribute: Any = None) -> list[Any]:
    """The different values of a list, in their order."""
    get = getter(attribute)
    found: dict[Any, Any] = {}
    for value in values:
        key = get(value)
        key = key.lower() if isinstance(key, str) and not case_sensitive else key
        found.setdefault(sign(settled(key)), value)
    return list(found.values())


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
    return next(iter(value)) if len(value) else absent("the first of nothing")


def last(value: Any) -> Any:
    return (value if isinstance(value, str) else list(value))[-1] if len(value) else absent("the last of nothing")


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


def groupby(value: Any, attribute: Any, default: Any = None, case_sensitive: bool = False) -> list[Group]:
    """The values in groups of the same `attribute`: a list of its value and the group."""
    groups: dict[Any, Group] = {}
    get = getter(attribute)
    for each in value:
        key = get(each)
        key = default if isinstance(key, Undefined) and default is not None else settled(key)
        same = key.lower() if isinstance(key, str) and not case_sensitive else sign(key)
        groups.setdefault(same, Group(key, [])).list.append(each)
    return [groups[key] for key in sorted(groups)]


def total(values: Any, attribute: Any = None, start: Any = 0) -> Any:
    for value in _each(values, attribute):
        start = operators.calculate("+", start, value)
    return start


def contains(values: Any, value: Any) -> bool:
    return operators.compare(value, "in", values)


def counted(*args: int) -> range:
    """`range(...)`, of at most 100,000 numbers."""
    found = range(*args)
    if len(range(*args)) > 100_000:
        raise TemplateProblem("this `range` is too long", expected="at most 100,000 numbers", subject="range")
    return found


def paired(*lists: Any) -> list[tuple[Any, ...]]:
    """`zip`: the first of each list, then the second of each, as far as the shortest goes."""
    for each in lists:
        if not isinstance(each, (str, Mapping, *SEQUENCES)):
            raise TypeError
    return list(zip(*lists, strict=False))


def flatten(value: Any, levels: int | None = None) -> list[Any]:
    """The list with the lists in it laid out, `levels` deep or as deep as they go."""
    if isinstance(value, str) or not isinstance(value, (Mapping, *SEQUENCES)):
        raise TemplateProblem(f"`flatten` needs a list, not {kind(value)}", subject="flatten")
    found: list[Any] = []
    for item in value:
        inner = isinstance(item, (Mapping, *SEQUENCES)) and (levels is None or levels >= 1)
        found += flatten(item, None if levels is None else levels - 1) if inner else [item]
    return found


def shuffle(*values: Any, seed: Any = None) -> list[Any]:
    """The values in another order: always the same for the same `seed`, without one another at each moment."""
    if isinstance(values[0], (Mapping, *SEQUENCES)):
        seed = values[1] if len(values) > 1 and seed is None else seed
        values = tuple(values[0])
    elif len(values) == 1:
        raise TypeError
    found = list(values)
    (Random(seed) if seed else current().chance).shuffle(found)
    return found


def drawn(values: Any) -> Any:
    """`random`: one of the values, another at each moment."""
    return current().chance.choice(values) if len(values) else absent("one of nothing")


def combine(*mappings: Any, recursive: bool = False) -> dict[Any, Any]:
    """One mapping of several, later ones first; with `recursive` mappings inside them are combined, too."""
    found: dict[Any, Any] = {}
    for mapping in mappings:
        if not isinstance(mapping, Mapping):
            raise TemplateProblem(f"`combine` needs mappings, not {kind(mapping)}", subject="combine")
        for key, value in mapping.items():
            both = recursive and isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
            found[key] = combine(found[key], value, recursive=True) if both else value
    if not mappings:
        raise TypeError
    return found


def merge_response(response: Any) -> list[Any]:
    """The answers of an action for several entities as one list; each says of which entity it is."""
    if not isinstance(response, Mapping) or not all(isinstance(each, Mapping) for each in response.values()):
        raise TemplateProblem("`merge_response` needs the answer of an action: a mapping by entity")
    found: list[Any] = []
    for entity, answer in response.items():
        (key, only), *more = answer.items() or [("", None)]
        if isinstance(only, list) and not more:
            found += [_of(entity, each, value_key=key) if isinstance(each, Mapping) else each for each in only]
        else:
            found.append(_of(entity, answer))
    return found


def _of(entity: Any, answer: Mapping[Any, Any], **more: Any) -> dict[Any, Any]:
    if "entity_id" in answer:
        raise TemplateProblem("`merge_response` was given an answer that names an entity already")
    return {**answer, "entity_id": entity, **more}
