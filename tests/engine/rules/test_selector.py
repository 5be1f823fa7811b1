from __future__ import annotations

import random
from typing import Any

import pytest

from engine.judge import Fault
from engine.rules.selector import SELECTORS, selector_faults, wanted
from engine.source import SecretRef, read
from engine.values import Json


def yaml(text: str) -> Json:
    source = read(text, "a.yaml")
    assert not source.problems, source.problems
    return source.value


def selector(text: str) -> Json:
    found = yaml(text if text.endswith("}") else f"{{{text}: }}")
    assert not selector_faults(found, ())
    return found


def refused(kind: str, value: Any) -> Fault | None:
    return wanted(selector(kind)).fault(value, ("a",))


WELL = [
    ("action", "[{delay: 5}]"),
    ("action", "{delay: 5}"),
    ("area", "anything"),
    ("attribute", "brightness"),
    ("boolean", "true"),
    ("boolean", "on"),
    ("choose", "5"),
    ("{choose: {choices: {a: {selector: {number: }}, b: {selector: {boolean: }}}}}", "yes"),
    ("color_rgb", "[255, 0, 12]"),
    ("color_temp", "3000"),
    ("condition", "[]"),
    ("{constant: {value: true, label: Yes}}", "true"),
    ("country", "IN"),
    ("{country: {countries: [IN, US]}}", "US"),
    ("date", "2026-02-28"),
    ("datetime", "2026-02-28 09:30:00"),
    ("duration", "{minutes: 5}"),
    ("duration", "'00:05'"),
    ("{duration: {allow_negative: true}}", "{minutes: -5}"),
    ("entity", "sensor.orders"),
    ("{entity: {domain: sensor}}", "sensor.orders"),
    ("{entity: {filter: {domain: [sensor, counter]}, multiple: true}}", "[sensor.orders, counter.calls]"),
    ("{entity: {filter: [{domain: sensor}, {device_class: battery}]}}", "counter.calls"),
    ("{entity: {include_entities: [sensor.a]}}", "sensor.a"),
    ("{entity: {multiple: true}}", "[]"),
    ("{entity: {multiple: true}}", "sensor.orders"),
    ("icon", "mdi:bell"),
    ("language", "en-GB"),
    ("{language: {languages: [en, hi]}}", "hi"),
    ("location", "{latitude: 18.5, longitude: 73.9, radius: 100}"),
    ("number", "5.5"),
    ("number", "'5'"),
    ("{number: {min: 0, max: 10, step: 0.1, mode: slider, unit_of_measurement: kg}}", "0.3"),
    ("{number: {min: 0, step: any}}", "0.123"),
    ("object", "[1, {a: 2}]"),
    ("{object: {fields: {a: {required: true, selector: {number: }}, b: {label: B}}}}", "{a: 5, b: x}"),
    ("{object: {fields: {a: {}}, multiple: true}}", "[{a: 5}]"),
    ("qr_code", "x"),
    ("{select: {options: [a, b]}}", "a"),
    ("{select: {options: ['1', '2']}}", "1"),
    ("{select: {options: [{label: A, value: a}], multiple: true}}", "[a]"),
    ("{select: {options: [a], custom_value: true}}", "zzz"),
    ("state", "on"),
    ("{state: {entity_id: sensor.a, multiple: true}}", "[on, off]"),
    ("target", "{entity_id: counter.calls}"),
    ("template", "'{{ 5 }}'"),
    ("text", "5"),
    ("{text: {multiline: true, multiple: true}}", "[a, b]"),
    ("{text: {type: email}}", "a@shop.example"),
    ("{text: {type: tel}}", "+919876543210"),
    ("{text: {type: url}}", "https://shop.example"),
    ("{text: {type: password}}", "x"),
    ("time", "09:30:00"),
    ("time", "9:30"),
    ("trigger", "[{trigger: time, at: 09:00}]"),
    ("unit_of_measurement", "kg"),
]
BADLY = [
    ("action", "5", "expected a list of steps"),
    ("boolean", "maybe", "true or false"),
    ("{choose: {choices: {a: {selector: {number: }}}}}", "yes", "one of its choices"),
    ("color_rgb", "[256, 0, 0]", "red, green and blue"),
    ("color_rgb", "red", "red, green and blue"),
    ("condition", "5", "a list of conditions"),
    ("{constant: {value: true}}", "false", 'only "True"'),
    ("{constant: {value: 1}}", "true", 'only "1"'),
    ("country", "India", "two capital letters"),
    ("{country: {countries: [IN, US]}}", "DE", "one of IN, US"),
    ("date", "2026-02-30", "a day such as"),
    ("date", "tomorrow", "a day such as"),
    ("datetime", "noon", "a day and time"),
    ("duration", "soon", "a duration"),
    ("duration", "{minutes: -5}", "cannot be negative"),
    ("entity", "Orders", "the name of an entity"),
    ("entity", "[sensor.a]", "the name of an entity"),
    ("{entity: {domain: sensor}}", "counter.calls", "an entity of sensor"),
    ("{entity: {filter: {domain: [sensor]}, multiple: true}}", "[sensor.a, counter.b]", "an entity of sensor"),
    ("{entity: {exclude_entities: [sensor.a]}}", "sensor.a", "the name of an entity"),
    ("icon", "bell", "an icon"),
    ("language", "English please", "the letters of a language"),
    ("{language: {languages: [en, hi]}}", "de", "one of en, hi"),
    ("location", "{latitude: 91, longitude: 0}", "a latitude from -90 to 90"),
    ("location", "{latitude: 1}", "a number"),
    ("number", "many", "a number"),
    ("number", "true", "a number"),
    ("{number: {min: 1}}", "0", "a number of 1 or more"),
    ("{number: {max: 1}}", "2", "at most 1"),
    ("{number: {min: 1, max: 2}}", "3", "a number from 1 to 2"),
    ("{object: {fields: {a: {required: true}}}}", "{}", 'the field "a" is missing'),
    ("{object: {fields: {amount: {}}}}", "{amout: 5}", 'no field "amout"'),
    ("{object: {fields: {a: {selector: {number: }}}}}", "{a: x}", "a number"),
    ("{select: {options: [queued, single]}}", "singel", 'did you mean "single"?'),
    ("{select: {options: [a, b]}}", "[a]", "one of a, b"),
    ("{select: {options: [a, b], multiple: true}}", "[a, c]", "one of a, b"),
    ("target", "{area_id: kitchen}", "needs devices"),
    ("text", "[a]", "text"),
    ("text", "{a: b}", "text"),
    ("{text: {type: email}}", "office", "an address such as"),
    ("{text: {type: tel}}", "mother", "a phone number such as"),
    ("{text: {type: url}}", "shop.example", "a web address"),
    ("{text: {type: number}}", "x", "a number"),
    ("time", "25:00", "a time of day"),
    ("time", "nine", "a time of day"),
    ("trigger", "5", "a list of triggers"),
]


@pytest.mark.parametrize(("kind", "value"), WELL)
def test_a_value_that_a_selector_takes_is_well(kind: str, value: str) -> None:
    if kind == "area":
        assert wanted({"area": None}).fault(value, ()) is None
    elif kind == "choose":
        assert wanted({"choose": None}).fault(value, ()) is None
    else:
        assert refused(kind, yaml(value)) is None


@pytest.mark.parametrize(("kind", "value", "said"), BADLY)
def test_a_value_that_a_selector_does_not_take_is_told_with_what_it_takes(kind: str, value: str, said: str) -> None:
    fault = refused(kind, yaml(value))
    assert fault is not None
    assert fault.severity == "error"
    assert said.removeprefix("expected ") in f"{fault.message}; {fault.expected}; {fault.remedy}"


@pytest.mark.parametrize("value", ["{{ states('sensor.a') }}", SecretRef("token"), ["{{ 5 }}"]])
def test_what_is_known_later_is_taken_by_every_selector(value: Json) -> None:
    for kind in ("number", "time", "{select: {options: [a]}}", "boolean"):
        assert refused(kind, value) is None


def test_a_number_between_two_steps_is_a_warning() -> None:
    fault = refused("{number: {min: 1, max: 9, step: 2}}", 4)
    assert fault is not None
    assert (fault.code, fault.severity) == ("off-step", "warning")
    assert refused("{number: {min: 1, max: 9, step: 2}}", 5) is None


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("text", "wrong-type", '"selector" is the text "text"'),
        ("{}", "wrong-type", '"selector" is an empty mapping'),
        ("{text: , number: }", "wrong-type", '"selector" is a mapping'),
        ("{numbr: }", "unknown-selector", 'there is no selector "numbr"'),
        ("{text: 5}", "wrong-type", "the options of the selector are the number 5"),
        ("{text: {type: emial}}", "not-allowed", '"type" is the text "emial"'),
        ("{number: {minimum: 5}}", "unknown-key", 'unknown key "minimum"'),
        ("{number: {min: 5, max: 1}}", "wrong-value", "no number is from 5 to 1"),
        ("{number: {mode: slider, min: 1}}", "wrong-value", "a slider has two ends"),
        ("{select: }", "missing-key", 'the key "options" is missing'),
        ("{select: {options: [{label: A}]}}", "wrong-value", "an option has other keys"),
        ("{constant: {label: A}}", "missing-key", 'the key "value" is missing'),
        ("{object: {fields: {a: {selector: {txt: }}}}}", "unknown-selector", 'there is no selector "txt"'),
        ("{choose: {choices: {a: {selector: {txt: }}}}}", "unknown-selector", 'there is no selector "txt"'),
        ("{entity: {filter: {domain: {a: b}}}}", "wrong-value", "its domain is no kind of entities"),
        ("{area: {multiple: true}}", "needs-devices", 'the selector "area" needs devices of Home Assistant'),
    ],
)
def test_a_selector_that_is_wrong_is_told(text: str, code: str, said: str) -> None:
    (fault,) = selector_faults(yaml(text), ("selector",))
    assert (fault.code, fault.path[0]) == (code, "selector")
    assert fault.message.startswith(said)
    assert wanted(yaml(text)).fault("anything", ()) is None


def test_every_selector_of_home_assistant_is_known() -> None:
    theirs = """
        action addon area assist_pipeline attribute backup_location boolean choose color_rgb color_temp condition
        config_entry constant conversation_agent country date datetime device duration entity file floor icon label
        language location media number numeric_threshold object qr_code select state statistic target template text
        theme time trigger unit_of_measurement
    """
    assert list(SELECTORS) == theirs.split()


def test_a_default_may_be_empty_and_its_template_is_read() -> None:
    nothing: list[Json] = [None, "", [], {}]
    for empty in nothing:
        assert wanted({"number": None}).default_fault(empty, ()) is None
    for wrong in (False, "x"):
        assert wanted({"number": None}).default_fault(wrong, ()) is not None
    assert wanted({"number": None}).default_fault(0, ()) is None
    assert wanted({"template": None}).default_fault("{{ 1 }}", ()) is None
    fault = wanted({"template": None}).default_fault("{{ a b }}", ("x",))
    assert fault is not None
    assert (fault.code, fault.path) == ("bad-template", ("x",))


PIECES: list[Json] = [
    None,
    True,
    5,
    -1.5,
    "a",
    "",
    "{{ x }}",
    "sensor.a",
    [],
    ["a", 1],
    {},
    {"domain": {}},
    {"a": None},
]


def test_no_selector_and_no_value_stops_the_check() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    options = ["min", "max", "step", "options", "filter", "domain", "multiple", "fields", "choices", "value", "type"]
    options += ["include_entities", "countries", "languages", "custom_value", "allow_negative"]
    for _ in range(3_000):
        given = {key: chance.choice(PIECES) for key in chance.sample(options, chance.randrange(4))}
        kind: Json = {chance.choice([*SELECTORS, "zzz"]): chance.choice([given, given, chance.choice(PIECES)])}
        selector_faults(kind, ("selector",))
        wanted(kind).default_fault(chance.choice(PIECES), ("default",))
