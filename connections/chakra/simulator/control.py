"""The control API under `/_simulator/`: what a test, a demo or a benchmark in another process asks and sets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from connections.chakra.simulator.answers import Answer, Request, as_json, not_found
from connections.chakra.simulator.simulator import Simulator
from engine.problem import Problem, ProblemError

PREFIX = "/_simulator/"
_BACKLOG = 10_000
_NDJSON = [(b"content-type", b"application/x-ndjson")]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def control(simulator: Simulator, request: Request) -> Answer:
    """Answer one control call; a body that does not fit gives 400 and its problems."""
    handler = _HANDLERS.get((request.method, request.path.removeprefix(PREFIX)))
    if handler is None:
        return not_found()
    try:
        return as_json(handler(simulator, request))
    except ProblemError as error:
        return as_json({"problems": [problem.to_json() for problem in error.problems]}, 400)


def state(simulator: Simulator) -> dict[str, Any]:
    """Everything in short: where, seed, jobs with their counts, how many messages, which templates, which faults."""
    return {
        "url": simulator.url,
        "seed": simulator.seed,
        "jobs": {job.id: simulator.jobs.counts(job.id) for job in simulator.jobs},
        "accepted": len(simulator.messages),
        "templates": [f"{template.name} ({template.language})" for template in simulator.templates],
        "faults": simulator.faults.report(),
    }


def _state(simulator: Simulator, request: Request) -> Any:
    return state(simulator)


def _messages(simulator: Simulator, request: Request) -> Any:
    since = request.query.get("since", "0")
    if not since.isdigit():
        raise ProblemError(Problem("bad-since", "`since` is not the number of a message", remedy="Give `?since=12`."))
    found = [message.to_json() for message in simulator.messages.since(int(since))]
    return {"count": len(simulator.messages), "messages": found}


def _requests(simulator: Simulator, request: Request) -> Any:
    return dict(simulator.requests)


def _report(simulator: Simulator, request: Request) -> Any:
    return simulator.report()


def _clear_report(simulator: Simulator, request: Request) -> Any:
    simulator.clear_report()
    return {}


def _add_jobs(simulator: Simulator, request: Request) -> Any:
    jobs = [simulator.jobs.load(one) for one in _items(request)]
    return {"jobs": {job: simulator.jobs.counts(job) for job in jobs}}


def _add_faults(simulator: Simulator, request: Request) -> Any:
    simulator.faults.add(*_items(request))
    return {"faults": simulator.faults.report()}


def _clear_faults(simulator: Simulator, request: Request) -> Any:
    simulator.faults.clear()
    return {"faults": []}


def _add_templates(simulator: Simulator, request: Request) -> Any:
    return {"templates": [simulator.templates.add(one).to_json() for one in _items(request)]}


def _items(request: Request) -> list[Any]:
    body = request.json()
    items = body if isinstance(body, list) else [body]
    if not all(isinstance(item, dict) for item in items):
        raise ProblemError(
            Problem("bad-body", "the body is no JSON object", expected="a JSON object or a list of them")
        )
    return items


_HANDLERS: dict[tuple[str, str], Callable[[Simulator, Request], Any]] = {
    ("GET", "state"): _state,
    ("GET", "messages"): _messages,
    ("GET", "requests"): _requests,
    ("GET", "report"): _report,
    ("DELETE", "report"): _clear_report,
    ("POST", "jobs"): _add_jobs,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "templates"): _add_templates,
}


async def stream(simulator: Simulator, receive: Receive, send: Send) -> None:
    """Events as newline-separated JSON, first the state, until the reader goes away or falls far behind."""
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def watch(event: dict[str, Any]) -> None:
        if queue.qsize() < _BACKLOG:
            queue.put_nowait(event)
        else:
            simulator.watchers.discard(watch)
            queue.put_nowait(None)

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        queue.put_nowait(None)

    gone = asyncio.create_task(until_gone())
    simulator.watchers.add(watch)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _NDJSON})
        event: dict[str, Any] | None = {"event": "state", **state(simulator)}
        while event is not None:
            line = json.dumps(event, ensure_ascii=False).encode() + b"\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})
            event = await queue.get()
        await send({"type": "http.response.body", "body": b""})
    finally:
        simulator.watchers.discard(watch)
        gone.cancel()
