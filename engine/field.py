"""Typed fields: each is a key of the YAML, and from it come parsing, checking, schema, reference and completion.

A kind says what a value may be: `schema` for the judge (JSON Schema, with `title` as the words for people) and `read`
for the typed value. Every field takes a value or a template of it; templates are rendered before `read` is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeVar, overload

from engine.problem import near
from engine.values import DURATION_UNITS, EXAMPLE_PHONE, Json, duration

T = TypeVar("T")
C = TypeVar("C")


class Misread(ValueError):
    """A value inside another that cannot be read: `path` leads to it, `sentence` says what was expected there.

    With `at_key` it is the key itself that is no good.
    """

    def __init__(self, sentence: str, path: tuple[str | int, ...], value: Json, at_key: bool = False) -> None:
        words = (f"item {step + 1}" if isinstance(step, int) else f'"{step}"' for step in path)
        super().__init__(f"{sentence} (at {', '.join(words)})")
        self.sentence = sentence
        self.path = path
        self.value = value
        self.at_key = at_key


class Missing:
    """The default of a field that must be given."""

    def __repr__(self) -> str:
        return "(required)"


MISSING: Final = Missing()


class Kind(Generic[T]):
    """What a value may be, in words (`says`), as JSON Schema and as a reader that raises ValueError for people.

    `remedy` is what to do about any other value, where the reader does not say it better.
    """

    def __init__(self, says: str, schema: Mapping[str, Json], read: Callable[[Json], T], remedy: str = "") -> None:
        self.says = says
        self.schema: dict[str, Json] = {**schema, "title": says, **({"help": remedy} if remedy else {})}
        self.read = read

    @property
    def remedy(self) -> str:
        """What to do about a value that this is not."""
        return str(self.schema.get("help", ""))


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError(f'expected text; in quotes it is text: "{str(value).lower()}"')
    if not isinstance(value, int | float):
        raise ValueError("expected text")
    return str(value)


_NUMBER = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def _number(value: Json) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(_NUMBER, value)):
        raise ValueError("expected a number")
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("expected a number") from None
    if not -1e300 < found < 1e300:
        raise ValueError("expected a number")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _whole(least: int, most: int) -> Callable[[Json], int]:
    def read(value: Json) -> int:
        refusal = f"expected a whole number from {least} to {most}"
        try:
            found = _number(value)
        except ValueError:
            raise ValueError(refusal) from None
        if int(found) != found or not least <= found <= most:
            raise ValueError(refusal)
        return int(found)

    return read


_BOOLEANS: Final[dict[Json, bool]] = {
    spelled: meaning
    for word, meaning in {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.items()
    for spelled in (word, word.title(), word.upper())
}


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in _BOOLEANS:
        raise ValueError("expected true or false")
    return _BOOLEANS[value]


PLUS_FIRST = " write + and the country code in front of the number, in quotes"
_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{5,22}")


def _phone(value: Json) -> str:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not _PHONE.fullmatch(text):
        several = ' several are written as a list: ["+91…", "+91…"]' if re.search(r"\d\s*[,;]", text) else ""
        hint = several or PLUS_FIRST
        raise ValueError(f'expected a phone number with country code, such as "{EXAMPLE_PHONE}";{hint}')
    import phonenumbers  # its metadata costs memory and start-up time

    try:
        parsed = phonenumbers.parse(text if text.startswith("+") else f"+{text}")
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise ValueError(f"this is not a phone number that can exist;{PLUS_FIRST}")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


_URL = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?")


def _url(value: Json) -> str:
    if not isinstance(value, str) or not _URL.fullmatch(value):
        bare = isinstance(value, str) and re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?([/?#]\S*)?", value)
        remedy = "; write https:// in front of it" if bare else ""
        raise ValueError('expected a web address such as "https://example.com/orders"' + remedy)
    return value


def _anything(value: Json) -> Json:
    return value


def _mapping(value: Json) -> dict[str, Json]:
    if not isinstance(value, Mapping):
        raise ValueError("expected a mapping of names to values")
    return dict(value)


TEXT: Final = Kind("text", {"type": ["string", "number"]}, _text, "write one text here, in quotes")
NUMBER: Final = Kind(
    "a number",
    {"type": ["number", "string"], "pattern": _NUMBER},
    _number,
    "write it in digits, without a unit or other words",
)
BOOLEAN: Final = Kind(
    "true or false", {"enum": [True, False, *_BOOLEANS]}, _boolean, "write true or false, without quotes"
)
DURATION: Final = Kind(
    'a duration: seconds, "HH:MM:SS", or a mapping such as {minutes: 5}',
    {
        "type": ["number", "string", "object"],
        "minimum": 0,
        "minProperties": 1,
        "properties": {unit: {"type": ["number", "string"], "title": f"a number of {unit}"} for unit in DURATION_UNITS},
        "additionalProperties": False,
    },
    duration,
    'write the number of seconds, or hours, minutes and seconds in quotes: "00:05:00"',
)
# A person writes the plus, for 98765 43210 without one is a number in Iran; a template may give digits, as webhooks do.
PHONE: Final = Kind(
    f'a phone number with country code, in quotes: "{EXAMPLE_PHONE}"',
    {"type": "string", "pattern": r"^\s*(\+|\D|$)", "help": PLUS_FIRST.strip()},
    _phone,
)
URL: Final = Kind(
    'a web address such as "https://example.com/orders"',
    {"type": "string"},
    _url,
    "write it as a browser shows it, with https:// in front",
)
ANYTHING: Final = Kind("any value", {}, _anything)
MAPPING: Final = Kind(
    "a mapping of names to values",
    {"type": "object"},
    _mapping,
    "write a name, a colon and a value on each line below it",
)


_NO_BOUND: Final = 100_000
"""A bound that only keeps out what is absurd is no advice."""


def integer(least: int, most: int) -> Kind[int]:
    """A whole number within bounds, both included."""
    says = f"a whole number from {least} to {most}"
    bounds: dict[str, Json] = {"minimum": least, "maximum": most, "pattern": _NUMBER}
    remedy = f"write it in digits, {least} or more" + (f", but at most {most}" if most < _NO_BOUND else "")
    return Kind(says, {"type": ["integer", "string"], **bounds}, _whole(least, most), remedy)


def choice(*words: str, meant: Mapping[str, str] | None = None) -> Kind[str]:
    """One of a closed list of words; `meant` says what to write for words that people use instead."""

    def read(value: Json) -> str:
        if value not in words:
            guess = meant_by(value, words, meant or {})
            raise ValueError(f"expected one of {', '.join(words)}" + (f"; {guess}" if guess else ""))
        return str(value)

    schema = {"enum": list(words), **({"meant": {**meant}} if meant else {})}
    return Kind(f"one of {', '.join(words)}", schema, read, "write one of these words, as it stands here")


def meant_by(value: Json, words: Iterable[str], meant: Mapping[str, str]) -> str:
    """What to write instead of this value, as far as it can be guessed."""
    instead = meant.get(str(value).strip().lower(), "")
    return f"write {instead}" if instead else near(str(value), words)


def inside(step: str | int, kind: Kind[T], value: Json) -> T:
    """Reads a value that lies inside another, below `step`. Raises Misread, which says where."""
    try:
        return kind.read(value)
    except Misread as fault:
        raise Misread(fault.sentence, (step, *fault.path), fault.value, fault.at_key) from None
    except ValueError as fault:
        raise Misread(str(fault), (step,), value) from None


def _each(kind: Kind[T], values: list[Json]) -> list[T]:
    return [inside(position, kind, value) for position, value in enumerate(values)]


def many(kind: Kind[T]) -> Kind[list[T]]:
    """One value, or a list of them; read as a list."""

    def read(value: Json) -> list[T]:
        if value == []:
            raise ValueError(f"expected {kind.says}, or a list with at least one")
        return _each(kind, value) if isinstance(value, list) else [kind.read(value)]

    says = f"{kind.says}, or a list of them"
    several = {"type": "array", "minItems": 1, "items": kind.schema, "title": says}
    return Kind(says, {"anyOf": [kind.schema, several]}, read, kind.remedy)


def either(says: str, *kinds: Kind[Any]) -> Kind[Any]:
    """The first of several kinds that can read the value."""

    def read(value: Json) -> Any:
        for kind in kinds:
            try:
                return kind.read(value)
            except ValueError:
                continue
        raise ValueError(f"expected {says}")

    remedy = next((kind.remedy for kind in kinds if kind.remedy), "")
    return Kind(says, {"anyOf": [kind.schema for kind in kinds]}, read, remedy)


def listing(kind: Kind[T]) -> Kind[list[T]]:
    """A list of values of one kind."""

    def read(value: Json) -> list[T]:
        if not isinstance(value, list):
            raise ValueError(f"expected a list of {kind.says}")
        return _each(kind, value)

    return Kind(f"a list of {kind.says}", {"type": "array", "items": kind.schema}, read)


class Rendering(Protocol):
    """What works templates out: a view."""

    def render(self, value: Json, variables: Mapping[str, Json] | None = None, *, strict: bool = False) -> Json: ...


@dataclass(frozen=True, slots=True)
class Late(Generic[T]):
    """A value of a trigger that may be a template, worked out when the trigger decides and not when it is read."""

    kind: Kind[T]
    written: Json

    def read(self, view: Rendering, variables: Mapping[str, Json] | None = None) -> T:
        """The value now. Raises ValueError, and whatever a template that fails raises."""
        return self.kind.read(view.render(self.written, variables, strict=True))


def late(kind: Kind[T]) -> Kind[Late[T]]:
    """A value, or a template of it that is worked out whenever it is needed."""

    def read(value: Json) -> Late[T]:
        if not _has_template(value):
            kind.read(value)
        return Late(kind, value)

    return Kind(kind.says, {**kind.schema, LATE: True}, read)


LATE: Final = "late"
INNER: Final[Kind[list[Json]]] = Kind(
    "a trigger, or a list of them", {"type": "array", "of": "triggers", LATE: True, "literally": True}, _anything
)
"""Triggers inside a trigger: judged, made and watched one by one."""


def _has_template(value: Json) -> bool:
    """Whether a template stands anywhere in a value; the grammar of templates is no affair of fields."""
    if isinstance(value, dict):
        return any(_has_template(part) for part in value.values())
    if isinstance(value, list):
        return any(_has_template(part) for part in value)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


class Field(Generic[T]):
    """One key of a block: its kind, whether it may be left out, and what it is for."""

    def __init__(
        self, kind: Kind[Any], says: str, *, default: Any = MISSING, key: str = "", secret: bool = False
    ) -> None:
        self.kind = kind
        self.says = says
        self.default = default
        self.key = key
        self.secret = secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = self.key or name.rstrip("_")
        self.name = name

    @property
    def required(self) -> bool:
        """Whether the key must be given."""
        return self.default is MISSING

    @property
    def is_late(self) -> bool:
        """Whether a template for it is worked out by the block itself, when it needs the value."""
        return bool(self.kind.schema.get(LATE))

    def value_when_left_out(self) -> Any:
        """The default, as an object of the block's own."""
        return self.default if self.required else deepcopy(self.default)

    def schema(self) -> dict[str, Json]:
        """JSON Schema of the value, with what it is for and, where plain data can say it, the default."""
        shown = self.default.total_seconds() if isinstance(self.default, timedelta) else self.default
        said: dict[str, Json] = {**self.kind.schema, "description": self.says}
        if shown is not None and isinstance(shown, str | int | float | list | dict):
            said["default"] = shown
        return said

    @overload
    def __get__(self, block: None, owner: type) -> Field[T]: ...

    @overload
    def __get__(self, block: object, owner: type) -> T: ...

    def __get__(self, block: object | None, owner: type) -> Field[T] | T:
        """The field itself, on the class; on a block its value stands in the way and this is never asked."""
        if block is None:
            return self
        raise AttributeError(f"{self.key} was not read")


def required(kind: Kind[T], says: str, *, key: str = "", secret: bool = False) -> Field[T]:
    """A field that must be given."""
    return Field(kind, says, key=key, secret=secret)


def optional(kind: Kind[T], says: str, *, key: str = "", secret: bool = False) -> Field[T | None]:
    """A field that may be left out; it is None then."""
    return Field(kind, says, default=None, key=key, secret=secret)


def default(kind: Kind[T], value: T, says: str, *, key: str = "", secret: bool = False) -> Field[T]:
    """A field that may be left out; it has this value then."""
    return Field(kind, says, default=value, key=key, secret=secret)


class FieldError(ValueError):
    """Values that a block's fields cannot take; `faults` are pairs of key and sentence."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {fault}" if key else fault for key, fault in faults))
        self.faults = faults


class Block:
    """A mapping of YAML as a typed object: its fields are the class's `Field` attributes."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        faults = [(key, self._unknown(key)) for key in values if key not in self.fields()]
        for key, field in self.fields().items():
            if key not in values:
                if field.required:
                    faults.append((key, f"{key} is missing"))
                self.__dict__[field.name] = field.value_when_left_out()
                continue
            try:
                self.__dict__[field.name] = field.kind.read(values[key])
            except ValueError as fault:
                faults.append((key, str(fault)))
        if not faults:
            faults = list(self.check())
        if faults:
            raise FieldError(faults)

    def check(self) -> list[tuple[str, str]]:
        """What is wrong between fields, as pairs of key (or "") and a whole sentence; none by default.

        A sentence is "what is wrong; expected what; what to do"; each part but the first may be left out.
        """
        return []

    @classmethod
    def _unknown(cls, key: str) -> str:
        guess = near(str(key), cls.fields())
        return f'there is no "{key}" here; ' + (guess or f"expected one of {', '.join(cls.fields())}")

    @classmethod
    def fields(cls) -> dict[str, Field[Any]]:
        """The fields by YAML key, in the order in which they are written down."""
        found = cls.__dict__.get("_fields_by_key")
        if found is None:
            found = {
                field.key: field
                for base in reversed(cls.__mro__)
                for field in vars(base).values()
                if isinstance(field, Field)
            }
            cls._fields_by_key = found  # type: ignore[attr-defined]  # a cache on each class
        fields: dict[str, Field[Any]] = found
        return fields

    @classmethod
    def schema(cls) -> dict[str, Json]:
        """JSON Schema of the mapping; the checker lets a template stand for any value."""
        return {
            "type": "object",
            "properties": {key: field.schema() for key, field in cls.fields().items()},
            "required": [key for key, field in cls.fields().items() if field.required],
            "additionalProperties": False,
        }
