from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from engine.plugin import (
    Accepted,
    Action,
    FireEvent,
    Outcome,
    Plan,
    Refused,
    Request,
    Say,
    SetState,
    Unsure,
    View,
    Waiting,
)
from tests.house import House, Outside, TestLog, acting, program, programs

SEND = """
- action: whatsapp.send_template
  data: {to: ["+919876543210", "+919876543211", "+919876543212"], template: hello}
"""
ONE = """
- action: whatsapp.send_template
  data: {to: "+919876543210", template: hello}
"""
ENDS = "- stop: after\n"


def answers(*outcomes: Outcome) -> Outside:
    """One after the other, then accepted."""
    left = list(outcomes)
    return Outside(lambda request: left.pop(0) if left else Accepted({"id": "x"}, "message id"))


async def ran(actions: str, *outcomes: Outcome, **keys: str) -> House:
    house = House(outside=answers(*outcomes))
    await house.start(acting(actions, **keys))
    await house.fire("go")
    return house


async def ended(house: House) -> tuple[str, str]:
    run = (await house.runs())[-1]
    return run.outcome or run.state, run.reason


async def states(house: House) -> list[str]:
    return [effect.state for effect in await house.sends()]


async def test_each_recipient_is_an_effect_of_its_own_and_all_are_attempted() -> None:
    house = await ran(SEND + ENDS, Accepted(), Refused("no such number"))
    assert await states(house) == ["accepted", "refused", "accepted"]
    assert await ended(house) == ("error", "whatsapp.send_template: 1 of 3 refused: no such number")


async def test_a_run_goes_on_after_all_were_accepted() -> None:
    assert await ended(await ran(SEND + ENDS)) == ("finished", "after")


@pytest.mark.parametrize(
    ("outcome", "end"),
    [(Refused("no"), "error"), (Unsure("answer lost"), "unsure"), (Waiting("later", timedelta(hours=2)), "running")],
)
async def test_the_end_of_a_run_tells_what_became_of_its_effect(outcome: Outcome, end: str) -> None:
    assert (await ended(await ran(ONE, outcome)))[0] == end


async def test_what_waits_beyond_its_worth_expires() -> None:
    house = House(outside=Outside(lambda request: Waiting("not reachable")))
    await house.start(acting(ONE, valid_for="{minutes: 30}"))
    await house.fire("go")
    await house.advance(29 * 60)
    assert await house.outcomes() == ["running"]
    await house.advance(61)
    outcome, reason = await ended(house)
    assert (outcome, await states(house)) == ("expired", ["expired"])
    assert "not reachable" in reason


async def test_a_message_is_worth_sending_for_an_hour_unless_the_rule_says_otherwise() -> None:
    house = await ran(ONE)
    (effect,) = await house.sends()
    assert effect.valid_until == effect.created + timedelta(hours=1)
    (effect,) = await (await ran(ONE, valid_for='"{{ 60 * 2 }}"')).sends()
    assert effect.valid_until == effect.created + timedelta(minutes=2)


async def test_another_request_is_worth_a_day() -> None:
    (effect,) = await (await ran('- {action: http.request, data: {url: "https://a.example"}}')).sends()
    assert effect.valid_until == effect.created + timedelta(days=1)


async def test_unsure_outweighs_refused() -> None:
    house = await ran(SEND, Refused("no"), Unsure("lost"), Accepted())
    assert await ended(house) == ("unsure", "whatsapp.send_template: 2 of 3 refused: no; unsure: lost")


async def test_a_response_variable_holds_the_answer() -> None:
    house = await ran("""
        - action: http.request
          data: {method: GET, url: "https://a.example"}
          response_variable: found
        - stop: "{{ found.id }}"
    """)
    assert await ended(house) == ("finished", "x")


async def test_only_what_was_refused_is_tried_again() -> None:
    house = House(outside=answers(Accepted(), Refused("busy"), Accepted()))
    await house.start(acting(SEND.rstrip() + "\n  retry: {attempts: 3, wait: 10}\n" + ENDS))
    await house.fire("go")
    assert await states(house) == ["accepted", "refused", "accepted"]
    await house.advance(9)
    assert len(house.outside.performed) == 3
    await house.advance(1)
    assert [request.recipient for request, _ in house.outside.performed] == [
        "+919876543210",
        "+919876543211",
        "+919876543212",
        "+919876543211",
    ]
    assert len({operation.op_id for _, operation in house.outside.performed}) == 4
    assert await ended(house) == ("finished", "after")


async def test_a_retry_gives_up_after_its_attempts() -> None:
    house = House(outside=Outside(lambda request: Refused("no")))
    await house.start(acting(ONE.rstrip() + '\n  retry: {attempts: "2", wait: "{{ 5 }}"}\n'))
    await house.fire("go")
    await house.advance(60)
    assert len(house.outside.performed) == 2
    assert await ended(house) == ("error", "whatsapp.send_template: refused: no")


@pytest.mark.parametrize("outcome", [Unsure("lost"), Waiting("later", timedelta(days=1))])
async def test_nothing_is_retried_that_may_have_happened_or_is_tried_again_anyway(outcome: Outcome) -> None:
    house = await ran(ONE.rstrip() + "\n  retry: 3\n", outcome)
    await house.advance(3500)
    assert len(house.outside.performed) == 1


async def test_the_answers_of_earlier_attempts_stay_in_the_order_of_the_requests() -> None:
    numbers = count(1)
    refused = [False, True, False]

    def answer(request: Request) -> Outcome:
        return Refused("busy") if refused and refused.pop(0) else Accepted({"n": next(numbers)})

    house = House(outside=Outside(answer), actions={"three": Three})
    await house.start(
        program(
            """
            - id: r
              triggers: {trigger: event, event_type: go}
              actions:
                - action: three
                  response_variable: found
                  retry: 2
                - stop: "{{ found | map(attribute='n') | join(' ') }}"
            """,
            Three,
        )
    )
    await house.fire("go")
    await house.advance(10)
    assert await ended(house) == ("finished", "1 3 2")


class Three(Action):
    """Asks three times."""

    name = "three"
    responds = True

    def plan(self, view: View) -> list[Plan]:
        return [Request("outside", "ask", {"n": n}, timeout=timedelta(seconds=2)) for n in range(3)]


async def test_continue_on_error_goes_on_after_what_the_action_could_not_do() -> None:
    house = await ran(ONE.rstrip() + "\n  continue_on_error: true\n" + ENDS, Refused("no"))
    assert await ended(house) == ("finished", "after")


@pytest.mark.parametrize("word", ["no", "'{{ 1 / 0 }}'", "'{{ false }}'"])
async def test_continue_on_error_may_be_said_in_other_words(word: str) -> None:
    house = await ran(ONE.rstrip() + f"\n  continue_on_error: {word}\n" + ENDS, Refused("no"))
    assert (await ended(house))[0] == "error"


async def test_continue_on_error_does_not_cover_wrong_data() -> None:
    house = await ran("""
        - action: whatsapp.send_template
          continue_on_error: true
          data: {to: "{{ 'nobody' }}", template: hello}
        - stop: never
    """)
    outcome, reason = await ended(house)
    assert outcome == "error"
    assert "phone number" in reason


async def test_on_error_steps_run_and_the_outcome_stays_that_of_the_failure() -> None:
    house = await ran(ONE, Refused("no"), on_error='[{action: log.write, data: {message: "{{ error.message }}"}}]')
    outcome, reason = await ended(house)
    assert (outcome, reason) == ("error", "whatsapp.send_template: refused: no; then on_error: all steps done")
    assert [step.path for step in await house.steps()][-1] == "on_error/0"


async def test_on_error_that_fails_too_is_told() -> None:
    house = await ran(ONE, Refused("no"), on_error='[{variables: {x: "{{ 1 / 0 }}"}}]')
    outcome, reason = await ended(house)
    assert outcome == "error"
    assert "then on_error failed: variables: x: division by zero" in reason


async def test_an_unsure_effect_goes_to_on_error_and_ends_unsure() -> None:
    house = await ran(ONE, Unsure("lost"), on_error="[{delay: 5}]")
    assert await ended(house) == ("running", "")
    await house.advance(5)
    assert (await ended(house))[0] == "unsure"


async def test_a_step_that_takes_too_long_fails_and_its_effect_is_cancelled_if_it_has_not_left() -> None:
    house = await ran(
        ONE.rstrip() + "\n  timeout: 30\n  continue_on_error: true\n" + ENDS,
        Waiting("busy", timedelta(minutes=5)),
    )
    await house.advance(29)
    assert await house.outcomes() == ["running"]
    await house.advance(1)
    assert await ended(house) == ("finished", "after")
    await house.advance(300)
    assert await states(house) == ["cancelled"]


async def test_a_timeout_that_did_not_happen_leaves_nothing_behind() -> None:
    house = await ran(ONE.rstrip() + '\n  timeout: "{{ 1 + 2 }}"\n')
    assert await house.journal.next_due() is None
    assert await house.outcomes() == ["finished"]


async def test_a_timeout_that_is_none_fails_the_step() -> None:
    house = await ran(ONE.rstrip() + "\n  timeout: \"{{ 'soon' }}\"\n")
    outcome, reason = await ended(house)
    assert (outcome, reason.split(":")[0]) == ("error", "timeout")
    assert house.outside.performed == []


async def test_an_action_that_was_removed_fails_the_step() -> None:
    house = House()
    rule = acting(ONE)
    await house.start(rule)
    house.engine.ports.actions.pop("whatsapp.send_template")  # type: ignore[attr-defined]
    await house.fire("go")
    assert await ended(house) == ("error", "there is no action whatsapp.send_template; was a plugin removed?")


class Faulty(Action):
    """Fails in its plan."""

    name = "faulty"

    def plan(self, view: View) -> list[Plan]:
        raise KeyError("oops")


class Choosy(Action):
    """Does not like what it is given."""

    name = "choosy"

    def plan(self, view: View) -> list[Plan]:
        raise ValueError("these two do not go together")


class Dated(Action):
    """Plans what no journal keeps."""

    name = "dated"

    def plan(self, view: View) -> list[Plan]:
        return [Request("outside", "ask", {"at": view.now})]


class Inner(Action):
    """Changes the engine's own things."""

    name = "inner"

    def plan(self, view: View) -> list[Plan]:
        return [
            SetState("counter.x", "1"),
            SetState("counter.x", "1"),
            FireEvent("changed", {"n": 1}),
            Say("told", "loud"),  # type: ignore[arg-type]
        ]


def using(action: type[Action], more: str = "") -> str:
    return f"""
- id: r
  triggers: {{trigger: event, event_type: go}}
  actions:
    - action: {action.name}
    - stop: after
{more}"""


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Faulty, "faulty failed unexpectedly: KeyError: 'oops'"),
        (Choosy, "choosy: these two do not go together"),
        (Dated, "the run holds something that cannot be kept"),
    ],
)
async def test_a_plugins_mistake_ends_its_run_and_no_other(action: type[Action], reason: str) -> None:
    house = House(actions={action.name: action})
    others = programs("""
        - id: other
          triggers: {trigger: event, event_type: go}
          actions:
            - stop: well
    """)
    await house.start(program(using(action), action), *others)
    await house.fire("go")
    ends = {run.rule: (run.outcome, run.reason) for run in await house.runs()}
    assert ends["other"] == ("finished", "well")
    assert ends["r"][0] == "error"
    assert reason in ends["r"][1]


async def test_what_cannot_be_kept_later_in_a_run_ends_it_and_starts_the_next() -> None:
    house = House(actions={"dated": Dated})
    await house.start(
        program(
            """
            - id: r
              triggers: {trigger: event, event_type: go}
              actions:
                - delay: 5
                - if: "{{ trigger.event.data.n == 1 }}"
                  then:
                    - action: dated
            """,
            Dated,
        )
    )
    await house.fire("go", n=0)
    await house.fire("go", n=1)
    await house.fire("go", n=2)
    await house.advance(20)
    assert await house.outcomes() == ["finished", "error", "finished"]


async def test_an_action_of_the_engine_changes_states_fires_events_and_speaks() -> None:
    log = TestLog()
    house = House(actions={"inner": Inner}, log=log)
    listener = """
- id: second
  triggers: {trigger: event, event_type: changed}
  actions:
    - stop: "{{ states('counter.x') }}"
"""
    await house.start(*programs(using(Inner, listener), Inner))
    await house.fire("go")
    assert [run.reason for run in await house.runs()] == ["after", "1"]
    assert "told" in log.said("info")
    (entity,) = await house.journal.entities()
    assert (entity.entity, entity.state) == ("counter.x", "1")
