from __future__ import annotations

import os
import random
import resource
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.template import Budget, Read, Template, TemplateProblem, is_template
from engine.values import State
from tests.engine.template.hostile_templates import ESCAPES, EXHAUSTION, HANDED, NAMED

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Kolkata")
TRIGGER: dict[str, object] = {
    "trigger": {"count": 30, "job": {"id": "j1"}, "items": [1, 2], "phone": "+919876543210", "nothing": None},
    "x": 5,
}


def render(source: str, context: Mapping[str, object] = TRIGGER, *, strict: bool = True, **more: Any) -> Any:
    return Template.parse(source).render(context, now=NOW, zone=ZONE, strict=strict, **more)


def problem(source: str, context: Mapping[str, object] = TRIGGER, **more: Any) -> TemplateProblem:
    with pytest.raises(TemplateProblem) as caught:
        render(source, context, **more)
    return caught.value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ '+919876543210' }}", "+919876543210"),
        ("{{ trigger.phone }}", "+919876543210"),
        ("{{ '0091' }}", "0091"),
        ("{{ '1,2' }}", "1,2"),
        ("{{ 'None' }}", "None"),
        ("{{ 'True' }}", "True"),
        ("{{ '30' }}", "30"),
        ("{{ '30' | int }}", 30),
        ("{{ trigger.count }}", 30),
        ("  {{ trigger.count + 1 }}\n", 31),
        ("{{ 1 / 4 }}", 0.25),
        ("{{ trigger.count > 25 }}", True),
        ("{{ trigger.nothing }}", None),
        ("{{ none }}", None),
        ("{{ trigger.items }}", [1, 2]),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ {'a': (1, x)} }}", {"a": [1, 5]}),
        ("{{ trigger.job }}", {"id": "j1"}),
        ("{{ trigger['job']['id'] }}", "j1"),
        ("{{ trigger.items[-1] }}", 2),
        ("{{ trigger.items[x - 5] }}", 1),
        ("{{ 'abc'[1:] }}", "bc"),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ now() }}", "2026-03-01 17:30:00+05:30"),
        ("{{ timedelta(hours=26) }}", "1 day, 2:00:00"),
        ("{{ 'a' if x > 9 }}", ""),
        ("n: {{ trigger.count }}", "n: 30"),
        ("{{ trigger.count }}{{ x }}", "305"),
        ("{% set y = 1 %}\n{{ y }}\n", 1),
        ("{% set n = namespace(y=0) %}{% for i in range(3) %} {% set n.y = n.y + i %} {% endfor %}{{ n.y }}", 3),
        ("{% macro m() %}a{% endmacro %}{% do m() %}{{ x }}", 5),
        ("{% if x > 3 %}{{ x }}{% elif x %}{{ 'a' }}{% else %} {{ none }} {% endif %}", 5),
        ("{% if x > 9 %}{{ x }}{% endif %}", ""),
        ("{% if x > 3 %}{{ x }}{% else %}none{% endif %}", "5"),
        ("{% for i in [1] %}{{ i }}{% endfor %}", "1"),
        ("{% filter upper %}{{ x }}{% endfilter %}", "5"),
        ("{% set y %}{{ x }}{% endset %}{{ y }}", "5"),
        (
            "{{ none }} {{ true }} {{ (1, 'a') }} {{ set([2, 1]) }} {{ {'a': [none]} }}",
            "None True (1, 'a') {1, 2} {'a': [None]}",
        ),
        ("{{ set([2, 1, 2]) }}", [1, 2]),
        ("{{ [now(), (1, timedelta(hours=1))] }}", ["2026-03-01T17:30:00+05:30", [1, "1:00:00"]]),
        ("{# a word #}{{ x }}", 5),
        ("{# a word #}", ""),
    ],
)
def test_one_expression_keeps_its_type_and_anything_else_is_text(source: str, value: object) -> None:
    found = render(source)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for i in [1, 2] %}{{ loop.index }}{% if not loop.last %},{% endif %}{% else %}-{% endfor %}", "1,2"),
        ("{% for i in [] %}{{ i }}{% else %}none{% endfor %}", "none"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% for i in range(9) if i is odd %}{{ i }}{% endfor %}", "1357"),
        ("{% for i in range(9) %}{% if i > 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        ("{% for i in range(4) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "013"),
        ("{% for i in [[1, [2]], 3] recursive %}{{ i if i is number else loop(i) }}{% endfor %}", "123"),
        ("{% for i in 'ab' %}{{ loop.cycle('x', 'y') }}{{ loop.previtem }}{% endfor %}", "xya"),
        ("{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "10"),
        ("{% set y %}a{{ x }}{% endset %}{{ y | upper }}", "A5"),
        ("{% with y = 2 %}{{ y }}{% endwith %}", "2"),
        (
            "{% macro m(a, b=2) %}{{ a }}{{ b }}{{ caller() if caller }}{% endmacro %}{{ m(1) }} {{ m(3, b=4) }}",
            "12 34",
        ),
        ("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}hi{% endcall %}", "<hi>"),
        ("{% filter upper %}a{{ x }}b{% endfilter %}", "A5B"),
        ("{% do namespace() %}ok", "ok"),
        ("{% if x == 5 and not trigger.nothing %}yes{% elif x %}no{% else %}-{% endif %}", "yes"),
        ("{{ 1 < x <= 5 }}{{ 7 in [7] }}{{ 'a' not in 'b' }}", "TrueTrueTrue"),
        ("{{ -x }}{{ +x }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 'a' ~ 1 }}{{ [1] + [2] }}", "-553" + "3a1[1, 2]"),
    ],
)
def test_statements_work_as_in_jinja(source: str, text: str) -> None:
    assert render(f"[{source}]", strict=False) == f"[{text}]"


def test_a_key_of_the_data_comes_before_a_method_of_the_same_name() -> None:
    assert render("{{ trigger.items }}") == [1, 2]
    assert render("{{ trigger.items() | length }}") == 5


def test_functions_that_the_caller_hands_in_can_be_called() -> None:
    def states(entity: str) -> str:
        return f"state of {entity}"

    assert render("{{ states('sensor.a') }}", {"states": states}) == "state of sensor.a"
    assert "only functions" in problem("{{ f() }}", {"f": 3}).message
    assert "not defined" in problem("{{ a.f }}", {"a": {"f": states}}).message


OPEN = "something is not closed: the template ends too early"


@pytest.mark.parametrize(
    ("source", "sentence", "line", "column"),
    [
        ("{{ trigger.cout }}", "`trigger.cout` is not defined; did you mean `trigger.count`?", 1, 4),
        ("a\n{{ trigger['cout'] }}", "`trigger.cout` is not defined; did you mean `trigger.count`?", 2, 4),
        ("{{ trigger.job.ids | upper }}", "`trigger.job.ids` is not defined; did you mean `trigger.job.id`?", 1, 4),
        ("{{ triger.count }}", "`triger` is not defined; did you mean `trigger`?", 1, 4),
        ("{{ zzz + 1 }}", "`zzz` is not defined; if it may be absent, write `zzz | default('')`", 1, 4),
        ("{% if zzz %}{% endif %}", "`zzz` is not defined; if it may be absent, write `zzz | default('')`", 1, 7),
        ("{{ zzz() }}", "`zzz` is not defined; if it may be absent, write `zzz | default('')`", 1, 4),
        ("{{ [zzz] }}", "`zzz` is not defined; if it may be absent, write `zzz | default('')`", 1, 5),
        ("{{ x | tojsn }}", "no filter `tojsn`; did you mean `tojson`?", 1, 8),
        ("{{ x is defnied }}", "no test `defnied`; did you mean `defined`?", 1, 9),
        ("{{ [x] | map('uper') }}", "no filter `uper`; did you mean `upper`?", 1, 15),
        ("{{ [x] | selectattr('a', 'eqal') }}", "no test `eqal`; did you mean `equalto`?", 1, 27),
        ("{{ 'a'.uper() }}", "text has no function `uper`; did you mean `upper`?", 1, 8),
        ("{% fro i in x %}", "no statement `fro`; did you mean `for`?", 1, 4),
        ("{{ 1 / 0 }}", "division by zero", 1, 1),
        ("{{ 10 ** 99 }}", "a number is too large", 1, 1),
        ("{{ (-8) ** 0.5 }}", "there is no root of a number below 0", 1, 9),
        ("a\n{{ x + }}", "unexpected `}}`; write a value in front of the `}}`", 2, 8),
        ("{% if x %}", f"{OPEN}; write `{{% endif %}}` where the block ends", 1, 9),
        ("{{ x }} {{ 'a }}", "a quote is not closed; write the same quote at the end of the text", 1, 12),
        ("a\n{{ x ? 1 }}", "unexpected character `?`", 2, 6),
        ("{{ x \n\n | }}", "expected `name` but found `}}`", 3, 4),
    ],
)
def test_a_problem_says_what_and_where_and_names_what_is_near(
    source: str, sentence: str, line: int, column: int
) -> None:
    found = problem(source)
    assert (str(found), found.line, found.column) == (sentence, line, column)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 'a' + 1 }}", "`+` cannot work on text and a number; turn text into a number"),
        ("{{ '30' > 25 }}", "text cannot be compared with a number; compare numbers with numbers"),
        ("{{ -'a' }}", "`-` cannot work on text"),
        ("{{ 'a' | int }}", "`int` needs a number, not this text; say what to take instead: `| int(0)`"),
        ("{{ none | float }}", "`float` needs a number, not nothing"),
        ("{{ now }}", "a function is not a value; to call it"),
        ("{{ x[1:] }}", "a slice can be cut from text or a list, not from a number"),
        ("{% for i in x %}{% endfor %}", "`for` goes through a list, a mapping or text, not a number"),
        ("{{ '%d' % 'a' }}", "the format and its values do not fit"),
        ("{{ '{} {}'.format(1) }}", "the format and its values do not fit"),
        ("{{ 'a'.center() }}", "`center` cannot be used in this way on text"),
        ("{{ x | truncate }}", "`truncate` cannot be used with a number in this way"),
        ("{{ now().replace(hours=1) }}", "`replace` of a date does not know `hours`; did you mean `hour`?"),
        ("{{ '((' | regex_search('((') }}", "not a regular expression that rules can use"),
        ("{{ {[1]: 2} }}", "the template cannot work with these values"),
        ("{{ today_at('25:00') }}", "`today_at` needs a time of day"),
        ("{{ nothing_here | is_defined }}", "`is_defined` was given a name that is not defined"),
    ],
)
def test_wrong_uses_are_told_in_words(source: str, words: str) -> None:
    assert words in str(problem(source))


def test_problems_do_not_repeat_the_data() -> None:
    assert "98765" not in str(problem("{{ ('x' ~ trigger.phone) | int }}"))
    assert "98765" not in str(problem("{{ trigger.phone + 1 }}"))


def test_undefined_is_empty_text_and_a_warning_where_not_strict() -> None:
    warnings: list[TemplateProblem] = []
    assert render("a{{ trigger.cout }}{{ trigger.cout }}{{ y }}", strict=False, warnings=warnings) == "a"
    assert [str(warning) for warning in warnings] == [
        "`trigger.cout` is not defined; did you mean `trigger.count`?",
        "`y` is not defined; if it may be absent, write `y | default('')`",
    ]
    assert (warnings[0].line, warnings[0].column) == (1, 5)
    assert render("{{ y }}", strict=False) == ""
    assert render("{% if y.z %}a{% else %}b{% endif %}", strict=False) == "b"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ y | default('d') }}", "d"),
        ("{{ trigger.a.b.c | d(1) }}", 1),
        ("{{ '' | default('e', true) }}", "e"),
        ("{{ y is defined }}", False),
        ("{{ trigger.a is undefined }}", True),
        ("{{ trigger.items[9] | default(0) }}", 0),
        ("{{ trigger.items[x] | default(0) }}", 0),
        ("{{ trigger['a' ~ 'b'] is defined }}", False),
    ],
)
def test_a_strict_template_can_ask_for_what_may_be_absent(source: str, value: object) -> None:
    assert render(source) == value


def test_reads_are_the_free_names_with_their_places() -> None:
    source = "{% set y = 1 %}{% for i in trigger.rows %}{{ i.a ~ y }}{% endfor %}\n"
    source += "{{ now() }}{{ x.items() }} {{ a['b'][0].c }}"
    template = Template.parse(source + "{{ o.p | default(1) }}{{ timedelta() }}")
    assert template.reads == (
        Read("trigger.rows", 1, 28),
        Read("x", 2, 15),
        Read("a.b", 2, 31),
        Read("o.p", 2, 48, optional=True),
    )
    assert template.names == {"trigger.rows", "x", "a.b", "o.p"}
    template.render({}, now=NOW, zone=ZONE, strict=False)
    assert Template.parse(source + " ").names == {"trigger.rows", "x", "a.b"}


@pytest.mark.parametrize(
    ("source", "clock", "states"),
    [
        ("{{ 1 + now().hour }}", Read("now", 1, 8), None),
        ("{{ x | relative_time }}", Read("relative_time", 1, 8), None),
        ("a\n{{ [x] | map('time_since') }}", Read("time_since", 2, 15), None),
        ("{{ as_timestamp(x) }} {{ timedelta(hours=1) }}", None, None),
        ("{{ states.sensor.x.state }}", None, Read("states", 1, 4)),
        ("{{ 'sensor.x' is has_value }}", None, Read("has_value", 1, 18)),
        ("{{ x | selectattr('a') | reject('is_state', 'on') | list }}", None, Read("is_state", 1, 34)),
        ("{% set states = 1 %}{{ states }}", None, None),
        ("{{ 'states and now' }}", None, None),
        ("{{ expand(x) if today_at('9:00') }}", Read("today_at", 1, 17), Read("expand", 1, 4)),
    ],
)
def test_a_template_tells_where_it_asks_for_the_time_and_for_states(
    source: str, clock: Read | None, states: Read | None
) -> None:
    template = Template.parse(source)
    assert (template.asks_clock, template.asks_states) == (clock, states)


def test_the_same_text_is_parsed_once() -> None:
    assert Template.parse("{{ x }}") is Template.parse("{{ x }}")


def test_only_text_with_a_bracket_and_a_sign_is_a_template() -> None:
    assert [is_template(text) for text in ("{{ x }}", "{% if %}", "{# #}", "{ }", "50 %}")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    "source", ["{% include 'a' %}", "{% import 'a' as b %}", "{% extends 'a' %}", "{% block a %}{% endblock %}"]
)
def test_a_template_stands_alone(source: str) -> None:
    word = source.split()[1]
    assert f"`{word}` is not allowed" in problem(source).message


def test_the_corpora_are_large_enough() -> None:
    assert len(set(ESCAPES) | set(EXHAUSTION)) >= 200


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_gets_out(source: str) -> None:
    for strict in (True, False):
        try:
            shown = str(render(source, HANDED, strict=strict))
        except TemplateProblem:
            continue
        assert not any(word in shown for word in ("<", "object at", "built-in", "class", "module", "root:"))
    assert HANDED["trigger"] == {"json": {"a": [1, 2, {"b": "c"}]}}


@pytest.mark.parametrize("name", NAMED)
def test_the_ten_that_the_plain_sandbox_lets_through_are_stopped(name: str) -> None:
    message = problem(NAMED[name], HANDED).message
    assert any(words in message for words in ("64 kB", "width", "too much work"))


def test_exhaustion_is_stopped_in_little_time_and_memory() -> None:
    before, slowest = _memory(), (0.0, "")
    for source in EXHAUSTION:
        start = time.perf_counter()
        _attempt(source, HANDED)
        slowest = max(slowest, (time.perf_counter() - start, source[:60]))
    grown = _memory() - before
    print(f"slowest {slowest[0] * 1000:.0f} ms: {slowest[1]}; memory grew by {grown:.1f} MB")
    assert slowest[0] < 2, slowest  # promise P15 says 0.2 s; the machine that runs this may be busy
    assert grown < 20


def _memory() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1_000_000 if sys.platform == "darwin" else 1000)


def _attempt(source: str, context: Mapping[str, object]) -> str:
    try:
        return str(render(source, context, strict=False))
    except TemplateProblem as found:
        return found.message


def test_a_budget_of_ones_own_is_kept() -> None:
    assert "64 kB" not in problem("{{ 'a' * 100 }}", budget=Budget(output=50)).message
    assert "too much work" in problem("{% for i in range(99) %}{% endfor %}", budget=Budget(ticks=50)).message
    assert len(render("{{ 'é' * 30000 }}")) == 30_000
    assert "64 kB" in problem("{{ 'é' * 40000 }}").message


_WORDS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{%-",
    "-%}",
    "if",
    "else",
    "endif",
    "for",
    "in",
    "endfor",
    "set",
    "endset",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "with",
    "endwith",
    "x",
    "y",
    "trigger",
    ".count",
    ".items()",
    "[0]",
    "[1:]",
    "['a']",
    "(",
    ")",
    "|",
    "~",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">",
    ",",
    ":",
    "=",
    "'a'",
    '"b"',
    "1",
    "2.5",
    "99999999",
    "none",
    "true",
    "not",
    "and",
    "or",
    "is",
    "defined",
    "upper",
    "int",
    "float",
    "join(",
    "default(",
    "map(",
    "'upper'",
    "length",
    "range(",
    "now(",
    "namespace(",
    "loop",
    "loop.index",
    "{#",
    "#}",
    "{",
    "}",
    "[",
    "]",
    "._x",
    ".__class__",
    "\\",
    "\n",
    "recursive",
    "self",
    "caller(",
    "do",
    "break",
    "sort",
    "to_json",
    "from_json",
    "regex_replace(",
    "center(",
    ".format(",
    "'é'",
    "😀",
    "states",
    "states(",
    ".sensor",
    ".state",
    "'sensor.x'",
    "is_state(",
    "expand(",
    "set(",
    "tuple(",
    "union(",
    "combine(",
    "flatten",
    "zip(",
    "shuffle",
    "random",
    "apply(",
    "as_function",
    "pack(",
    "'>I'",
    "from_hex",
    "version",
    "remap(",
    "log",
    "inf",
    "as_datetime",
    "as_timedelta",
    "timedelta(",
    ".isocalendar()",
    ".tzinfo",
    "groupby(",
    "first",
    "typeof",
]


def test_random_templates_give_plain_data_or_a_problem() -> None:
    seed = int(os.environ.get("FUZZ_SEED", "20260301"))
    count = int(os.environ.get("FUZZ_COUNT", "3000"))
    print(f"seed {seed}, {count} templates")
    chance = random.Random(seed)
    for _ in range(count):
        words = chance.choices(_WORDS, k=chance.randint(1, 14))
        source = " ".join(words) if chance.random() < 0.3 else "{{ " + " ".join(words) + " }}"
        try:
            found = render(source, HANDED, strict=chance.random() < 0.5, view=SMALL_HOUSE)
        except TemplateProblem as problem:
            assert problem.message  # noqa: PT017
            continue
        assert _is_plain(found), source


class _SmallHouse:
    """A view in which there is one entity."""

    def state(self, entity: str) -> State | None:
        return State("sensor.x", "5", {"a": [1]}, NOW, NOW) if entity == "sensor.x" else None

    def entities(self, prefix: str) -> list[State]:
        return [State("sensor.x", "5", {"a": [1]}, NOW, NOW)] if "sensor.x".startswith(prefix) else []


SMALL_HOUSE = _SmallHouse()


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(item) for key, item in value.items())
    return value is None or type(value) in (str, int, float, bool)
