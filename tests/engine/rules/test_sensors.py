from __future__ import annotations

from typing import Any

import pytest

from engine.testing import World
from tests.living import do, state, world

SUM = """
counter: {paid: , open: {initial: 4}}
sensors:
  total:
    name: All orders
    state: "{{ states('counter.paid') | int + states('counter.open') | int }}"
    attributes: {open: "{{ states('counter.open') | int }}"}
    unit_of_measurement: orders
"""
POLL = """
sensors:
  stock:
    poll: {action: http.request, data: {method: GET, url: "https://shop.example/stock"}}
    every: 60
    value: "{{ response.json.lamps }}"
    attributes: {shelf: "{{ response.json.shelf }}"}
"""
HOSTS: dict[str, Any] = {"hosts": {"shop.example": {}}}


def attributes(w: World, entity: str) -> dict[str, Any]:
    found = w.state(entity)
    return dict(found.attributes) if found is not None else {}


async def test_a_sensor_is_worked_out_when_it_is_loaded_and_when_anything_changes_that_it_reads() -> None:
    async with world(SUM, "counter.increment") as w:
        assert state(w, "sensor.total") == "4"
        assert attributes(w, "sensor.total") == {
            "friendly_name": "All orders",
            "unit_of_measurement": "orders",
            "open": 4,
        }
        await do(w, "counter.increment", {"entity_id": ["counter.paid", "counter.open"]})
        assert (state(w, "sensor.total"), attributes(w, "sensor.total")["open"]) == ("6", 5)


async def test_sensors_may_read_each_other_in_any_order_and_rules_hear_of_the_last_value_only() -> None:
    chain = """
counter: {a: }
sensors:
  third: {state: "{{ states('sensor.second') | int * 10 }}"}
  second: {state: "{{ states('sensor.first') | int + 1 }}"}
  first: {state: "{{ states('counter.a') | int }}"}
"""
    async with world(chain, "counter.increment") as w:
        assert [state(w, f"sensor.{name}") for name in ("first", "second", "third")] == ["0", "1", "10"]
        await do(w, "counter.increment", {"entity_id": "counter.a"})
        assert [state(w, f"sensor.{name}") for name in ("first", "second", "third")] == ["1", "2", "20"]


async def test_a_sensor_reads_rules_from_the_start_and_hears_of_their_switches() -> None:
    text = "sensors: {a: {state: \"{{ states('automation.counter_reset') }}\"}}"
    async with world(text, "counter.reset") as w:
        assert state(w, "sensor.a") == "on"
        await w.turn_off("counter_reset")
        assert state(w, "sensor.a") == "off"


async def test_two_sensors_that_chase_each_other_are_stopped() -> None:
    circle = """
counter: {a: }
sensors:
  one: {state: "{{ states('sensor.two') | int(0) + states('counter.a') | int }}"}
  two: {state: "{{ states('sensor.one') | int(0) + 1 }}"}
"""
    async with world(circle, "counter.increment") as w:
        await do(w, "counter.increment", {"entity_id": "counter.a"})
        assert state(w, "counter.a") == "1"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ 2 * 3 }}", "6"),
        ("{{ 1 / 2 }}", "0.5"),
        ("{{ true }}", "True"),
        ("{{ none }}", "unknown"),
        ("on", "on"),
        ("{{ 'x' * 300 }}", "unknown"),
        ("{{ [1, 2] }}", "[1, 2]"),
        ("{{ 'a' | int }}", "unavailable"),
        ("{{ nothing }}", ""),
    ],
)
async def test_what_a_template_gives_becomes_text(template: str, says: str) -> None:
    async with World() as w:
        await w.load({"a.yaml": f'sensors: {{a: {{state: "{template}"}}}}'})
        assert state(w, "sensor.a") == says


async def test_a_sensor_that_has_nothing_to_say_is_unavailable_and_keeps_its_name() -> None:
    text = """
input_boolean: {open: }
sensors:
  a:
    {name: A, state: "{{ 5 }}", attributes: {b: "{{ 6 }}"}, availability: "{{ is_state('input_boolean.open', 'on') }}"}
"""
    async with world(text, "input_boolean.toggle") as w:
        assert (state(w, "sensor.a"), attributes(w, "sensor.a")) == ("unavailable", {"friendly_name": "A"})
        await do(w, "input_boolean.toggle", {"entity_id": "input_boolean.open"})
        assert (state(w, "sensor.a"), attributes(w, "sensor.a")) == ("5", {"friendly_name": "A", "b": 6})


async def test_a_sensor_that_asks_for_the_time_is_worked_out_each_minute_also_after_a_restart() -> None:
    async with world('sensors: {minute: {state: "{{ now().minute }}"}}') as w:
        seen = []
        for _ in range(3):
            await w.advance(60)
            seen.append(state(w, "sensor.minute"))
        await w.restart()
        await w.advance(60)
        assert [*seen, state(w, "sensor.minute")] == ["1", "2", "3", "4"]


async def test_a_sensor_is_written_as_home_assistant_writes_it() -> None:
    async with world('template: [{sensor: [{name: Open orders, unique_id: x, state: "{{ 3 }}"}]}]') as w:
        assert (state(w, "sensor.open_orders"), attributes(w, "sensor.open_orders")["friendly_name"]) == (
            "3",
            "Open orders",
        )


async def test_a_sensor_that_says_something_else_after_a_reload_is_heard() -> None:
    async with world('sensors: {a: {state: "{{ 1 }}"}}') as w:
        told: list[Any] = []
        w.engine.matcher.on_fact = lambda fact: told.append((fact.subject, fact.data["to_state"]["state"]))
        await w.load({"entities.yaml": 'sensors: {a: {state: "{{ 2 }}"}}'})
        assert (state(w, "sensor.a"), told) == ("2", [("sensor.a", "2")])


async def test_a_sensor_asks_again_and_again_and_says_what_it_was_answered() -> None:
    stock = {"lamps": 3, "shelf": "B2"}
    async with World(settings=HOSTS) as w:
        w.stub("http.request", response=lambda data: {"status": 200, "json": dict(stock)}, reads=True)
        await w.load({"a.yaml": POLL})
        assert (state(w, "sensor.stock"), attributes(w, "sensor.stock")) == ("3", {"shelf": "B2"})
        stock["lamps"] = 2
        await w.advance(59)
        assert state(w, "sensor.stock") == "3"
        await w.advance(1)
        assert state(w, "sensor.stock") == "2"
        assert len(w.calls) == 2
        assert w.calls[0].data == {"method": "GET", "url": "https://shop.example/stock"}


async def test_a_poll_that_fails_makes_the_sensor_unavailable_and_is_a_problem_until_it_works_again() -> None:
    answers = [None, "the shop is closed", None]
    async with World(settings=HOSTS) as w:
        w.stub(
            "http.request",
            response={"json": {"lamps": 1, "shelf": "A"}},
            refuses=lambda data: answers.pop(0),
            reads=True,
        )
        await w.load({"a.yaml": POLL})
        assert (state(w, "sensor.stock"), w.problems) == ("1", [])
        await w.advance(60)
        assert state(w, "sensor.stock") == "unavailable"
        assert [problem.code for problem in w.problems] == ["poll-failed"]
        assert "the shop is closed" in w.problems[0].text
        await w.advance(60)
        assert (state(w, "sensor.stock"), w.problems) == ("1", [])


async def test_an_answer_without_what_is_asked_for_makes_the_sensor_unavailable() -> None:
    async with World(settings=HOSTS) as w:
        w.stub("http.request", response={"json": {"lamps": "many", "shelf": "A"}}, reads=True)
        await w.load({"a.yaml": POLL.replace("response.json.lamps", "response.json.lamps | int")})
        assert state(w, "sensor.stock") == "unavailable"


async def test_a_sensor_keeps_its_value_over_a_restart_until_it_is_answered_again() -> None:
    async with World(settings=HOSTS) as w:
        w.stub("http.request", response={"json": {"lamps": 3, "shelf": "B"}}, reads=True)
        await w.load({"a.yaml": POLL})
        w.stub("http.request", response={"json": {"lamps": 4, "shelf": "B"}}, reads=True, takes=30)
        await w.restart()
        assert (state(w, "sensor.stock"), attributes(w, "sensor.stock")) == ("3", {"shelf": "B"})
        await w.advance(30)
        assert state(w, "sensor.stock") == "4"


async def test_sensors_that_ask_the_same_share_one_question() -> None:
    other = POLL + POLL.replace("sensors:\n", "").replace("  stock:", "  shelf:").replace(".lamps", ".shelf")
    async with World(settings=HOSTS) as w:
        w.stub("http.request", response={"json": {"lamps": 3, "shelf": "B"}}, reads=True)
        await w.load({"a.yaml": other})
        assert (state(w, "sensor.stock"), state(w, "sensor.shelf"), len(w.calls)) == ("3", "B", 1)


async def test_a_poll_that_would_change_something_is_not_made() -> None:
    async with World(settings=HOSTS) as w:
        w.stub("http.request", response={"json": {}})
        await w.load({"a.yaml": POLL})
        assert (state(w, "sensor.stock"), w.calls) == (None, [])
        assert "http.request would change something outside" in w.problems[0].text
