"""What goes wrong outside is a problem in clear words that clears by itself, and the daemon goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from tests.acceptance.chakra import Chakra
from tests.acceptance.imports import failed_import, import_rule
from tests.acceptance.installation import Installation
from tests.acceptance.patience import until

ORDER_RULE = """\
- id: orders
  triggers: [{trigger: webhook, webhook_id: order_paid}]
  actions:
    - action: whatsapp.send_template
      data: {to: "+919876543210", template: order_update, body: [Asha, "{{ trigger.json.event }}", paid]}
"""
TROUBLES = [
    pytest.param({"kind": "status", "status": 401}, "token-refused", "refused the token", id="token"),
    pytest.param({"kind": "status", "status": 429, "retry_after": 1}, "rate-limited", "429", id="rate limit"),
    pytest.param({"kind": "status", "status": 503}, "failing", "503", id="failing"),
    pytest.param({"kind": "status", "status": 400}, "poll-failed", "400", id="refused"),
    pytest.param({"kind": "status", "status": 302}, "poll-failed", "302", id="moved"),
    pytest.param({"kind": "malformed", "form": "errors"}, "failing", "Chakra says", id="errors"),
    pytest.param({"kind": "malformed", "form": "html"}, "malformed-answer", "not the JSON", id="html"),
    pytest.param({"kind": "malformed", "form": "truncated"}, "malformed-answer", "not the JSON", id="truncated"),
    pytest.param({"kind": "malformed", "form": "empty"}, "malformed-answer", "not the JSON", id="empty"),
    pytest.param({"kind": "malformed", "form": "no_id"}, "malformed-answer", "no counts of entries", id="no counts"),
]


def messages(chakra: Chakra, name: str) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Looks for the accepted messages that name a job or an order."""

    async def look() -> list[dict[str, Any]]:
        return [message for message in chakra.messages() if name in message["rendered"]]

    return look


@pytest.mark.parametrize(("fault", "code", "words"), TROUBLES)
async def test_a_poll_that_fails_is_a_problem_until_it_works_again(
    chakra: Chakra, installation: Installation, fault: Mapping[str, Any], code: str, words: str
) -> None:
    chakra.fault({"match": "job", **fault})
    installation.rule(import_rule(job=(job := failed_import(chakra))))
    async with installation.daemon():
        (problem,) = await until(lambda: installation.problems(code))
        assert words in problem.text
        chakra.mend()
        await until(lambda: installation.cleared(code))
        assert len(await until(messages(chakra, job))) == 1
    assert await installation.problems() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param({"kind": "status", "status": 401}, "token-refused", id="token"),
        pytest.param({"kind": "status", "status": 429, "retry_after": 1}, "rate-limited", id="rate limit"),
    ],
)
async def test_a_message_that_was_surely_not_sent_waits_and_goes_when_the_trouble_is_over(
    chakra: Chakra, installation: Installation, fault: Mapping[str, Any], code: str
) -> None:
    chakra.fault(fault)
    installation.rule(ORDER_RULE)
    order = f"{code}-{installation.folder.parent.name}"
    async with installation.daemon() as daemon:
        await daemon.post("order_paid", event=order)
        await until(lambda: installation.problems(code))
        assert [effect.state for effect in await installation.sends()] == ["waiting"]
        chakra.mend()
        await until(messages(chakra, order))
        await until(installation.is_idle)
        await until(lambda: installation.cleared(code))
    assert [effect.state for effect in await installation.sends()] == ["accepted"]
    assert len(await messages(chakra, order)()) == 1


async def test_with_a_new_token_and_a_restart_what_waited_for_it_goes(
    chakra: Chakra, installation: Installation
) -> None:
    installation.secret("an old token")
    installation.rule(ORDER_RULE)
    order = f"token-{installation.folder.parent.name}"
    async with installation.daemon() as daemon:
        await daemon.post("order_paid", event=order)
        (problem,) = await until(lambda: installation.problems("token-refused"))
        assert "an old token" not in problem.text + daemon.process.output
        await daemon.stop()
    installation.secret(chakra.token)
    async with installation.daemon():
        await until(messages(chakra, order))
        await until(lambda: installation.cleared("token-refused"))
    assert len(await messages(chakra, order)()) == 1


async def test_an_unreachable_api_is_a_problem_and_what_waited_goes_once_it_is_back(
    chakra: Chakra, installation: Installation
) -> None:
    chakra.fault({"kind": "refuse", "match": "job", "seconds": 1.5, "times": 1})
    installation.rule(import_rule(job=(job := failed_import(chakra))))
    async with installation.daemon():
        (problem,) = await until(lambda: installation.problems("unreachable"))
        assert "127.0.0.1" in problem.text
        await until(lambda: installation.cleared("unreachable"))
        await until(lambda: installation.sends("accepted"))
    assert len(await messages(chakra, job)()) == 1


async def test_a_message_whose_answer_was_lost_is_looked_up_and_never_sent_again(
    chakra: Chakra, installation: Installation
) -> None:
    chakra.fault({"kind": "answer_lost", "match": "messages", "times": 1})
    installation.rule(import_rule(job=(job := failed_import(chakra))))
    async with installation.daemon() as daemon:
        (effect,) = await until(lambda: installation.sends("unsure"))
        assert "before the answer" in effect.reason
        await daemon.stop()
    async with installation.daemon():
        await until(installation.is_idle)
    assert [run.outcome for run in await installation.runs()] == ["finished"]
    (effect,) = await installation.sends("accepted")
    assert "the listing shows one message like it" in effect.reason
    assert [message["op_id"] for message in await messages(chakra, job)()] == [effect.op_id]
