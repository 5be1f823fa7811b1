from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from connections.pool.address import Host
from connections.pool.answer import Answer
from connections.pool.call import Call
from connections.pool.head import encoded
from connections.pool.lookup import AddressForbidden, Resolve
from connections.pool.pool import Pool
from connections.pool.transport import Limits
from connections.pool.wire import SendByPassed
from engine.clock import SystemClock
from engine.plugin import Refused, Unsure, Waiting
from tests.connections.pool.trap import Do, Seen, Trap, ok

CERTIFICATE = Path(__file__).parent / "localhost.pem"  # self-signed, for these tests only
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP = Host(True, "shop.example", 443)
BROKEN = ((b"X-Key", b"canary\r\n"),)


class Still:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError("nobody sleeps here")


def to_loopback(*addresses: str) -> Resolve:
    async def resolve(name: str, port: int) -> Sequence[str]:
        return addresses or ("127.0.0.1",)

    return resolve


def at(trap: Trap, name: str = "127.0.0.1", secure: bool = False) -> Host:
    return Host(secure, name, trap.port, "loopback")


async def test_a_request_arrives_whole_and_its_answer_comes_back() -> None:
    pool = Pool(Still())
    async with Trap(lambda _: Do(ok(b'{"a": 1}', 201, "X-One: 1\r\nX-One: 2\r\n"))).listening() as trap:
        answer = await pool.call(Call(at(trap), "POST", "/a?b=c", encoded({"X-Mine": "yes"}), b"body"))
        await pool.close()
    assert (answer.status, answer.json(), answer.headers["x-one"]) == (201, {"a": 1}, "1, 2")
    expected = (
        f"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{trap.port}\r\nAccept-Encoding: identity\r\n"
        f"User-Agent: rulewheel/{version('rulewheel')}\r\nX-Mine: yes\r\nContent-Length: 4\r\n\r\nbody"
    )
    assert trap.seen == [Seen(expected.encode(), 1, 1)]


async def test_calls_share_connections_and_never_use_more_than_allowed() -> None:
    pool = Pool(SystemClock(), Limits(connections=3))
    async with Trap().listening() as trap:
        await asyncio.gather(*(pool.call(Call(at(trap), "GET", "/")) for _ in range(60)))
        await pool.close()
    assert (len(trap.seen), trap.connections) == (60, 3)


async def test_a_call_that_finds_no_free_connection_in_time_was_not_sent() -> None:
    pool = Pool(SystemClock(), Limits(connections=1, queue=0.02))
    async with Trap(lambda _: Do()).listening() as trap:
        first = asyncio.create_task(pool.call(Call(at(trap), "GET", "/")))
        with pytest.raises(httpx.PoolTimeout):
            await asyncio.gather(pool.call(Call(at(trap), "GET", "/")))
        await pool.close()
        with pytest.raises(httpx.RemoteProtocolError):
            await first
    assert len(trap.seen) == 1


async def test_a_cancelled_call_leaves_no_connection_behind_wherever_it_was() -> None:
    pool = Pool(SystemClock(), Limits(connections=1, queue=1))
    async with Trap().listening() as trap:
        for turns in range(40):
            task = asyncio.create_task(pool.call(Call(at(trap), "GET", "/")))
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert (await pool.call(Call(at(trap), "GET", "/"))).status == 200
        await pool.close()
        await trap.empty()


async def test_once_sending_is_stopped_nothing_leaves_also_over_a_connection_that_stands() -> None:
    stopped = False

    async def is_stopped() -> bool:
        return stopped

    pool = Pool(Still())
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "GET", "/", is_stopped=is_stopped))
        stopped = True
        outcome = await pool.ask(Call(at(trap), "GET", "/", is_stopped=is_stopped))
        await pool.close()
    assert outcome == Waiting("not sent: sending is stopped")
    assert len(trap.seen) == 1


async def test_past_its_send_by_nothing_leaves() -> None:
    pool = Pool(Still())
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "GET", "/", send_by=NOW))
        with pytest.raises(SendByPassed):
            await pool.call(Call(at(trap), "GET", "/", send_by=NOW - timedelta(milliseconds=1)))
        await pool.close()
    assert len(trap.seen) == 1


async def test_an_unused_connection_is_dropped_after_a_while() -> None:
    pool = Pool(SystemClock(), Limits(keepalive=0.02))
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "GET", "/"))
        await trap.empty()
        await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert trap.connections == 2


async def test_a_connection_whose_server_speaks_unasked_is_dropped() -> None:
    pool = Pool(SystemClock())
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "GET", "/"))
        next(iter(trap.live)).write(ok(b"forged"))
        await trap.empty()
        assert (await pool.call(Call(at(trap), "GET", "/"))).body == b"{}"
        await pool.close()


async def test_a_long_answer_is_cut() -> None:
    pool = Pool(SystemClock(), Limits(answer=1000))
    async with Trap(lambda _: Do(ok(b"x" * 5000))).listening() as trap:
        answer = await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert (answer.cut, len(answer.body), answer.status) == (True, 1000, 200)


async def test_headers_without_end_are_an_error() -> None:
    pool = Pool(SystemClock())
    async with Trap(lambda _: Do(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 30_000)).listening() as trap:
        with pytest.raises(httpx.RemoteProtocolError, match="never ended"):
            await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()


async def test_a_flood_of_tiny_chunks_is_cut() -> None:
    flood = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;" + b"x" * 200_000 + b"\r\na\r\n"
    pool = Pool(SystemClock(), Limits(answer=1000))
    async with Trap(lambda _: Do(flood)).listening() as trap:
        assert (await pool.call(Call(at(trap), "GET", "/"))).cut
        await pool.close()


async def test_interim_answers_are_passed_over() -> None:
    whole = b"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + ok(b"{}", headers="")
    pool = Pool(SystemClock())
    async with Trap(lambda _: Do(whole)).listening() as trap:
        answer = await pool.call(Call(at(trap), "GET", "/"))
        await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert (answer.status, dict(answer.headers), trap.connections) == (200, {"content-length": "2"}, 1)


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    pool = Pool(SystemClock())
    async with Trap(lambda _: Do(b"HTTP/1.0 200 OK\r\n\r\nall of it", "close")).listening() as trap:
        assert (await pool.call(Call(at(trap), "GET", "/"))).body == b"all of it"
        await pool.close()


async def test_an_answer_to_head_has_no_body() -> None:
    pool = Pool(SystemClock())
    async with Trap(lambda _: Do(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")).listening() as trap:
        assert (await pool.call(Call(at(trap), "HEAD", "/"))).body == b""
        await pool.close()


async def test_a_server_that_does_not_read_ends_in_a_write_timeout() -> None:
    pool = Pool(SystemClock(), Limits(write=0.05))
    async with Trap(deaf=True).listening() as trap:
        with pytest.raises(httpx.WriteTimeout):
            await pool.call(Call(at(trap), "POST", "/", body=b"x" * 20_000_000))
        await pool.close()


async def test_a_large_request_arrives_whole() -> None:
    pool = Pool(SystemClock())
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "POST", "/", body=b"x" * 2_000_000))
        await pool.close()
    assert len(trap.seen[0].body) == 2_000_000


@pytest.mark.parametrize("target", ["a", "/a\r\nX: y", "/größe"])
async def test_a_path_that_http_cannot_carry_is_not_sent(target: str) -> None:
    with pytest.raises(httpx.InvalidURL, match="letters that an address cannot carry"):
        await Pool(Still()).call(Call(SHOP, "GET", target))


async def test_what_http_cannot_carry_is_refused_in_words() -> None:
    for outcome in (
        await Pool(Still()).ask(Call(SHOP, "G T", "/")),
        await Pool(Still()).ask(Call(SHOP, "GET", "/", BROKEN)),
    ):
        assert isinstance(outcome, Refused)
        assert "cannot carry" in outcome.reason
        assert "canary" not in outcome.reason


async def test_asking_gives_the_answer_or_what_surely_came_of_it() -> None:
    pool = Pool(Still())
    async with Trap().listening() as trap:
        assert isinstance(await pool.ask(Call(at(trap), "GET", "/")), Answer)
        trap.script = lambda _: Do(ok()[:20], "close")
        assert isinstance(await pool.ask(Call(at(trap), "GET", "/")), Unsure)
        await pool.close()
        assert isinstance(await pool.ask(Call(at(trap), "GET", "/")), Waiting)
    assert len(trap.seen) == 2


async def test_a_header_of_the_callers_takes_the_place_of_our_own_name() -> None:
    pool = Pool(Still())
    async with Trap().listening() as trap:
        await pool.call(Call(at(trap), "GET", "/", encoded({"user-agent": "shop"})))
        await pool.close()
    assert trap.seen[0].raw.lower().count(b"user-agent") == 1
    assert trap.seen[0].header("user-agent") == "shop"


async def test_cookies_are_neither_kept_nor_sent() -> None:
    pool = Pool(Still())
    async with Trap(lambda _: Do(ok(headers="Set-Cookie: a=b; Path=/\r\n"))).listening() as trap:
        for _ in range(2):
            await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert [seen.header("cookie") for seen in trap.seen] == [None, None]


async def test_the_environment_names_no_proxy_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Trap().listening() as trap, Trap().listening() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        pool = Pool(Still())
        await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert (len(trap.seen), proxy.connections) == (1, 0)


ELSEWHERE = ["http://[", "ftp://elsewhere.example/", "//", "http://" + "a" * 70_000, "http://x:y/", "/"]


@pytest.mark.parametrize("to", ELSEWHERE)
async def test_a_redirect_is_an_answer_wherever_it_points(to: str) -> None:
    pool = Pool(Still())
    async with Trap(lambda _: Do(ok(b"", 302, f"Location: {to}\r\n"))).listening() as trap:
        answer = await pool.call(Call(at(trap), "POST", "/"))
        await pool.close()
    assert (answer.status, answer.headers["location"], len(trap.seen)) == (302, to, 1)


async def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"x" * 5_000_000)
    pool = Pool(Still())
    async with Trap(lambda _: Do(ok(bomb, headers="Content-Encoding: gzip\r\n"))).listening() as trap:
        answer = await pool.call(Call(at(trap), "GET", "/"))
        await pool.close()
    assert answer.body == bomb
    assert not answer.readable


async def test_the_address_of_a_call_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    pool = Pool(Still())
    with caplog.at_level(logging.DEBUG):
        async with Trap().listening() as trap:
            await pool.call(Call(at(trap), "GET", "/919876543210"))
            await pool.close()
    assert "919876543210" not in caplog.text


async def test_a_name_that_turns_to_a_private_address_reaches_nothing() -> None:
    """Rebinding: the first look-up is public, the second is this machine; each connection vets its own look-up."""
    answers = [["127.0.0.1"], ["10.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]]

    async def resolve(name: str, port: int) -> list[str]:
        return answers.pop(0)

    pool = Pool(SystemClock(), resolve=resolve)
    async with Trap().listening() as trap:
        while answers:
            with pytest.raises(AddressForbidden):
                await pool.call(Call(Host(False, "rebound.example", trap.port), "GET", "/"))
        await pool.close()
    assert (trap.connections, trap.seen) == (0, [])


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    pool = Pool(SystemClock(), resolve=to_loopback("127.0.0.2", "127.0.0.1"))
    async with Trap().listening() as trap:
        assert (await pool.call(Call(at(trap, "shop.example"), "GET", "/"))).status == 200
        await pool.close()


async def test_a_look_up_that_hangs_is_a_connect_timeout() -> None:
    async def resolve(name: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    pool = Pool(SystemClock(), Limits(connect=0.02), resolve)
    with pytest.raises(httpx.ConnectTimeout):
        await pool.call(Call(Host(True, "shop.example", 443), "GET", "/"))


def _server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


async def test_tls_is_spoken_with_hosts_whose_certificate_is_good() -> None:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    pool = Pool(SystemClock(), resolve=to_loopback(), tls=trusting)
    async with Trap().listening(_server()) as trap:
        for _ in range(3):
            assert (await pool.call(Call(at(trap, "localhost", secure=True), "POST", "/", body=b"x"))).status == 200
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await pool.call(Call(at(trap, "other.example", secure=True), "GET", "/"))
        await pool.close()
    assert len(trap.seen) == 3
    assert {seen.connection for seen in trap.seen} == {1}


async def test_a_certificate_that_nobody_vouches_for_is_a_connect_error() -> None:
    pool = Pool(SystemClock(), resolve=to_loopback())
    async with Trap().listening(_server()) as trap:
        with pytest.raises(httpx.ConnectError, match="the certificate of localhost is not good: self"):
            await pool.call(Call(at(trap, "localhost", secure=True), "GET", "/"))
        await pool.close()
    assert trap.seen == []


async def test_a_host_that_speaks_no_tls_is_a_connect_error() -> None:
    pool = Pool(SystemClock(), resolve=to_loopback())
    async with Trap(greeting=Do(b"SSH-2.0-x\r\n")).listening() as trap:
        with pytest.raises(httpx.ConnectError, match="does not speak TLS"):
            await pool.call(Call(at(trap, "localhost", secure=True), "GET", "/"))
        await pool.close()
