from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from connections.http import HttpConnection
from engine.plugin import Accepted, Json, Operation, Outcome, Refused, Request, Tools, Unsure, Waiting
from tests.connections.pool.trap import Do, Trap, ok

SECRETS = {"shop_key": 'k3y"/+é-canary'.replace("é", "e"), "other_key": "other-canary"}
OPERATION = Operation("0f" * 16)
RIGHTS: Mapping[str, Json] = {"secrets": ["shop_key", "gone"], "http": True, "private": True}


@asynccontextmanager
async def connected(hosts: Mapping[str, Mapping[str, Json]] | None = None) -> AsyncIterator[HttpConnection]:
    connection = HttpConnection({})
    await connection.open(Tools(secret=SECRETS.__getitem__, hosts=hosts or {"127.0.0.1": RIGHTS}))
    try:
        yield connection
    finally:
        await connection.close()


def request(trap: Trap, method: str = "POST", changes_world: bool = True, **body: Json) -> Request:
    return Request("http", "request", {"method": method, "url": f"{trap.url}/orders", **body}, changes_world)


async def refusal(body: Mapping[str, Json], hosts: Mapping[str, Mapping[str, Json]] | None = None) -> Outcome:
    async with connected(hosts) as http:
        return await http.perform(Request("http", "request", body), OPERATION)


async def test_a_changing_request_carries_its_op_id_and_gives_its_answer() -> None:
    async with Trap(lambda _: Do(ok(b'{"id": 7}', 201))).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap, json={"a": "é"}, headers={"X-Shop": 5}), OPERATION)
        await http.perform(request(trap, "GET", changes_world=False), OPERATION)
    headers = {"content-type": "application/json", "content-length": "9"}
    assert outcome == Accepted({"status": 201, "headers": headers, "json": {"id": 7}}, "status 201")
    posted, got = trap.seen
    assert posted.header("idempotency-key") == OPERATION.op_id
    assert (posted.header("content-type"), posted.header("x-shop")) == ("application/json", "5")
    assert json.loads(posted.body) == {"a": "é"}
    assert got.header("idempotency-key") is None


async def test_text_is_sent_and_read_as_text() -> None:
    answer = ok("né".encode("latin-1"), headers="Content-Type: text/plain; charset=latin-1\r\nSet-Cookie: a\r\n")
    async with Trap(lambda _: Do(answer)).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap, body="a=b", headers={"content-type": "text/csv"}), OPERATION)
        await http.perform(request(trap, body="a=b"), OPERATION)
    assert isinstance(outcome, Accepted)
    assert outcome.answer["text"] == "né"
    assert "set-cookie" not in outcome.answer["headers"]
    assert [seen.header("content-type") for seen in trap.seen] == ["text/csv", "text/plain; charset=utf-8"]


@pytest.mark.parametrize(
    ("answer", "text", "flaw"),
    [
        (ok(b'{"a":'), '{"a":', "; its body is called JSON and is none, so it is text"),
        (ok(b"x", headers="Content-Encoding: gzip\r\n"), None, "; its body is packed and is left out"),
        (ok(b"x" * 1_100_000), None, "; its body is too long and is left out"),
        (ok(b""), "", ""),
        (ok(b"x", headers=""), "x", ""),
    ],
)
async def test_an_accepted_request_stays_accepted_when_its_answer_cannot_be_read_and_says_why(
    answer: bytes, text: str | None, flaw: str
) -> None:
    async with Trap(lambda _: Do(answer)).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap), OPERATION)
    assert isinstance(outcome, Accepted)
    assert outcome.answer["text"] == text
    assert outcome.proof == f"status 200{flaw}"


async def test_a_secret_goes_into_a_header_and_is_taken_out_of_what_comes_back() -> None:
    secret = SECRETS["shop_key"]
    forms = [secret, json.dumps(secret)[1:-1], quote(secret, safe=""), base64.b64encode(secret.encode()).decode()]
    answer = ok("\n".join(forms).encode(), 400, f"Content-Type: text/plain\r\nX-Echo: {secret}\r\n")
    async with Trap(lambda _: Do(answer)).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap, headers={"Authorization": {"secret": "shop_key"}}), OPERATION)
    assert trap.seen[0].header("authorization") == secret
    assert isinstance(outcome, Refused)
    assert not any(form in repr(outcome) for form in forms)
    assert outcome.answer["text"] == "…\n…\n…\n…"


async def test_a_secret_that_is_not_there_waits_for_it() -> None:
    async with Trap().listening() as trap, connected() as http:
        outcome = await http.perform(request(trap, headers={"A": {"secret": "gone"}}), OPERATION)
    assert outcome == Waiting('not sent: there is no secret "gone"; add it to secrets.yaml', problem="secret-missing")
    assert trap.seen == []


SHOP = "https://shop.example/"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"url": "https://shop.exampel"}, 'shop.exampel is not among the hosts .* did you mean "shop.example"'),
        ({"url": "https://elsewhere.org"}, "the operator can list it"),
        ({"url": "http://shop.example"}, "by https only"),
        ({"url": "ftp://shop.example"}, "must begin with https"),
        ({"url": ""}, "must begin with https"),
        ({"url": "https://u:p@shop.example"}, "must not hold a user name"),
        ({"url": SHOP, "method": "BREW"}, "the method is one of GET"),
        ({"url": SHOP, "headers": {"A": {"secret": "other_key"}}}, '"other_key" may not go to shop.example'),
        ({"url": SHOP, "headers": {"Host": "x"}}, "the header Host is set by rulewheel"),
        ({"url": SHOP, "headers": {"Idempotency-Key": "x"}}, "the header Idempotency-Key is set"),
        ({"url": SHOP, "headers": {"A": "b\r\nC: d"}}, "letters that a header cannot carry"),
        ({"url": SHOP, "headers": {"A": ["b"]}}, "the value of a header is text"),
        ({"url": SHOP, "headers": ["A"]}, "headers are a mapping"),
        ({"url": SHOP, "json": {"a": [{"secret": "shop_key"}]}}, "only be the value of a header"),
        ({"url": SHOP, "body": {"secret": "shop_key"}}, "only be the value of a header"),
        ({"url": SHOP, "body": "a", "json": 1}, "not both"),
        ({"url": SHOP, "expect": 503}, "expect cannot hold 503"),
        ({"url": SHOP, "expect": [404, 429]}, "expect cannot hold 429"),
    ],
)
async def test_what_may_not_be_sent_is_refused_in_words(body: Mapping[str, Json], reason: str) -> None:
    outcome = await refusal(body, {"shop.example": {"secrets": ["shop_key"]}})
    assert isinstance(outcome, Refused)
    with pytest.raises(ValueError, match=reason):
        raise ValueError(outcome.reason)
    assert "canary" not in outcome.reason


async def test_another_operation_is_refused() -> None:
    async with connected() as http:
        assert await http.perform(Request("http", "fly", {}), OPERATION) == Refused('http has no operation "fly"')


async def test_loopback_needs_the_operators_word() -> None:
    async with Trap().listening() as trap:
        outcome = await refusal({"url": trap.url}, {"127.0.0.1": {"http": True}})
    assert isinstance(outcome, Waiting)
    assert (outcome.problem, trap.connections) == ("address-not-allowed", 0)


async def test_a_host_may_be_listed_with_its_port() -> None:
    async with Trap().listening() as trap:
        hosts = {f"127.0.0.1:{trap.port}": RIGHTS, "127.0.0.1": {}}
        assert isinstance(await refusal({"url": trap.url}, hosts), Accepted)


async def test_redirects_are_not_followed() -> None:
    async with Trap(lambda _: Do(ok(b"", 302, "Location: /elsewhere\r\n"))).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap), OPERATION)
    assert isinstance(outcome, Refused)
    assert "redirects are not followed" in outcome.reason
    assert len(trap.seen) == 1


async def test_a_status_that_is_expected_is_an_answer() -> None:
    async with Trap(lambda _: Do(ok(b"", 404))).listening() as trap, connected() as http:
        outcome = await http.perform(request(trap, "DELETE", expect=[404, 410]), OPERATION)
    assert isinstance(outcome, Accepted)
    assert outcome.answer["status"] == 404


@pytest.mark.parametrize(
    ("changes_world", "idempotent", "kind"), [(True, False, Unsure), (True, True, Waiting), (False, False, Waiting)]
)
async def test_what_is_unsure_is_repeated_only_where_that_is_safe(
    changes_world: bool, idempotent: bool, kind: type
) -> None:
    async with Trap(lambda _: Do(ok(b"", 503))).listening() as trap, connected() as http:
        body = {"method": "POST", "url": trap.url}
        asked = Request("http", "request", body, changes_world, idempotent=idempotent, timeout=timedelta(seconds=1))
        assert type(await http.perform(asked, OPERATION)) is kind


async def test_the_path_is_written_as_an_address_allows() -> None:
    async with Trap().listening() as trap, connected() as http:
        body = {"url": f"{trap.url}/größe/a b%20c?q=ä b&x=[1]#part"}
        await http.perform(Request("http", "request", body), OPERATION)
    path = "/gr%C3%B6%C3%9Fe/a%20b%20c?q=%C3%A4%20b&x=[1]"
    assert trap.seen[0].raw.startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_an_operation_past_its_send_by_is_not_sent() -> None:
    async with Trap().listening() as trap, connected() as http:
        outcome = await http.perform(request(trap), Operation("0" * 32, datetime(2020, 1, 1, tzinfo=UTC)))
    assert isinstance(outcome, Waiting)
    assert trap.received == 0
