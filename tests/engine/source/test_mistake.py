from __future__ import annotations

import pytest

from engine.problem import render
from engine.source import read

MISTAKES = [
    ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1),
    ("a: {b: 1, b: 2}\n", "duplicate-key", 1, 11),
    ("a: &x {}\nb:\n  <<: *x\n  <<: *x\n", "duplicate-key", 4, 3),
    ("1: a\n", "key-not-text", 1, 1),
    ("true: a\n", "key-not-text", 1, 1),
    ("?\n: a\n", "key-not-text", 1, 2),
    ("? [a]\n: b\n", "key-not-text", 1, 3),
    ("? {a: b}\n: b\n", "key-not-text", 1, 3),
    ("!secret a: b\n", "key-not-text", 1, 1),
    ("a: &x [1]\n*x : b\n", "key-not-text", 2, 1),
    ("a: !include other.yaml\n", "unknown-tag", 1, 4),
    ("a: !include_dir_list x\n", "unknown-tag", 1, 4),
    ("a: !env_var HOME\n", "unknown-tag", 1, 4),
    ("a: !!python/object:os.system x\n", "unknown-tag", 1, 4),
    ("a: !!timestamp 2024-99-99\n", "unknown-tag", 1, 4),
    ("a: !!str 5\n", "unknown-tag", 1, 4),
    ("a: ! 5\n", "unknown-tag", 1, 4),
    ("a: !!set {b, c}\n", "unknown-tag", 1, 4),
    ("a: !!binary [b]\n", "unknown-tag", 1, 4),
    ("a: !Hello there\n", "unknown-tag", 1, 4),
    ("a: !e!x b\n", "needs-quotes", 1, 4),
    ("a: !secret\n", "reference-name", 1, 4),
    ("a: !secret two words\n", "reference-name", 1, 4),
    ("a: !input [x]\n", "reference-name", 1, 4),
    ("a: *nobody\n", "unknown-alias", 1, 4),
    ("a: &x [*x]\n", "alias-loop", 1, 8),
    ("a:\n  <<: text\n", "merge-not-mapping", 2, 7),
    ("a: &x {b: 1}\nc:\n  <<: [*x, 5]\n", "merge-not-mapping", 3, 12),
    ("a: &x [1]\nc:\n  <<: *x\n", "merge-not-mapping", 1, 8),
    ("a: 1\n---\nb: 2\n", "several-documents", 2, 1),
    ("%YAML 3.0\n---\na: 1\n", "directive", 1, 1),
    ('a: "\\0"\n', "bad-escape", 1, 4),
    ('a: "\\uD800"\n', "bad-escape", 1, 4),
    ('a: "\\UFFFFFFFF"\n', "bad-escape", 1, 4),
    ('a: "C:\\q"\n', "bad-escape", 1, 4),
    ('a: "\\xZZ"\n', "bad-escape", 1, 4),
    ("to: {{ trigger.id }}\n", "unquoted-template", 1, 5),
    ("to: {{ trigger.id }} is late\n", "unquoted-template", 1, 5),
    ("to: {{ trigger['id'] }}\n", "unquoted-template", 1, 5),
    ("body: [{{ a }}, b]\n", "unquoted-template", 1, 8),
    ("- {{ a.b(1, 2) }}\n", "unquoted-template", 1, 3),
    ("- {% if a %}\n", "unquoted-template", 1, 3),
    ("{{ a }}: 1\n", "unquoted-template", 1, 1),
    ("to: {{ a\n", "unquoted-template", 1, 5),
    ("to: {{ a\n }}\n", "unquoted-template", 1, 5),
    ("alias:Late\nmode: queued\n", "missing-space", 1, 1),
    ("mode: queued\nalias:Late\n", "missing-space", 2, 1),
    ("text only\nalias: a\n", "missing-colon", 1, 1),
    ("alias: a\nmode\nid: b\n", "missing-colon", 2, 1),
    ("alias: Late: again\n", "colon-in-text", 1, 12),
    ('alias: "Late": again\n', "colon-in-text", 1, 14),
    ("a:\n\tb: c\n", "tab", 2, 1),
    ("-\ta\n", "tab", 1, 2),
    ("a: @home\n", "needs-quotes", 1, 4),
    ("a: `home`\n", "needs-quotes", 1, 4),
    ("a: %home\n", "needs-quotes", 1, 4),
    ("a: *bold*\n", "needs-quotes", 1, 4),
    ("a: *\n", "needs-quotes", 1, 4),
    ("a: & b\n", "needs-quotes", 1, 4),
    ("a: ? b\n", "needs-quotes", 1, 4),
    ("a: &a &b c\n", "needs-quotes", 1, 4),
    ("a: !<x y\n", "needs-quotes", 1, 4),
    ('a: "Hello\nb: c\n', "unclosed-quote", 1, 4),
    ('a: "Hello\nb: "c"\n', "unclosed-quote", 1, 4),
    ("a: 'it's late'\nb: c\n", "text-after-quote", 1, 8),
    ('a: "b\n---\nc"\n', "unclosed-quote", 1, 4),
    ('a: "Hello" world\n', "text-after-quote", 1, 12),
    ("a: > text\n", "block-text", 1, 6),
    ("a: [1, 2\nb: 3\n", "unclosed-bracket", 1, 4),
    ("a: {b: c\n", "unclosed-bracket", 1, 4),
    ("a: [\n", "unclosed-bracket", 1, 4),
    ("a: [1, b}\n", "unclosed-bracket", 1, 4),
    ("a: [1]]\n", "stray-bracket", 1, 7),
    ("a: }\n", "stray-bracket", 1, 4),
    ("a: - b\n", "list-on-key-line", 1, 4),
    ("a:\n  b: 1\n c: 2\n", "indentation", 3, 2),
    ("a:\n  b: 1\n   c: 2\n", "indentation", 3, 4),
    ("- a\n - b: c\n", "indentation", 2, 2),
    ("- a\nb: c\n", "indentation", 2, 1),
    ("a: b\n- c\n", "indentation", 2, 1),
    ("\ufeff", "byte-order-mark", 1, 1),
    ("a: b\ufeffc\n", "control-character", 1, 5),
    ("a: \x00\n", "control-character", 1, 4),
    ("a: 1\nb: \x1b[31m\n", "control-character", 2, 4),
    ("a: \ud800\n", "control-character", 1, 4),
    (b"a: 1\nb: caf\xe9\n", "not-utf-8", 2, 7),
    (b"\xff\xfea\x00", "not-utf-8", 1, 1),
    (b"a: \xed\xa0\x80", "not-utf-8", 1, 4),
]


@pytest.mark.parametrize(("text", "code", "line", "column"), MISTAKES)
@pytest.mark.parametrize("pure", [False, True])
def test_a_mistake_is_named_at_its_place_with_what_to_do(
    text: str | bytes, code: str, line: int, column: int, pure: bool
) -> None:
    source = read(text, "r.yaml", pure=pure)
    first = source.problems[0]
    assert first.place is not None
    assert (first.code, first.place.line, first.place.column) == (code, line, column)
    assert len(source.problems) == 1
    assert first.expected or first.remedy
    assert render(first, {"r.yaml": source.text})
