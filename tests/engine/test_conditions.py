from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from engine.conditions import Holds, check, check_all, enabled
from engine.scope import Scope
from engine.states import Snapshot
from engine.testing import CountedIds
from tests.house import START, House, program

BROKEN = {"condition": "template", "value_template": "{{ 1 / 0 }}"}
TRUE = {"condition": "template", "value_template": "{{ 1 < 2 }}"}
FALSE = {"condition": "template", "value_template": "{{ 1 > 2 }}"}
OFF = {"enabled": False}


def scope(**variables: Any) -> Scope:
    return Scope(variables, Snapshot(START, UTC, CountedIds()))


def judged(kind: str, *members: dict[str, Any]) -> Holds:
    return check({"condition": kind, "conditions": list(members)}, scope())


def compared(value: Any, **words: Any) -> Holds:
    return check({"condition": "compare", "value": value, **words}, scope(n=30, words=["a", 2], size={"small": 1}))


@pytest.mark.parametrize(
    ("kind", "members", "holds", "failed"),
    [
        ("and", [], True, False),
        ("and", [TRUE, TRUE], True, False),
        ("and", [TRUE, FALSE], False, False),
        ("and", [BROKEN, FALSE], False, False),
        ("and", [BROKEN, TRUE], False, True),
        ("and", [FALSE | OFF], True, False),
        ("or", [], False, False),
        ("or", [TRUE | OFF], False, False),
        ("or", [FALSE, TRUE], True, False),
        ("or", [BROKEN, TRUE], True, False),
        ("or", [BROKEN, FALSE], False, True),
        ("not", [], True, False),
        ("not", [FALSE, FALSE], True, False),
        ("not", [FALSE, TRUE], False, False),
        ("not", [BROKEN, TRUE], False, False),
        ("not", [BROKEN, FALSE], False, True),
        ("not", [TRUE | OFF], True, False),
    ],
)
def test_logic_follows_home_assistant(kind: str, members: list[Any], holds: bool, failed: bool) -> None:
    answer = judged(kind, *members)
    assert (answer.holds, answer.failed) == (holds, failed), answer.reason


def test_the_reason_of_and_is_that_of_the_first_false_member_or_all_that_hold() -> None:
    assert judged("and", TRUE, FALSE).reason == "{{ 1 > 2 }} is False"
    assert judged("and", TRUE, TRUE).reason == "{{ 1 < 2 }} is True; {{ 1 < 2 }} is True"
    assert judged("and").reason == "no conditions"


def test_the_reasons_of_or_and_not_name_what_was_looked_at() -> None:
    assert judged("or", FALSE).reason == "none of these holds: {{ 1 > 2 }} is False"
    assert judged("not", TRUE).reason == "it must not hold that {{ 1 < 2 }} is True"
    assert judged("not").reason == "there is nothing to rule out"


def test_a_list_of_conditions_is_an_and() -> None:
    assert check_all([TRUE, TRUE], scope()).holds
    assert not check_all([TRUE, FALSE], scope()).holds


def test_an_alias_leads_the_reason() -> None:
    assert check(TRUE | {"alias": "Two is more"}, scope()).reason == "Two is more: {{ 1 < 2 }} is True"


@pytest.mark.parametrize("text", ["true", "True", " TRUE "])
def test_a_template_condition_holds_for_true_in_any_case(text: str) -> None:
    assert check({"condition": "template", "value_template": f"{{{{ '{text}' }}}}"}, scope()).holds


@pytest.mark.parametrize("text", ["yes", "on", "1", "", "truee"])
def test_a_template_condition_holds_for_nothing_but_true(text: str) -> None:
    assert not check({"condition": "template", "value_template": f"{{{{ '{text}' }}}}"}, scope()).holds


@pytest.mark.parametrize("value", [True, "yes", "on", "anything", "{{ 1 == 1 }}"])
def test_whatever_is_not_false_like_switches_on(value: Any) -> None:
    assert enabled({"enabled": value}, scope())


@pytest.mark.parametrize("value", [False, "no", "Off", "0", "none", "{{ 1 == 2 }}", ""])
def test_false_like_text_switches_off(value: Any) -> None:
    assert not enabled({"enabled": value}, scope())


def test_a_member_whose_enabled_cannot_be_worked_out_fails() -> None:
    answer = judged("and", TRUE | {"enabled": "{{ 1 / 0 }}"})
    assert answer.failed
    assert "enabled" in answer.reason


@pytest.mark.parametrize(
    ("value", "words", "holds"),
    [
        ("{{ n }}", {"above": 29}, True),
        ("{{ n }}", {"above": 30}, False),
        ("{{ n }}", {"below": 31, "above": 29}, True),
        ("{{ n }}", {"below": 30}, False),
        ("30", {"equals": 30}, True),
        (30, {"equals": "30"}, True),
        (True, {"equals": 1}, False),
        ("x", {"equals": "y"}, False),
        ([1], {"equals": [1]}, True),
        ([1], {"equals": [2]}, False),
        ("a", {"in": ["a", "b"]}, True),
        ("2", {"in": [1, 2]}, True),
        ("ell", {"in": "hello"}, True),
        ("{{ words }}", {"contains": "a"}, True),
        ("{{ words }}", {"contains": "b"}, False),
        ("{{ size }}", {"contains": "small"}, True),
        ("{{ size }}", {"contains": "all"}, False),
        ("hello", {"contains": "ell"}, True),
        ("order A1", {"matches": "[A-Z][0-9]"}, True),
        ("order", {"matches": "^[A-Z]"}, False),
    ],
)
def test_compare_judges_values_as_people_read_them(value: Any, words: dict[str, Any], holds: bool) -> None:
    answer = compared(value, **words)
    assert (answer.holds, answer.failed) == (holds, False), answer.reason


@pytest.mark.parametrize(
    ("value", "words", "reason"),
    [
        ("many", {"above": 3}, '"many" is not a number'),
        (True, {"above": 0}, "True is not a number"),
        ("nan", {"above": 0}, '"nan" is not a number'),
        ([1], {"above": 0}, "[1] is not a number"),
        ("x", {"matches": "("}, '"(" is not a regular expression'),
        ("{{ m }}", {"above": 3}, "`m` is not defined"),
    ],
)
def test_compare_fails_in_words_where_there_is_nothing_to_compare(value: Any, words: Any, reason: str) -> None:
    answer = compared(value, **words)
    assert answer.failed
    assert reason in answer.reason


def test_compare_says_what_it_found_and_shortens_it() -> None:
    assert compared("{{ n }}", above=5, below=99).reason == "30 is above 5 and below 99"
    assert len(compared("x" * 900, equals="y").reason) < 300


def test_a_trigger_condition_asks_which_trigger_it_was() -> None:
    condition = {"condition": "trigger", "id": ["morning", "noon"]}
    assert check(condition, scope(trigger={"id": "noon"})).holds
    answer = check(condition, scope(trigger=None))
    assert answer.reason == "the trigger is none, wanted morning or noon"


async def test_a_condition_in_error_counts_as_false_and_the_run_says_why() -> None:
    house = House()
    await house.start(
        program("""
        - id: r
          triggers: {trigger: event, event_type: go}
          conditions: "{{ 1 / 0 }}"
          actions:
            - stop: never
        """)
    )
    await house.fire("go")
    (run,) = await house.runs()
    assert (run.outcome, run.reason) == ("failed_conditions", "the template failed: division by zero")


async def test_an_enabled_that_fails_in_a_rules_conditions_fails_the_condition_only() -> None:
    house = House()
    await house.start(
        program("""
        - id: r
          triggers: {trigger: event, event_type: go}
          conditions:
            - condition: template
              value_template: "{{ true }}"
              enabled: "{{ 1 / 0 }}"
          actions:
            - stop: never
        """)
    )
    await house.fire("go")
    assert await house.outcomes() == ["failed_conditions"]
