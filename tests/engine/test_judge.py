from __future__ import annotations

from typing import Any

import pytest

from engine.field import (
    ANYTHING,
    DURATION,
    NUMBER,
    PHONE,
    TEXT,
    Block,
    choice,
    default,
    either,
    integer,
    listing,
    many,
    optional,
    required,
)
from engine.judge import Judge, block_faults, found, known_later, named
from engine.source.scalar import InputRef, SecretRef


class Letter(Block):
    to = required(many(PHONE), "To whom")
    kind = default(choice("plain", "fancy"), "plain", "How it looks")
    pages = optional(integer(1, 9), "How long it is")
    wait = optional(DURATION, "How long to wait")
    lines = optional(listing(TEXT), "What it says")
    weight = optional(either("a number or a text", NUMBER, TEXT), "What it weighs")
    extra = optional(ANYTHING, "More")

    def check(self) -> list[tuple[str, str]]:
        if self.kind == "fancy" and self.pages is None:
            return [("pages", "a fancy letter says how long it is")]
        return [] if self.pages is None or self.pages < 9 else [("", "too long")]


def sole(values: dict[str, Any], block: type[Block] = Letter) -> tuple[Any, ...]:
    (fault,) = block_faults(block, values)
    return fault.path, fault.code, fault.message, fault.expected, fault.remedy


TO = {"to": "+919876543210"}


def test_a_right_mapping_has_no_faults() -> None:
    assert block_faults(Letter, {**TO, "pages": 3, "wait": "00:01", "lines": ["a", 2], "weight": 2.5}) == []


def test_an_unknown_key_is_named_with_the_nearest() -> None:
    path, code, message, expected, remedy = sole({**TO, "page": 3})

    assert (path, code, message) == (("page",), "unknown-key", 'unknown key "page"')
    assert expected == "one of to, kind, pages, wait, lines, weight, extra"
    assert remedy == 'did you mean "pages"?'


def test_a_missing_key_says_what_belongs_there() -> None:
    assert sole({})[:3] == (("to",), "missing-key", 'the key "to" is missing')
    assert sole({})[3].startswith("to: a phone number")


def test_a_misspelled_key_is_one_fault_and_not_a_missing_one_too() -> None:
    assert sole({"too": "+919876543210"})[4] == 'did you mean "to"?'
    assert [fault.code for fault in block_faults(Letter, {"colour": 1})] == ["unknown-key", "missing-key"] or [
        fault.code for fault in block_faults(Letter, {"colour": 1})
    ] == ["missing-key", "unknown-key"]


def test_a_wrong_type_says_what_was_found() -> None:
    assert sole({**TO, "lines": "abc"})[1:4] == ("wrong-type", '"lines" is the text "abc"', "a list of text")
    assert sole({**TO, "weight": [1]})[1:4] == ("wrong-type", '"weight" is a list', "a number or a text")


def test_the_fault_of_an_element_points_at_the_element() -> None:
    path, code, message, _, _ = sole({"to": ["+919876543210", {}]})

    assert (path, code, message) == (("to", 1), "wrong-type", 'item 2 of "to" is an empty mapping')


def test_an_empty_list_where_one_is_needed_is_a_wrong_value() -> None:
    assert sole({"to": []})[1:3] == ("wrong-value", '"to" is an empty list')


def test_a_word_that_is_not_allowed_gets_the_nearest() -> None:
    assert sole({**TO, "kind": "fancyy"}) == (
        ("kind",),
        "not-allowed",
        '"kind" is the text "fancyy"',
        "one of plain, fancy",
        'did you mean "fancy"?',
    )
    assert sole({**TO, "kind": 3})[4] == "write one of these words, as it stands here"


def test_a_number_out_of_bounds_is_a_wrong_value() -> None:
    assert sole({**TO, "pages": 0})[1:4] == ("wrong-value", '"pages" is the number 0', "a whole number from 1 to 9")


def test_a_value_that_its_field_cannot_read_says_why() -> None:
    assert sole({**TO, "wait": "soon"})[3].startswith("a duration: a number of seconds")
    assert sole({**TO, "pages": "x"})[3] == "a whole number from 1 to 9"


def test_a_template_a_secret_or_an_input_stands_for_any_value() -> None:
    for value in ("{{ 1 }}", "{% if x %}1{% endif %}", SecretRef("a"), InputRef("b")):
        assert block_faults(Letter, {"to": value, "kind": value, "pages": value, "lines": value}) == []
        assert block_faults(Letter, {"to": [value], "lines": [value]}) == []


def test_a_fault_between_keys_is_told_at_the_key() -> None:
    assert sole({**TO, "kind": "fancy"})[:3] == (("pages",), "wrong-value", "a fancy letter says how long it is")
    assert sole({**TO, "pages": 9})[0] == ()


def test_a_fault_between_keys_is_not_told_of_a_value_that_only_the_run_knows() -> None:
    assert block_faults(Letter, {**TO, "pages": "{{ n }}"}) == []
    assert block_faults(Letter, {"to": "{{ x }}", "kind": "fancy", "pages": "{{ n }}"}) == []


def test_a_check_that_fails_is_a_fault_of_the_plugin() -> None:
    class Broken(Block):
        a = required(TEXT, "Something")

        def check(self) -> list[tuple[str, str]]:
            raise RuntimeError("no idea")

    assert sole({"a": "b"}, Broken)[1:3] == ("plugin-broken", "Broken cannot check this: no idea")


def test_a_literal_word_may_not_be_a_template() -> None:
    judge = Judge({"type": "object", "properties": {"name": {"type": "string", "literally": True}}})

    (template,) = judge.faults({"name": "{{ x }}"})
    (secret,) = judge.faults({"name": SecretRef("a")})

    assert (template.code, template.message) == ("no-template-here", '"name" is a template')
    assert secret.message == '"name" is a secret'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abc", 'the text "abc"'),
        ("", "an empty text"),
        ("x" * 80, f'the text "{"x" * 60}…"'),
        ("call +91 98765 43210", 'the text "call +9198…210"'),
        ([1], "a list"),
        ([], "an empty list"),
        ({"a": 1}, "a mapping"),
        ({}, "an empty mapping"),
        (None, "empty"),
        (True, "true"),
        (3.5, "the number 3.5"),
        (SecretRef("a"), "a secret"),
        (InputRef("a"), "an input of a blueprint"),
    ],
)
def test_what_was_found_is_said_in_words(value: object, words: str) -> None:
    assert found(value) == words


def test_paths_are_said_as_people_call_them() -> None:
    assert named(()) == "this"
    assert named(("a", "b")) == '"b"'
    assert named(("to", 0)) == 'item 1 of "to"'


def test_what_is_known_later_is_found_at_any_depth() -> None:
    assert known_later({"a": [{"b": "{{ x }}"}]})
    assert known_later({"{{ x }}": 1})
    assert not known_later({"a": [1, "b", None]})


def test_a_schema_without_words_still_gives_an_answer() -> None:
    assert Judge({"type": ["string", "number"]}).faults([])[0].expected == "string or number"
    assert Judge({"const": 3}).faults(4)[0].expected == "another value"
    assert Judge({"enum": ["a", "b"]}).faults("c")[0].expected == "one of a, b"
    assert Judge({"additionalProperties": False, "properties": {}}).faults({"a": 1})[0].expected == "no keys"
    assert Judge({"required": ["a"], "properties": {}}).faults({})[0].expected == "a"
