from __future__ import annotations

from typing import Any

import pytest

from engine.source import Places, read
from engine.source.places import Branch, Graft
from tests.engine.source.rule_texts import RULE


def test_merged_values_stand_at_their_anchor_and_an_alias_where_it_is_written() -> None:
    places = read("a: &a\n  x: 1\nb:\n  <<: *a\n  y: 2\nc: *a\n", "r.yaml").places
    assert str(places.value(("b", "x"))) == "r.yaml:2:6"
    assert str(places.key(("b", "x"))) == "r.yaml:2:3"
    assert str(places.key(("b", "y"))) == "r.yaml:5:3"
    assert str(places.value(("c",))) == "r.yaml:6:4"
    assert str(places.value(("c", "x"))) == "r.yaml:2:6"


def test_a_key_that_is_not_there_is_not_looked_for_further_up() -> None:
    places = read("a:\n  x: 1\nb: 5\n", "r.yaml").places
    assert str(places.key(("b", "a"))) == "r.yaml:3:4"
    assert str(places.key(("b", "c", "a"))) == "r.yaml:3:4"
    assert str(places.key(("c", "a"))) == "r.yaml:1:1"
    assert str(places.key(("z", "b"))) == "r.yaml:1:1"


def test_a_spot_of_another_file_is_told_as_a_place_of_that_file() -> None:
    other = read("x:\n  - y: 1\n", "other.yaml").places
    mine = read("a: 1\nb: 2\n", "mine.yaml").places
    assert isinstance(mine.root, Branch)
    given, key = Graft(*other.at(("x",))), Graft(other, (0, 0, 1))
    joined = Places("mine.yaml", mine.text, Branch((0, 0, 1), {**mine.root.children, "b": given}, {"b": key}))
    assert str(joined.value(("a",))) == "mine.yaml:1:4"
    assert str(joined.value(("b",))) == "other.yaml:2:3"
    assert str(joined.value(("b", 0, "y"))) == "other.yaml:2:8"
    assert str(joined.key(("b", 0, "y"))) == "other.yaml:2:5"
    assert str(joined.key(("b",))) == "other.yaml:1:1"
    assert joined.at(("b", 0))[0] is other


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (1, 1, 1), (1, 1, 1)),
        ((0,), (1, 3, 2), (1, 3, 2)),
        ((0, "alias"), (2, 10, 39), (2, 3, 5)),
        ((0, "triggers"), (4, 5, 1), (3, 3, 8)),
        ((0, "triggers", 0), (4, 7, 7), (4, 7, 7)),
        ((0, "triggers", 0, "trigger"), (4, 16, 11), (4, 7, 7)),
        ((0, "triggers", 0, "status"), (6, 15, 16), (6, 7, 6)),
        ((0, "triggers", 0, "status", 1), (6, 23, 7), (6, 23, 7)),
        ((0, "triggers", 0, "above"), (7, 14, 2), (7, 7, 5)),
        ((0, "actions", 0, "data", "to"), (11, 13, 15), (11, 9, 2)),
        ((0, "actions", 0, "data", "header", "image", "link"), (12, 32, 28), (12, 26, 4)),
        ((0, "actions", 0, "data", "nothing", "such"), (11, 9, 2), (11, 9, 2)),
        ((0, "triggers", 7), (4, 5, 1), (4, 5, 1)),
        ((0, "alias", "deeper"), (2, 10, 39), (2, 10, 39)),
    ],
)
@pytest.mark.parametrize("pure", [False, True])
def test_every_key_and_value_has_its_exact_place(path: Any, value: Any, key: Any, pure: bool) -> None:
    places = read(RULE, "r.yaml", pure=pure).places
    found = [(at.line, at.column, at.length) for at in (places.value(path), places.key(path))]
    assert found == [value, key]


def test_text_over_several_lines_is_marked_to_the_end_of_its_first_line() -> None:
    places = read("a: |  # text\n  one\nb: [1,\n  2]\nc: &x\n  d: 1\n", "r.yaml").places
    assert [places.value((key,)).length for key in "abc"] == [9, 3, 1]
    assert places.value(()).length == 1
