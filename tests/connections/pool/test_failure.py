from __future__ import annotations

import socket

import httpx
import pytest

from connections.pool.failure import classify
from connections.pool.lookup import AddressForbidden
from connections.pool.wire import SendByPassed
from engine.plugin import Outcome, Unsure, Waiting
from tests.connections.pool.trap import Do, Trap, ok


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SendByPassed("not sent: too late"), Waiting("not sent: too late")),
        (AddressForbidden("x is private"), Waiting("x is private", problem="address-not-allowed")),
        (httpx.ConnectError(""), Waiting("cannot connect", problem="unreachable")),
        (httpx.ConnectTimeout(""), Waiting("connecting took too long", problem="unreachable")),
        (httpx.PoolTimeout(""), Waiting("not sent: all connections are busy")),
        (httpx.UnsupportedProtocol(""), Waiting("not sent: neither http nor https")),
        (httpx.InvalidURL(""), Waiting("not sent: the address cannot be called")),
        (httpx.ReadTimeout(""), Unsure("sent, but no answer came in time")),
        (httpx.WriteTimeout(""), Unsure("sending took too long")),
        (httpx.ReadError(""), Unsure("sent, but the connection broke before the answer")),
        (httpx.WriteError(""), Unsure("the connection broke while sending")),
        (httpx.RemoteProtocolError(""), Unsure("sent, but the answer was not HTTP")),
        (httpx.DecodingError(""), Unsure("sent, but the answer cannot be unpacked")),
        (httpx.LocalProtocolError("token abc"), Unsure("something went wrong while sending (LocalProtocolError)")),
        (RuntimeError("token abc"), Unsure("something went wrong while sending (RuntimeError)")),
    ],
)
def test_an_exception_has_the_outcome_of_the_table(error: Exception, outcome: object) -> None:
    assert classify(error) == outcome


async def stock(url: str, body: bytes = b"", patience: float = 5.0) -> Outcome:
    """What the table makes of a call by httpx's own transport that fails."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=0), trust_env=False) as client:
        with pytest.raises(Exception) as fault:  # whatever httpx raises
            await client.post(url, content=body, timeout=patience)
    assert isinstance(fault.value, httpx.RequestError | httpx.InvalidURL)
    return classify(fault.value)


async def test_the_same_table_holds_for_httpx_own_transport_when_nothing_was_sent() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        refused = await stock(f"http://127.0.0.1:{unheard.getsockname()[1]}/")
    unsupported, invalid = await stock("ftp://shop.example/"), await stock("http://shop.example:port/")
    assert [type(each) for each in (refused, unsupported, invalid)] == [Waiting, Waiting, Waiting]


@pytest.mark.parametrize(
    "answer",
    [
        Do(),
        Do(ok()[:20], "close"),
        Do(ok()[:20], "reset"),
        Do(b"", "close"),
        Do(b"SSH-2.0-x\r\n", "close"),
        Do(ok(b"not packed", headers="Content-Encoding: gzip\r\n")),
    ],
    ids=["stalled", "closed", "reset", "no word", "garbage", "cannot be unpacked"],
)
async def test_the_same_table_holds_for_httpx_own_transport_when_the_request_had_left(answer: Do) -> None:
    async with Trap(lambda _: answer).listening() as trap:
        outcome = await stock(trap.url, b"body", patience=0.2)
    assert isinstance(outcome, Unsure)
    assert not outcome.reason.startswith("something went wrong")
    assert len(trap.seen) == 1


async def test_the_same_table_holds_for_httpx_own_transport_when_the_server_does_not_read() -> None:
    async with Trap(deaf=True).listening() as trap:
        outcome = await stock(trap.url, b"x" * 20_000_000, patience=0.2)
    assert isinstance(outcome, Unsure)
