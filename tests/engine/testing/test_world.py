"""World: a whole rulewheel over virtual time."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connections.chakra.simulator import Linear
from engine.problem import ProblemError
from engine.testing import START, Answered, Call, Event, Message, World
from engine.values import Json

TAG = """
- id: tag
  triggers:
    - trigger: event
      event_type: go
  actions:
    - action: crm.tag
      data: {order: "{{ trigger.event.data.order }}"}
"""
WAIT = """
- id: wait
  triggers: [{trigger: event, event_type: go}]
  actions:
    - delay: {minutes: 5}
    - action: crm.tag
      data: {order: later}
"""
JOB = """
- id: job
  triggers:
    - trigger: job.entries
      job: any
      status: ERROR
      above: 2
  actions:
    - action: whatsapp.send_template
      data:
        to: "+919876543210"
        template: import_failed
        language: en
        body: ["{{ trigger.count }}", "{{ trigger.job.id }}"]
"""
SEND = """
- id: send
  triggers: [{trigger: webhook, webhook_id: paid}]
  actions:
    - action: whatsapp.send_template
      data:
        to: "+919876543210"
        template: import_failed
        language: en
        body: ["{{ trigger.json.id }}", "x"]
"""


async def test_a_stub_records_what_a_rule_calls_and_when() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": TAG})
        await world.fire("go", {"order": "A1"})
        assert world.calls == [Call("crm.tag", {"order": "A1"}, START)]
        (run,) = world.runs("tag")
        assert (run.state, run.outcome) == ("done", "finished")
        assert [(step.kind, step.result) for step in run.steps] == [("crm.tag", "asked"), ("crm.tag", "accepted")]
        assert isinstance(run.steps[0].values, dict)
        assert run.steps[0].values["order"] == "A1"
        assert world.events("go") == [Event("go", {"order": "A1"}, START)]


@pytest.mark.parametrize(
    ("behaviour", "outcome"), [({"refuses": "no such order"}, "error"), ({"crashes": True}, "unsure"), ({}, "finished")]
)
async def test_a_stub_answers_as_it_is_told(behaviour: dict[str, Json], outcome: str) -> None:
    async with World() as world:
        world.stub("crm.tag", **behaviour)
        await world.load({"rules.yaml": TAG})
        await world.fire("go", {"order": "A1"})
        await world.advance(600)
        assert [run.outcome for run in world.runs("tag")] == [outcome]


async def test_what_a_stub_answers_may_depend_on_the_data() -> None:
    def refusal(data: Json) -> str | None:
        return "too long" if len(data["order"]) > 3 else None

    async with World() as world:
        world.stub("crm.tag", refuses=refusal, response=lambda data: {"tagged": data["order"]})
        told = "      response_variable: answer\n    - variables: {seen: '{{ answer.tagged }}'}\n"
        await world.load({"rules.yaml": TAG + told})
        await world.fire("go", {"order": "A1"})
        await world.fire("go", {"order": "A1000"})
        first, second = world.runs("tag")
        assert first.steps[-1].values == {"seen": "A1"}
        assert second.outcome == "error"


async def test_a_stub_takes_its_time_and_sets_states() -> None:
    async with World() as world:
        world.stub("crm.tag", takes=30, sets={"sensor.crm": "busy"})
        await world.load({"rules.yaml": TAG})
        await world.fire("go", {"order": "A1"})
        found = world.state("sensor.crm")
        assert found is not None
        assert found.state == "busy"
        assert world.running("tag") == 1
        await world.advance(29)
        assert world.running("tag") == 1
        await world.advance(1)
        assert world.running("tag") == 0
        assert world.runs("tag")[0].ended == START + timedelta(seconds=30)


async def test_a_delay_ends_at_its_time_also_after_a_restart() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": WAIT})
        await world.fire("go")
        await world.advance(200)
        await world.restart()
        assert world.calls == []
        await world.advance(1000)
        assert [call.at for call in world.calls] == [START + timedelta(minutes=5)]
        assert world.now == START + timedelta(seconds=1200)


async def test_a_call_that_was_under_way_when_it_died_is_unsure_and_never_repeated() -> None:
    async with World() as world:
        world.stub("crm.tag", takes=60)
        await world.load({"rules.yaml": TAG})
        await world.fire("go", {"order": "A1"})
        await world.restart()
        await world.advance(3600)
        assert [run.outcome for run in world.runs()] == ["unsure"]
        assert len(world.calls) == 1


async def test_webhooks_come_in_by_the_real_listener_and_messages_reach_the_simulator() -> None:
    async with World() as world:
        await world.load({"rules.yaml": SEND})
        assert await world.webhook("paid", json={"id": "A1"}) == Answered(200, "")
        assert await world.webhook("paid", text="{", headers={"Content-Type": "application/json"}) == Answered(
            400, "the content type says JSON, but the body is not JSON that can be read"
        )
        assert (await world.webhook("paid", method="DELETE")).status == 405
        assert [(each.to, each.template) for each in world.messages] == [("919876543210", "import_failed")]
        assert isinstance(world.messages[0], Message)
        assert "A1" in world.messages[0].text
        with pytest.raises(LookupError, match='did you mean "paid"'):
            await world.webhook("paidd")


@pytest.mark.parametrize(
    ("fault", "outcome", "accepted"),
    [
        ({"kind": "cut", "at": "before_reading"}, "unsure", 0),
        ({"kind": "cut", "at": "before_answer"}, "finished", 1),
        ({"kind": "latency", "at": "before_answer", "min_ms": 5000}, "finished", 1),
        ({"kind": "latency", "at": "before_answer", "min_ms": 50000}, "finished", 1),
        ({"kind": "refuse", "seconds": 20}, "finished", 2),
    ],
)
async def test_the_simulators_faults_happen_without_sockets(
    fault: dict[str, Json], outcome: str, accepted: int
) -> None:
    async with World() as world:
        await world.load({"rules.yaml": SEND})
        world.simulator.faults.add({**fault, "times": 1})
        await world.webhook("paid", json={"id": "A1"})
        if fault["kind"] == "refuse":
            await world.webhook("paid", json={"id": "A2"})
        await world.advance(3600)
        assert [run.outcome for run in world.runs()][-1] == outcome
        assert len(world.messages) == accepted


async def test_a_job_of_the_simulator_is_polled_as_time_passes() -> None:
    async with World() as world:
        await world.load({"rules.yaml": JOB})
        job = world.simulator.jobs.add("j7", 10, Linear(errors=0.5)).id
        await world.set_state(f"job.{job}", "watched")
        await world.advance(600)
        assert len(world.messages) == 1


async def test_a_state_that_is_set_again_is_no_change() -> None:
    async with World() as world:
        await world.set_state("sensor.sea", "high", {"metres": 3})
        before = world.state("sensor.sea")
        await world.advance(5)
        await world.set_state("sensor.sea", "high", {"metres": 3})
        assert world.state("sensor.sea") == before
        assert world.state("sensor.see") is None


async def test_a_rule_that_is_broken_keeps_its_last_good_version_and_is_a_problem() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": TAG})
        await world.load({"rules.yaml": TAG.replace("event_type", "event_typ")})
        assert any(problem.key.startswith("file/rules.yaml") for problem in world.problems)
        await world.restart()
        await world.fire("go", {"order": "A1"})
        assert len(world.calls) == 1
        await world.load({"rules.yaml": TAG})
        assert world.problems == []


async def test_a_rule_that_is_removed_goes_on_for_five_seconds() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": WAIT})
        await world.fire("go")
        await world.load({})
        await world.advance(4.9)
        assert world.running("wait") == 1
        await world.advance(0.1)
        assert [run.outcome for run in world.runs("wait")] == ["cancelled"]


async def test_an_action_stubbed_later_is_known_at_the_next_load() -> None:
    async with World() as world:
        await world.load({"rules.yaml": TAG})
        assert world.problems
        world.stub("crm.tag")
        await world.load({"rules.yaml": TAG})
        assert world.problems == []


async def test_a_rule_runs_by_hand_with_or_without_its_conditions() -> None:
    async with World() as world:
        world.stub("crm.tag")
        text = TAG.replace("{{ trigger.event.data.order }}", "{{ trigger.platform }}")
        await world.load({"rules.yaml": text + '  conditions: ["{{ false }}"]\n'})
        await world.trigger("tag")
        await world.trigger("tag", skip_conditions=False)
        assert [run.outcome for run in world.runs("tag")] == ["finished", "failed_conditions"]
        assert next((step.kind, step.result) for step in world.runs("tag")[0].steps) == ("condition", "skipped")
        assert len(world.calls) == 1
        with pytest.raises(LookupError, match=r'no rule "tagg"\. did you mean "tag"'):
            await world.trigger("tagg")


async def test_a_rule_that_is_off_hears_nothing_until_it_is_on_again() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": WAIT, "more.yaml": TAG})
        await world.fire("go", {"order": 1})
        await world.turn_off("wait")
        assert [run.outcome for run in world.runs("wait")] == ["cancelled"]
        await world.turn_off("wait")
        await world.fire("go", {"order": 2})
        await world.restart()
        await world.load({"rules.yaml": WAIT.replace("minutes: 5", "minutes: 6"), "more.yaml": TAG})
        await world.fire("go", {"order": 3})
        assert len(world.runs("wait")) == 1
        await world.turn_on("wait")
        await world.fire("go", {"order": 4})
        assert world.running("wait") == 1
        assert len(world.runs("tag")) == 4


async def test_a_rule_switched_on_again_does_not_fire_for_what_was() -> None:
    async with World() as world:
        await world.load({"rules.yaml": JOB})
        await world.turn_off("job")
        job = world.simulator.jobs.add("j7", 10, Linear(errors=0.5)).id
        await world.set_state(f"job.{job}", "watched")
        await world.set_state(f"job.{job}", "running", {"counts": {"ERROR": 5}, "total": 10, "id": job})
        await world.turn_on("job")
        await world.advance(600)
        assert world.messages == []


async def test_a_rule_that_its_file_switches_off_is_off_until_somebody_switches_it_on() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": WAIT})
        await world.fire("go")
        await world.load({"rules.yaml": WAIT + "  initial_state: false\n"})
        assert [run.outcome for run in world.runs("wait")] == ["cancelled"]
        await world.turn_on("wait")
        await world.fire("go")
        assert world.running("wait") == 1


async def test_rules_hear_that_rulewheel_starts() -> None:
    text = "- id: hello\n  triggers: [{trigger: homeassistant, event: start}]\n  actions: [{stop: hi}]\n"
    async with World() as world:
        await world.load({"rules.yaml": text})
        await world.load({"rules.yaml": text})
        await world.restart()
        assert [run.reason for run in world.runs("hello")] == ["hi", "hi"]


async def test_there_is_no_network_and_a_script_that_is_not_there_is_told() -> None:
    text = """
    - id: r
      triggers: [{trigger: event, event_type: go}]
      actions: [{action: http.request, data: {url: https://shop.example}}]
    """
    async with World(settings={"hosts": {"shop.example": {}}}) as world:
        await world.load({"rules.yaml": text})
        await world.fire("go")
        assert "no network" in world.runs("r")[0].reason
        with pytest.raises(LookupError, match="there is no script"):
            await world.call("script.x")


async def test_a_rule_is_named_by_its_id_or_as_an_entity() -> None:
    async with World() as world:
        world.stub("crm.tag")
        await world.load({"rules.yaml": WAIT + "  alias: Later Tag\n"})
        await world.trigger("automation.later_tag")
        assert world.running("wait") == world.running("automation.later_tag") == 1
        assert world.runs("wait") == world.runs("automation.later_tag") == world.runs()


COUNTER = "counter: {orders: {step: 2}}\n"


async def test_an_action_is_called_by_its_name() -> None:
    async with World() as world:
        world.stub("crm.find", response={"name": "Asha"})
        await world.load({"rules.yaml": COUNTER})
        assert await world.call("counter.increment", {"entity_id": "counter.orders"}) is None
        found = world.state("counter.orders")
        assert found is not None
        assert found.state == "2"
        assert await world.call("crm.find", {"text": "{{ 1 }}"}) == {"name": "Asha"}
        assert world.calls == [("crm.find", {"text": "{{ 1 }}"}, START)]
        assert [run.outcome for run in world.runs("crm.find")] == ["finished"]


async def test_an_action_that_is_called_by_its_name_may_take_its_time_and_fail() -> None:
    async with World() as world:
        world.stub("crm.find", takes=5)
        await world.load({})
        assert await world.call("crm.find") is None
        assert world.running("crm.find") == 1
        await world.advance(5)
        assert [run.outcome for run in world.runs("crm.find")] == ["finished"]
        await world.call("counter.increment", {"entity_id": "counter.nix"})
        assert [run.outcome for run in world.runs("counter.increment")] == ["error"]


async def test_a_start_without_a_zone_is_a_time_of_the_worlds_zone() -> None:
    async with World(start=datetime(2026, 7, 1, 9), time_zone="Asia/Kolkata") as world:
        assert world.now == datetime(2026, 7, 1, 3, 30, tzinfo=UTC)


async def test_settings_are_those_of_the_file() -> None:
    async with World(
        start=datetime(2026, 7, 1, tzinfo=UTC),
        time_zone="Asia/Kolkata",
        settings={"defaults": {"mode": "single"}, "sending": "test", "test_to": "+14155550104"},
    ) as world:
        world.stub("crm.tag")
        await world.load({"a.yaml": WAIT, "b.yaml": SEND})
        await world.fire("go")
        await world.fire("go")
        await world.webhook("paid", json={"id": 1})
        assert [run.outcome for run in world.runs("wait")] == ["", "failed_single"]
        assert [message.to for message in world.messages] == ["14155550104"]
        assert "05:35" in world.runs("wait")[0].steps[0].reason
    with pytest.raises(ProblemError, match='did you mean "Europe/Malta"'):
        World(settings={"time_zone": "Europe/Kolkata"})


SIGNED = {"connections": {"chakra": {"settle_time": 30, "timeout": 5, "webhook_secret": "of the team"}}}


def told(op_id: str) -> str:
    """A status webhook in Meta's format."""
    status = {"id": "wamid.1", "status": "delivered", "biz_opaque_callback_data": f"rw1:{op_id}"}
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]})


def signature(body: str) -> str:
    return hmac.new(b"of the team", body.encode(), hashlib.sha256).hexdigest()


async def test_a_status_webhook_that_is_signed_settles_a_send_whose_answer_was_lost() -> None:
    async with World(settings=SIGNED) as world:
        await world.load({"rules.yaml": SEND})
        world.simulator.faults.add({"kind": "answer_lost", "times": 1})
        await world.webhook("paid", json={"id": "A1"})
        (effect,) = await world.journal.effects(("unsure",), 1)
        body = told(effect.op_id)
        assert (await world.webhook("connection/chakra", text=body)).status == 403
        assert world.running("send") == 1
        answer = await world.webhook(
            "connection/chakra", text=body, headers={"X-Chakra-Signature-256": signature(body)}
        )
        assert answer.status == 200
        assert [run.outcome for run in world.runs("send")] == ["finished"]


async def test_a_connection_of_a_world_keeps_to_its_settings() -> None:
    async with World(settings=SIGNED) as world:
        await world.load({"rules.yaml": SEND})
        world.simulator.faults.add({"kind": "answer_lost", "times": 1})
        await world.webhook("paid", json={"id": "A1"})
        await world.advance(39)
        assert world.running("send") == 1
        await world.advance(1)
        assert [run.outcome for run in world.runs("send")] == ["finished"]


@pytest.mark.parametrize(
    ("chakra", "said"),
    [
        ({"settle_tim": 30}, 'did you mean "settle_time"'),
        ({"settle_time": 1}, "is shorter than timeout"),
        (7, "is the number 7"),
    ],
)
def test_settings_of_a_connection_are_checked_as_those_of_the_file_are(chakra: Json, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        World(settings={"connections": {"chakra": chakra}})


async def test_the_chance_of_a_world_comes_from_its_seed_which_is_said_if_nobody_chose_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def accepted(seed: int | None) -> tuple[int, list[str]]:
        async with World(seed=seed) as world:
            await world.load({"rules.yaml": SEND})
            world.simulator.faults.add({"kind": "status", "status": 400, "code": 131026, "probability": 0.5})
            for number in range(20):
                await world.webhook("paid", json={"id": f"A{number}"})
            return world.seed, [message.text for message in world.messages]

    drawn, first = await accepted(None)
    assert capsys.readouterr().out == f"seed of the world: {drawn}\n"
    assert await accepted(drawn) == (drawn, first)
    assert capsys.readouterr().out == ""
    others = [texts for seed in range(3) for _, texts in [await accepted(seed)]]
    assert any(texts != first for texts in others)


async def test_a_world_without_a_simulator_says_so() -> None:
    async with World(plugins=("actions", "triggers", "http")) as world:
        with pytest.raises(LookupError, match="0 simulators"):
            _ = world.messages


PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "testing.md"


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
async def test_the_page_about_testing_shows_tests_that_pass(block: str) -> None:
    shown: dict[str, Any] = {}
    exec(compile(block, "testing.md", "exec"), shown)
    found = [value for name, value in shown.items() if name.startswith("test_")]
    assert found
    for test in found:
        await test()
