"""Random templates give the same text here as in plain Jinja2, wherever it gives one."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime

import jinja2

from engine.template import Template, TemplateProblem

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATA: dict[str, object] = {
    "n": 7,
    "f": 2.5,
    "t": "Hello wide World",
    "ns": [3, 1, 2, 3],
    "ts": ["b", "A", "a", "c"],
    "rows": [{"k": "b", "v": 2}, {"k": "a", "v": 1}, {"k": "B", "v": 3}, {"k": "a"}],
    "d": {"x": 1, "y": {"z": "deep"}, "B": 0},
    "nothing": None,
    "yes": True,
}
Chance = random.Random
PLAIN = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])


def number(chance: Chance, depth: int) -> str:
    inner: list[Callable[[], str]] = [
        lambda: chance.choice(["n", "f", "0", "1", "-3", "ns[0]", "d.x", "rows[1].v"]),
        lambda: f"({number(chance, depth - 1)} {chance.choice('+-*')} {number(chance, depth - 1)})",
        lambda: f"({number(chance, depth - 1)} {chance.choice(['//', '%', '/'])} {chance.choice('245')})",
        lambda: f"({listing(chance, depth - 1)} | {chance.choice(['length', 'count'])})",
        lambda: f"({text(chance, depth - 1)} | {chance.choice(['wordcount', 'length', 'int(0)', 'float(1)'])})",
        lambda: f"({number(chance, depth - 1)} | abs)",
        lambda: "(ns | sum)" if chance.random() < 0.5 else "(rows[:3] | sum(attribute='v'))",
        lambda: f"(ns | {chance.choice(['min', 'max', 'first', 'last'])})",
    ]
    return inner[0]() if depth <= 0 else chance.choice(inner)()


def text(chance: Chance, depth: int) -> str:
    filters = [
        "upper",
        "lower",
        "title",
        "capitalize",
        "trim",
        "reverse",
        "string",
        "replace('l', 'L')",
        "truncate(9)",
        "truncate(8, true, '', 0)",
        "center(20)",
        "indent(2)",
        "default('-')",
        "escape",
        "striptags",
        "urlencode",
    ]
    inner: list[Callable[[], str]] = [
        lambda: chance.choice(["t", "'a'", "''", "ts[1]", "d.y.z", "(missing | default(1))"]),
        lambda: f"({text(chance, depth - 1)} | {chance.choice(filters)})",
        lambda: f"({value(chance, depth - 1)} ~ {value(chance, depth - 1)})",
        lambda: f"({listing(chance, depth - 1)} | join('{chance.choice(['', ', '])}'))",
        lambda: f"('' ~ {text(chance, depth - 1)})[{chance.choice(['1:', ':-1', '::-1', '0'])}]",
        lambda: f"({value(chance, depth - 1)} if {truth(chance, depth - 1)} else {value(chance, depth - 1)})",
        lambda: f"('%s/%s' | format({number(chance, depth - 1)}, {text(chance, depth - 1)}))",
        lambda: f"({listing(chance, depth - 1)} | {chance.choice(['first', 'last'])})",
        lambda: f"('' ~ ({listing(chance, depth - 1)} | tojson)) | replace('&', '')",
    ]
    return inner[0]() if depth <= 0 else chance.choice(inner)()


def listing(chance: Chance, depth: int) -> str:
    filters = [
        "list",
        "sort",
        "sort(reverse=true)",
        "unique | list",
        "unique(true) | list",
        "reverse | list",
        "select | list",
        "reject('none') | list",
        "select('string') | list",
        "map('string') | list",
        "map('upper') | list",
        "batch(2) | list",
        "batch(3, 0) | list",
        "slice(2) | list",
    ]
    of_rows = [
        "map(attribute='k') | list",
        "map(attribute='v', default=9) | list",
        "selectattr('v', 'defined') | map(attribute='v') | list",
        "selectattr('k', 'eq', 'a') | list",
        "rejectattr('v') | list",
        "sort(attribute='k') | map(attribute='k') | list",
        "groupby('k') | map('first') | list",
        "groupby('v', default=0) | map(attribute='grouper') | list",
        "groupby('k', case_sensitive=true) | list",
        "unique(attribute='k') | map(attribute='v') | list",
    ]
    inner: list[Callable[[], str]] = [
        lambda: chance.choice(["ns", "ts", "[]", "[1, 'a', none]", "(1, 2)", "d.keys() | list", "range(4) | list"]),
        lambda: f"({listing(chance, depth - 1)} | {chance.choice(filters)})",
        lambda: f"(rows | {chance.choice(of_rows)})",
        lambda: (
            f"(d | {chance.choice(['dictsort', 'list', 'items | list', 'dictsort(by=&value&)']).replace('&', chr(39))})"
        ),
        lambda: f"[{value(chance, depth - 1)}, {value(chance, depth - 1)}]",
        lambda: f"({listing(chance, depth - 1)})[{chance.choice(['1:', ':2', '::-1'])}]",
        lambda: f"({text(chance, depth - 1)}).split()",
    ]
    return inner[0]() if depth <= 0 else chance.choice(inner)()


def truth(chance: Chance, depth: int) -> str:
    tests = [
        "defined",
        "none",
        "string",
        "number",
        "integer",
        "float",
        "mapping",
        "sequence",
        "iterable",
        "odd",
        "true",
    ]
    inner: list[Callable[[], str]] = [
        lambda: chance.choice(["yes", "nothing", "n > 5", "'a' in ts", "missing is undefined"]),
        lambda: f"({value(chance, depth - 1)} {chance.choice(['==', '!='])} {value(chance, depth - 1)})",
        lambda: f"({number(chance, depth - 1)} {chance.choice(['<', '>='])} {number(chance, depth - 1)})",
        lambda: f"({value(chance, depth - 1)} {chance.choice(['in', 'not in'])} {listing(chance, depth - 1)})",
        lambda: f"(not {truth(chance, depth - 1)} {chance.choice(['and', 'or'])} {truth(chance, depth - 1)})",
        lambda: f"({value(chance, depth - 1)} is {chance.choice(['', 'not '])}{chance.choice(tests)})",
        lambda: f"({number(chance, depth - 1)} is {chance.choice(['divisibleby(2)', 'gt(1)', 'le 3', 'in ns'])})",
    ]
    return inner[0]() if depth <= 0 else chance.choice(inner)()


def value(chance: Chance, depth: int) -> str:
    return chance.choice([number, text, listing, truth])(chance, depth)


def template(chance: Chance) -> str:
    one = value(chance, chance.randint(0, 3))
    return chance.choice(
        [
            f"x{{{{ {one} }}}}",
            f"x{{% for i in {listing(chance, 2)} %}}{{{{ loop.index ~ i ~ loop.last }}}},{{% else %}}-{{% endfor %}}",
            f"x{{% if {truth(chance, 2)} %}}a{{% else %}}{{{{ {one} }}}}{{% endif %}}",
            f"x{{% set y = {one} %}}{{{{ y }}}}{{{{ y is sameas y }}}}",
        ]
    )


def ours(source: str) -> str | None:
    try:
        return str(Template.parse(source).render(DATA, now=NOW, zone=UTC, strict=False))
    except TemplateProblem:
        return None


def theirs(source: str) -> str | None:
    try:
        shown = PLAIN.from_string(source).render(DATA).strip()
    except Exception:
        return None
    return None if re.search(r"Undefined|Markup|object at", shown) else shown


def test_what_jinja_can_work_out_comes_out_the_same_here() -> None:
    seed = int(os.environ.get("FUZZ_SEED", "20260301"))
    count = int(os.environ.get("FUZZ_COUNT", "1500"))
    print(f"seed {seed}, {count} templates")
    chance, same = random.Random(seed), 0
    for _ in range(count):
        source = template(chance)
        expected = theirs(source)
        if expected is not None:
            assert ours(source) == expected, source
            same += 1
    assert same > count / 3
