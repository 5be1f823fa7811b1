"""The httpx client of a connection: a request is sent at most once, and what is not certain is said to be unsure."""

from __future__ import annotations

import logging
import ssl
from functools import lru_cache
from http.cookiejar import CookieJar
from importlib.metadata import version
from typing import Any, Final

import httpx

from connections.pool.address import Host
from connections.pool.answer import Answer
from connections.pool.call import Call
from connections.pool.failure import classify
from connections.pool.head import Head
from connections.pool.lookup import Resolve, resolved
from connections.pool.transport import Limits, Transport
from engine.plugin import Clock, Outcome, Refused

AGENT: Final = f"rulewheel/{version('rulewheel')}".encode()

# httpx logs the address of every call, which may hold a phone number (promise P20).
logging.getLogger("httpx").setLevel(logging.WARNING)


class _NoCookies(CookieJar):
    """Keeps nothing and sends nothing."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leaves the cookies of an answer where they are."""


class Pool:
    """Calls hosts through one httpx client. No proxies, no redirects, no cookies, no second try."""

    def __init__(
        self,
        clock: Clock,
        limits: Limits | None = None,
        resolve: Resolve = resolved,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        given = limits or Limits()
        self._client = httpx.AsyncClient(
            transport=transport or Transport(clock, given, resolve, tls),
            timeout=httpx.Timeout(connect=given.connect, read=given.read, write=given.write, pool=given.queue),
            cookies=_NoCookies(),
            trust_env=False,
            follow_redirects=False,
        )

    async def ask(self, call: Call) -> Answer | Outcome:
        """The answer to a request; without an answer, what surely came of it by the table of promise P10."""
        try:
            return await self.call(call)
        except httpx.LocalProtocolError as fault:
            return Refused(f"not sent: {fault}")
        except Exception as error:
            return classify(error)

    async def call(self, call: Call) -> Answer:
        """The answer to a request. Raises httpx's exceptions, as `Transport` does."""
        if self._client.is_closed:
            raise httpx.PoolTimeout("not sent: the connections are closed")
        request = httpx.Request(
            call.method,
            _url(call.host, call.target),
            headers=_whole(call.host, call.head),
            stream=httpx.ByteStream(call.body),
            extensions={
                "host": call.host,
                "send_by": call.send_by,
                "is_stopped": call.is_stopped,
                "whole": call.timeout,
            },
        )
        response = await self._client.send(request)
        headers = dict(response.headers.items())
        return Answer(response.status_code, headers, response.content, response.extensions["cut"])

    async def close(self) -> None:
        """Closes every connection; calls under way end with an exception."""
        await self._client.aclose()


def _whole(host: Host, head: Head) -> Head:
    """The headers of a request, with those that each one has."""
    ours: Head = ((b"Host", host.header.encode("ascii")), (b"Accept-Encoding", b"identity"))
    named = any(name.lower() == b"user-agent" for name, _ in head)
    return (*ours, *head) if named else (*ours, (b"User-Agent", AGENT), *head)


@lru_cache(maxsize=256)
def _url(host: Host, target: str) -> httpx.URL:
    try:
        path = target.encode("ascii")
        return httpx.URL(scheme="https" if host.secure else "http", host=host.name, port=host.port, raw_path=path)
    except (httpx.InvalidURL, ValueError):
        raise httpx.InvalidURL("not sent: the path has letters that an address cannot carry") from None
