"""The action that calls another system over http."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from engine.plugin import (
    ANYTHING,
    BOOLEAN,
    DURATION,
    MAPPING,
    TEXT,
    URL,
    Action,
    Example,
    Json,
    Kind,
    Misread,
    Plan,
    Request,
    View,
    choice,
    default,
    inside,
    masked,
    near,
    optional,
    required,
)

READS = ("GET", "HEAD")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PHONE_LIKE = re.compile(r"\+?\d{10,15}")


def _headers(value: Json) -> dict[str, Json]:
    given = MAPPING.read(value)
    for name, held in given.items():
        if not _HEADER_NAME.fullmatch(str(name)):
            remedy = "a name is one word of letters, digits and -, such as X-Shop-Key"
            raise Misread(f'"{name}" is no name of a header; {remedy}', (name,), held, at_key=True)
    return {name: inside(name, _HEADER, held) for name, held in given.items()}


def _header(value: Json) -> Json:
    """Text, or a secret by name: `{"!secret": name}` in a rule, `{"secret": name}` for the connection."""
    if isinstance(value, dict) and value.keys() == {"!secret"}:
        return {"secret": value["!secret"]}
    if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).isprintable():
        return str(value)
    raise ValueError("expected one line of text, or !secret and its name")


_HEADER: Kind[Json] = Kind("one line of text", {}, _header)
HEADERS = Kind("a mapping of header names to texts or secrets", {"type": "object"}, _headers)


class HttpRequest(Action):
    """Calls a web address of another system; the settings must list its host.

    What changes something over there is sent once. If the answer is lost, it is shown as unsure, unless you say with
    `idempotent: true` that sending it again does no harm.
    """

    name = "http.request"
    responds = True
    method = default(
        choice("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), "POST", "What to do there; GET only reads"
    )
    url = required(URL, "The web address to call")
    headers = default(HEADERS, {}, "Headers by name; a key or password is written as `!secret name`", secret=True)
    query = default(MAPPING, {}, "What to add behind the question mark of the address, by name")
    json = optional(ANYTHING, "What to send, as JSON")
    body = optional(TEXT, "What to send, as it stands")
    idempotent = default(BOOLEAN, False, "Whether sending it twice does no harm")
    timeout = optional(DURATION, "How long to wait for the answer")
    examples = (
        Example(
            "Tell the shop that an order arrived",
            "url: https://shop.example/orders\nheaders: {X-Shop: pune}\njson: {order: A1, arrived: true}\n",
            gives=[
                {
                    "method": "POST",
                    "url": "https://shop.example/orders",
                    "headers": {"X-Shop": "pune"},
                    "json": {"order": "A1", "arrived": True},
                }
            ],
        ),
        Example(
            "Look up an order",
            "method: GET\nurl: https://shop.example/orders\nquery: {id: A1}\n",
            gives=[{"method": "GET", "url": "https://shop.example/orders?id=A1", "headers": {}}],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        faults = []
        if self.json is not None and self.body is not None:
            faults.append(("body", "json and body are both given; keep one of them"))
        if self.method in READS:
            faults += [
                (key, f"a {self.method} carries nothing; put it into query, or use method: POST")
                for key in ("json", "body")
                if getattr(self, key) is not None
            ]
        if self.timeout is not None and not self.timeout:
            faults.append(("timeout", "a timeout of 0 seconds leaves no time for an answer; give it some seconds"))
        return faults

    @classmethod
    def forbidden(cls, data: Mapping[str, Json], hosts: Mapping[str, Mapping[str, Json]]) -> list[tuple[str, str]]:
        parts = _parts(data.get("url"))
        if parts is None or not parts.hostname:
            return []
        host = parts.hostname
        rights = hosts.get(parts.netloc.rpartition("@")[2].lower(), hosts.get(host))
        if rights is None:
            hint = near(host, hosts) or "whoever runs rulewheel adds it below hosts: in the settings"
            return [("url", f'the settings do not list the host "{host}"; {hint}')]
        if parts.scheme == "http" and not rights.get("http"):
            return [("url", f"the settings let {host} be called by https only; write https:// here")]
        named = [held.get("!secret") for held in _values(data.get("headers")) if isinstance(held, Mapping)]
        return [
            (
                "headers",
                f'the secret "{name}" may not be sent to {host}; whoever runs rulewheel binds it in the settings',
            )
            for name in named
            if name and name not in rights.get("secrets", [])
        ]

    def plan(self, view: View) -> list[Plan]:
        reads = self.method in READS
        carried = {key: getattr(self, key) for key in ("json", "body") if getattr(self, key) is not None}
        return [
            Request(
                "http",
                "request",
                {"method": self.method, "url": _with_query(self.url, self.query), "headers": self.headers, **carried},
                changes_world=not reads,
                shown={"method": self.method, "url": _shown(self.url, self.query), "headers": sorted(self.headers)},
                idempotent=reads or self.idempotent,
                timeout=self.timeout,
            )
        ]


def _parts(url: Json) -> SplitResult | None:
    """An address in parts, or None where a template will say its host."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return None if parts is None or "{" in parts.netloc or parts.port == 0 else parts
    except ValueError:
        return None


def _values(headers: Json) -> list[Json]:
    return list(headers.values()) if isinstance(headers, Mapping) else []


def _with_query(url: str, query: Mapping[str, Json]) -> str:
    """The address with more behind its question mark; lists become several values of one name."""
    parts = urlsplit(url)
    added = urlencode({name: _as_text(value) for name, value in query.items()}, doseq=True)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def _as_text(value: Json) -> Json:
    return str(value).lower() if isinstance(value, bool) else value


def _shown(url: str, query: Mapping[str, Json]) -> str:
    """The address as people may see it: without what stands behind the question mark, phone numbers masked."""
    parts = urlsplit(url)
    path = _PHONE_LIKE.sub(lambda found: masked(found.group()), parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}" + ("?…" if parts.query or query else "")
