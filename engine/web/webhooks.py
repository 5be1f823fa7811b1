"""The webhook listener: verify the path, bound the body, commit, answer (promises P1, P16, P21).

A plain ASGI application with one route, `/hook/<token>`; the token is 256 bits made from the webhook's id and a key
that only this daemon has, so that knowing an id is not enough.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl

from engine.intake import Intake
from engine.journal.api import JournalError
from engine.log import Log
from engine.match import Matcher
from engine.values import Fact, Json

LARGEST_BODY = 1024 * 1024
DEEPEST_BODY = 64
BODY_SECONDS = 10.0
_POST = frozenset({"POST"})
UNSEEN_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})

Receiver = Callable[[Mapping[str, str], bytes], Awaitable[str]]
"""Takes headers and raw body of a webhook; gives why it is not believed, or an empty text."""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class BadBody(Exception):
    """The body cannot be taken; carries the HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def hook_path(key: bytes, webhook_id: str) -> str:
    """The path at which this webhook listens."""
    return "/hook/" + hmac.new(key, webhook_id.encode(), hashlib.sha256).hexdigest()


class WebhookApp:
    """Takes webhooks for the rules that are loaded now, and those for `receivers`, by webhook id.

    `heard` is told of each that a rule may have waited for, once it is on disk.
    """

    def __init__(
        self,
        intake: Intake,
        matcher: Matcher,
        key: bytes,
        log: Log,
        largest: int = LARGEST_BODY,
        receivers: Mapping[str, Receiver] | None = None,
        heard: Callable[[str], None] = lambda webhook_id: None,
    ) -> None:
        self._intake = intake
        self._matcher = matcher
        self._key = key
        self._log = log
        self._largest = largest
        self._receivers = receivers or {}
        self._heard = heard
        self._paths: dict[bytes, str] = {}
        self._for: object = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answers one request; 200 is said only after the event is on disk."""
        if scope["type"] != "http":
            return
        webhook_id = self._find(scope["path"])
        receiver = self._receivers.get(webhook_id or "")
        methods = self._matcher.watches.webhooks.get(webhook_id or "", frozenset()) if receiver is None else _POST
        if webhook_id is None or not methods:
            await _answer(send, 404, "there is no webhook here")
        elif scope["method"] not in methods:
            allowed = ", ".join(sorted(methods))
            await _answer(send, 405, f"use {allowed}", [(b"allow", allowed.encode())])
        elif receiver is not None:
            await self._hand_over(receiver, webhook_id, scope, receive, send)
        else:
            await self._take(webhook_id, scope, receive, send)

    def _find(self, path: str) -> str | None:
        watches = self._matcher.watches
        if watches is not self._for:
            known = [*watches.webhooks, *self._receivers]
            self._paths = {_digest(hook_path(self._key, webhook_id)): webhook_id for webhook_id in known}
            self._for = watches
        return self._paths.get(_digest(path))

    async def _take(self, webhook_id: str, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            data = await self._data(scope, receive)
            fact = Fact("webhook", webhook_id, data, self._intake.view().now)
            for reason in await self._intake.take(("webhook", webhook_id), fact):
                self._log.debug("webhook", webhook=webhook_id, reason=reason)
        except BadBody as bad:
            self._log.warning("a webhook was refused", webhook=webhook_id, reason=bad.text)
            await _answer(send, bad.status, bad.text)
        except JournalError as error:
            if error.code == "bad-record":
                await _answer(send, 400, "this cannot be written down")
                return
            self._log.error("a webhook could not be written down", webhook=webhook_id, reason=str(error))
            await _answer(send, 503, "try again later", [(b"retry-after", b"5")])
        else:
            self._heard(webhook_id)
            await _answer(send, 200, data["query"].get("hub.challenge", ""))

    async def _hand_over(
        self, receiver: Receiver, webhook_id: str, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Gives a connection its webhook as it came; 200 is said only after what it tells is on disk."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"][:100]}
        try:
            refusal = await receiver(headers, await self._body(headers, receive))
        except BadBody as bad:
            self._log.warning("a webhook was refused", webhook=webhook_id, reason=bad.text)
            await _answer(send, bad.status, bad.text)
        except JournalError as error:
            self._log.error("a webhook could not be written down", webhook=webhook_id, reason=str(error))
            await _answer(send, 503, "try again later", [(b"retry-after", b"5")])
        else:
            if refusal:
                self._log.warning("a webhook was refused", webhook=webhook_id, reason=refusal)
            await _answer(send, 403 if refusal else 200, refusal)

    async def _data(self, scope: dict[str, Any], receive: Receive) -> dict[str, Json]:
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"][:100]
            if name.decode("latin-1") not in UNSEEN_HEADERS
        }
        body = await self._body(headers, receive)
        kind = headers.get("content-type", "")
        found: dict[str, Json] = {
            "method": scope["method"],
            "json": None,
            "data": None,
            "query": dict(_pairs(scope["query_string"])),
            "headers": headers,
        }
        if "json" in kind and body:
            found["json"] = _json(body)
        elif "form-urlencoded" in kind:
            found["data"] = dict(_pairs(body))
        elif body:
            found["data"] = body.decode("utf-8", "replace")
        return found

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        length = headers.get("content-length", "0")
        if length.isdecimal() and (len(length) > 18 or int(length) > self._largest):
            raise BadBody(413, f"the body may have {self._largest} bytes")
        parts: list[bytes] = []
        size, more = 0, True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BadBody(400, "the sender went away before the body had come")
                    part = message.get("body", b"")
                    size += len(part)
                    if size > self._largest:
                        raise BadBody(413, f"the body may have {self._largest} bytes")
                    parts.append(part)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise BadBody(408, f"the body did not come within {BODY_SECONDS:g} seconds") from None
        return b"".join(parts)


def _digest(path: str) -> bytes:
    """Paths are compared by digest, so that the time it takes tells nothing about them."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()


def _pairs(text: bytes) -> Iterable[tuple[str, str]]:
    if not text:
        return ()
    try:
        return parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise BadBody(400, "there are more than 1000 fields") from None


def _json(body: bytes) -> Json:
    try:
        found = json.loads(body, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError):
        raise BadBody(400, "the content type says JSON, but the body is not JSON that can be read") from None
    if not _is_shallow(found):
        raise BadBody(400, f"the body may be nested {DEEPEST_BODY} levels deep")
    return found


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def _is_shallow(value: Json) -> bool:
    """Whether nothing lies deeper than is allowed, so that whatever reads it later can."""
    level = [value]
    for _ in range(DEEPEST_BODY + 1):
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [part for parts in inner for part in parts]
        if not level:
            return True
    return False


async def _answer(send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    body = text.encode()
    length = str(len(body)).encode()
    start = [(b"content-length", length), (b"content-type", b"text/plain; charset=utf-8"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
