"""Calls of web pages and services by rules: only hosts that the operator lists, secrets only where they may go."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from connections.pool.address import Host, Reach
from connections.pool.answer import Answer
from connections.pool.call import Call
from connections.pool.head import encoded
from connections.pool.outcome import judge, repeatable
from engine.plugin import Accepted, Connection, Json, Operation, Outcome, Refused, Request, Tools, Waiting, near

if TYPE_CHECKING:
    from connections.pool.pool import Pool

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_OURS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "idempotency-key", "upgrade")
)
_EXPECTABLE: Final = frozenset(range(300, 500)) - {401, 403, 408, 429}
_NOT_SHOWN: Final = frozenset(("set-cookie", "authorization"))


class HttpConnection(Connection):
    """Performs `request`: {method, url, headers, body or json, expect}.

    A header is text or `{"secret": name}`. `json` is sent as JSON, `body` as text. `expect` lists statuses beside 2xx
    (of 3xx and 4xx) that count as an answer. Answer: {"status", "headers", "json" or "text"}.
    """

    name = "http"
    configured = False

    async def open(self, tools: Tools) -> None:
        """Gets ready; nothing is sent yet."""
        from connections.pool.pool import Pool

        self._tools = tools
        self._pool: Pool = Pool(tools.clock)

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Carries the request out once and says what surely happened."""
        if request.operation != "request":
            return Refused(f'http has no operation "{request.operation}"')
        try:
            call = _Call(request, operation, self._tools)
        except _SecretMissing as fault:
            return Waiting(str(fault), problem="secret-missing")
        except ValueError as fault:
            return Refused(f"not sent: {fault}")
        outcome = await self._performed(call, request, operation)
        return repeatable(outcome) if request.idempotent or not request.changes_world else outcome

    def subject(self, request: Request) -> str:
        """The host and port: one host says nothing of another."""
        try:
            host = Host.of(str(request.body.get("url", "")))
        except ValueError:
            return ""
        return f"{host.name}:{host.port}"

    async def _performed(self, call: _Call, request: Request, operation: Operation) -> Outcome:
        limit = request.timeout.total_seconds() if request.timeout else None
        answer = await self._pool.ask(
            Call(
                call.host,
                call.method,
                call.target,
                call.head,
                call.body,
                operation.send_by,
                limit,
                operation.is_stopped if request.changes_world else None,
            )
        )
        if not isinstance(answer, Answer):
            return answer
        outcome = judge(answer, self._tools.clock.now())
        if answer.status in call.expect:
            outcome = Accepted(proof=f"status {answer.status}")
        if isinstance(outcome, Accepted):
            shown = call.shown(answer)
            return Accepted(shown, f"{outcome.proof}{_flaw(answer, shown)}")
        told = replace(outcome, reason=f"{call.host.name}: {outcome.reason}")
        return replace(told, answer=call.shown(answer)) if isinstance(told, Refused) else told


class _SecretMissing(Exception):
    """A secret that a header names is not there (yet)."""


class _Call:
    """A request made ready to be sent. Raises ValueError, in words for people, for what may not be sent."""

    def __init__(self, request: Request, operation: Operation, tools: Tools) -> None:
        given = request.body
        self._tools = tools
        self._secrets: list[str] = []
        self.method = _method(given.get("method", "GET"))
        self._rights = self._allowed(str(given.get("url", "")))
        self.body, kind = _content(given)
        headers = self._headers(given.get("headers") or {})
        if not any(name.lower() == "content-type" for name in headers):
            headers |= kind
        if request.changes_world:
            headers["Idempotency-Key"] = operation.op_id
        self.head = encoded(headers)
        self.expect = _expected(given.get("expect"))

    def shown(self, answer: Answer) -> dict[str, Json]:
        """The answer as a rule sees it; a secret that the other side repeats is taken out."""
        headers = {name: self._without(value) for name, value in answer.headers.items() if name not in _NOT_SHOWN}
        found: dict[str, Json] = {"status": answer.status, "headers": headers}
        if not answer.readable:
            return {**found, "text": None}
        clean = self._cleaned(answer)
        if _is_json(answer):
            try:
                return {**found, "json": clean.json()}
            except ValueError:
                pass
        return {**found, "text": clean.text()}

    def _cleaned(self, answer: Answer) -> Answer:
        if not self._secrets:
            return answer
        headers = {"content-type": answer.headers.get("content-type", "").partition(";")[0]}
        return Answer(answer.status, headers, self._without(answer.text()).encode("utf-8", "replace"))

    def _without(self, text: str) -> str:
        for form in (form for secret in self._secrets for form in _forms(secret)):
            text = text.replace(form, "…")
        return text

    def _allowed(self, url: str) -> Mapping[str, Json]:
        host, self.target = _address(url)
        named = f"{host.name}:{host.port}"
        rights = self._tools.hosts.get(named, self._tools.hosts.get(host.name))
        if rights is None:
            hint = near(host.name, self._tools.hosts) or "the operator can list it in rulewheel.yaml, below hosts:"
            raise ValueError(f"{host.name} is not among the hosts that rules may call; {hint}")
        if not host.secure and not rights.get("http"):
            raise ValueError(
                f"{host.name} may be called by https only; plain http needs http: true below its hosts: entry"
            )
        reach: Reach = "private" if rights.get("private") else "loopback" if rights.get("loopback") else "public"
        self.host = Host(host.secure, host.name, host.port, reach)
        return rights

    def _headers(self, given: Json) -> dict[str, str]:
        if not isinstance(given, Mapping):
            raise ValueError("headers are a mapping of names to values")
        if ours := sorted(name for name in given if str(name).lower() in _OURS):
            raise ValueError(f"the header {ours[0]} is set by rulewheel itself")
        return {str(name): self._value(value) for name, value in given.items()}

    def _value(self, value: Json) -> str:
        if _is_secret(value):
            return self._secret(value["secret"])
        if isinstance(value, Mapping | list) or value is None:
            raise ValueError('the value of a header is text or {"secret": name}')
        return str(value)

    def _secret(self, name: str) -> str:
        if name not in (self._rights.get("secrets") or ()):
            remedy = "the operator can allow it in rulewheel.yaml, below hosts:"
            raise ValueError(f'the secret "{name}" may not go to {self.host.name}; {remedy}')
        try:
            found = self._tools.secret(name)
        except Exception:  # whatever the keeper of secrets raises, its words must not go further
            raise _SecretMissing(f'not sent: there is no secret "{name}"; add it to secrets.yaml') from None
        self._secrets.append(found)
        return found


def _flaw(answer: Answer, shown: Mapping[str, Json]) -> str:
    """What of an answer did not come as it should, for who reads why a later step has nothing to work with."""
    if answer.cut:
        return "; its body is too long and is left out"
    if not answer.readable:
        return "; its body is packed and is left out"
    if answer.body and "json" not in shown and _is_json(answer):
        return "; its body is called JSON and is none, so it is text"
    return ""


def _is_json(answer: Answer) -> bool:
    return "json" in answer.headers.get("content-type", "")


@lru_cache(maxsize=1024)
def _address(url: str) -> tuple[Host, str]:
    """The host of a web address, and its path and query as they are sent."""
    host, parts = Host.of(url), urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]")
    return host, f"{path}?{query}" if query else path


def _method(given: Json) -> str:
    method = str(given).upper()
    if method not in METHODS:
        raise ValueError(f"the method is one of {', '.join(METHODS)}")
    return method


def _content(given: Mapping[str, Json]) -> tuple[bytes, dict[str, str]]:
    if any(_is_secret(value) for key in ("json", "body", "url") for value in _leaves(given.get(key))):
        raise ValueError("a secret can only be the value of a header")
    if given.get("json") is not None:
        if given.get("body") is not None:
            raise ValueError("a request has a body or json, not both")
        text = json.dumps(given["json"], ensure_ascii=False)
        return text.encode("utf-8", "replace"), {"Content-Type": "application/json"}
    if given.get("body") is None:
        return b"", {}
    return str(given["body"]).encode("utf-8", "replace"), {"Content-Type": "text/plain; charset=utf-8"}


def _leaves(value: Json) -> Iterator[Json]:
    """Every value within a value, itself included."""
    yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _leaves(each)


def _is_secret(value: Json) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"secret"} and isinstance(value["secret"], str)


def _expected(given: Json) -> frozenset[int]:
    statuses = given if isinstance(given, list) else [] if given is None else [given]
    if wrong := [status for status in statuses if status not in _EXPECTABLE and status not in range(200, 300)]:
        raise ValueError(f"expect cannot hold {wrong[0]}: only statuses 200 to 499 prove what happened")
    return frozenset(statuses)


def _forms(secret: str) -> tuple[str, ...]:
    """The spellings in which the other side may repeat a secret."""
    in_json = json.dumps(secret)[1:-1]
    return (secret, in_json, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()) if secret else ()
