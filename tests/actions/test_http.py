from __future__ import annotations

from datetime import timedelta

import pytest

from actions.http import HttpRequest
from engine.plugin import FieldError, Json, Request
from tests.snapshot import Snapshot

URL = "https://shop.example/orders"


def planned(**fields: Json) -> Request:
    (plan,) = HttpRequest({"url": URL, **fields}).plan(Snapshot())
    assert isinstance(plan, Request)
    return plan


def test_a_call_changes_the_world_and_is_not_repeated_by_itself() -> None:
    request = planned(json={"order": 1})
    assert (request.connection, request.operation) == ("http", "request")
    assert request.body == {"method": "POST", "url": URL, "headers": {}, "json": {"order": 1}}
    assert request.changes_world
    assert not request.idempotent
    assert request.timeout is None
    assert HttpRequest.responds


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_changes_nothing_and_may_be_repeated(method: str) -> None:
    request = planned(method=method)
    assert not request.changes_world
    assert request.idempotent


def test_the_author_may_say_that_repeating_does_no_harm() -> None:
    request = planned(method="PUT", body="x", idempotent="yes", timeout=3)
    assert request.changes_world
    assert request.idempotent
    assert request.timeout == timedelta(seconds=3)
    assert request.body["body"] == "x"


@pytest.mark.parametrize(
    ("url", "query", "called"),
    [
        (URL, {"a": 1, "b": "x y&z"}, f"{URL}?a=1&b=x+y%26z"),
        (f"{URL}?c=2#top", {"a": [1, 2]}, f"{URL}?c=2&a=1&a=2#top"),
        (URL, {"all": True}, f"{URL}?all=true"),
        (f"{URL}?c=2", {}, f"{URL}?c=2"),
    ],
)
def test_the_query_stands_behind_the_question_mark(url: str, query: Json, called: str) -> None:
    assert planned(url=url, query=query).body["url"] == called


def test_what_people_see_holds_no_header_value_no_query_and_no_phone_number() -> None:
    request = planned(
        url="https://ann:pw@shop.example/to/+919876543210/x?key=k",
        query={"token": "t"},
        headers={"X-Key": {"!secret": "shop_key"}, "Accept": "text/plain"},
    )
    assert request.shown == {
        "method": "POST",
        "url": "https://shop.example/to/+9198…210/x?…",
        "headers": ["Accept", "X-Key"],
    }
    assert planned().shown["url"] == URL


def test_a_secret_in_a_header_stays_a_reference_and_may_stand_only_there() -> None:
    headers = {"X-Key": {"!secret": "shop_key"}, "X-Shop": 7}
    assert planned(headers=headers).body["headers"] == {"X-Key": {"secret": "shop_key"}, "X-Shop": "7"}
    assert [key for key, field in HttpRequest.fields().items() if field.secret] == ["headers"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"json": 1, "body": "x"}, "body: json and body are both given; keep one of them"),
        ({"method": "GET", "json": 1}, "json: a GET carries nothing; put it into query, or use method: POST"),
        ({"method": "HEAD", "body": "x"}, "body: a HEAD carries nothing"),
        ({"method": "post"}, 'did you mean "POST"?'),
        ({"url": "shop.example"}, "url: expected a web address"),
        ({"timeout": 0}, "timeout: a timeout of 0 seconds leaves no time for an answer"),
        ({"headers": {"X Key": "a"}}, 'headers: "X Key" is no name of a header'),
        ({"headers": {"X": "a\r\nHost: b"}}, 'headers: expected one line of text, or !secret and its name (at "X")'),
        ({"headers": {"X": {"secret": "a"}}}, 'headers: expected one line of text, or !secret and its name (at "X")'),
        ({"headers": {"X": None}}, 'headers: expected one line of text, or !secret and its name (at "X")'),
        ({"headers": ["X"]}, "headers: expected a mapping of names to values"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused_in_words(fields: dict[str, Json], sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        planned(**fields)
    assert sentence in str(refused.value)


SHOP: dict[str, dict[str, Json]] = {"shop.example": {"secrets": ["shop_key"]}, "crm.example:8443": {"http": True}}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"url": URL}, None),
        ({"url": URL, "headers": {"X-Key": {"!secret": "shop_key"}, "X-Shop": "pune"}}, None),
        ({"url": URL, "headers": "{{ headers }}"}, None),
        ({"url": "https://{{ host }}/orders"}, None),
        ({"url": "https://[/"}, None),
        ({"url": "http://crm.example:8443/"}, None),
        ({"url": "https://crm.example/"}, ("url", 'the host "crm.example"')),
        ({"url": "http://shop.example/"}, ("url", "by https only")),
        ({"url": "https://shop.exmple/"}, ("url", 'the host "shop.exmple"; did you mean "shop.example"?')),
        ({"url": "https://127.0.0.1/"}, ("url", "whoever runs rulewheel adds it below hosts")),
        (
            {"url": URL, "headers": {"X-Key": {"!secret": "crm_key"}}},
            ("headers", 'the secret "crm_key" may not be sent'),
        ),
    ],
)
def test_a_call_is_held_to_the_hosts_and_secrets_of_the_settings(
    data: dict[str, Json], fault: tuple[str, str] | None
) -> None:
    told = HttpRequest.forbidden(data, SHOP)

    if fault is None:
        assert told == []
    else:
        ((key, sentence),) = told
        assert key == fault[0]
        assert fault[1] in sentence
