from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engine.template import Template, TemplateProblem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOUBLE = "{% macro macro_double(n, returns) %}{% do returns(n * 2) %}{% endmacro %}"


def render(source: str) -> Any:
    return Template.parse(source).render({}, now=NOW, zone=UTC, strict=True)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (DOUBLE + "{% set double = macro_double | as_function %}{{ double(4) }}", 8),
        (DOUBLE + "{% set double = as_function(macro_double) %}{{ [1, 2] | map('apply', double) | list }}", [2, 4]),
        (DOUBLE + "{{ apply(5, macro_double | as_function) + 1 }}", 11),
        ("{% macro plus(n, m=1) %}{{ n + m }}{% endmacro %}{{ 5 | apply(plus, m=3) }}", "8"),
        ("{% macro m(returns) %}{% endmacro %}{{ apply(1, iif, 'a') }}{{ (m | as_function) is callable }}", "aTrue"),
        ("{% macro m(n, returns) %}{% do returns(1) %}{% do returns(n > 2) %}{% endmacro %}"
         "{% set big = m | as_function %}{{ [1, 3] | select('apply', big) | list }}", [3]),
        ("{% macro m(n, returns) %}{% if n %}{% do returns(n) %}{% endif %}{% endmacro %}"
         "{% set f = m | as_function %}{{ f(0) }}", None),
        ("{% set t = namespace() %}" + DOUBLE + "{% set t.d = macro_double | as_function %}{{ t.d(2) }}", 4),
    ],
)  # fmt: skip
def test_a_macro_can_be_a_function_that_gives_a_value(source: str, value: object) -> None:
    found = render(source)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 5 | as_function }}", "`as_function` needs a macro, not a number"),
        ("{{ apply(1, 'now') }}", "`apply` needs a function or a macro"),
        (DOUBLE + "{{ macro_double | as_function }}", "a function is not a value"),
        ("{% macro m() %}{% endmacro %}{% set f = m | as_function %}{{ f() }}", "cannot work with these values"),
        ("{% macro m(n, returns) %}{% set f = m | as_function %}{% do f(n) %}{% endmacro %}"
         "{% set f = m | as_function %}{{ f(1) }}", "too much work"),
    ],
)  # fmt: skip
def test_what_is_no_function_is_told_in_words(source: str, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        render(source)
    assert words in str(caught.value) or "calls itself too often" in str(caught.value)
