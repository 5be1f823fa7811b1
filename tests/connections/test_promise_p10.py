"""Promise P10 over real sockets: only what surely did not happen is tried again, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from connections.chakra.connection import ChakraConnection
from connections.chakra.requests import send_template_message
from connections.http import HttpConnection
from engine.plugin import Accepted, Connection, Operation, Outcome, Refused, Request, Tools, Unsure, Waiting
from tests.connections.pool.trap import Do, Seen, Trap, ok

SENT = b'{"_data":{"whatsappMessageId":"wamid.HBgM"}}'
HTML = b"<html><body>Bad gateway</body></html>"
NUMBER = "+919876543210"


@dataclass
class Tally:
    """What was asked and what came of it, over all tests of this file."""

    made: int = 0
    seen: int = 0
    retried_though_maybe_done: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    tally = Tally()
    yield tally
    figures = {
        "promise": "P10",
        "cases": tally.made,
        "retried_though_it_may_have_happened": tally.retried_though_maybe_done,
        "seen_minus_made": max(0, tally.seen - tally.made),
        "seen_twice": tally.twice,
        "seconds": round(time.monotonic() - tally.began, 2),
        "seed": None,
    }
    print(json.dumps(figures))


class Caller:
    """One of the two transports that carry effects, and the tally of what it did to a trap."""

    def __init__(self, kind: str, trap: Trap, tally: Tally) -> None:
        self.kind = kind
        self._trap = trap
        self._tally = tally
        self._asked = 0
        self._begun = len(trap.seen)

    async def open(self) -> None:
        ids = {"plugin_id": "9aefeafc-a1c1-4d27-a0c6-10f66a25a80a", "phone_number_id": "1"}
        settings = {"base_url": self._trap.url, "token": "t0ken", **ids}
        chakra = ChakraConnection({**settings, "allow_private": True})
        self.connection: Connection = chakra if self.kind == "chakra" else HttpConnection({})
        await self.connection.open(Tools(hosts={"127.0.0.1": {"http": True, "loopback": True}}))

    async def ask(self, patience: float = 2.0) -> Outcome:
        op_id = f"{self._asked:032x}"
        self._asked += 1
        self._tally.made += 1
        return await self.connection.perform(self._request(patience), Operation(op_id))

    def _request(self, patience: float) -> Request:
        timeout = timedelta(seconds=patience)
        if self.kind == "chakra":
            sent = send_template_message(NUMBER, "hello", "en")
            return Request(sent.connection, sent.operation, sent.body, recipient=NUMBER, timeout=timeout)
        body = {"method": "POST", "url": f"{self._trap.url}/orders", "json": {"number": 7}}
        return Request("http", "request", body, timeout=timeout)

    def close(self) -> None:
        seen = self._trap.seen[self._begun :]
        self._tally.seen += len(seen)
        keys = Counter(_op_id(request) for request in seen)
        self._tally.twice += sum(count - 1 for count in keys.values())


def _op_id(seen: Seen) -> str:
    key = seen.header("idempotency-key")
    return key if key is not None else str(json.loads(seen.body)["biz_opaque_callback_data"]).removeprefix("rw1:")


@asynccontextmanager
async def calling(kind: str, trap: Trap, tally: Tally) -> AsyncIterator[Caller]:
    async with trap.listening():
        caller = Caller(kind, trap, tally)
        await caller.open()
        try:
            yield caller
        finally:
            caller.close()
            await caller.connection.close()
            assert tally.twice == 0
            assert tally.seen <= tally.made


both = pytest.mark.parametrize("kind", ["chakra", "http"])


def expected(kind: str, status: int, body: bytes, truncated: bool) -> type:
    """The table again, written independently: by status, and for a message also by its id."""
    bodiless = status in (204, 304)
    if status < 200 or (truncated and not bodiless):
        return Unsure
    if 200 <= status < 300:
        return Accepted if kind == "http" or (body == SENT and not bodiless) else Unsure
    if status in (401, 403, 429):
        return Waiting
    return Refused if 300 <= status < 500 and status != 408 else Unsure


@both
@pytest.mark.parametrize("body", [b"", HTML, SENT, b"truncated"], ids=["empty", "html", "json", "truncated"])
async def test_every_status_with_every_body_has_the_outcome_of_the_table(kind: str, body: bytes, tally: Tally) -> None:
    truncated = body == b"truncated"
    sent = SENT if truncated else body
    status = 100

    def script(_: Seen) -> Do:
        whole = ok(sent, status)
        if truncated:
            return Do(whole[: -len(sent) // 2], "close")
        return Do(whole, "close" if status < 200 else "keep")

    async with calling(kind, Trap(script), tally) as caller:
        for status in range(100, 600):
            outcome = await caller.ask()
            assert type(outcome) is expected(kind, status, sent, truncated), (status, outcome)
            maybe_done = isinstance(outcome, Waiting) and status not in (401, 403, 429)
            tally.retried_though_maybe_done += maybe_done
        assert (
            caller._trap.connections < 560 or truncated
        )  # answers that end well leave a connection that is used again


@both
@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("reused", [False, True], ids=["new connection", "reused connection"])
async def test_an_answer_cut_after_each_of_its_bytes_is_unsure_and_never_sent_again(
    kind: str, end: str, reused: bool, tally: Tally
) -> None:
    whole = ok(SENT)
    cut = 0

    def script(seen: Seen) -> Do:
        if reused and seen.place == 1:
            return Do(whole)
        return Do(whole[:cut], "close" if end == "close" else "reset")

    trap = Trap(script)
    async with calling(kind, trap, tally) as caller:
        for cut in range(len(whole)):
            if reused:
                assert isinstance(await caller.ask(), Accepted)
            outcome = await caller.ask()
            assert isinstance(outcome, Unsure), (cut, outcome)
        assert len(trap.seen) == len(whole) * (2 if reused else 1)
        assert trap.connections == len(whole)


@both
async def test_a_server_that_resets_within_the_request_leaves_it_unsure(kind: str, tally: Tally) -> None:
    trap = Trap()
    async with calling(kind, trap, tally) as caller:
        for trap.bite in (1, 2, 17, 60, 100, 150):
            outcome = await caller.ask()
            assert isinstance(outcome, Unsure), (trap.bite, outcome)


@both
@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_server_that_hangs_up_at_once_is_waiting_only_if_nothing_was_sent(
    kind: str, then: str, tally: Tally
) -> None:
    trap = Trap(greeting=Do(then="close" if then == "close" else "reset"))
    async with calling(kind, trap, tally) as caller:
        for _ in range(20):
            before = trap.received
            outcome = await caller.ask()
            assert isinstance(outcome, Waiting | Unsure)
            tally.retried_though_maybe_done += isinstance(outcome, Waiting) and trap.received > before


@both
async def test_an_idle_connection_that_the_server_closed_is_not_used_again(kind: str, tally: Tally) -> None:
    trap = Trap(lambda _: Do(ok(SENT), "close"))
    async with calling(kind, trap, tally) as caller:
        for _ in range(50):
            outcome = await caller.ask()
            assert isinstance(outcome, Accepted | Unsure)
            await trap.empty()
        assert trap.connections == len(trap.seen)


@both
async def test_a_server_that_never_answers_leaves_it_unsure(kind: str, tally: Tally) -> None:
    async with calling(kind, Trap(lambda _: Do()), tally) as caller:
        assert isinstance(await caller.ask(patience=0.05), Unsure)


@both
async def test_an_answer_that_drips_for_ever_ends_in_time(kind: str, tally: Tally) -> None:
    async with calling(kind, Trap(lambda _: Do(b"HTTP/1.1 200 OK\r\nX: ")), tally) as caller:
        loop = asyncio.get_running_loop()
        dripping = asyncio.create_task(_drip(caller._trap))
        began = loop.time()
        assert isinstance(await caller.ask(patience=0.1), Unsure)
        assert loop.time() - began < 1
        dripping.cancel()


async def _drip(trap: Trap) -> None:
    while True:
        for transport in trap.live:
            transport.write(b"a")
        await asyncio.sleep(0.005)


@both
async def test_a_refused_connection_is_waiting_and_says_that_the_host_is_unreachable(kind: str, tally: Tally) -> None:
    trap = Trap()
    async with trap.listening():
        caller = Caller(kind, trap, tally)
        await caller.open()
    outcome = await caller.ask()
    await caller.connection.close()
    assert isinstance(outcome, Waiting)
    assert outcome.problem == "unreachable"
    assert "refuses connections" in outcome.reason


@both
async def test_a_connection_that_nobody_takes_is_waiting(kind: str, tally: Tally) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    filling = [socket.socket() for _ in range(4)]
    for each in filling:
        each.setblocking(False)
        each.connect_ex(full.getsockname())
    trap = Trap(port=full.getsockname()[1])
    caller = Caller(kind, trap, tally)
    await caller.open()
    outcome = await caller.ask(patience=0.1)
    await caller.connection.close()
    for each in (full, *filling):
        each.close()
    assert isinstance(outcome, Waiting | Unsure)
    assert trap.seen == []


@both
@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"\x00" * 50,
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
async def test_an_answer_that_is_not_http_is_unsure(kind: str, garbage: bytes, tally: Tally) -> None:
    async with calling(kind, Trap(lambda _: Do(garbage, "close")), tally) as caller:
        assert isinstance(await caller.ask(), Unsure)


@both
async def test_bytes_after_an_answer_are_never_taken_for_the_answer_to_the_next_request(
    kind: str, tally: Tally
) -> None:
    def script(seen: Seen) -> Do:
        return Do(ok(SENT) + ok(SENT)) if seen.connection == 1 else Do(ok(b'{"_errors":["no"]}', 400))

    trap = Trap(script)
    async with calling(kind, trap, tally) as caller:
        assert isinstance(await caller.ask(), Accepted)
        assert isinstance(await caller.ask(), Refused)
        assert trap.connections == 2


@both
async def test_without_its_defence_the_promise_is_seen_to_break(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connections.pool.pool.classify", lambda error: Waiting(str(error)))
    async with calling(kind, Trap(lambda _: Do(ok(SENT)[:20], "close")), Tally()) as caller:
        outcome = await caller.ask()
    assert type(outcome) is not expected(kind, 200, SENT, truncated=True)
