"""The trigger on webhooks: another system calls an address of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.plugin import (
    BOOLEAN,
    Decision,
    Example,
    Fact,
    Fire,
    Json,
    Kind,
    Nothing,
    Trigger,
    View,
    Watch,
    Webhook,
    choice,
    default,
    many,
    required,
)

# What says how a body is written, or names one delivery or its kind. Keys, cookies and signatures stay outside.
_HARMLESS = re.compile(
    r"content-type|user-agent|date|idempotency-key|webhook-id"
    r"|x-[a-z0-9-]*(?:delivery|delivery-id|event|event-id|event-key|topic|webhook-id|request-id|correlation-id)"
)


def _webhook_id(value: Json) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", value):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", value.strip()).strip("_")[:100] if isinstance(value, str) else ""
        remedy = f'; write "{name}"' if name else ""
        raise ValueError("expected a name of letters, digits, dots, - and _" + remedy)
    return value


WEBHOOK_ID = Kind('a name of letters, digits, dots, - and _, such as "order_paid"', {"type": "string"}, _webhook_id)


class WebhookTrigger(Trigger):
    """Fires when another system calls the web address of this webhook.

    Several rules may share one id. The caller is always answered with an empty 200; a rule cannot reply.
    """

    name = "webhook"
    gives = {
        "webhook_id": "The id of the webhook",
        "json": "What the caller sent, if it was JSON",
        "data": "What the caller sent if it was not JSON: the fields of a form by name, or text",
        "query": "What stood behind the question mark of the address, by name",
        "headers": "Harmless headers of the call by name in small letters, such as headers['x-request-id']",
    }
    passes = {"json": "json", "data": "data", "query": "query"}
    webhook_id = required(WEBHOOK_ID, "A name for the webhook; its address is made from it")
    allowed_methods = default(
        many(choice("GET", "HEAD", "POST", "PUT")), ["POST", "PUT"], "Methods of calls that count; others are ignored"
    )
    local_only = default(
        BOOLEAN, True, "Read for the sake of rules from Home Assistant; the settings say who can reach the listener"
    )
    examples = (
        Example(
            "When the shop says that an order was paid",
            "webhook_id: order_paid\n",
            gives=[
                (
                    {
                        "method": "POST",
                        "json": {"order": "A1", "total": 120},
                        "data": None,
                        "query": {},
                        "headers": {"content-type": "application/json", "authorization": "Bearer x"},
                    },
                    {
                        "webhook_id": "order_paid",
                        "json": {"order": "A1", "total": 120},
                        "data": None,
                        "query": {},
                        "headers": {"content-type": "application/json"},
                    },
                ),
            ],
        ),
        Example(
            "A link that somebody opens",
            "webhook_id: open-gate\nallowed_methods: [GET]\n",
            gives=[
                ({"method": "POST", "json": None, "data": {}, "query": {}, "headers": {}}, None),
                (
                    {"method": "GET", "json": None, "data": None, "query": {"gate": "2"}, "headers": {}},
                    {"webhook_id": "open-gate", "json": None, "data": None, "query": {"gate": "2"}, "headers": {}},
                ),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        return [Webhook(self.webhook_id, frozenset(self.allowed_methods))]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        call = fact.data
        if call["method"] not in self.allowed_methods:
            allowed = ", ".join(self.allowed_methods)
            return Decision(memory, Nothing(), f"the call's method is {call['method']}, which is not one of {allowed}")
        told = {"webhook_id": self.webhook_id, **{key: call.get(key) for key in ("json", "data", "query")}}
        told["headers"] = _harmless(call.get("headers") or {})
        return Decision(memory, Fire(told), f"the webhook {self.webhook_id} was called with {call['method']}")


def _harmless(headers: Mapping[str, Json]) -> dict[str, Json]:
    return {name.lower(): value for name, value in headers.items() if _HARMLESS.fullmatch(name.lower())}
