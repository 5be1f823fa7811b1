"""The pure functions by themselves; what steps do is in test_steps, calls in test_calls, modes in test_modes."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from engine.records import Drop, DueRecord, EventRecord, InboxRecord, RunRecord, StepRecord
from engine.runs.advance import admitted, advance, begin, cancel, refused
from engine.runs.course import Course, Means
from engine.states import Snapshot
from engine.testing import CountedIds
from engine.values import Fact
from tests.house import START, House, TestLog, acting, program, programs

MEANS = Means({})


def view() -> Snapshot:
    return Snapshot(START, UTC, CountedIds())


def event(**data: Any) -> EventRecord:
    return EventRecord("e1", "r", "p1", "t1", "+91", {"id": "0", "event": {"data": data}}, START, "new")


def begun(actions: str, **keys: str) -> Course:
    course = begin(acting(actions, **keys).body, event(n=1), view(), MEANS)
    if course.run.state != "done":
        admitted(course, [])
    return course


def trace(course: Course) -> list[tuple[str, str]]:
    return [(record.path, record.result) for record in course.changes.put if isinstance(record, StepRecord)]


def test_an_event_is_marked_as_handled_with_its_run() -> None:
    course = begun("- stop: done")
    assert [expect.key for expect in course.changes.expect] == [("e1",)]
    assert course.changes.update[0].values == {"state": "done"}
    assert [record for record in course.changes.put if isinstance(record, RunRecord)] == [course.run]
    assert (course.run.event, course.run.key, course.run.outcome, course.run.version) == ("e1", "+91", "finished", 1)


def test_the_same_input_gives_the_same_run() -> None:
    assert begun("- delay: 5").changes == begun("- delay: 5").changes


def test_variables_are_worked_out_before_the_conditions_and_in_order() -> None:
    course = begun(
        '- stop: "{{ b }}"',
        variables='{a: "{{ trigger.event.data.n }}", b: "{{ a + 1 }}"}',
        conditions='"{{ b == 2 }}"',
    )
    assert course.run.reason == "2"
    assert trace(course)[0] == ("condition", "hold")


def test_variables_of_the_trigger_come_before_those_of_the_rule() -> None:
    rule = program("""
    - id: r
      variables: {b: "{{ a }}{{ a }}"}
      triggers:
        - {trigger: event, event_type: go, id: t1, variables: {a: x}}
      actions:
        - stop: "{{ b }}"
    """)
    course = begin(rule.body, event(), view(), MEANS)
    admitted(course, [])
    assert course.run.reason == "xx"


def test_a_variable_in_error_ends_the_run_before_its_conditions() -> None:
    course = begun("- stop: never", variables='{a: "{{ 1 / 0 }}"}', conditions='"{{ true }}"')
    assert (course.run.outcome, course.run.reason) == ("error", "variables: division by zero")
    assert trace(course) == []


def test_the_first_false_condition_ends_the_run() -> None:
    course = begun("- stop: never", conditions='["{{ false }}", "{{ 1 / 0 }}"]')
    assert (course.run.outcome, trace(course)) == ("failed_conditions", [("condition", "do not hold")])


def test_a_run_goes_on_from_the_message_of_its_leaf() -> None:
    course = begun("- delay: 5\n- stop: after")
    (due,) = [record for record in course.changes.put if isinstance(record, DueRecord)]
    message = InboxRecord("m1", course.run.id, due.data["token"], "due", {})
    program_ = acting("- delay: 5\n- stop: after").body
    following = advance(program_, course.run, [message, message._replace(id="m2")], view(), MEANS)
    assert (following.run.outcome, following.run.version) == ("finished", 2)
    assert {drop.key for drop in following.changes.drop} >= {("m1",), ("m2",)}


def test_a_cancelled_run_takes_its_delay_along() -> None:
    course = begun("- delay: 5")
    (due,) = [record for record in course.changes.put if isinstance(record, DueRecord)]
    ended = cancel(course.program, course.run, "enough", view(), MEANS)
    assert (ended.run.outcome, ended.run.reason, ended.run.ended) == ("cancelled", "enough", START)
    assert ended.changes.drop == [Drop(DueRecord, (due.key,))]


def test_an_event_that_cannot_be_handled_has_a_run_that_says_why() -> None:
    course = refused(event(), "its program is gone", view(), MEANS)
    assert (course.run.outcome, course.run.reason) == ("error", "its program is gone")
    assert course.changes.update[0].values == {"state": "done"}


def test_a_warning_is_said_once() -> None:
    course = begun('- variables: {a: "{{ nix }}"}\n- variables: {b: "{{ nix }}"}\n- stop: "{{ a }}"')
    assert [say.level for say in course.says] == ["warning"]
    assert "nix" in course.says[0].message


async def test_a_failure_inside_a_branch_leaves_the_branch_for_on_error() -> None:
    house = House()
    await house.start(
        acting(
            """
            - if: "{{ true }}"
              then:
                - variables: {x: "{{ 1 / 0 }}"}
            - stop: never
            """,
            on_error='[{stop: "{{ error.step }}"}]',
        )
    )
    await house.fire("go")
    (run,) = await house.runs()
    assert (run.outcome, run.reason) == ("error", "variables: x: division by zero; then on_error: action/0/then/0")


def test_facts_of_a_run_are_handed_on() -> None:
    course = begun("- event: paid\n- stop: done")
    assert [fact for _, fact, _ in course.facts] == [Fact("event", "paid", {}, START, depth=1, cause=course.run.id)]


async def test_a_condition_that_cannot_be_worked_out_does_not_hold_and_is_a_warning() -> None:
    log = TestLog()
    house = House(log=log)
    text = """
    - id: r
      triggers: {trigger: event, event_type: go}
      conditions: "{{ 1 / 0 }}"
      actions: [{delay: 5}]
    """
    await house.start(*programs(text))
    await house.fire("go")
    assert await house.outcomes() == ["failed_conditions"]
    assert log.said("warning") == ["a condition cannot be worked out: the template failed: division by zero"]
