from __future__ import annotations

import pytest

from engine.plugin import Fact, FieldError, Fire, Json, Nothing, Webhook
from tests.snapshot import NOW, Snapshot
from tests.triggers.listening import heard, listening
from triggers.webhook import WebhookTrigger

NAMED = "  trigger_variables: {name: order}\n"


def call(**data: Json) -> Fact:
    return Fact("webhook", "paid", {"method": "POST", "json": None, "data": None, "query": {}, **data}, NOW)


def test_it_watches_its_address_for_the_methods_allowed() -> None:
    assert WebhookTrigger({"webhook_id": "paid"}).watches(Snapshot()) == [Webhook("paid", frozenset({"POST", "PUT"}))]
    get = WebhookTrigger({"webhook_id": "paid", "allowed_methods": "GET", "local_only": "no"})
    assert get.watches(Snapshot()) == [Webhook("paid", frozenset({"GET"}))]


def test_a_call_fires_with_what_was_sent() -> None:
    decision = WebhookTrigger({"webhook_id": "paid"}).decide(
        None, call(json={"order": 1}, query={"a": "b"}), Snapshot()
    )
    assert decision.verdict == Fire(
        {"webhook_id": "paid", "json": {"order": 1}, "data": None, "query": {"a": "b"}, "headers": {}}
    )


def test_a_method_that_is_not_allowed_does_not_fire_and_says_why() -> None:
    decision = WebhookTrigger({"webhook_id": "paid"}).decide({"kept": 1}, call(method="GET"), Snapshot())
    assert decision.verdict == Nothing()
    assert decision.memory == {"kept": 1}
    assert decision.reason == "the call's method is GET, which is not one of POST, PUT"


def test_only_harmless_headers_reach_a_rule() -> None:
    secrets = ["Authorization", "Cookie", "X-Hub-Signature-256", "X-Api-Key", "X-Forwarded-For", "Proxy-Authorization"]
    harmless = ["Content-Type", "User-Agent", "X-GitHub-Delivery", "X-Shopify-Topic", "Idempotency-Key", "X-Request-ID"]
    decision = WebhookTrigger({"webhook_id": "paid"}).decide(
        None, call(headers=dict.fromkeys([*secrets, *harmless], "x")), Snapshot()
    )
    assert isinstance(decision.verdict, Fire)
    assert set(decision.verdict.data["headers"]) == {name.lower() for name in harmless}


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", 5])
def test_an_id_that_no_address_could_hold_is_refused(name: Json) -> None:
    with pytest.raises(FieldError, match="webhook_id: expected a name of letters, digits, dots, - and _"):
        WebhookTrigger({"webhook_id": name})


async def test_json_comes_as_json_and_anything_else_as_data() -> None:
    async with listening("{trigger: webhook, webhook_id: '{{ name }}_paid'}", more=NAMED) as w:
        assert (await w.webhook("order_paid", json={"order": "A1"})).status == 200
        answer = await w.webhook(
            "order_paid", text="order=A2&total=5", headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert (answer.status, answer.text) == (200, "")
        first, second = heard(w)
        assert (first["webhook_id"], first["json"], first["data"]) == ("order_paid", {"order": "A1"}, None)
        assert (second["json"], second["data"]) == (None, {"order": "A2", "total": "5"})


@pytest.mark.parametrize(("method", "fires"), [("POST", True), ("PUT", True), ("GET", False), ("HEAD", False)])
async def test_post_and_put_are_heard_unless_others_are_asked_for(method: str, fires: bool) -> None:
    async with listening("{trigger: webhook, webhook_id: x}") as w:
        await w.webhook("x", json={}, method=method)
        assert bool(heard(w)) is fires
    async with listening("{trigger: webhook, webhook_id: x, allowed_methods: [GET, HEAD], local_only: false}") as w:
        await w.webhook("x", json={}, method=method)
        assert bool(heard(w)) is not fires


async def test_several_rules_share_an_id() -> None:
    async with listening("[{trigger: webhook, webhook_id: x}, {trigger: webhook, webhook_id: x, id: too}]") as w:
        await w.webhook("x", json={})
        assert [told["id"] for told in heard(w)] == ["0", "too"]
