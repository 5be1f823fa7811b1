from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.field import (
    ANYTHING,
    BOOLEAN,
    DURATION,
    MAPPING,
    MISSING,
    NUMBER,
    PHONE,
    TEXT,
    URL,
    Block,
    FieldError,
    Kind,
    Misread,
    choice,
    default,
    either,
    integer,
    listing,
    many,
    optional,
    required,
)
from engine.values import Json

COLOUR = choice("red", "green")
PLUS = "write + and the country code in front of the number, in quotes"
KINDS: dict[str, Kind[Any]] = {
    "text": TEXT,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "duration": DURATION,
    "phone": PHONE,
    "url": URL,
    "anything": ANYTHING,
    "mapping": MAPPING,
    "integer": integer(1, 10),
    "choice": COLOUR,
    "many": many(NUMBER),
    "listing": listing(TEXT),
    "either": either("a colour or a number", COLOUR, NUMBER),
}


class Parcel(Block):
    """A block with one field of each sort."""

    to = required(many(PHONE), "Who gets it")
    weight = optional(NUMBER, "How heavy it is")
    wrap = default(BOOLEAN, False, "Whether to wrap it")
    labels = default(listing(TEXT), [], "What is written on it")
    wait = default(DURATION, timedelta(minutes=5), "How long to wait")
    from_ = optional(TEXT, "Who sends it")
    pin = optional(TEXT, "The code", key="PIN", secret=True)

    def check(self) -> list[tuple[str, str]]:
        return [("wrap", "too heavy to wrap")] if self.wrap and (self.weight or 0) > 10 else []


class Letter(Parcel):
    """A block that inherits fields and has one more."""

    weight = required(NUMBER, "How heavy the letter is")
    stamp = required(TEXT, "The stamp")


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("text", "hello", "hello"),
        ("text", 30, "30"),
        ("text", 1.5, "1.5"),
        ("number", 25, 25),
        ("number", "25", 25),
        ("number", "-2.50", -2.5),
        ("number", "1e3", 1000),
        ("number", 3.0, 3),
        ("boolean", True, True),
        ("boolean", "yes", True),
        ("boolean", "Off", False),
        ("boolean", "TRUE", True),
        ("duration", {"minutes": 5}, timedelta(minutes=5)),
        ("phone", "+91 98765 43210", "+919876543210"),
        ("phone", "919876543210", "+919876543210"),
        ("phone", 919876543210, "+919876543210"),
        ("url", "https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("anything", None, None),
        ("mapping", {"a": 1}, {"a": 1}),
        ("integer", 10, 10),
        ("integer", "7", 7),
        ("choice", "red", "red"),
        ("many", 1, [1]),
        ("many", [1, "2"], [1, 2]),
        ("listing", [], []),
        ("listing", ["a", 2], ["a", "2"]),
        ("either", "red", "red"),
        ("either", "4", 4),
    ],
)
def test_a_kind_reads_what_people_write(kind: str, value: Json, read: object) -> None:
    found = KINDS[kind].read(value)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("text", True, 'expected text; in quotes it is text: "true"'),
        ("text", None, "expected text"),
        ("text", ["a"], "expected text"),
        ("number", True, "expected a number"),
        ("number", "1_000", "expected a number"),
        ("number", "many", "expected a number"),
        ("number", None, "expected a number"),
        ("number", float("nan"), "expected a number"),
        ("number", 10**400, "expected a number"),
        ("boolean", "maybe", "expected true or false"),
        ("boolean", 1, "expected true or false"),
        ("boolean", [], "expected true or false"),
        (
            "phone",
            "Asha",
            'expected a phone number with country code, such as "+919876543210"; ' + PLUS,
        ),
        (
            "phone",
            True,
            'expected a phone number with country code, such as "+919876543210"; ' + PLUS,
        ),
        (
            "phone",
            "+9999999",
            "this is not a phone number that can exist; " + PLUS,
        ),
        (
            "phone",
            "+91 12345",
            "this is not a phone number that can exist; " + PLUS,
        ),
        (
            "url",
            "example.com",
            'expected a web address such as "https://example.com/orders"; write https:// in front of it',
        ),
        ("url", 5, 'expected a web address such as "https://example.com/orders"'),
        ("mapping", [], "expected a mapping of names to values"),
        ("integer", 11, "expected a whole number from 1 to 10"),
        ("integer", 1.5, "expected a whole number from 1 to 10"),
        ("integer", "x", "expected a whole number from 1 to 10"),
        ("choice", "blue", "expected one of red, green"),
        ("choice", "RED", 'expected one of red, green; did you mean "red"?'),
        ("choice", ["red"], 'expected one of red, green; did you mean "red"?'),
        ("many", [], "expected a number, or a list with at least one"),
        ("many", [1, "x", 3], "expected a number (at item 2)"),
        ("listing", "a", "expected a list of text"),
        ("listing", ["a", None], "expected text (at item 2)"),
        ("either", "blue", "expected a colour or a number"),
    ],
)
def test_a_kind_says_what_it_expected(kind: str, value: Json, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        KINDS[kind].read(value)
    assert str(refused.value) == sentence


def test_a_refused_phone_number_is_not_repeated() -> None:
    with pytest.raises(ValueError) as refused:
        PHONE.read("+91 12345")
    assert "12345" not in str(refused.value)


@pytest.mark.parametrize("name", KINDS)
def test_what_a_kind_can_read_its_schema_lets_through(name: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kind = KINDS[name]
    judge = Draft202012Validator(kind.schema)
    for _ in range(400):
        value = anything(chance)
        try:
            kind.read(value)
        except ValueError:
            continue
        if name == "phone" and not str(value).strip().startswith("+"):
            continue  # a template may give it without a plus, a person has to write it
        assert judge.is_valid(value), f"{kind.says} reads {value!r}, but its schema does not let it through"


def anything(chance: random.Random, depth: int = 0) -> Json:
    plain = ["", "a", "5", "-5", "1e3", ".5", "5.", "yes", "ON", "red", "+919876543210", "01:30", "https://a.example/x"]
    leaves = [None, True, False, 0, 3, 10, -1, 2.5, 919876543210, *plain]
    if depth > 1 or chance.random() < 0.6:
        return chance.choice(leaves)
    if chance.random() < 0.5:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(3))]
    keys = ["minutes", "hours", "seconds", "a", "link"]
    return {chance.choice(keys): anything(chance, depth + 1) for _ in range(chance.randrange(3))}


def test_a_block_reads_its_fields_and_fills_in_the_others() -> None:
    parcel = Parcel({"to": "+919876543210", "from": "Asha", "PIN": 1234})
    assert parcel.to == ["+919876543210"]
    assert parcel.weight is None
    assert parcel.wrap is False
    assert parcel.wait == timedelta(minutes=5)
    assert parcel.from_ == "Asha"
    assert parcel.pin == "1234"


def test_a_default_is_never_shared_between_blocks() -> None:
    first, second = Parcel({"to": "+919876543210"}), Parcel({"to": "+919876543210"})
    first.labels.append("fragile")
    assert second.labels == []


def test_a_block_tells_all_its_faults_at_once() -> None:
    with pytest.raises(FieldError) as refused:
        Parcel({"weigth": 3, "wrap": "maybe", "colour": "red"})
    assert refused.value.faults == [
        ("weigth", 'there is no "weigth" here; did you mean "weight"?'),
        ("colour", 'there is no "colour" here; expected one of to, weight, wrap, labels, wait, from, PIN'),
        ("to", "to is missing"),
        ("wrap", "expected true or false"),
    ]
    assert str(refused.value).startswith('weigth: there is no "weigth" here; did you mean "weight"?; colour: ')


def test_what_is_wrong_between_fields_is_asked_once_each_is_well() -> None:
    with pytest.raises(FieldError, match="wrap: too heavy to wrap"):
        Parcel({"to": "+919876543210", "weight": 20, "wrap": True})
    assert str(FieldError([("", "one of a and b")])) == "one of a and b"


def test_a_block_inherits_fields_and_may_say_one_anew() -> None:
    assert list(Letter.fields()) == ["to", "weight", "wrap", "labels", "wait", "from", "PIN", "stamp"]
    assert Letter.fields()["weight"].required
    assert not Parcel.fields()["weight"].required
    assert Letter.fields() is Letter.fields()


def test_a_field_of_the_class_tells_about_itself() -> None:
    assert Parcel.pin.secret
    assert Parcel.pin.key == "PIN"
    assert Parcel.to.says == "Who gets it"
    assert repr(Parcel.to.default) == "(required)"
    assert Parcel.to.value_when_left_out() is MISSING


def test_what_is_wrong_deep_inside_is_named_by_its_path() -> None:
    pairs = listing(listing(NUMBER))
    with pytest.raises(Misread) as refused:
        pairs.read([[1], [2, 3, "x"]])
    assert refused.value.path == (1, 2)
    assert refused.value.value == "x"
    assert refused.value.sentence == "expected a number"
    assert str(refused.value) == "expected a number (at item 2, item 3)"


def test_a_value_that_was_not_read_is_missed() -> None:
    with pytest.raises(AttributeError, match="PIN was not read"):
        _ = Parcel.__new__(Parcel).pin


def test_the_schema_of_a_block_has_words_defaults_and_no_room_for_other_keys() -> None:
    schema = Parcel.schema()
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["to"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["wrap"]["default"] is False
    assert schema["properties"]["wait"]["default"] == 300
    assert schema["properties"]["labels"]["default"] == []
    assert "default" not in schema["properties"]["weight"]
    assert "default" not in schema["properties"]["to"]
    assert schema["properties"]["to"]["description"] == "Who gets it"
    assert schema["properties"]["weight"]["title"] == "a number"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_schema_of_a_kind_is_sound_and_has_a_title(kind: Kind[Any]) -> None:
    Draft202012Validator.check_schema(kind.schema)
    assert kind.schema["title"] == kind.says
