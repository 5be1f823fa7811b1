"""Selectors: what an input of a blueprint may be given, as the blueprint's author declared it.

Home Assistant uses them to draw forms; here the values that people write are checked by them. A selector is a mapping
of one name to its options, `{number: {min: 1, max: 9}}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from engine.field import (
    ANYTHING,
    BOOLEAN,
    DURATION,
    MAPPING,
    NUMBER,
    TEXT,
    URL,
    Block,
    Kind,
    choice,
    either,
    inside,
    listing,
    many,
    optional,
    required,
)
from engine.judge import Fault, Path, block_faults, found, known_later, misread, shown
from engine.problem import near
from engine.template import Template, TemplateProblem, is_template
from engine.values import Json

Options = Mapping[str, Json]
_NOBODY = "rulewheel has no devices, rooms or scenes, so what is given for it is taken as it stands"
_TEXT_TYPES = ("text", "number", "email", "url", "tel", "date", "time", "datetime-local", "month", "week")
_OTHER_TEXT_TYPES = ("color", "password", "search")
_MOST_NAMES = 200
_ENTITY = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


class _Common(Block):
    """The options that every selector may have."""

    read_only = optional(BOOLEAN, "Whether a form shows it only")
    translation_key = optional(TEXT, "Taken along from Home Assistant")


class _Several(_Common):
    """Options of a selector of one value or several."""

    multiple = optional(BOOLEAN, "Whether it takes a list")
    reorder = optional(BOOLEAN, "Whether a form lets their order be changed")


class _Text(_Several):
    multiline = optional(BOOLEAN, "Whether a form shows several lines")
    prefix = optional(TEXT, "What a form shows in front")
    suffix = optional(TEXT, "What a form shows behind")
    placeholder = optional(TEXT, "What an empty form shows")
    type = optional(choice(*_TEXT_TYPES, *_OTHER_TEXT_TYPES), "What kind of text it is")
    autocomplete = optional(TEXT, "What a browser may fill in")


class _Number(_Common):
    min = optional(NUMBER, "The least")
    max = optional(NUMBER, "The most")
    step = optional(either('a number, or "any"', NUMBER, choice("any")), "How far apart two values are")
    mode = optional(choice("box", "slider"), "How a form shows it")
    unit_of_measurement = optional(TEXT, "What is counted")

    def check(self) -> list[tuple[str, str]]:
        if self.min is not None and self.max is not None and self.min > self.max:
            return [("max", f"no number is from {self.min} to {self.max}; min must be the smaller one")]
        if self.mode == "slider" and (self.min is None or self.max is None):
            return [("mode", "a slider has two ends; add min and max")]
        return []


class _Select(_Several):
    options = required(
        listing(either("a text, or a mapping with label and value", TEXT, MAPPING)), "What can be chosen"
    )
    custom_value = optional(BOOLEAN, "Whether other values may be written too")
    mode = optional(choice("list", "dropdown"), "How a form shows it")
    sort = optional(BOOLEAN, "Whether a form sorts it")

    def check(self) -> list[tuple[str, str]]:
        wrong = [each for each in self.options if isinstance(each, dict) and set(each) != {"label", "value"}]
        return [("options", "an option has other keys than label and value; give it these two")] if wrong else []


class _Entity(_Several):
    filter = optional(many(MAPPING), "Which entities")
    domain = optional(many(TEXT), "Which kinds of entities")
    integration = optional(TEXT, "Taken along from Home Assistant")
    device_class = optional(many(TEXT), "Taken along from Home Assistant")
    supported_features = optional(ANYTHING, "Taken along from Home Assistant")
    include_entities = optional(many(TEXT), "Only these")
    exclude_entities = optional(many(TEXT), "Not these")

    def check(self) -> list[tuple[str, str]]:
        for each in self.filter or ():
            try:
                many(TEXT).read(each.get("domain", ""))
            except ValueError:
                return [("filter", "its domain is no kind of entities; write one such as sensor, or a list of them")]
        return []


class _State(_Several):
    entity_id = optional(many(TEXT), "Of which entity")
    attribute = optional(TEXT, "Of which attribute")
    hide_states = optional(ANYTHING, "What a form leaves out")
    hide_attributes = optional(ANYTHING, "What a form leaves out")


class _Duration(_Common):
    enable_day = optional(BOOLEAN, "Whether a form asks for days")
    enable_second = optional(BOOLEAN, "Whether a form asks for seconds")
    enable_millisecond = optional(BOOLEAN, "Whether a form asks for milliseconds")
    allow_negative = optional(BOOLEAN, "Whether it may be negative")


class _Constant(_Common):
    value = required(either("a text, a number, true or false", BOOLEAN, TEXT), "The one value")
    label = optional(TEXT, "What a form shows for it")


class _Object(_Several):
    parts = optional(MAPPING, "The fields, each with its selector", key="fields")
    label_field = optional(TEXT, "What a form shows of it")
    description_field = optional(TEXT, "What a form shows of it")


class _Choose(_Common):
    choices = required(MAPPING, "The ways to give it, each with its selector")


class _Words(_Common):
    countries = optional(many(TEXT), "Only these countries")
    languages = optional(many(TEXT), "Only these languages")
    native_name = optional(BOOLEAN, "How a form shows them")
    no_sort = optional(BOOLEAN, "Whether a form keeps their order")


class _Look(_Common):
    """Options that only say how a form looks."""

    no_second = optional(BOOLEAN, "Whether a form asks for seconds")
    placeholder = optional(TEXT, "What an empty form shows")
    icon = optional(ANYTHING, "What a form shows")
    radius = optional(ANYTHING, "Whether a form asks for a radius")
    unit = optional(TEXT, "What is counted")
    min = optional(NUMBER, "The least")
    max = optional(NUMBER, "The most")
    min_mireds = optional(NUMBER, "The least")
    max_mireds = optional(NUMBER, "The most")
    entity = optional(ANYTHING, "Taken along from Home Assistant")
    primary_entities_only = optional(BOOLEAN, "Taken along from Home Assistant")
    optionsInFlow = optional(BOOLEAN, "Taken along from Home Assistant")  # noqa: N815  their name for it


_ONE_OF_THESE = "write one of these, or text: for anything"


def _reads(says: str, read: Callable[[Json], Any]) -> Kind[Any]:
    return Kind(says, {}, read, "write a value that the blueprint takes")


def _written(says: str, fits: Callable[[str], object]) -> Kind[Any]:
    """Text of a form; `fits` raises ValueError or gives something false where it has not."""

    def read(value: Json) -> str:
        try:
            text = TEXT.read(value)
            well = bool(fits(text))
        except ValueError:
            well = False
        if not well:
            raise ValueError(f"expected {says}")
        return text

    return _reads(says, read)


def _is_time(text: str) -> bool:
    hours, _, rest = text.partition(":")
    time.fromisoformat(f"{hours:0>2}:{rest}")
    return re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", text) is not None


def _day(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))


_TIME = _written('a time of day such as "09:30"', _is_time)
_DATE = _written('a day such as "2026-03-31"', _day)
_MOMENT = _written('a day and time such as "2026-03-31 09:30:00"', lambda text: bool(datetime.fromisoformat(text)))
_TEXTS: Mapping[str, Kind[Any]] = {
    "number": NUMBER,
    "email": _written('an address such as "office@shop.example"', re.compile(r"[^@\s]+@[^@\s]+").fullmatch),
    "url": URL,
    "tel": _written('a phone number such as "+919876543210"', re.compile(r"\+?[0-9][0-9 ().-]{2,22}").fullmatch),
    "date": _DATE,
    "time": _TIME,
    "datetime-local": _MOMENT,
    "month": _written('a month such as "2026-03"', re.compile(r"\d{4}-(0[1-9]|1[0-2])").fullmatch),
    "week": _written('a week such as "2026-W13"', re.compile(r"\d{4}-W[0-5]\d").fullmatch),
}


def _one(kind: Kind[Any], options: Options) -> Kind[Any]:
    """One value, or where the options say so a list of them, which may be empty."""
    if BOOLEAN.read(options.get("multiple", False)):
        return _reads(f"a list of {kind.says}", lambda value: listing(kind).read(value if _is_list(value) else [value]))
    return kind


def _is_list(value: Json) -> bool:
    return isinstance(value, list)


def _text(options: Options) -> Kind[Any]:
    return _one(_TEXTS.get(str(options.get("type")), TEXT), options)


def _number(options: Options) -> Kind[Any]:
    least, most = (NUMBER.read(options[key]) if key in options else None for key in ("min", "max"))
    if least is not None and most is not None:
        says = f"a number from {least} to {most}"
    else:
        says = "a number" if least is most else f"a number of {least} or more" if most is None else f"at most {most}"

    def read(value: Json) -> float:
        number = NUMBER.read(value)
        if (least is not None and number < least) or (most is not None and number > most):
            raise ValueError(f"expected {says}")
        return number

    return _reads(says, read)


def _select(options: Options) -> Kind[Any]:
    words = [str(each["value"] if isinstance(each, dict) else each) for each in options["options"]]
    if BOOLEAN.read(options.get("custom_value", False)):
        return _one(TEXT, options)

    def read(value: Json) -> Json:
        if isinstance(value, list | dict) or str(value) not in known:
            hint = near(str(value), words[:_MOST_NAMES]) if isinstance(value, str) else ""
            raise ValueError(f"expected {says}" + (f"; {hint}" if hint else ""))
        return value

    known = frozenset(words)
    says = f"one of {', '.join(map(shown, words[:20]))}{' and more' if len(words) > 20 else ''}"
    return _one(_reads(says, read), options)


def _entity(options: Options) -> Kind[Any]:
    filters = many(MAPPING).read(options["filter"]) if options.get("filter") else []
    domains = {word for each in [options, *filters] for word in many(TEXT).read(each.get("domain", "*"))}
    only = many(TEXT).read(options.get("include_entities", "*"))
    never = many(TEXT).read(options.get("exclude_entities", "*"))
    named = domains - {"*"}
    says = f"an entity of {' or '.join(sorted(named))}, such as {sorted(named)[0]}.orders" if named else _AN_ENTITY
    unfiltered = bool(filters) and any("domain" not in each for each in filters)

    def fits(text: str) -> bool:
        right = not named or unfiltered or text.partition(".")[0] in named
        return bool(_ENTITY.fullmatch(text)) and right and (only == ["*"] or text in only) and text not in never

    return _one(_written(says, fits), options)


_AN_ENTITY = "the name of an entity, such as sensor.orders"


def _duration(options: Options) -> Kind[Any]:
    return ANYTHING if BOOLEAN.read(options.get("allow_negative", False)) else DURATION


def _constant(options: Options) -> Kind[Any]:
    says = f'only "{shown(str(options["value"]))}"'
    return _reads(says, _same(options["value"], says))


def _same(wanted: Json, says: str) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        if value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
            raise ValueError(f"expected {says}")
        return value

    return read


def _object(options: Options) -> Kind[Any]:
    declared = {key: each if isinstance(each, dict) else {} for key, each in (options.get("fields") or {}).items()}
    kinds = {key: kind_of(each.get("selector")) for key, each in declared.items()}
    needed = [key for key, each in declared.items() if each.get("required")]
    read = _fields(kinds, needed)
    return _one(_reads("a mapping of its fields", read), options) if kinds else ANYTHING


def _fields(kinds: Mapping[str, Kind[Any]], needed: list[str]) -> Callable[[Json], Json]:
    def read(value: Json) -> Json:
        for key, part in MAPPING.read(value).items():
            if key not in kinds:
                hint = near(key, list(kinds)[:_MOST_NAMES])
                raise ValueError(f'there is no field "{shown(key)}"' + (f"; {hint}" if hint else ""))
            inside(key, kinds[key], part)
        for key in needed:
            if key not in value:
                raise ValueError(f'the field "{shown(key)}" is missing')
        return value

    return read


def _choose(options: Options) -> Kind[Any]:
    choices = [each.get("selector") for each in options["choices"].values() if isinstance(each, dict)]
    return either("one of its choices", *(kind_of(each) for each in choices)) if choices else ANYTHING


def _country(options: Options) -> Kind[Any]:
    return _listed_or("countries", options, 'two capital letters of a country, such as "IN"', re.compile("[A-Z]{2}"))


def _language(options: Options) -> Kind[Any]:
    form = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
    return _listed_or("languages", options, 'the letters of a language, such as "en" or "en-GB"', form)


def _listed_or(key: str, options: Options, says: str, form: re.Pattern[str]) -> Kind[Any]:
    if options.get(key):
        return choice(*many(TEXT).read(options[key]))
    return _written(says, form.fullmatch)


def _colour(value: Json) -> Json:
    if not isinstance(value, list) or len(value) != 3 or not all(_is_byte(each) for each in value):
        raise ValueError("expected red, green and blue from 0 to 255, such as [255, 200, 0]")
    return value


def _is_byte(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _location(value: Json) -> Json:
    place = MAPPING.read(value)
    for key, most in (("latitude", 90), ("longitude", 180)):
        number = inside(key, NUMBER, place.get(key))
        if abs(number) > most:
            raise ValueError(f"expected a {key} from -{most} to {most}")
    return value


def _steps(what: str) -> Kind[Any]:
    def read(value: Json) -> Json:
        if not isinstance(value, list | dict):
            raise ValueError(f"expected {what}")
        return value

    return _reads(what, read)


def _target(value: Json) -> Json:
    for key in MAPPING.read(value):
        if key != "entity_id":
            raise ValueError(f'"{shown(key)}" needs devices of Home Assistant; name entities below entity_id')
    return value


@dataclass(frozen=True, slots=True)
class _Selector:
    """The options that a selector takes, and what may be given where it has these options."""

    options: type[Block]
    kind: Callable[[Options], Kind[Any]]


def _always(kind: Kind[Any], options: type[Block] = _Look) -> _Selector:
    return _Selector(options, lambda given: kind)


_CHECKED: Mapping[str, _Selector] = {
    "action": _always(_steps("a list of steps")),
    "attribute": _Selector(_State, lambda options: _one(TEXT, options)),
    "boolean": _always(BOOLEAN),
    "choose": _Selector(_Choose, _choose),
    "color_rgb": _always(_reads("red, green and blue", _colour)),
    "color_temp": _always(NUMBER),
    "condition": _always(_steps("a list of conditions")),
    "constant": _Selector(_Constant, _constant),
    "country": _Selector(_Words, _country),
    "date": _always(_DATE),
    "datetime": _always(_MOMENT),
    "duration": _Selector(_Duration, _duration),
    "entity": _Selector(_Entity, _entity),
    "icon": _always(_written('an icon such as "mdi:bell"', re.compile(r"[\w-]+:[\w-]+").fullmatch)),
    "language": _Selector(_Words, _language),
    "location": _always(_reads("latitude and longitude", _location)),
    "number": _Selector(_Number, _number),
    "object": _Selector(_Object, _object),
    "select": _Selector(_Select, _select),
    "state": _Selector(_State, lambda options: _one(TEXT, options)),
    "target": _always(_reads("a mapping with entity_id", _target)),
    "template": _always(TEXT),
    "text": _Selector(_Text, _text),
    "time": _always(_TIME),
    "trigger": _always(_steps("a list of triggers")),
    "unit_of_measurement": _always(TEXT),
}
_FORMS_ONLY = ("numeric_threshold", "qr_code", "theme")
_OF_DEVICES = (
    *("addon", "area", "assist_pipeline", "backup_location", "config_entry", "conversation_agent", "device", "file"),
    *("floor", "label", "media", "statistic"),
)
SELECTORS = tuple(sorted((*_CHECKED, *_FORMS_ONLY, *_OF_DEVICES)))


def selector_faults(selector: Json, at: Path) -> list[Fault]:
    """What is wrong with a selector that stands at `at` in its file."""
    if not isinstance(selector, dict) or len(selector) != 1:
        word = selector if isinstance(selector, str) and selector in SELECTORS else "text"
        remedy = f'write "selector:" and, below it and indented, "{word}:"'
        return [Fault(at, "wrong-type", f'"selector" is {found(selector)}', "one name with its options", remedy)]
    (name,) = selector
    if name in _OF_DEVICES:
        message = f'the selector "{name}" needs devices of Home Assistant'
        return [Fault((*at, name), "needs-devices", message, remedy=_NOBODY, at_key=True, severity="warning")]
    if name not in SELECTORS:
        expected = f"one of {', '.join(_CHECKED)}"
        message = f'there is no selector "{shown(name)}"'
        return [
            Fault(
                (*at, name), "unknown-selector", message, expected, near(name, SELECTORS) or _ONE_OF_THESE, at_key=True
            )
        ]
    options = selector[name] or {}
    if name not in _CHECKED:
        return []
    if not isinstance(options, dict):
        message = f"the options of the selector are {found(options)}"
        return [Fault((*at, name), "wrong-type", message, "a mapping of options, or nothing")]
    faults = block_faults(_CHECKED[name].options, options)
    return [replace(fault, path=(*at, name, *fault.path)) for fault in faults] + _parts_faults(name, options, at)


def _parts_faults(name: str, options: Options, at: Path) -> list[Fault]:
    """What is wrong with the selectors inside the options of a selector."""
    key = {"object": "fields", "choose": "choices"}.get(name, "")
    parts = options.get(key)
    if not isinstance(parts, dict):
        return []
    return [
        fault
        for word, part in parts.items()
        if isinstance(part, dict) and "selector" in part
        for fault in selector_faults(part["selector"], (*at, name, key, word, "selector"))
    ]


def _checked(selector: Json) -> tuple[str, Options]:
    """The name of a selector and its options; no name where it takes anything, or is wrong itself."""
    if not isinstance(selector, dict) or len(selector) != 1:
        return "", {}
    ((name, options),) = selector.items()
    wrong = any(fault.severity == "error" for fault in selector_faults(selector, ()))
    return ("", {}) if wrong or name not in _CHECKED or known_later(options) else (name, options or {})


def kind_of(selector: Json) -> Kind[Any]:
    """What may be given where a selector is declared."""
    name, options = _checked(selector)
    return _kind(name, options)


def _kind(name: str, options: Options) -> Kind[Any]:
    return _CHECKED[name].kind(options) if name else ANYTHING


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an input wants: the values of a kind, and of numbers best those so many steps from the least."""

    selector: str
    kind: Kind[Any]
    step: float = 0
    least: float = 0

    def fault(self, value: Json, at: Path) -> Fault | None:
        """What is wrong with a value that is given at `at`."""
        return misread(self.kind, value, at) or self._between_steps(value, at)

    def default_fault(self, value: Json, at: Path) -> Fault | None:
        """What is wrong with a default; an empty one says that nothing is chosen."""
        if value in (None, "", [], {}) and not isinstance(value, bool):
            return None
        if self.selector == "template" and isinstance(value, str) and is_template(value):
            try:
                Template.parse(value)
            except TemplateProblem as error:
                return Fault(at, "bad-template", error.message, error.expected, error.remedy)
        return self.fault(value, at)

    def _between_steps(self, value: Json, at: Path) -> Fault | None:
        """A number between two steps works as it stands, but is likely a mistake."""
        if not self.step or not isinstance(value, int | float):
            return None
        steps = (value - self.least) / self.step
        if abs(steps - round(steps)) < 1e-6:
            return None
        message = f"{shown(str(value))} is not a step of {self.step}"
        return Fault(at, "off-step", message, remedy="it is taken as it stands", severity="warning")


def wanted(selector: Json) -> Wanted:
    """What an input with this selector wants; anything where the selector says nothing, or is wrong itself."""
    name, options = _checked(selector)
    step = options.get("step") if name == "number" else None
    if not isinstance(step, int | float) or isinstance(step, bool) or step <= 0:
        return Wanted(name, _kind(name, options))
    return Wanted(name, _kind(name, options), step, NUMBER.read(options.get("min", 0)))
