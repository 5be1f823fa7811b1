from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.conditions import Holds, check, check_all, enabled
from engine.scope import Scope
from engine.states import Snapshot
from engine.testing import CountedIds, World
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


GO = "{trigger: event, event_type: go}"
E, F = "sensor.e", "sensor.f"
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def only_if(condition: str) -> str:
    return f"""
- id: r
  triggers: {GO}
  conditions: {condition}
  actions: [{{stop: it holds}}]
"""


async def asked(w: World, condition: str) -> tuple[bool, str]:
    """Whether a rule with this condition goes on, and why or why not."""
    await w.load({"a.yaml": only_if(condition)})
    assert "r" in w.engine.programs, w.problems
    await w.fire("go")
    run = w.runs("r")[-1]
    assert run.outcome in ("finished", "failed_conditions")
    steps = [step.reason for step in run.steps if step.kind == "condition"]
    return run.outcome == "finished", run.reason if run.outcome != "finished" else "".join(steps)


async def in_world(condition: str, states: Mapping[str, Any] | None = None, **world: Any) -> tuple[bool, str]:
    async with World(**world) as w:
        for entity, stands in (states or {}).items():
            state, attributes = stands if isinstance(stands, tuple) else (stands, {})
            await w.set_state(entity, state, attributes)
        return await asked(w, condition)


def state_is(wanted: str, more: str = "", entity: str = E) -> str:
    return f"{{condition: state, entity_id: {entity}, state: {wanted}{more}}}"


def number_is(more: str, entity: str = E) -> str:
    return f"{{condition: numeric_state, entity_id: {entity}{more}}}"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (state_is("a"), True),
        (state_is("b"), False),
        (state_is("[b, a]"), True),
        (state_is("a", entity="'sensor.e, sensor.f'"), False),
        (state_is("[a, c]", entity="[sensor.e, sensor.f]"), True),
        (state_is("c", ", match: any", entity="[sensor.e, sensor.f]"), True),
        (state_is("x", ", match: any", entity="[sensor.e, sensor.f]"), False),
        (state_is("5", entity="sensor.five"), True),
        (state_is("on", entity="sensor.on"), True),
        (state_is("\"{{ 'a' }}\""), True),
    ],
)
async def test_a_state_condition_compares_the_states_of_all_or_any_entities(condition: str, holds: bool) -> None:
    states = {E: "a", F: "c", "sensor.five": "5", "sensor.on": "on"}
    assert (await in_world(condition, states))[0] is holds


async def test_a_state_condition_says_which_state_it_found() -> None:
    assert await in_world(state_is("[b, c]"), {E: "a"}) == (False, 'sensor.e is "a", wanted "b" or "c"')


async def test_an_entity_that_is_not_there_is_an_error_and_false_wins_over_it() -> None:
    assert await in_world(state_is("a")) == (False, "there is no entity sensor.e")
    assert await in_world(f"{{not: [{state_is('a')}]}}") == (False, "there is no entity sensor.e")
    answer = await in_world(state_is("a", entity="[sensor.none, sensor.e]"), {E: "b"})
    assert answer == (False, 'sensor.e is "b", wanted "a"')


@pytest.mark.parametrize(
    ("wanted", "value", "holds"),
    [("200", 200, True), ('"200"', 200, False), ("200", "200", False), ("true", True, True), ("1", True, False)],
)
async def test_an_attribute_is_compared_by_type(wanted: str, value: Any, holds: bool) -> None:
    assert (await in_world(state_is(wanted, ", attribute: x"), {E: ("a", {"x": value})}))[0] is holds


async def test_a_missing_attribute_is_false_and_no_error() -> None:
    missing = state_is("1", ", attribute: x")
    assert await in_world(missing, {E: "a"}) == (False, "sensor.e has no attribute x")
    assert (await in_world(f"{{not: [{missing}]}}", {E: "a"}))[0]


async def test_a_wanted_state_that_is_an_input_entity_means_its_state() -> None:
    condition = state_is("input_text.wanted")
    assert (await in_world(condition, {E: "a", "input_text.wanted": "a"}))[0]
    assert not (await in_world(condition, {E: "a", "input_text.wanted": "b"}))[0]
    assert await in_world(condition, {E: "a"}) == (False, "there is no entity input_text.wanted to compare with")
    assert not (await in_world(state_is("sensor.f"), {E: "a", F: "a"}))[0]


async def test_for_is_strict_and_attributes_do_not_renew_it() -> None:
    condition = state_is("a", ", for: {minutes: 5}")
    async with World() as w:
        await w.set_state(E, "a")
        await w.advance(200)
        await w.set_state(E, "a", {"x": 1})
        await w.advance(100)
        assert await asked(w, condition) == (
            False,
            'sensor.e is "a" since 0:05:00, wanted for longer than 0:05:00',
        )
        await w.advance(0.001)
        assert (await asked(w, condition))[0]
        await w.restart()
        await w.fire("go")
        assert w.runs("r")[-1].outcome == "finished"


async def test_for_may_be_a_template() -> None:
    async with World() as w:
        await w.set_state(E, "a")
        await w.advance(61)
        assert (await asked(w, state_is("a", ', for: {minutes: "{{ 1 }}"}')))[0]
        assert not (await asked(w, state_is("a", ', for: "{{ 120 }}"')))[0]
        assert (await asked(w, state_is("a", ', for: "{{ states(1) }}"')))[0] is False


@pytest.mark.parametrize(
    ("more", "value", "holds"),
    [
        (", above: 10", "10.5", True),
        (", above: 10", "10", False),
        (", below: 10", "10", False),
        (", below: 10", "-5", True),
        (", above: 1, below: 3", "2", True),
        (", above: sensor.limit", "11", True),
        (", below: sensor.limit", "11", False),
        (", above: 10", "unknown", False),
        (", below: 10", "unavailable", False),
    ],
)
async def test_a_numeric_state_condition_has_exclusive_bounds(more: str, value: str, holds: bool) -> None:
    states = {E: value, "sensor.limit": "10"}
    assert (await in_world(number_is(more), states))[0] is holds
    assert (await in_world(f"{{not: [{number_is(more)}]}}", states))[0] is not holds, "it is no error"


@pytest.mark.parametrize(
    ("more", "states", "reason"),
    [
        (", above: 1", {E: "many"}, 'sensor.e: the state is "many", which is no number'),
        (", above: 1", {}, "there is no entity sensor.e"),
        (", above: sensor.limit", {E: "5"}, "sensor.e: there is no entity sensor.limit to compare with"),
    ],
)
async def test_what_is_no_number_is_an_error(more: str, states: dict[str, str], reason: str) -> None:
    for condition in (number_is(more), f"{{not: [{number_is(more)}]}}"):
        holds, said = await in_world(condition, states)
        assert not holds
        assert reason in said


async def test_the_numbers_of_all_entities_have_to_fit() -> None:
    condition = number_is(", above: 10", "[sensor.e, sensor.f]")
    assert (await in_world(condition, {E: "11", F: "12"}))[0]
    assert await in_world(condition, {E: "11", F: "9"}) == (False, "sensor.f is 9, wanted above 10")
    assert await in_world(condition, {E: "x", F: "9"}) == (False, "sensor.f is 9, wanted above 10")


async def test_a_number_may_be_an_attribute_or_come_from_a_template() -> None:
    states = {E: ("3", {"x": 20})}
    assert (await in_world(number_is(", above: 10, attribute: x"), states))[0]
    assert await in_world(number_is(", above: 10, attribute: y"), states) == (
        False,
        "sensor.e holds no number now, wanted above 10",
    )
    template = ', above: 10, value_template: "{{ state.state | int * 4 }}"'
    assert (await in_world(number_is(template), states))[0]
    assert not (await in_world(number_is(template.replace("* 4", "* 3")), states))[0]


@pytest.mark.parametrize(
    ("bounds", "at", "holds"),
    [
        ("after: '09:00'", "09:00:00", True),
        ("after: '09:00'", "08:59:59", False),
        ("before: '09:00'", "08:59:59", True),
        ("before: '09:00'", "09:00:00", False),
        ("after: '09:00', before: '17:00'", "16:59:59", True),
        ("after: '09:00', before: '17:00'", "17:00:00", False),
        ("after: '09:00', before: '17:00'", "09:00:00", True),
        ("after: '09:00', before: '09:00'", "12:00:00", True),
        ("after: '22:00', before: '06:00'", "22:00:00", True),
        ("after: '22:00', before: '06:00'", "23:00:00", True),
        ("after: '22:00', before: '06:00'", "05:59:59", True),
        ("after: '22:00', before: '06:00'", "06:00:00", False),
        ("after: '22:00', before: '06:00'", "21:59:59", False),
        ("weekday: mon", "12:00:00", True),
        ("weekday: [tue, wed]", "12:00:00", False),
        ("after: '22:00', before: '06:00', weekday: mon", "05:00:00", True),
        ("after: input_datetime.from, before: sensor.until", "12:00:00", True),
        ("after: input_datetime.from, before: sensor.until", "07:00:00", False),
        ("after: input_datetime.from, before: sensor.until", "15:30:00", False),
        ("after: time.now", "10:00:00", True),
        ("after: sensor.nothing", "12:00:00", False),
    ],
)
async def test_a_time_condition(bounds: str, at: str, holds: bool) -> None:
    states = {
        "input_datetime.from": "2026-01-01 08:00:00",
        "sensor.until": "2026-03-01T10:00:00+00:00",
        "time.now": "09:30",
        "sensor.nothing": "unknown",
    }
    start = datetime.fromisoformat(f"2026-03-02T{at}+05:30")
    answer = await in_world(f"{{condition: time, {bounds}}}", states, start=start, time_zone="Asia/Kolkata")
    assert answer[0] is holds, answer[1]


async def test_a_time_condition_says_what_time_it_is() -> None:
    said = await in_world("{condition: time, after: '10:00'}", start=MONDAY)
    assert said == (False, "it is 09:00:00 on a Monday, wanted after 10:00:00")
    said = await in_world("{condition: time, weekday: [tue, wed]}", start=MONDAY)
    assert said == (False, "it is 09:00:00 on a Monday, wanted tue or wed")


async def test_an_entity_without_time_is_false_and_one_that_is_not_there_an_error() -> None:
    condition = "{condition: time, after: sensor.e}"
    assert await in_world(condition, {E: "soon"}) == (False, 'sensor.e is "soon", which is no time')
    assert (await in_world(f"{{not: [{condition}]}}", {E: "soon"}))[0]
    assert await in_world(f"{{not: [{condition}]}}") == (False, "there is no entity sensor.e")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('"{{ 1 == 1 }}"', True),
        ('["{{ 1 == 1 }}", "{{ 1 == 2 }}"]', False),
        ('{or: ["{{ 1 == 2 }}", "{{ 1 == 1 }}"]}', True),
        ('{and: ["{{ 1 == 2 }}", "{{ 1 == 1 }}"]}', False),
        ('{not: ["{{ 1 == 2 }}"]}', True),
        ('{condition: or, conditions: ["{{ 1 == 2 }}"]}', False),
        ('{condition: template, value_template: "{{ 1 == 2 }}", enabled: false}', True),
        ('{condition: template, value_template: "{{ 1 == 2 }}", enabled: "{{ 1 == 2 }}"}', True),
        ('{or: [{condition: template, value_template: "{{ 1 == 1 }}", enabled: false}]}', False),
        ("[]", True),
    ],
)
async def test_conditions_may_be_written_short_and_switched_off(condition: str, holds: bool) -> None:
    assert (await in_world(condition))[0] is holds


async def test_if_every_condition_of_an_if_is_switched_off_then_is_done() -> None:
    text = f"""
- id: r
  triggers: {GO}
  actions:
    - if: [{{condition: state, entity_id: sensor.none, state: a, enabled: false}}]
      then: [{{stop: then}}]
      else: [{{stop: else}}]
"""
    async with World() as w:
        await w.load({"a.yaml": text})
        await w.fire("go")
        assert w.runs("r")[-1].reason == "then"


async def test_a_trigger_condition_names_ids_which_are_the_index_by_default() -> None:
    text = """
- id: r
  triggers: [{trigger: event, event_type: a}, {trigger: event, event_type: b, id: second}]
  conditions: {condition: trigger, id: §}
  actions: [{stop: done}]
"""
    for wanted, outcomes in (
        ("0", ["finished", "failed_conditions"]),
        ("[second]", ["failed_conditions", "finished"]),
    ):
        async with World() as w:
            await w.load({"a.yaml": text.replace("§", wanted)})
            await w.fire("a")
            await w.fire("b")
            assert [run.outcome for run in w.runs("r")] == outcomes
