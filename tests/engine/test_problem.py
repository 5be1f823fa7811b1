from __future__ import annotations

import json

import pytest

from engine.problem import Place, Problem, ProblemError, listing, near, render

TEXT = """\
- id: import_errors
  actions:
    - action: whatsapp.send_templat
"""


def test_a_problem_is_printed_with_excerpt_carets_expectation_and_help() -> None:
    problem = Problem(
        "unknown-action",
        'the action "whatsapp.send_templat" does not exist',
        Place("rules/import.yaml", 3, 15, 21),
        expected="the name of an action",
        remedy='did you mean "whatsapp.send_template"?',
    )
    assert render(problem, {"rules/import.yaml": TEXT}) == (
        'rules/import.yaml:3:15: error[unknown-action]: the action "whatsapp.send_templat" does not exist\n'
        "  |\n"
        "3 |     - action: whatsapp.send_templat\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^^\n"
        "  = expected: the name of an action\n"
        '  = help: did you mean "whatsapp.send_template"?'
    )


def test_a_second_place_is_printed_below_the_first() -> None:
    problem = Problem(
        "twice", "id is given twice", Place("a.yaml", 2, 1, 2), also=((Place("a.yaml", 1, 1, 2), "first"),)
    )
    assert render(problem, {"a.yaml": "id: a\nid: b\n"}) == (
        "a.yaml:2:1: error[twice]: id is given twice\n"
        "  |\n"
        "2 | id: b\n"
        "  | ^^\n"
        "  --> a.yaml:1:1: first\n"
        "  |\n"
        "1 | id: a\n"
        "  | ^^"
    )


def test_a_warning_without_a_place_is_one_line() -> None:
    assert render(Problem("slow", "Chakra is slow", severity="warning"), {}) == "warning[slow]: Chakra is slow"


def test_a_place_outside_of_the_text_has_no_excerpt() -> None:
    problem = Problem("gone", "it is gone", Place("a.yaml", 9, 1))
    assert render(problem, {"a.yaml": "id: a\n"}) == "a.yaml:9:1: error[gone]: it is gone"
    assert render(problem, {}) == "a.yaml:9:1: error[gone]: it is gone"


def test_a_long_line_is_cut_and_its_carets_stay_inside() -> None:
    shown = render(Problem("long", "too long", Place("a", 1, 3, 500)), {"a": "x" * 500}).splitlines()
    assert shown[2] == f"1 | {'x' * 159}…"
    assert shown[3] == f"  |   {'^' * 158}"


@pytest.mark.parametrize("column", [100, 101, 159, 160, 161, 250, 499, 500])
def test_of_a_long_line_that_part_is_shown_in_which_the_mistake_is(column: int) -> None:
    text = "".join(chr(0x4E00 + n) for n in range(500))
    line, carets = render(Problem("long", "here", Place("a", 1, column, 3)), {"a": text}).splitlines()[2:4]
    assert len(line) <= len("1 | ") + 160
    assert line[carets.index("^")] == text[column - 1]
    assert carets.count("^") == min(3, 501 - column)
    assert line.endswith("…") is (column < 440)
    assert line.startswith("1 | …") is (column > 100)


def test_carets_stand_right_below_tabs_and_behind_the_end_of_a_line() -> None:
    assert render(Problem("c", "m", Place("a", 1, 2, 2)), {"a": "\tid"}).splitlines()[2:] == ["1 |  id", "  |  ^^"]
    assert render(Problem("c", "m", Place("a", 1, 99)), {"a": "id"}).splitlines()[3] == "  |   ^"


def test_a_problem_in_a_log_line_says_where_what_and_what_to_do() -> None:
    assert (
        str(Problem("c", "id is missing", Place("a.yaml", 2, 1), remedy="add one"))
        == "a.yaml:2:1: id is missing; add one."
    )
    assert str(Problem("c", "no idd", remedy='did you mean "id"?')) == 'no idd; did you mean "id"?'
    assert str(Problem("c", "id is missing")) == "id is missing."


def test_a_problem_is_plain_json_for_machines() -> None:
    told = json.loads(json.dumps(Problem("c", "m", Place("a.yaml", 2, 1, 3)).to_json()))
    assert told["code"] == "c"
    assert told["place"] == {"file": "a.yaml", "line": 2, "column": 1, "length": 3}
    assert told["severity"] == "error"


def test_an_error_carries_every_problem_and_prints_them_all() -> None:
    error = ProblemError(Problem("a", "one"), Problem("b", "two"))
    assert [problem.code for problem in error.problems] == ["a", "b"]
    assert str(error) == "one.\ntwo."


@pytest.mark.parametrize(
    ("name", "hint"),
    [("tempate", 'did you mean "template"?'), ("TEMPLATE", 'did you mean "template"?'), ("zzz", ""), ("", "")],
)
def test_a_near_name_is_suggested_and_a_far_one_is_not(name: str, hint: str) -> None:
    assert near(name, ["template", "to", "Body"]) == hint


def test_a_near_name_is_suggested_as_it_is_spelled() -> None:
    assert near("error", ["ERROR", "INVALID"]) == 'did you mean "ERROR"?'


@pytest.mark.parametrize(("names", "sentence"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), ("abc", "a, b or c")])
def test_names_are_listed_as_in_a_sentence(names: list[str], sentence: str) -> None:
    assert listing(names) == sentence
