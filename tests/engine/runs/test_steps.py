from __future__ import annotations

import pytest

from tests.house import House, TestLog, acting, programs


async def ran(actions: str, journal: object = None, **keys: str) -> House:
    house = House(log=TestLog())
    await house.start(acting(actions, **keys))
    await house.fire("go", n=3, name="Asha")
    return house


async def reason(house: House) -> tuple[str, str]:
    (run,) = await house.runs()
    return run.outcome, run.reason


async def paths(house: House) -> list[tuple[str, str]]:
    return [(step.path, step.result) for step in await house.steps()]


def said(house: House) -> list[str]:
    assert isinstance(house.engine.ports.log, TestLog)
    return [message for level, message, values in house.engine.ports.log.lines if values == {"rule": "r"}]


async def test_variables_see_those_before_them_and_keep_their_type() -> None:
    house = await ran("""
        - variables: {a: "{{ trigger.event.data.n }}", b: "{{ a + 1 }}", phone: "{{ '+919876543210' }}"}
        - action: log.write
          data: {message: "{{ a }} {{ b }} {{ phone }}"}
    """)
    assert said(house) == ["3 4 +919876543210"]


async def test_variables_set_in_a_block_are_seen_after_it() -> None:
    house = await ran("""
        - variables: {x: 1}
        - if: "{{ true }}"
          then:
            - variables: {x: 2}
        - action: log.write
          data: {message: "{{ x }}"}
    """)
    assert said(house) == ["2"]


async def test_a_variable_that_fails_ends_the_run_and_is_named() -> None:
    house = await ran('- variables: {x: "{{ 1 / 0 }}"}')
    assert await reason(house) == ("error", "variables: x: division by zero")


async def test_an_undefined_name_in_variables_is_empty_text_and_a_warning() -> None:
    house = await ran("""
        - variables: {x: "{{ tirgger_2 }}"}
        - action: log.write
          data: {message: "<{{ x }}>"}
    """)
    assert said(house)[0] == "<>" or "<>" in said(house)
    assert any("tirgger_2" in line for line in said(house))


async def test_an_undefined_name_fails_a_step_that_changes_the_world_and_is_empty_text_elsewhere() -> None:
    house = await ran("""
        - variables: {count: 3}
        - action: log.write
          data: {message: "so many: {{ cout }}"}
        - action: http.request
          data: {url: "https://a.example/", json: "{{ cout }}", method: POST}
    """)
    outcome, text = await reason(house)
    assert outcome == "error"
    assert text.startswith("http.request")
    assert "`cout` is not defined" in text
    assert "count" in text


async def test_a_false_condition_at_the_top_aborts_the_run() -> None:
    house = await ran("""
        - condition: "{{ trigger.event.data.n > 5 }}"
        - stop: never
    """)
    assert (await reason(house))[0] == "aborted"


async def test_a_false_condition_ends_only_the_sequence_that_holds_it() -> None:
    house = await ran("""
        - if: "{{ true }}"
          then:
            - condition: "{{ false }}"
            - stop: never
        - choose:
            - conditions: "{{ true }}"
              sequence:
                - "{{ 1 / 0 }}"
                - stop: never
        - stop: after
    """)
    assert await reason(house) == ("finished", "after")


async def test_an_error_in_if_takes_else() -> None:
    house = await ran("""
        - if: "{{ 1 / 0 }}"
          then:
            - stop: then
          else:
            - stop: else
    """)
    assert await reason(house) == ("finished", "else")
    assert await paths(house) == [("action/0", "else"), ("action/0/else/0", "finished")]


async def test_an_if_without_a_branch_to_take_goes_on() -> None:
    house = await ran("""
        - if: "{{ false }}"
          then:
            - stop: then
    """)
    assert await reason(house) == ("finished", "all steps done")


async def test_a_disabled_sole_condition_of_an_if_takes_then() -> None:
    house = await ran("""
        - if:
            - condition: template
              value_template: "{{ false }}"
              enabled: false
          then:
            - stop: then
    """)
    assert (await reason(house))[1] == "then"


@pytest.mark.parametrize(("n", "taken"), [(1, "one"), (2, "broken before"), (9, "default")])
async def test_choose_takes_the_first_that_fits_and_an_error_does_not_fit(n: int, taken: str) -> None:
    house = House()
    await house.start(
        acting("""
        - choose:
            - conditions: "{{ 1 / 0 }}"
              sequence:
                - stop: never
            - conditions: "{{ trigger.event.data.n == 1 }}"
              sequence:
                - stop: one
            - alias: the second
              conditions: "{{ trigger.event.data.n == 2 }}"
              sequence:
                - stop: broken before
            - conditions: "{{ trigger.event.data.n <= 2 }}"
              sequence:
                - stop: too late
          default:
            - stop: default
    """)
    )
    await house.fire("go", n=n)
    assert (await reason(house))[1] == taken


async def test_a_choose_that_fits_nothing_and_has_no_default_goes_on() -> None:
    house = await ran("""
        - choose:
            - conditions: "{{ false }}"
              sequence:
                - stop: never
        - stop: after
    """)
    assert (await reason(house))[1] == "after"
    assert ("action/0", "none") in await paths(house)


async def test_stop_ends_the_whole_run_from_any_depth() -> None:
    house = await ran("""
        - if: "{{ true }}"
          then:
            - if: "{{ true }}"
              then:
                - stop: "deep {{ trigger.event.data.n }}"
        - stop: never
    """)
    assert await reason(house) == ("finished", "deep 3")


@pytest.mark.parametrize(("error", "outcome"), [("true", "aborted"), ("no", "finished"), ("'yes'", "aborted")])
async def test_stop_with_error_aborts(error: str, outcome: str) -> None:
    house = await ran(f"- {{stop: enough, error: {error}}}")
    assert await reason(house) == (outcome, "enough")


async def test_stop_without_text_says_stopped_and_one_that_fails_is_an_error() -> None:
    assert await reason(await ran('- stop: ""')) == ("finished", "stopped")
    assert await reason(await ran('- stop: "{{ 1 / 0 }}"')) == ("error", "stop: division by zero")


async def test_stop_gives_an_answer() -> None:
    house = await ran("""
        - variables: {found: {a: 1}}
        - {stop: done, response_variable: found}
    """)
    (run,) = await house.runs()
    assert run.body == {"response": {"a": 1}}


async def test_a_disabled_step_is_skipped_and_the_trace_says_so() -> None:
    house = await ran("""
        - stop: never
          enabled: false
        - stop: never either
          enabled: "{{ 1 == 2 }}"
        - stop: here
    """)
    assert (await reason(house))[1] == "here"
    assert (await paths(house))[:2] == [("action/0", "skipped"), ("action/1", "skipped")]


async def test_a_step_whose_enabled_fails_fails() -> None:
    house = await ran("""
        - stop: never
          enabled: "{{ 1 / 0 }}"
    """)
    assert await reason(house) == ("error", "stop: division by zero")


async def test_a_delay_waits_and_the_run_goes_on_at_its_time() -> None:
    house = await ran("""
        - delay: "{{ trigger.event.data.n * 20 }}"
        - stop: after
    """)
    await house.advance(59)
    assert await house.outcomes() == ["running"]
    await house.advance(1)
    assert await house.outcomes() == ["finished"]
    assert ("action/0", "waiting") in await paths(house)


@pytest.mark.parametrize("delay", ["{{ 1 / 0 }}", "{{ 'soon' }}", "{{ undefined_name }}", "{{ -1 }}"])
async def test_a_delay_that_is_none_aborts(delay: str) -> None:
    house = await ran(f'- delay: "{delay}"')
    assert (await reason(house))[0] == "aborted"


async def test_a_delay_beyond_the_calendar_waits_to_its_end() -> None:
    house = await ran("- delay: {days: 9999999}")
    assert await house.outcomes() == ["running"]


async def test_an_event_sets_off_another_rule_in_the_same_commit() -> None:
    house = House()
    await house.start(
        *programs("""
        - id: first
          triggers: {trigger: event, event_type: go}
          actions:
            - event: paid
              event_data: {n: "{{ trigger.event.data.n }}", broken: "{{ 1 / 0 }}"}
        - id: second
          triggers: {trigger: event, event_type: paid}
          actions:
            - stop: "{{ trigger.event.data.n }}"
    """)
    )
    await house.fire("go", n=7)
    assert [(run.rule, run.reason) for run in await house.runs()] == [("first", "all steps done"), ("second", "7")]
    (step, *_) = await house.steps()
    assert "broken: division by zero" in step.reason


async def test_this_and_context_are_there() -> None:
    house = await ran("""
        - action: log.write
          data: {message: "{{ this.entity_id }} {{ this.attributes.id }} {{ context.id is defined }}"}
    """)
    assert said(house) == ["automation.r r True"]
