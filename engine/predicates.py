"""What triggers, and the conditions that lead a rule, ask of single fields of a fact (design decision 13).

A predicate errs on one side only: where it does not hold, the rule surely does not run (docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan
from typing import Any

from engine.rules.model import Program, TriggerUse
from engine.template import is_template
from engine.template.budget import MAX_INTEGER
from engine.template.clauses import Path, clauses, path_of
from engine.values import Json

MODEST = 10_000
"""Characters of a text; a template may give six times as many."""
MISSING: Any = object()
UNKNOWN: Any = object()
_OFF = frozenset({"false", "no", "off", "0", "none", "disable", ""})
_WORDS = ("equals", "in", "above", "below")
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "above": lambda value, bound: value > bound,
    "below": lambda value, bound: value < bound,
}
_SAYS = {"==": "equal to", "is": "equal to", "equals": "equal to", "above": "above", "below": "below", "in": "equal to"}


@dataclass(frozen=True, slots=True)
class Predicate:
    """What has to be so of one field.

    `sign` says whose comparison it is: == > >= < <= are those of a template, equals, in, above and below those of the
    condition `compare`, `is` that of a trigger's own filter; each reads values in its own way. `name` is the field as
    people know it.
    """

    path: Path
    sign: str
    operand: Json
    name: str = ""

    def holds(self, data: Json) -> bool:
        """Whether it is so; true also where that cannot be told."""
        return self.allows(dig(data, self.path))

    def allows(self, value: Json) -> bool:
        """The same of the field's own value."""
        if value is UNKNOWN or value is MISSING:
            return value is UNKNOWN
        if self.sign in ORDERED:
            number = number_of(value, self.sign)
            return number is not None and ORDERED[self.sign](number, self.operand)
        if self.sign == "==":
            return bool(value == self.operand)
        if self.sign == "is":
            return _same(value, self.operand)
        return any(_equal(value, each) for each in self.operands)

    @property
    def operands(self) -> Sequence[Json]:
        """What the field may be equal to."""
        return self.operand if self.sign == "in" else (self.operand,)

    def reason(self, data: Json) -> str:
        """Why it does not hold, in words; a trigger's filter keeps the value to itself, which may be private."""
        name, value = self.name or ".".join(self.path), dig(data, self.path)
        if self.sign == "is":
            return f"{name} is not what the trigger asks for"
        if value is MISSING:
            return f"{name} is not there"
        wanted = " or ".join(map(_shown, self.operands))
        return f"{name} is {_shown(value)}, which is not {_SAYS.get(self.sign, self.sign)} {wanted}"


def dig(data: Json, path: Path) -> Json:
    """The value at this path; MISSING where there is none, UNKNOWN where only a template can tell."""
    for name in path:
        if isinstance(data, Mapping):
            data = data.get(name, MISSING)
        else:  # text may be a date, which has parts
            return UNKNOWN if isinstance(data, str) else MISSING
        if data is MISSING:
            return MISSING
    return data


def leading(body: Mapping[str, Json], use: Mapping[str, Json]) -> list[Predicate]:
    """What the conditions that lead a rule ask of `trigger`, as far as it reads nothing else; paths begin below it.

    `body` is the rule in canonical form, `use` the trigger in it.
    """
    if "trigger" in _variables(body, use):
        return []
    found: list[Predicate] = []
    for condition in body["conditions"]:
        enabled = condition.get("enabled", True)
        if isinstance(enabled, str) and is_template(enabled):
            break
        if str(enabled).strip().lower() in _OFF:
            continue
        asked = list(_asked(condition))
        if not asked:
            break
        found += asked
    return found


def _variables(body: Mapping[str, Json], use: Mapping[str, Json]) -> dict[str, Json]:
    return {**(use.get("variables") or {}), **body["variables"]}


def read_by(value: Json) -> Iterator[Path | None]:
    """The paths that variables read, and None for what may fail on any fact: a template that is more than a path."""
    if isinstance(value, str):
        if is_template(value):
            yield path_of(value)
    elif isinstance(value, Mapping):
        for part in (*value, *value.values()):
            yield from read_by(part)
    elif isinstance(value, list):
        for part in value:
            yield from read_by(part)


def needed(wanted: Mapping[str, Json], above: Path = ()) -> Iterator[Predicate]:
    """What a trigger asks of the fact's data: equal values, by name, mappings inside one another."""
    for name, value in wanted.items():
        if isinstance(value, Mapping):
            yield from needed(value, (*above, name))
        elif is_scalar(value):
            yield Predicate((*above, name), "is", value)


@dataclass(frozen=True, slots=True)
class Asks:
    """What a trigger, with the conditions behind it, asks of a fact's data.

    `never` says why it can never be so, if so. `reads` are fields that the rule's variables read, which come before its
    conditions: where such a field is not `modest`, working them out may fail, and that is an outcome of the rule.
    """

    predicates: tuple[Predicate, ...] = ()
    never: str = ""
    reads: tuple[Path, ...] = ()


def asked_of(program: Program, use: TriggerUse, *, is_waited_for: bool = False) -> Asks:
    """What this trigger asks; one that a run waits for has no conditions behind it.

    What one delivery of several is told by (`dedupe`) is to be remembered of every fact, whatever the conditions say.
    """
    found = tuple(needed(use.plugin.needs()))
    own = program.body["triggers"][use.index] if not is_waited_for else {}
    reads = _fields_read(_variables(program.body, own), use) if own else None
    if reads is None or not use.plugin.passes or "dedupe" in own:
        return Asks(found)
    for each in leading(program.body, own):
        each = replace(each, name=".".join(("trigger", *each.path)))
        if each.path[0] in use.known:
            if not each.holds(use.known):
                return Asks(found, each.reason(use.known), reads)
        elif (path := _in_data(each.path, use.plugin.passes)) is not None:
            found += (replace(each, path=path),)
    return Asks(found, "", reads)


def _fields_read(variables: Mapping[str, Json], use: TriggerUse) -> tuple[Path, ...] | None:
    """The fields of a fact's data that variables read; None where they read what cannot be told beforehand."""
    found = []
    for path in read_by(variables):
        if path is None or (path[0] != "trigger" and path[0] not in variables):
            return None
        if path[0] in variables or (path[1:2] and path[1] in use.known):
            continue
        field = _in_data(path[1:], use.plugin.passes)
        if field is None:
            return None
        found.append(field)
    return tuple(found)


def is_modest(value: Json) -> bool:
    """Whether a template surely gets on with this value: nothing that is too large for it, no list and no mapping."""
    if isinstance(value, str):
        return len(value) <= MODEST
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return value is None or value is MISSING


def _in_data(path: Path, passes: Mapping[str, str]) -> Path | None:
    """Where a field of `trigger` stands in the data of the fact."""
    for name, origin in passes.items():
        above = tuple(name.split("."))
        if path[: len(above)] == above and len(path) > len(above):
            return (*(origin.split(".") if origin else ()), *path[len(above) :])
    return None


def ruled_out(predicates: Iterable[Predicate], data: Json) -> Predicate | None:
    """The first that does not hold."""
    return next((each for each in predicates if not each.holds(data)), None)


def _asked(condition: Mapping[str, Json]) -> Iterator[Predicate]:
    kind = condition["condition"]
    if kind == "and":
        for each in condition["conditions"]:
            if "enabled" not in each:
                yield from _asked(each)
    elif kind == "trigger":
        yield Predicate(("id",), "in", tuple(condition["id"]))
    elif kind == "template":
        for path, sign, value in clauses(condition["value_template"]):
            if path[0] == "trigger" and len(path) > 1 and is_scalar(value):
                yield Predicate(path[1:], sign, value)
    elif kind == "compare" and isinstance(condition["value"], str):
        read = path_of(condition["value"])
        if read is not None and read[0] == "trigger" and len(read) > 1:
            yield from _compared(condition, read[1:])


def _compared(condition: Mapping[str, Json], path: Path) -> Iterator[Predicate]:
    for word in _WORDS:
        operand = condition.get(word, MISSING)
        if word == "in" and isinstance(operand, list) and all(map(_is_literal, operand)):
            yield Predicate(path, word, tuple(operand))
        elif word in ("above", "below") and _is_literal(operand):
            if (bound := number_of(operand, word)) is not None:
                yield Predicate(path, word, bound)
        elif word == "equals" and _is_literal(operand):
            yield Predicate(path, word, operand)


def is_scalar(value: Json) -> bool:
    """Whether the value may be looked up: text, a number, true, false or nothing."""
    if isinstance(value, float):
        return isfinite(value)
    return value is None or isinstance(value, str | int)


def _is_literal(value: Json) -> bool:
    return is_scalar(value) and not (isinstance(value, str) and is_template(value))


def number_of(value: Json, sign: str) -> float | None:
    """The value as a number where it is one: the condition `compare` reads text too, a template does not."""
    if sign not in ("above", "below"):
        is_number = isinstance(value, int) or (isinstance(value, float) and not isnan(value))
        return value if is_number else None
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if number is None or isnan(number):
        return None
    return value if isinstance(value, int) else number


def _same(value: Json, operand: Json) -> bool:
    return isinstance(value, bool) == isinstance(operand, bool) and bool(value == operand)


def _equal(value: Json, operand: Json) -> bool:
    if isinstance(value, str) != isinstance(operand, str):
        return str(value) == str(operand)
    return _same(value, operand)


def _shown(value: Json) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
