from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.records import EventRecord
from engine.rules.model import Program
from engine.web.webhooks import LARGEST_BODY, WebhookApp, hook_path
from tests.house import FailingJournal, House, TestLog, program

KEY = b"k" * 32
PATH = hook_path(KEY, "orders")
JSON = [(b"content-type", b"application/json; charset=utf-8")]
FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


def listening(methods: str = "[POST, GET]") -> Program:
    return program(f"""
    - id: r
      triggers: {{trigger: webhook, webhook_id: orders, allowed_methods: {methods}}}
      actions:
        - stop: "{{{{ trigger.json }}}} {{{{ trigger.data }}}} {{{{ trigger.query }}}}"
    """)


class Answer:
    """What came back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        else:
            self.body += message["body"]


class Hooks:
    """A house with its webhooks, called without a network."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.log = TestLog()
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.refusal = ""
        self.app = WebhookApp(
            house.engine.intake, house.engine.matcher, KEY, self.log, receivers={"connection/harbour": self.take}
        )

    async def take(self, headers: Mapping[str, str], body: bytes) -> str:
        """As a connection takes its webhooks."""
        if body == b"full":
            raise JournalError("disk-full", "the test's disk is full")
        self.told.append((dict(headers), body))
        return self.refusal

    async def call(
        self,
        body: bytes | Iterable[bytes] = b"",
        headers: list[tuple[bytes, bytes]] | None = None,
        method: str = "POST",
        path: str = PATH,
        query: bytes = b"",
        gone: bool = False,
    ) -> Answer:
        parts = [body] if isinstance(body, bytes) else list(body)
        left = [
            {"type": "http.request", "body": part, "more_body": n + 1 < len(parts) or gone}
            for n, part in enumerate(parts)
        ]
        left += [{"type": "http.disconnect"}] if gone else []

        async def receive() -> dict[str, Any]:
            return left.pop(0) if left else await asyncio.Future()

        answer = Answer()
        scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers or []}
        await self.app(scope, receive, answer.send)
        return answer

    async def event(self) -> Any:
        events: list[EventRecord] = await self.house.journal.new_events(100)
        return events[-1].data if events else None


@pytest.fixture
async def hooks() -> Hooks:
    house = House()
    await house.start(listening())
    return Hooks(house)


async def test_a_json_body_is_an_event_when_it_is_answered(hooks: Hooks) -> None:
    answer = await hooks.call(b'{"order": "A1"}', JSON)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers[b"content-length"] == b"0"
    assert (await hooks.event())["json"] == {"order": "A1"}


async def test_a_form_a_text_and_a_query_come_as_they_are(hooks: Hooks) -> None:
    await hooks.call(b"a=1&b=&b=2", FORM, query=b"x=1&y=%C3%A9")
    event = await hooks.event()
    assert (event["data"], event["query"], event["json"]) == ({"a": "1", "b": "2"}, {"x": "1", "y": "é"}, None)
    await hooks.call([b"hello ", b"\xff"])
    assert (await hooks.event())["data"] == "hello \ufffd"
    await hooks.call(b"", JSON, method="GET")
    event = await hooks.event()
    assert (event["json"], event["data"]) == (None, None)


async def test_keys_and_cookies_are_not_kept(hooks: Hooks) -> None:
    given = [(name, b"x") for name in (b"authorization", b"cookie", b"x-request-id")]
    await hooks.call(b"{}", JSON + given)
    assert set((await hooks.event())["headers"]) == {"content-type", "x-request-id"}


async def test_a_challenge_is_echoed(hooks: Hooks) -> None:
    answer = await hooks.call(method="GET", query=b"hub.mode=subscribe&hub.challenge=1158201444")
    assert (answer.status, answer.body) == (200, b"1158201444")
    assert answer.headers[b"content-type"].startswith(b"text/plain")


@pytest.mark.parametrize("path", ["/", "/hook/orders", PATH + "0", PATH.upper(), "/hook/\udce9\ud800", "/hook/é"])
async def test_nobody_listens_at_another_path(hooks: Hooks, path: str) -> None:
    assert (await hooks.call(path=path)).status == 404


async def test_a_rule_that_went_is_not_listened_for_any_more(hooks: Hooks) -> None:
    assert (await hooks.call()).status == 200
    await hooks.house.adopt()
    assert (await hooks.call()).status == 404
    await hooks.house.adopt(listening("PUT"))
    answer = await hooks.call()
    assert (answer.status, answer.headers[b"allow"]) == (405, b"PUT")


async def test_another_method_is_told_which_to_use(hooks: Hooks) -> None:
    answer = await hooks.call(method="PUT")
    assert (answer.status, answer.body) == (405, b"use GET, POST")


@pytest.mark.parametrize("length", [b"9999999", b"1" * 5000])
async def test_a_body_that_says_that_it_is_too_large_is_refused_unread(hooks: Hooks, length: bytes) -> None:
    assert (await hooks.call([], [(b"content-length", length)])).status == 413


async def test_a_body_that_turns_out_too_large_is_refused(hooks: Hooks) -> None:
    answer = await hooks.call([b"x" * LARGEST_BODY, b"x"], [(b"content-length", b"\xb2")])
    assert answer.status == 413
    assert await hooks.event() is None


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe\xfa",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": -Infinity}',
        b"9" * 5000,
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        json.dumps({"a": [[[1]]]}).encode().replace(b"1", b"[" * 70 + b"]" * 70),
    ],
)
async def test_json_that_cannot_be_read_or_kept_is_refused(hooks: Hooks, body: bytes) -> None:
    answer = await hooks.call(body, JSON)
    assert answer.status == 400
    assert await hooks.event() is None
    assert hooks.log.said("warning") == ["a webhook was refused"]


@pytest.mark.parametrize("body", [b'"\\ud800"', b"[1.5e300, 12345678901234567890]", b"[" * 64 + b"]" * 64, b"null"])
async def test_json_that_is_odd_but_whole_is_taken(hooks: Hooks, body: bytes) -> None:
    assert (await hooks.call(body, JSON)).status == 200
    assert (await hooks.event())["json"] == json.loads(body)


async def test_a_form_with_too_many_fields_is_refused(hooks: Hooks) -> None:
    assert (await hooks.call(b"&".join(b"a=1" for _ in range(1001)), FORM)).status == 400


async def test_a_sender_who_goes_away_leaves_nothing(hooks: Hooks) -> None:
    assert (await hooks.call([b"{"], JSON, gone=True)).status == 400
    assert await hooks.event() is None


async def test_a_body_that_does_not_come_is_waited_for_only_so_long(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.web.webhooks.BODY_SECONDS", 0.01)
    assert (await hooks.call([])).status == 408


async def test_what_cannot_be_written_is_answered_503_and_may_come_again() -> None:
    journal = FailingJournal(MemoryJournal())
    house = House(journal=journal)
    await house.start(listening())
    hooks = Hooks(house)
    journal.fails_after = journal.commits
    answer = await hooks.call(b"{}", JSON)
    assert (answer.status, answer.headers[b"retry-after"]) == (503, b"5")
    journal.fails_after = None
    assert (await hooks.call(b"{}", JSON)).status == 200
    await house.engine.work()
    assert await house.outcomes() == ["finished"]


async def test_what_no_journal_keeps_is_answered_400() -> None:
    journal = FailingJournal(MemoryJournal(), code="bad-record")
    house = House(journal=journal)
    await house.start(listening())
    journal.fails_after = journal.commits
    assert (await Hooks(house).call(b"{}", JSON)).status == 400


async def test_what_is_not_http_is_left_alone(hooks: Hooks) -> None:
    answer = Answer()
    await hooks.app({"type": "lifespan"}, answer.send, answer.send)  # type: ignore[arg-type]
    assert answer.status == 0


async def test_the_answer_waits_for_the_disk() -> None:
    gate = asyncio.Event()

    class Slow(MemoryJournal):
        async def commit(self, changes: Any) -> Any:
            if any(isinstance(record, EventRecord) for record in changes.put):
                await gate.wait()
            return await super().commit(changes)

    house = House(journal=Slow())
    await house.start(listening())
    call = asyncio.create_task(Hooks(house).call(b"{}", JSON))
    await asyncio.sleep(0.001)
    assert not call.done()
    gate.set()
    assert (await call).status == 200


def test_the_path_needs_the_key_and_the_id() -> None:
    assert len(PATH) == len("/hook/") + 64
    assert hook_path(KEY, "orders") == PATH
    assert hook_path(b"other", "orders") != PATH
    assert hook_path(KEY, "order") != PATH


HARBOUR = hook_path(KEY, "connection/harbour")


async def test_a_connection_gets_its_webhook_as_it_came() -> None:
    hooks = Hooks(House())
    answer = await hooks.call([b"not ", b"json \xff"], [(b"x-signature", b"abc")], path=HARBOUR)
    assert answer.status == 200
    assert hooks.told == [({"x-signature": "abc"}, b"not json \xff")]


async def test_a_webhook_that_its_connection_does_not_believe_is_refused() -> None:
    hooks = Hooks(House())
    hooks.refusal = "the signature does not fit"
    answer = await hooks.call(b"x", path=HARBOUR)
    assert (answer.status, answer.body) == (403, b"the signature does not fit")
    assert hooks.log.said("warning") == ["a webhook was refused"]


async def test_a_webhook_of_a_connection_is_bounded_posted_and_answered_once_it_is_on_disk() -> None:
    hooks = Hooks(House())
    assert (await hooks.call(b"x" * (LARGEST_BODY + 1), path=HARBOUR)).status == 413
    assert (await hooks.call(method="GET", path=HARBOUR)).status == 405
    assert (await hooks.call(b"full", path=HARBOUR)).status == 503
    assert hooks.told == []
