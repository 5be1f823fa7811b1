"""docs/language/table.md says of every key what the engine and its tests say; RULEWHEEL_WRITE=1 writes it anew."""

from __future__ import annotations

import os

from tests.language_table import ROOT, Key, first_test_of, is_checked, is_executed, keys, left_out, page, rows

PAGE = ROOT / "docs" / "language" / "table.md"


def test_the_table_in_docs_is_the_one_that_engine_and_tests_make() -> None:
    made = page()
    if os.environ.get("RULEWHEEL_WRITE"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made, "run: RULEWHEEL_WRITE=1 pytest tests/test_language_table.py"


def test_every_key_that_needs_no_device_is_checked_executed_and_tested() -> None:
    assert [row for row in rows() if not (row.checked and row.executed and row.tested)] == []


def test_what_is_left_out_says_why_and_is_not_there() -> None:
    there = {key.construct for key in keys()}
    for _, what, why in left_out():
        assert why
        assert what not in there


def test_a_key_that_is_nowhere_is_seen_to_be_missing() -> None:
    key = Key(5, "step delay", "snooze", False)
    assert not is_checked(key)
    assert not is_executed(key)
    assert not first_test_of(Key(3, "trigger state", "no_such_" + "key", False))
