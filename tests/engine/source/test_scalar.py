from __future__ import annotations

import pytest

from engine.source import read


@pytest.mark.parametrize(
    ("word", "value"),
    [
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        ("0", 0),
        ("-7", -7),
        ("25", 25),
        ("999999999999999999", 999999999999999999),
        ("0.5", 0.5),
        ("-1.25", -1.25),
        (".5", 0.5),
        ("5.", 5.0),
        ('"25"', "25"),
        ("'true'", "true"),
        *(
            (word, word)
            for word in (
                *("no", "No", "on", "off", "yes", "y", "tRUE", "12:30", "12:30:00", "2024-01-01", "2024-99-99"),
                *("0123", "00", "+14155550123", "+1", "1_000", "0x1F", "0o17", "1e5", "1.5e3", ".inf", "-.inf", ".nan"),
                *(".", "1.2.3", "1000000000000000000", "9" * 5000, "2001-02-30T25:61:61Z", "Rs.5", "=", "٣"),
            )
        ),
    ],
)
def test_an_unquoted_word_has_the_value_that_people_expect(word: str, value: object) -> None:
    found = read(f"a: {word}\n", "r.yaml").value["a"]
    assert (type(found), found) == (type(value), value)
