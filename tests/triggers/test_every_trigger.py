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
