"""The judge of what people write: compiled JSON Schema with its complaints in words, and the fields' own reading.

A template, a secret or an input of a blueprint stands for any value; where the word itself is needed, the schema says
`literally`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from engine.field import Block, Misread
from engine.problem import near
from engine.scalar import InputRef, SecretRef
from engine.template import is_template
from engine.values import Json, masked

Step = str | int
Path = tuple[Step, ...]
Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]

_PHONE_LIKE = re.compile(r"\+?\d[\d ().-]{6,}\d")
MOST_FAULTS = 100
_LONGEST_SHOWN = 60


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
    """What was found, in words; phone numbers are masked and long texts cut."""
    if isinstance(value, str):
        text = _PHONE_LIKE.sub(lambda match: masked(match.group()), value)
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        return f'the text "{shown}"' if value else "an empty text"
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
    return f"the number {value}"


def named(path: Path) -> str:
    """The value at a path as people call it: `"above"`, or `item 2 of "to"`."""
    if not path:
        return "this"
    last = path[-1]
    return f"item {last + 1} of {named(path[:-1])}" if isinstance(last, int) else f'"{last}"'


def _lenient(keyword: Keyword) -> Keyword:
    def judge(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if not stands_for_any(instance):
            yield from keyword(validator, wanted, instance, schema) or ()

    return judge


def _literally(_validator: Any, _wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if stands_for_any(instance):
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
        yield Fault(path, code, f"{named(path)} is {found(error.instance)}", expected=_title(schema))


def _meant(error: ValidationError) -> list[ValidationError]:
    """The complaints of the alternative that the author meant: of the list, where a list was written."""
    kind = "array" if isinstance(error.instance, list) else "object" if isinstance(error.instance, dict) else ""
    for index, branch in enumerate(error.schema["anyOf"] if isinstance(error.schema, dict) else ()):
        if branch.get("type") == kind if kind else "enum" in branch:
            return [each for each in error.context or () if each.schema_path and each.schema_path[0] == index]
    return []


def _title(schema: Mapping[str, Any]) -> str:
    wanted = schema.get("title") or schema.get("type") or schema.get("pattern") or "another value"
    return " or ".join(wanted) if isinstance(wanted, list) else str(wanted)


def unknown_key(path: Path, known: Mapping[str, Any] | list[str]) -> Fault:
    """The fault of a key that nobody reads, with the keys that there are."""
    key = str(path[-1])
    return Fault(
        path,
        "unknown-key",
        f'unknown key "{key}"',
        expected=f"one of {', '.join(known)}" if known else "no keys",
        remedy=near(key, known),
        at_key=True,
    )


def _missing_key(path: Path, known: Mapping[str, Any]) -> Fault:
    key = str(path[-1])
    field = known.get(key, {})
    says = field.get("title", "")
    return Fault(path, "missing-key", f'the key "{key}" is missing', expected=f"{key}: {says}" if says else key)


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
        remedy=near(instance, words) if isinstance(instance, str) else "",
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
                faults.append(_unread((key,), values[key], fault))
    return faults or _checked(draft, later)


def _checked(draft: Block, later: set[str]) -> list[Fault]:
    try:
        found_wrong = draft.check()
    except Exception as fault:  # a plugin's check must not stop the other rules
        if later:
            return []  # it needs a value that only the run knows
        return [Fault((), "plugin-broken", f"{type(draft).__name__} cannot check this: {fault}")]
    return [
        Fault((key,) if key else (), "wrong-value", sentence, at_key=True)
        for key, sentence in found_wrong
        if key not in later
    ]


def _unread(path: Path, value: Json, fault: ValueError) -> Fault:
    sentence = str(fault)
    if isinstance(fault, Misread):
        path, value, sentence = (*path, *fault.path), fault.value, fault.sentence
    message = f"{named(path)} is {found(value)}"
    expected = sentence.removeprefix("expected ")
    if expected == sentence:
        return Fault(path, "wrong-value", message, remedy=sentence)
    return Fault(path, "wrong-value", message, expected=expected)
