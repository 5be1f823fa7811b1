"""What all triggers share: the keys that each may have, and the fields that each gives."""

from __future__ import annotations

import pytest

from engine.testing import World
from tests.triggers.listening import heard, listening

ID = "{trigger: event, event_type: go}"


async def test_the_id_is_the_index_as_text_unless_it_is_given() -> None:
    triggers = "[{trigger: event, event_type: a}, {trigger: event, event_type: b, id: mine, alias: B}]"
    async with listening(triggers) as w:
        await w.fire("a")
        await w.fire("b")
        told = [[each[key] for key in ("id", "idx", "alias", "platform")] for each in heard(w)]
        assert told == [["0", "0", None, "event"], ["mine", "1", "B", "event"]]


async def test_a_number_as_id_is_text() -> None:
    async with listening("{trigger: event, event_type: go, id: 7}") as w:
        await w.fire("go")
        assert heard(w)[0]["id"] == "7"


@pytest.mark.parametrize(
    ("enabled", "fires"),
    [
        ("true", True),
        ("false", False),
        ("off", False),
        ('"{{ wanted }}"', True),
        ('"{{ not wanted }}"', False),
        ("\"{{ 'anything' }}\"", True),
    ],
)
async def test_a_trigger_that_is_not_enabled_does_not_fire(enabled: str, fires: bool) -> None:
    trigger = f"{{trigger: event, event_type: go, enabled: {enabled}}}"
    async with listening(trigger, more="  trigger_variables: {wanted: true}\n") as w:
        await w.fire("go")
        assert bool(heard(w)) is fires


async def test_a_disabled_trigger_keeps_its_index() -> None:
    triggers = f"[{{trigger: event, event_type: go, enabled: false}}, {ID}]"
    async with listening(triggers) as w:
        await w.fire("go")
        assert [told["id"] for told in heard(w)] == ["1"]


async def test_triggers_inside_the_list_are_laid_flat() -> None:
    a, b, c = ("{trigger: event, event_type: " + each + "}" for each in "abc")
    nested = f"[{{triggers: [{a}, {b}]}}, {c}]"
    async with listening(nested) as w:
        for event_type in ("a", "b", "c"):
            await w.fire(event_type)
        assert [told["idx"] for told in heard(w)] == ["0", "1", "2"]


async def test_variables_of_a_trigger_come_before_those_of_the_rule_which_may_read_them() -> None:
    text = """
- id: r
  triggers:
    - {trigger: event, event_type: a, variables: {who: "{{ trigger.event.data.name }}"}}
    - {trigger: event, event_type: b, variables: {who: nobody}}
  variables: {greeting: "Hello {{ who }}"}
  conditions: "{{ who != 'nobody' }}"
  actions: [{stop: "{{ greeting }}"}]
"""
    async with World() as w:
        await w.load({"a.yaml": text})
        await w.fire("a", {"name": "Asha"})
        await w.fire("b")
        first, second = w.runs("r")
        assert (first.outcome, first.reason) == ("finished", "Hello Asha")
        assert second.outcome == "failed_conditions"


@pytest.mark.parametrize(
    "older", ["trigger: {platform: event, event_type: go}", "trigger: [{trigger: event, event_type: go}]"]
)
async def test_older_spellings_are_read(older: str) -> None:
    async with World() as w:
        await w.load({"a.yaml": f"- id: r\n  {older}\n  action: [{{stop: done}}]\n"})
        await w.fire("go")
        assert [run.reason for run in w.runs("r")] == ["done"]


WAITS = """
- id: r
  triggers: [{trigger: event, event_type: go}]
  actions:
    - wait_for_trigger: §
      timeout: 1000
    - stop: "{{ 'nothing' if wait.trigger is none else wait.trigger.to_state.state }}"
"""
IS_ON = "{{ is_state('sensor.e', 'on') }}"


@pytest.mark.parametrize(
    ("trigger", "states", "seen"),
    [
        ("{trigger: state, entity_id: sensor.e, to: b, for: 60}", ["a", "b", "a", "b"], "b"),
        ("{trigger: numeric_state, entity_id: sensor.e, above: 5}", ["7", "8", "1", "9"], "9"),
        ("{trigger: numeric_state, entity_id: sensor.e, above: 5}", ["7", "8", "9"], "nothing"),
        (f'{{trigger: template, value_template: "{IS_ON}", for: 60}}', ["on", "off", "on"], "on"),
        (f'{{trigger: template, value_template: "{IS_ON}"}}', ["on", "off"], "nothing"),
    ],
)
async def test_a_run_that_waits_for_a_trigger_waits_for_a_new_occasion(
    trigger: str, states: list[str], seen: str
) -> None:
    async with World() as w:
        await w.set_state("sensor.e", states[0])
        await w.load({"a.yaml": WAITS.replace("§", trigger)})
        assert "r" in w.engine.programs, w.problems
        await w.fire("go")
        for state in states[1:]:
            await w.advance(30)
            await w.restart()
            await w.set_state("sensor.e", state)
        await w.advance(2000)
        assert [run.reason for run in w.runs("r")] == [seen]
