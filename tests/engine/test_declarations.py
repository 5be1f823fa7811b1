from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.testing import World
from engine.values import Json
from tests.living import do, state, world

WATCH = """\
- id: watch
  mode: parallel
  triggers:
    - {trigger: event, event_type: never}
  actions: []
"""
INPUTS = """
counter: {kept: {initial: 2}, fresh: {initial: 2, restore: false}}
input_boolean: {kept: , fresh: {initial: true}}
input_number: {kept: {min: 1, max: 9}, fresh: {min: 1, max: 9, initial: 5}}
input_text: {kept: , fresh: {initial: hello}}
input_datetime: {kept: {has_time: true}, fresh: {has_time: true, initial: "08:00"}}
"""
DOMAINS = ("counter", "input_boolean", "input_number", "input_text", "input_datetime")
SET = {
    "counter.increment": {},
    "input_boolean.toggle": {},
    "input_number.increment": {},
    "input_text.set_value": {"value": "changed"},
    "input_datetime.set_datetime": {"time": "12:34:56"},
}


def standing(w: World, which: str) -> list[str | None]:
    return [state(w, f"{domain}.{which}") for domain in DOMAINS]


async def test_what_is_declared_begins_where_it_says_or_at_nothing() -> None:
    async with world(INPUTS) as w:
        assert standing(w, "kept") == ["2", "off", "1.0", "unknown", "00:00:00"]
        assert standing(w, "fresh") == ["2", "on", "5.0", "hello", "08:00:00"]


async def test_states_survive_a_restart_but_for_those_that_say_what_they_begin_with() -> None:
    async with world(INPUTS, *SET) as w:
        for action, data in SET.items():
            for which in ("kept", "fresh"):
                await do(w, action, {"entity_id": f"{action.partition('.')[0]}.{which}", **data})
        changed = ["3", "on", "2.0", "changed", "12:34:56"]
        assert standing(w, "kept") == changed
        assert standing(w, "fresh") == ["3", "off", "6.0", "changed", "12:34:56"]
        await w.restart()
        assert standing(w, "kept") == changed
        assert standing(w, "fresh") == ["2", "on", "5.0", "hello", "08:00:00"]


async def test_a_reload_changes_no_state_and_takes_over_what_the_files_say() -> None:
    async with world(INPUTS, *SET) as w:
        for action, data in SET.items():
            await do(w, action, {"entity_id": f"{action.partition('.')[0]}.fresh", **data})
        before = standing(w, "fresh")
        await w.load({"entities.yaml": INPUTS.replace("restore: false", "restore: false, name: Fresh, step: 7")})
        assert standing(w, "fresh") == before
        found = w.state("counter.fresh")
        assert found is not None
        assert (found.attributes["friendly_name"], found.attributes["step"]) == ("Fresh", 7)


@pytest.mark.parametrize(
    ("first", "then", "becomes"),
    [
        ("counter: {a: {initial: 9}}", "counter: {a: {initial: 9, maximum: 5}}", "5"),
        ("counter: {a: {initial: 1}}", "counter: {a: {minimum: 5}}", "5"),
        ("input_number: {a: {min: 0, max: 9, initial: 8}}", "input_number: {a: {min: 0, max: 5}}", "5.0"),
        ("input_number: {a: {min: 0, max: 9}}", "input_number: {a: {min: 3, max: 9, initial: 7}}", "3.0"),
        ("input_text: {a: {initial: hello}}", "input_text: {a: {max: 2}}", "hello"),
        (
            "input_datetime: {a: {has_time: true, initial: '08:00'}}",
            "input_datetime: {a: {has_date: true}}",
            "2026-03-02",
        ),
    ],
)
async def test_narrower_bounds_take_the_state_along(first: str, then: str, becomes: str) -> None:
    entity = f"{first.partition(':')[0]}.a"
    async with world(first) as w:
        await w.load({"entities.yaml": then})
        assert not w.problems
        assert state(w, entity) == becomes


async def test_a_declaration_that_is_removed_takes_its_entity_along_after_a_moment() -> None:
    async with world("counter: {a: , b: }") as w:
        told: list[Json] = []
        w.engine.matcher.on_fact = lambda fact: told.append((fact.subject, fact.data["to_state"]))
        await w.load({"entities.yaml": "counter: {b: }"})
        assert state(w, "counter.a") == "0"
        await w.advance(5)
        assert (state(w, "counter.a"), state(w, "counter.b")) == (None, "0")
        assert told == [("counter.a", None)]
        await w.restart()
        assert state(w, "counter.a") is None


async def test_a_declaration_with_a_mistake_keeps_its_last_good_version_also_over_a_restart() -> None:
    async with world("counter: {a: {initial: 3, step: 2}}", "counter.increment") as w:
        await w.load({"entities.yaml": "counter: {a: {initial: 3, setp: 2}}", "rules.yaml": w._files["rules.yaml"]})
        assert len(w.problems) == 1
        await w.restart()
        await do(w, "counter.increment", {"entity_id": "counter.a"})
        assert state(w, "counter.a") == "5"


async def test_entities_are_there_before_the_rules_and_do_not_set_them_off_at_the_start() -> None:
    async with World() as w:
        told: list[Json] = []
        await w.load({"entities.yaml": "input_boolean: {a: {initial: true}}", "rules.yaml": WATCH})
        w.engine.matcher.on_fact = lambda fact: told.append(fact.subject)
        await w.load({"entities.yaml": "input_boolean: {a: {initial: true}, b: }", "rules.yaml": WATCH})
        assert told == ["input_boolean.b"]


async def test_how_entities_stood_is_kept() -> None:
    async with world(INPUTS, *SET) as w:
        await w.advance(60)
        await do(w, "counter.increment", {"entity_id": "counter.kept"})
        rows = await w.journal.history("counter.kept", w.now.replace(year=2000), 10)
        assert [(row.state, (w.now - row.at).total_seconds()) for row in rows] == [("2", 60.0), ("3", 0.0)]


@pytest.mark.parametrize(
    ("text", "entity", "attributes"),
    [
        ("counter: {a: {name: A, icon: 'mdi:x', minimum: 1}}", "counter.a", {"initial": 0, "step": 1, "minimum": 1}),
        ("input_boolean: {a: {name: A, icon: 'mdi:x'}}", "input_boolean.a", {}),
        (
            "input_number: {a: {name: A, icon: 'mdi:x', min: 1, max: 5, mode: box, unit_of_measurement: kg}}",
            "input_number.a",
            {"initial": None, "min": 1.0, "max": 5.0, "step": 1.0, "mode": "box", "unit_of_measurement": "kg"},
        ),
        (
            "input_text: {a: {name: A, icon: 'mdi:x', mode: password, pattern: '[a-z]'}}",
            "input_text.a",
            {"min": 0, "max": 100, "mode": "password", "pattern": "[a-z]"},
        ),
        (
            "timer: {a: {name: A, icon: 'mdi:x', duration: 90, restore: true}}",
            "timer.a",
            {"duration": "0:01:30", "restore": True},
        ),
    ],
)
async def test_attributes_follow_the_declaration(text: str, entity: str, attributes: Mapping[str, Json]) -> None:
    async with world(text) as w:
        found = w.state(entity)
        assert found is not None
        assert found.attributes == {"editable": False, "friendly_name": "A", "icon": "mdi:x", **attributes}
