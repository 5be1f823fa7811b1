from __future__ import annotations

import random
from typing import Any

import pytest

from engine.problem import Problem
from engine.source import InputRef, Limits, SecretRef, Source, read
from tests.engine.source.rule_texts import MUTATIONS, RULE, SEED, mutated, paths


def value_of(text: str) -> Any:
    source = read(text, "r.yaml")
    assert source.problems == ()
    return source.value


def only_problem(text: str | bytes, limits: Limits | None = None) -> Problem:
    source = read(text, "r.yaml", limits or Limits())
    assert len(source.problems) == 1, source.problems
    return source.problems[0]


def test_a_rule_is_read_as_plain_data_in_file_order() -> None:
    rule = value_of(RULE)[0]
    assert list(rule) == ["id", "alias", "triggers", "actions"]
    assert rule["triggers"] == [
        {"trigger": "job.entries", "job": "any", "status": ["ERROR", "INVALID"], "above": 25},
    ]
    assert rule["actions"][0]["data"]["body"] == ["{{ trigger.count }}", "{{ trigger.job.id }}"]


def test_secrets_and_inputs_stay_references() -> None:
    assert value_of("a: !secret chakra_token\nb: [!input phone.number]\n") == {
        "a": SecretRef("chakra_token"),
        "b": [InputRef("phone.number")],
    }


def test_an_alias_is_a_copy_that_shares_nothing() -> None:
    value = value_of("a: &x {n: [1]}\nb: *x\nc: &t text\nd: *t\n")
    assert value == {"a": {"n": [1]}, "b": {"n": [1]}, "c": "text", "d": "text"}
    assert value["a"]["n"] is not value["b"]["n"]


def test_an_alias_of_a_text_can_be_a_key() -> None:
    assert value_of("&k name: 1\nb: {*k : 2}\n") == {"name": 1, "b": {"name": 2}}


def test_a_merge_puts_keys_where_it_stands_and_own_keys_win() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  first: 0\n  <<: [*a, *b]\n  z: 3\n"
    merged = value_of(text)["c"]
    assert list(merged.items()) == [("first", 0), ("x", 1), ("y", 1), ("z", 3)]


def test_a_duplicate_key_names_both_places_and_keeps_the_first() -> None:
    source = read("a: 1\nb: 2\na: [3]\n", "r.yaml")
    (problem,) = source.problems
    assert [str(place) for place, _ in problem.also] == ["r.yaml:1:1"]
    assert source.value == {"a": 1, "b": 2}


def test_an_unquoted_template_is_read_as_the_text_that_was_meant() -> None:
    source = read("to: {{ trigger.id }}\nid: a\n", "r.yaml")
    assert source.value == {"to": "{{ trigger.id }}", "id": "a"}
    assert "quotes" in source.problems[0].remedy


def test_an_include_is_told_where_rules_belong() -> None:
    assert "every *.yaml below the rules folder is read" in only_problem("a: !include x.yaml\n").remedy


def test_a_misspelt_tag_or_alias_is_given_its_near_name() -> None:
    assert only_problem("a: !secert x\n").remedy == 'did you mean "!secret"?'
    assert only_problem("a: &phone 1\nb: *phon\n").remedy == 'did you mean "phone"?'


def test_a_byte_order_mark_is_a_warning_and_moves_no_column() -> None:
    source = read(b"\xef\xbb\xbfa: 1\n", "r.yaml")
    assert [problem.severity for problem in source.problems] == ["warning"]
    assert source.value == {"a": 1}
    assert source.places.value(("a",)).column == 4


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "%YAML 1.2\n---\n"])
def test_an_empty_file_is_nothing_and_no_mistake(text: str) -> None:
    source = read(text, "r.yaml")
    assert (source.value, source.problems) == (None, ())
    assert source.places.value(("a",)).line >= 1


def test_brackets_in_text_comments_and_templates_do_not_count_as_depth() -> None:
    deep = "[" * 5000
    text = f"a: \"{deep}\"\nb: '{deep}'  # {deep}\nc: |\n  {deep}\nd: x{deep}\n# {deep}\n"
    assert value_of(text)["c"] == deep + "\n"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_thirty_two_levels_are_read_and_one_more_is_refused(opening: str) -> None:
    assert "too-deep" not in [problem.code for problem in read(opening * 32, "r.yaml").problems]
    assert read(opening * 33, "r.yaml").problems[-1].code == "too-deep"


def test_depth_counts_what_an_alias_holds() -> None:
    inner = "a: &a " + "[" * 20 + "]" * 20
    assert value_of(f"{inner}\nb: {'[' * 11}*a{']' * 11}\n")
    assert only_problem(f"{inner}\nb: {'[' * 12}*a{']' * 12}\n").code == "too-deep"
    assert only_problem(f"{inner}\nb: &b {'[' * 6}*a{']' * 6}\nc: {'[' * 6}*b{']' * 6}\n").code == "too-deep"


def test_nodes_are_counted_with_aliases_expanded() -> None:
    limits = Limits(nodes=19)
    assert read("a: &a [1, 2, 3]\nb: [*a, *a]\n", "r.yaml", limits).problems == ()
    refused = only_problem("a: &a [1, 2, 3]\nb: [*a, *a, *a]\n", limits)
    assert (refused.code, str(refused.place)) == ("too-many-values", "r.yaml:2:13")
    assert only_problem("a: &a {b: 1}\n<<: [" + "*a, " * 8 + "]\n", limits).code == "too-many-values"


def test_a_file_over_its_size_is_refused_unread() -> None:
    source = read(b"a" * 5_000_000, "r.yaml")
    assert (source.value, source.text, source.problems[0].code) == (None, "", "file-too-large")
    assert read("é" * 600_000, "r.yaml").problems[0].code == "file-too-large"


def test_a_file_full_of_mistakes_gives_a_bounded_list() -> None:
    assert len(read("- {a: 1, a: 2}\n" * 5000, "r.yaml").problems) == 100
    assert len(read("\x00" * 5000, "r.yaml").problems) == 100


def bomb(levels: int, width: int) -> str:
    lines = ["l0: &l0 [x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


HOSTILE: dict[str, str | bytes] = {
    **{f"{opening.strip()} x 100,000": opening * 100_000 for opening in ("[", "{", "- ", "? ", "[\n", "{? ", "*a ")},
    **{f"{opening} nested": opening * 20_000 for opening in ("[{a: ", "&a [", "- ? ", "!x [", "[? ", "{{ ", "- - {")},
    "indented 1,400 deep": "\n".join(" " * level + "a:" for level in range(1400)),
    "brackets after a quote": "a: 'x'\nb: " + "[" * 100_000,
    "brackets closed in quotes": ('["]", ' * 100_000),
    "brackets behind a comment": "# x\n" + "[ # ]\n" * 100_000,
    "billion laughs": bomb(12, 10),
    "quadratic aliases": "a: &a [" + "x, " * 300 + "]\nb: [" + "*a, " * 100_000 + "]\n",
    "merge bomb": "a: &a {b: 1}\n" + "".join(f"m{n}: &m{n} {{<<: [*a, *a], k{n}: *a}}\n" for n in range(20_000)),
    "merge of many empty": "a: &a {}\nb:\n  <<: ["
    + "*a, " * 90_000
    + "]\n"
    + "".join(f"  k{n}: 1\n" for n in range(99)),
    "loop": "a: &a {b: &b [*a, *b]}\n",
    "loop by merge": "a: &a\n  <<: *a\n",
    "many anchors": "".join(f"- &a{n} x\n" for n in range(60_000)) + "- *b\n" * 200,
    "long alias": "- &a x\n- *" + "b" * 500_000,
    "long tag": "a: !" + "b" * 500_000 + " c",
    "long key": "k" * 900_000 + ": 1\n",
    "long number": "a: " + "9" * 900_000,
    "long decimal": "a: 0." + "9" * 900_000,
    "one long word": "x" * 1_000_000,
    "one long quoted": '"' + "x" * 1_000_000 + '"',
    "one long open quote": '"' + "x" * 1_000_000,
    "escapes": '"' + "\\n" * 500_000 + '"',
    "blank": " " * 1_000_000,
    "line ends": "\n" * 1_000_000,
    "carriage returns": "\r" * 1_000_000,
    "comments": "#\n" * 500_000,
    "dashes": "-" * 1_000_000,
    "colons": ":" * 1_000_000,
    "colon pairs": ": " * 500_000,
    "commas": "," * 1_000_000,
    "questions": "?" * 1_000_000,
    "closing": "]" * 1_000_000,
    "documents": "---\n" * 200_000,
    "directives": "%A b\n" * 200_000,
    "duplicate keys": "a: 1\n" * 200_000,
    "wide list": "[" + "a," * 500_000 + "]",
    "wide mapping": "{" + "".join(f"k{n}: {n}, " for n in range(60_000)) + "}",
    "complex keys": "{" + "{a}: 1, " * 100_000 + "}",
    "templates": "a: {{ x }}\n" * 80_000,
    "template keys on one line": "{" + "{{ x }}: 1, " * 80_000 + "}",
    "zero bytes": b"\x00" * 1_000_000,
    "random bytes": bytes(random.Random(1).randbytes(1_000_000)),
    "utf-16": "a: 1\n".encode("utf-16"),
    "utf-32": "a: 1\n".encode("utf-32"),
    "overlong": b"a: \xc0\xaf\n",
    "half a character": "a: é".encode()[:-1],
    "surrogates": "\ud800\udfff" * 1000,
    "noncharacters": "a: \ufffe\uffff\n",
    "line separators": "a: 1\u2028b: 2\u2029c: 3\x85d: 4\n",
    "emoji": "a: 👩‍👩‍👧‍👦\nb: 😀\n",
    "right to left": "a: \u202eabc\n",
    "five megabytes": "a: b\n" * 1_000_000,
    "a block header": "a: |99\n  x\n",
    "a block without lines": "a: |",
    "a block with tabs": "a: |\n\tx\n",
    "bad dates": "a: 2024-02-31\nb: 99:99\nc: 0000-00-00T00:00:00Z\n",
    "huge integers": "a: " + "1" * 4301 + "\nb: -" + "1" * 5000 + "\nc: 0x" + "f" * 5000 + "\n",
    "huge exponents": "a: 1e999999999\nb: 1.0e+999\n",
    "python objects": "a: !!python/object/apply:os.system [id]\n",
    "a value of its own": "=",
    "a merge at the root": "<<: {a: 1}\n",
    "a merge of itself": "<<: <<\n",
    "a lone anchor": "&a",
    "a lone alias": "*a",
    "a lone tag": "!",
    "a lone question": "?",
    "a tag directive": "%TAG ! tag:yaml.org,2002:python/\n---\na: !secret x\n",
}

NOTHING_IN_IT = {"blank", "line ends", "carriage returns", "comments", "a lone anchor"}


def in_place(source: Source) -> bool:
    return all(problem.place and problem.place.line >= 1 and problem.place.column >= 1 for problem in source.problems)


def test_the_hostile_corpus_is_large_enough() -> None:
    assert len(HOSTILE) >= 59


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_an_answer(name: str) -> None:
    source = read(HOSTILE[name], "r.yaml")
    assert in_place(source)
    assert source.problems or source.value is not None or name in NOTHING_IN_IT


def test_mutations_of_good_rules_always_get_an_answer_in_place() -> None:
    print("seed", SEED)
    random_ = random.Random(SEED)
    for _ in range(MUTATIONS):
        text = mutated(random_)
        source = read(text, "r.yaml")
        assert in_place(source), text
        assert source.value is not None or source.problems, text
        for path in paths(source.value):
            assert source.places.key(path).length >= 1, text
