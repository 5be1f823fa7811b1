"""Sending and receiving text messages through a gateway."""

from __future__ import annotations

from engine.plugin import (
    PHONE,
    TEXT,
    Action,
    Decision,
    Example,
    Fact,
    Fire,
    Json,
    Nothing,
    Plan,
    Request,
    Trigger,
    View,
    Watch,
    Webhook,
    many,
    masked,
    optional,
    required,
)

GATEWAY = "https://sms.example/messages"


class SmsSend(Action):
    """Sends a text message to one or many phones."""

    name = "sms.send"
    to = required(many(PHONE), "The phone number with country code, in quotes, or a list of them")
    text = required(TEXT, "What to write")
    examples = (
        Example(
            "One phone",
            'to: "+919876543210"\ntext: Your parcel is here\n',
            gives=[
                {"method": "POST", "url": GATEWAY, "json": {"to": "+919876543210", "text": "Your parcel is here"}},
            ],
        ),
        Example(
            "Two phones",
            'to: ["+919876543210", "+14155550123"]\ntext: We open at nine\n',
            gives=[
                {"method": "POST", "url": GATEWAY, "json": {"to": "+919876543210", "text": "We open at nine"}},
                {"method": "POST", "url": GATEWAY, "json": {"to": "+14155550123", "text": "We open at nine"}},
            ],
        ),
    )

    def plan(self, view: View) -> list[Plan]:
        return [self._message(phone) for phone in self.to]

    def _message(self, phone: str) -> Request:
        body = {"method": "POST", "url": GATEWAY, "json": {"to": phone, "text": self.text}}
        return Request("http", "request", body, shown={"to": masked(phone)}, recipient=phone)


class SmsReceived(Trigger):
    """Fires when somebody sends a text message to the gateway."""

    name = "sms.received"
    gives = {"from": "The phone number of the sender", "text": "What was written"}
    contains = optional(TEXT, "Only messages that contain this text, in small or capital letters")
    examples = (
        Example(
            "Any message",
            "{}\n",
            gives=[
                ({"json": {"from": "+919876543210", "text": "Hello"}}, {"from": "+919876543210", "text": "Hello"}),
            ],
        ),
        Example(
            "Those who want to stop",
            "contains: stop\n",
            gives=[
                ({"json": {"from": "+919876543210", "text": "Thanks"}}, None),
                ({"json": {"from": "+919876543210", "text": "STOP"}}, {"from": "+919876543210", "text": "STOP"}),
            ],
        ),
    )

    def watches(self, view: View) -> list[Watch]:
        return [Webhook("sms")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        told = {key: fact.data["json"][key] for key in ("from", "text")}
        if self.contains and self.contains.lower() not in told["text"].lower():
            return Decision(memory, Nothing(), f'the message does not contain "{self.contains}"')
        return Decision(memory, Fire(told, key=told["from"]), "a message came")
