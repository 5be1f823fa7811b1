from __future__ import annotations

from engine.judge import Fault
from engine.rules.complaints import Complaints
from engine.rules.names import Names
from engine.rules.normalise import normalised
from engine.source import read
from tests.engine.rules.plugins import KNOWN, Send

TEXT = """\
- trigger: {platform: time}
  variables:
    a: "{{ trigger.idd }} {{ b }}"
    c: |
      one
      {{ b }}
    d: "tab\\t{{ e"
"""


def complaints() -> Complaints:
    source = read(TEXT, "a.yaml")
    return Complaints(normalised(source.value[0], (0,)), source, KNOWN)


def told(complaining: Complaints) -> list[str]:
    return [f"{problem.place}: {problem.severity} {problem.message}" for problem in complaining.problems]


def test_a_fault_at_a_canonical_path_is_told_where_the_author_wrote_it() -> None:
    found = complaints()

    found.fault(Fault(("triggers", 0, "trigger"), "x", "wrong", also=((("variables",), "see"),)))

    assert told(found) == ["a.yaml:1:23: error wrong"]
    assert str(found.problems[0].also[0][0]) == "a.yaml:2:3"
    assert found.fatal


def test_names_in_templates_are_told_at_their_own_place_in_the_file() -> None:
    found = complaints()

    found.templates(read(TEXT, "a.yaml").value[0]["variables"]["a"], ("variables", "a"), Names.of_triggers([]))
    found.templates("one\n{{ b }}\n", ("variables", "c"), Names())

    assert told(found) == [
        "a.yaml:3:30: warning `b` is not defined",
        "a.yaml:6:10: warning `b` is not defined",
    ]
    assert not found.fatal


def test_a_template_that_does_not_read_as_it_is_written_is_told_at_its_start() -> None:
    found = complaints()

    found.templates("tab\t{{ e", ("variables", "d"), Names())

    assert [str(problem.place) for problem in found.problems] == ["a.yaml:7:8"]


def test_variables_become_known_one_after_the_other() -> None:
    found = complaints()
    names = Names()

    found.variables({"a": "{{ b }}", "b": "{{ a }}"}, ("variables",), names)
    found.variables("no mapping", ("variables",), names)

    assert len(found.problems) == 1
    assert {"a", "b"} <= names.roots


def test_a_mapping_is_judged_by_its_block() -> None:
    found = complaints()

    assert found.block(Send, {"to": "+919876543210", "text": "x"}, ("variables",))
    assert not found.block(Send, {"txt": "x"}, ("variables",))
    assert not found.block(Send, "no mapping", ("variables",))
    assert [problem.code for problem in found.problems] == ["missing-key", "unknown-key"]


def test_only_expressions_of_linear_time_are_taken() -> None:
    found = complaints()

    for pattern in ("^a+$", "{{ pattern }}", 5, None):
        found.expression(pattern, ("variables",))
    assert found.problems == []
    found.expression("(a)\\1", ("variables",))
    assert [problem.code for problem in found.problems] == ["bad-expression"]
