"""A run as a tree of frames: where it is, what its leaves wait for, and its variables.

A frame is one sequence of steps under way. A leaf that waits has a token; outcomes and due times arrive as inbox rows
that name it. The whole is plain data (`RunRecord.body`), so that a run resumes at its step after any restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.values import Json

ROOT = "actions"
ON_ERROR = "on_error"
FINALLY = "finally"
GATHERING = "digest"


@dataclass(slots=True)
class Wait:
    """What a leaf waits for: `kind` is outcome, delay, retry or trigger; `data` is the step's own."""

    token: str
    kind: str
    data: dict[str, Json]


@dataclass(slots=True)
class Frame:
    """One sequence: the path of its list of steps in the program, and the index of the step it is at.

    `step` is what the step that it is at remembers while sequences inside it run; `own` are variables that only this
    sequence and those inside it see (`repeat`, and `wait` in a branch of `parallel`).
    """

    id: int
    parent: int | None
    path: str
    at: int = 0
    wait: Wait | None = None
    step: dict[str, Json] | None = None
    own: dict[str, Json] = field(default_factory=dict)

    @property
    def step_path(self) -> str:
        """The path of the step it is at, such as `actions/1/then/0`."""
        return f"{self.path}/{self.at}"


@dataclass(slots=True)
class Body:
    """The changeable part of a run. `failure` is set while `on_error` steps run: outcome and reason of what failed.
    `gathering` is set while a digest gathers: how large its events are, and the key that it will have.
    `closing` is set while `finally` steps run: how the run ended before, and whether their time is bounded (`cut`).

    `late` is by how many seconds its waits were overrun, because rulewheel was not there when they ended; `lines` are
    the newest lines of the trace of each step that is repeated; `call` says who called the run and waits for its end;
    `this` is how the rule stood when it was triggered; `contacts` are the numbers to which its last message went.
    """

    trigger: Mapping[str, Json]
    variables: dict[str, Json]
    frames: list[Frame]
    made: int = 0
    steps: int = 0
    failure: dict[str, Json] | None = None
    closing: dict[str, Json] | None = None
    gathering: dict[str, Json] | None = None
    response: Json = None
    late: float = 0.0
    lines: dict[str, list[int]] = field(default_factory=dict)
    call: Mapping[str, Json] | None = None
    this: Json = None
    contacts: list[str] = field(default_factory=list)

    def fresh(self) -> int:
        """A number that nothing in this run had before."""
        self.made += 1
        return self.made

    def enter(self, path: str, parent: Frame | None = None, own: dict[str, Json] | None = None) -> Frame:
        """Begins the sequence at `path`."""
        frame = Frame(self.fresh(), parent.id if parent else None, path, own=own or {})
        self.frames.append(frame)
        return frame

    def parent(self, frame: Frame) -> Frame | None:
        """The frame whose present step holds this sequence; None for the outermost."""
        return next((other for other in self.frames if other.id == frame.parent), None)

    def above(self, frame: Frame) -> list[Frame]:
        """The frame and those that hold it, the outermost first."""
        found: list[Frame] = []
        here: Frame | None = frame
        while here is not None:
            found.append(here)
            here = self.parent(here)
        return found[::-1]

    def ready(self) -> Frame | None:
        """A leaf that can go on now, or None."""
        parents = {frame.parent for frame in self.frames}
        return next((frame for frame in self.frames if frame.wait is None and frame.id not in parents), None)

    def waiting(self, token: str) -> Frame | None:
        """The leaf that waits for this token, or None when the token is stale."""
        return next((frame for frame in self.frames if frame.wait and frame.wait.token == token), None)

    def tokens(self) -> list[str]:
        """All tokens that leaves wait for."""
        return [frame.wait.token for frame in self.frames if frame.wait]


def shown_path(path: str) -> str:
    """A path as traces show it, in Home Assistant's words: `action/1/then/0` (semantics section 12)."""
    return ROOT.removesuffix("s") + path.removeprefix(ROOT) if path.startswith(ROOT) else path


def begun(trigger: Mapping[str, Json], variables: dict[str, Json]) -> Body:
    """The body of a run that stands before its first step."""
    body = Body(trigger, variables, [])
    body.enter(ROOT)
    return body


def packed(body: Body) -> Json:
    """The body as plain data."""
    return {
        "trigger": body.trigger,
        "variables": body.variables,
        "frames": [_packed_frame(frame) for frame in body.frames],
        "made": body.made,
        "steps": body.steps,
        "failure": body.failure,
        "closing": body.closing,
        "gathering": body.gathering,
        "response": body.response,
        "late": body.late,
        "lines": body.lines,
        "call": body.call,
        "this": body.this,
        "contacts": body.contacts,
    }


def unpacked(data: Mapping[str, Any]) -> Body:
    """The body from plain data; the data itself is left as it is."""
    return Body(
        trigger=data["trigger"],
        variables=dict(data["variables"]),
        frames=[_unpacked_frame(frame) for frame in data["frames"]],
        made=data["made"],
        steps=data["steps"],
        failure=data["failure"],
        closing=data.get("closing"),
        gathering=data.get("gathering"),
        response=data["response"],
        late=data.get("late", 0.0),
        lines={path: list(lines) for path, lines in data.get("lines", {}).items()},
        call=data.get("call"),
        this=data.get("this"),
        contacts=list(data.get("contacts", ())),
    )


def _packed_frame(frame: Frame) -> Json:
    wait = {"token": frame.wait.token, "kind": frame.wait.kind, "data": frame.wait.data} if frame.wait else None
    packed: dict[str, Json] = {"id": frame.id, "parent": frame.parent, "path": frame.path, "at": frame.at, "wait": wait}
    if frame.step is not None:
        packed["step"] = frame.step
    if frame.own:
        packed["own"] = frame.own
    return packed


def _unpacked_frame(data: Mapping[str, Any]) -> Frame:
    found = data["wait"]
    wait = Wait(found["token"], found["kind"], dict(found["data"])) if found else None
    step = data.get("step")
    own = dict(data.get("own", {}))
    return Frame(data["id"], data["parent"], data["path"], data["at"], wait, step and dict(step), own)


def steps_at(program: Mapping[str, Json], path: str) -> list[Json]:
    """The list of steps at a path of the program, such as `actions/1/then`."""
    found: Any = program
    for part in path.split("/"):
        found = found[int(part)] if isinstance(found, list) else found.get(part, [])
    steps: list[Json] = found
    return steps


__all__ = [
    "FINALLY",
    "GATHERING",
    "ON_ERROR",
    "ROOT",
    "Body",
    "Frame",
    "Wait",
    "begun",
    "packed",
    "shown_path",
    "steps_at",
    "unpacked",
]
