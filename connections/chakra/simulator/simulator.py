"""The simulated ChakraHQ: jobs, templates, messages and faults joined behind one `answer`."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from connections.chakra.simulator.answers import Answer, Request, as_errors, as_json, as_text, not_found
from connections.chakra.simulator.contacts import Contacts
from connections.chakra.simulator.faults import Disturbance, Faults, Malformed, Status
from connections.chakra.simulator.jobs import Jobs
from connections.chakra.simulator.limits import Buckets
from connections.chakra.simulator.messages import Message, Messages
from connections.chakra.simulator.meta import Reading, error_body
from connections.chakra.simulator.routes import route
from connections.chakra.simulator.settings import Settings
from connections.chakra.simulator.statuses import Statuses
from connections.chakra.simulator.templates import Templates
from engine.clock import Clock, SystemClock

_HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"

_BODILESS = (*range(100, 200), 204, 304)

Watcher = Callable[[dict[str, Any]], None]


class Simulator:
    """One simulated account, in memory. `answer` is the API; the attributes are for the test that owns it.

    `requests` counts calls by `"GET /path"`, `operations` by operation and status.
    """

    def __init__(self, clock: Clock | None = None, settings: Settings | None = None, seed: int = 0) -> None:
        self.clock: Clock = clock or SystemClock()
        self.settings = settings or Settings()
        self.seed = seed
        self.jobs = Jobs(self.clock, seed)
        self.templates = Templates()
        self.messages = Messages(self.clock, seed)
        self.contacts = Contacts(self.clock.now)
        self.faults = Faults(seed)
        self.statuses = Statuses(self.settings.statuses, seed)
        self.requests: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.watchers: set[Watcher] = set()
        self.url = ""
        self.date: Callable[[], datetime] = self.clock.now  # what answers in this process say that the time is
        self.on_refuse: Callable[[float], None] | None = None
        self.on_message: Callable[[Message], None] = lambda message: None
        self._refusing_until: datetime | None = None
        limit = self.settings.rate_limit
        self._buckets = Buckets(self.clock, limit) if limit else None

    @classmethod
    @asynccontextmanager
    async def serve(
        cls,
        *,
        clock: Clock | None = None,
        settings: Settings | None = None,
        seed: int = 0,
        port: int = 0,
        faults: Iterable[Mapping[str, Any]] = (),
    ) -> AsyncIterator[Simulator]:
        """A simulator that listens on loopback while the block lasts: at `simulator.url`, with port 0 a free one."""
        from connections.chakra.simulator.server import Server  # the server needs uvicorn; a World does not

        simulator = cls(clock, settings, seed)
        simulator.faults.add(*faults)
        async with Server(simulator, port).listening():
            yield simulator

    @property
    def token(self) -> str:
        """A bearer token that is taken."""
        return self.settings.tokens[0]

    def disturb(self, request: Request) -> Disturbance | None:
        """Count the request as seen, and say what goes wrong with it."""
        self.requests[f"{request.method} {request.path}"] += 1
        found = route(request.method, request.path)
        return self.faults.disturb(found[0] if found else "unknown", request.path)

    def answer(self, request: Request, disturbance: Disturbance | None = None) -> Answer:
        """The answer to one call; the disturbance's delays and cuts are the server's business."""
        found = route(request.method, request.path)
        operation = found[0] if found else "unknown"
        answer = self._disturbed(request, disturbance) if disturbance else self._plain(request)
        self.operations[f"{operation} {answer.status}"] += 1
        if self.watchers:
            event = {"event": "request", "operation": operation, "path": request.path, "status": answer.status}
            self.tell(event | (self._counts(found[2]["job"]) if found and operation == "job" else {}))
        return answer

    def accept(self, reading: Reading, operation: str, plugin: str, number: str, lag_ms: int = 0) -> Message:
        """Put a message on the list of accepted ones."""
        message = self.messages.accept(reading, operation, plugin, number, lag_ms)
        self.on_message(message)
        if self.watchers:
            self.tell({"event": "message", "message": message.to_json()})
        return message

    def refuse(self, seconds: float) -> None:
        """Take no new connection for so long."""
        self._refusing_until = self.clock.now() + timedelta(seconds=seconds)
        if self.on_refuse:
            self.on_refuse(seconds)

    def refusing(self) -> bool:
        return self._refusing_until is not None and self.clock.now() < self._refusing_until

    def tell(self, event: dict[str, Any]) -> None:
        """Hand an event to whoever watches the stream."""
        for watcher in tuple(self.watchers):
            watcher(event)

    def report(self) -> dict[str, Any]:
        """What was asked, what was accepted and which faults struck, in counts."""
        twice = sum(1 for count in self.messages.op_ids().values() if count > 1)
        return {
            "seed": self.seed,
            "accepted": len(self.messages),
            "accepted_twice": twice,
            "requests": dict(self.requests),
            "operations": dict(self.operations),
            "faults": self.faults.report(),
        }

    def clear_report(self) -> None:
        """Begin counting requests anew; accepted messages stay."""
        self.requests.clear()
        self.operations.clear()

    def _disturbed(self, request: Request, disturbance: Disturbance) -> Answer:
        replaced, malformed = disturbance.replaced, disturbance.malformed
        if replaced:
            if replaced.accepted:
                self._plain(request, disturbance.listing_lag_ms)
            return _as_status(replaced)
        if malformed and malformed.form == "errors":
            return as_json({"_data": None, "_errors": ["The simulator was told to fail."]})
        answer = self._plain(request, disturbance.listing_lag_ms)
        return _malformed(malformed, answer) if malformed and answer.status == 200 else answer

    def _plain(self, request: Request, lag_ms: int = 0) -> Answer:
        found = route(request.method, request.path)
        if found is None:
            return not_found()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token not in self.settings.tokens:
            return as_errors(401, "Unauthorized")
        seconds = self._buckets.wait_for(token) if self._buckets else 0
        if seconds:
            return as_errors(429, "Too many requests", headers={"retry-after": str(seconds)})
        return found[1](self, request, found[2], lag_ms)

    def _counts(self, job: str) -> dict[str, Any]:
        known = any(one.id == job for one in self.jobs)
        return {"job": job, "counts": self.jobs.counts(job) if known else {}}


def _as_status(fault: Status) -> Answer:
    headers = {"retry-after": f"{fault.retry_after:g}"} if fault.retry_after else {}
    if fault.status in _BODILESS:
        return Answer(fault.status, b"", headers=headers)
    if fault.code:
        return as_json(error_body(fault.code, fault.text), fault.status, headers)
    return as_errors(fault.status, fault.text, headers=headers)


def _malformed(fault: Malformed, answer: Answer) -> Answer:
    if fault.form == "html":
        return as_text(_HTML, 200, "text/html; charset=utf-8")
    if fault.form == "truncated":
        return Answer(200, answer.body[: len(answer.body) // 2])
    if fault.form == "no_id":
        return as_json({"_data": {}})
    return Answer(200, b"" if fault.form == "empty" else b"\xff\xfe not json {")
