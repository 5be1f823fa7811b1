"""The judge of what people write: compiled JSON Schema with its complaints in words, and the fields' own reading.

A template, a secret or an input of a blueprint stands for any value; where the word itself is needed, the schema says
`literally`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from engine.field import Block, Kind, Misread, meant_by
from engine.problem import Problem, Severity, near
from engine.source import Source
from engine.source.scalar import InputRef, SecretRef
from engine.template import is_template
from engine.values import Json, phones_masked

Step = str | int
Path = tuple[Step, ...]
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]

MOST_FAULTS = 100
_LONGEST_SHOWN = 60
_LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint: at which path inside the value, under a stable code, in words; `at_key` points at the key.

    `also` are further paths, each with a word for it.
    """

    path: Path
    code: str
    message: str
    expected: str = ""
    remedy: str = ""
    at_key: bool = False
    also: tuple[tuple[Path, str], ...] = ()
    severity: Severity = "error"


def problem_of(fault: Fault, source: Source) -> Problem:
    """The fault, whose paths are paths in the file, with its place."""
    return Problem(
        fault.code,
        phones_masked(fault.message),
        source.places.key(fault.path) if fault.at_key else source.places.value(fault.path),
        expected=fault.expected,
        remedy=fault.remedy,
        also=tuple((source.places.key(path), word) for path, word in fault.also),
        severity=fault.severity,
    )


def stands_for_any(value: Json) -> bool:
    """Whether the value is known later: a template, a secret or an input."""
    if isinstance(value, str):
        return is_template(value)
    return isinstance(value, SecretRef | InputRef)


def known_later(value: Json) -> bool:
    """Whether anything inside the value is known later."""
    if isinstance(value, dict):
        return any(known_later(part) or stands_for_any(key) for key, part in value.items())
    if isinstance(value, list):
        return any(known_later(part) for part in value)
    return stands_for_any(value)


def found(value: Json) -> str:
    """What was found, in words; phone numbers are masked, long texts cut, all of it on one line."""
    if isinstance(value, str):
        return f'the text "{shown(value)}"' if value else "an empty text"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretRef | InputRef):
        return "a secret" if isinstance(value, SecretRef) else "an input of a blueprint"
    return phones_masked(f"the number {shown(str(value))}")


def shown(text: str) -> str:
    """A text of a file as a message may repeat it: phone numbers masked, cut, on one line."""
    line = _LINE_BREAK.sub("⏎", phones_masked(text[: 4 * _LONGEST_SHOWN].strip("\n")))
    line = "".join(char if char.isprintable() else " " for char in line)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"


def named(path: Path) -> str:
    """The value at a path as people call it: `"above"`, or `item 2 of "to"`."""
    if not path:
        return "this"
    last = path[-1]
    return f"item {last + 1} of {named(path[:-1])}" if isinstance(last, int) else f'"{shown(last)}"'


def _lenient(keyword: Keyword) -> Keyword:
    def judge(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not stands_for_any(instance):
            yield from keyword(validator, wanted, instance, schema) or ()

    return judge


def _literally(_validator: Any, _wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if stands_for_any(instance) and not isinstance(instance, InputRef):  # an input is filled in before it is used
        yield ValidationError("literally")


def _required(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        yield from (ValidationError(key) for key in wanted if key not in instance)


def _closed(_validator: Any, _wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        yield from (ValidationError(key) for key in instance if key not in schema["properties"])


_LENIENT = ("type", "enum", "const", "pattern", "anyOf")
_Validator: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
    Draft202012Validator,
    {
        **{keyword: _lenient(Draft202012Validator.VALIDATORS[keyword]) for keyword in _LENIENT},
        "literally": _literally,
        "required": _required,
        "additionalProperties": _closed,
    },
)


class Judge:
    """One compiled schema."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self._validator = _Validator(schema)

    def faults(self, value: Json) -> list[Fault]:
        """What is wrong with the value, in the order in which it is written."""
        errors = islice(self._validator.iter_errors(value), MOST_FAULTS)
        return _without_echoes([fault for error in errors for fault in _said(error)])


def _without_echoes(faults: list[Fault]) -> list[Fault]:
    """A misspelled key is one fault, not an unknown key and a missing one."""
    missing = {fault.path for fault in faults if fault.code == "missing-key"}
    if not missing:
        return faults
    kept: list[Fault] = []
    explained: set[Path] = set()
    for fault in faults:
        if fault.code == "unknown-key":
            siblings = {str(path[-1]): path for path in missing if path[:-1] == fault.path[:-1]}
            hint = near(str(fault.path[-1]), siblings)
            if hint:
                explained.update(path for name, path in siblings.items() if f'"{name}"' in hint)
                fault = Fault(fault.path, fault.code, fault.message, fault.expected, hint, True)
        kept.append(fault)
    return [fault for fault in kept if fault.code != "missing-key" or fault.path not in explained]


def _said(error: ValidationError) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    keyword = error.validator
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if keyword == "additionalProperties":
        yield unknown_key((*path, error.message), schema["properties"])
    elif keyword == "required":
        yield _missing_key((*path, error.message), schema["properties"])
    elif keyword == "literally":
        yield _not_literal(path, error.instance)
    elif keyword == "enum":
        yield _not_allowed(path, error.instance, schema)
    elif keyword == "anyOf" and (inner := _meant(error)):
        for each in inner:
            yield from _said(each)
    else:
        code = "wrong-type" if keyword in ("type", "anyOf") else "wrong-value"
        message = f"{named(path)} is {found(error.instance)}"
        if keyword == "maxProperties" and isinstance(error.instance, dict):
            message = f"{named(path)} has {_quoted(error.instance)}"
        yield Fault(path, code, message, expected=_title(schema), remedy=_remedy(error, schema))


def _quoted(words: Iterable[str]) -> str:
    return " and ".join(f'"{shown(word)}"' for word in words)


def _remedy(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """What to do about a value of the wrong form, where its form gives that away."""
    value = error.instance
    if value is None:
        return "write a value after the colon"
    if isinstance(value, str) and value[:1] in _CURLY:
        return "the quotes around it are curly ones of a word processor; write straight ones"
    if error.validator == "maxProperties":
        return "keep one of them"
    if error.validator == "minItems":
        return "write at least one, or leave the line out"
    branches = [schema, *schema.get("anyOf", ())]
    takes = {each for branch in branches for each in _types(branch)}
    if "array" in takes and not takes & {"string", "number", "integer"} and not isinstance(value, list | dict):
        return "write it as a list, with square brackets around it or a dash in front, also where it is only one"
    if takes == {"object"} and isinstance(value, list):
        return "take the dashes away: names and values stand below it without any"
    return next((branch["help"] for branch in branches if "help" in branch), "")


_CURLY = ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019")


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", ())
    return [types] if isinstance(types, str) else list(types)


def _meant(error: ValidationError) -> list[ValidationError]:
    """The complaints of the alternative that the author meant: of the list, where a list was written."""
    kind = "array" if isinstance(error.instance, list) else "object" if isinstance(error.instance, dict) else ""
    branches = error.schema["anyOf"] if isinstance(error.schema, dict) else ()
    for index, branch in enumerate(branches):
        if kind in _types(branch) if kind else "enum" in branch or _is_one_of_many(branch, branches):
            return [each for each in error.context or () if each.schema_path and each.schema_path[0] == index]
    return []


def _is_one_of_many(branch: Mapping[str, Any], branches: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the only other choice is a list of the same."""
    return len(branches) == 2 and branches[1].get("items") == branch


def _title(schema: Mapping[str, Any]) -> str:
    wanted = schema.get("title") or schema.get("type") or schema.get("pattern") or "another value"
    return " or ".join(wanted) if isinstance(wanted, list) else str(wanted)


def unknown_key(path: Path, known: Mapping[str, Any] | list[str]) -> Fault:
    """The fault of a key that nobody reads, with the keys that there are."""
    key = str(path[-1])
    return Fault(
        path,
        "unknown-key",
        f'unknown key "{shown(key)}"',
        expected=_one_of(list(known)),
        remedy=_meant_key(key, known),
        at_key=True,
    )


def _one_of(keys: list[str]) -> str:
    return f"one of {', '.join(keys)}" if len(keys) > 1 else "".join(keys) or "no keys"


def _meant_key(key: str, known: Mapping[str, Any] | list[str]) -> str:
    """What to write instead of a key that nobody reads, as far as it can be guessed."""
    bare = key.lstrip("-")
    if bare != key and bare in known:
        return f'write "- {bare}:", with a space after the dash'
    other = next((name for name, words in _OTHER_WORDS.items() if name in known and key.lower() in words), "")
    guess = f'did you mean "{other}"?' if other else near(key, known)
    return guess or (f'take "{shown(key)}" out, or write one of these instead' if known else f'take "{shown(key)}" out')


_OTHER_WORDS = {
    "sequence": ("steps", "actions", "action", "do", "then"),
    "actions": ("steps", "do", "then"),
    "above": ("greater", "greater_than", "more", "more_than", "over", "gt", "threshold"),
    "below": ("less", "less_than", "lower", "lower_than", "under", "lt"),
    "equals": ("is", "eq", "value_is"),
    "to": ("phone", "phones", "number", "recipient", "recipients", "receiver"),
    "body": ("parameters", "params", "values"),
    "link": ("url", "href"),
    "job": ("id", "job_id"),
    "at": ("time", "hour"),
    "message": ("text", "msg"),
    "state": ("to", "is", "equals", "value"),
}
"""Words that people use for keys, where their spelling does not give the key away."""


def _missing_key(path: Path, known: Mapping[str, Any]) -> Fault:
    key = str(path[-1])
    field = known.get(key, {})
    title, says = field.get("title", ""), field.get("description", "")
    remedy = f'add "{key}: …": {says[:1].lower()}{says[1:]}' if says else f'add "{key}: …"'
    expected = f"{key}: {title}" if title else key
    return Fault(path, "missing-key", f'the key "{key}" is missing', expected, remedy)


def _not_literal(path: Path, instance: Json) -> Fault:
    what = "a template" if isinstance(instance, str) else found(instance)
    return Fault(path, "no-template-here", f"{named(path)} is {what}", remedy="write the word itself here")


def _not_allowed(path: Path, instance: Json, schema: Mapping[str, Any]) -> Fault:
    words = [word for word in schema["enum"] if isinstance(word, str)]
    return Fault(
        path,
        "not-allowed",
        f"{named(path)} is {found(instance)}",
        expected=schema.get("title") or f"one of {', '.join(words)}",
        remedy=meant_by(instance, words, schema.get("meant", {})) or schema.get("help", ""),
    )


_judges: dict[type[Block], Judge] = {}


def judge_of(block: type[Block]) -> Judge:
    """The judge of a block's mapping, compiled once."""
    judge = _judges.get(block)
    if judge is None:
        judge = _judges[block] = Judge(block.schema())
    return judge


def block_faults(block: type[Block], values: Mapping[str, Json]) -> list[Fault]:
    """What is wrong with a block's mapping: first by its schema, then by reading each value that is known already."""
    faults = judge_of(block).faults(values)
    if faults:
        return faults
    return _reading_faults(block, values)


def _reading_faults(block: type[Block], values: Mapping[str, Json]) -> list[Fault]:
    """A block with what is known; its `check` is asked too, and believed about keys whose values are known."""
    draft = block.__new__(block)
    faults = []
    later = set()
    for key, field in block.fields().items():
        if key not in values:
            draft.__dict__[field.name] = field.default
        elif known_later(values[key]):
            draft.__dict__[field.name] = values[key]
            later.add(key)
        else:
            try:
                draft.__dict__[field.name] = field.kind.read(values[key])
            except ValueError as fault:
                faults.append(_unread((key,), values[key], fault, field.kind))
    return faults or _checked(draft, later)


def misread(kind: Kind[Any], value: Json, path: Path) -> Fault | None:
    """What a kind says against a value at `path`; nothing where the value is known later."""
    if stands_for_any(value) or known_later(value):
        return None
    try:
        kind.read(value)
    except ValueError as fault:
        return _unread(path, value, fault, kind)
    return None


def _checked(draft: Block, later: set[str]) -> list[Fault]:
    try:
        found_wrong = draft.check()
    except Exception as fault:  # a plugin's check must not stop the other rules
        if later:
            return []  # it needs a value that only the run knows
        return [Fault((), "plugin-broken", f"{type(draft).__name__} cannot check this: {fault}")]
    return [_between(key, sentence, vars(draft)) for key, sentence in found_wrong if key not in later]


def _between(key: str, sentence: str, values: Mapping[str, Json]) -> Fault:
    """The fault that a block's `check` reports: "what is wrong; expected what; what to do"."""
    message, *rest = sentence.split("; ")
    expected = next((part for part in rest if part.startswith("expected ")), "")
    remedy = "; ".join(part for part in rest if part != expected)
    scalar = isinstance(values.get(key), str | int | float | timedelta)
    path: Path = (key,) if key else ()
    return Fault(path, "wrong-value", message, expected.removeprefix("expected "), remedy, at_key=not scalar)


def _unread(path: Path, value: Json, fault: ValueError, kind: Kind[Any]) -> Fault:
    """The fault of a value that cannot be read: "expected what; what to do", or "what is wrong; what to do"."""
    sentence, at_key, says = str(fault), False, kind.says
    if isinstance(fault, Misread):
        path, value, sentence, at_key = (*path, *fault.path), fault.value, fault.sentence, fault.at_key
        says = ""
    first, _, remedy = sentence.partition("; ")
    remedy = remedy or ("" if at_key else kind.remedy)
    expected = first.removeprefix("expected ")
    if at_key:
        return Fault(path, "wrong-value", first, remedy=remedy, at_key=True)
    message = f"{named(path)} is {found(value)}"
    if first.startswith("did you mean"):
        return Fault(path, "wrong-value", message, says, first)
    if expected == first:
        return Fault(path, "wrong-value", f"{message}: {first}", says, remedy)
    return Fault(path, "wrong-value", message, expected, remedy)
