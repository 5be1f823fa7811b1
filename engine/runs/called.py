"""Runs of rules and scripts that a step, or a person, calls by name (semantics sections 2 and 8).

A called run knows who waits for it: when it ends, it puts its answer into the inbox of the caller, in its own commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.records import EventRecord, InboxRecord, RunRecord
from engine.rules.model import Program, is_script
from engine.values import Json

DEEPEST = 10
"""How many scripts may call each other in a row."""
_STATES = {"error": "refused", "unsure": "unsure", "expired": "expired"}
_BY_NAME: Mapping[str, Json] = {"id": None, "idx": None, "alias": None, "platform": None}


def called(
    program: Program,
    variables: Mapping[str, Json],
    row: str,
    at: datetime,
    *,
    skip_conditions: bool = True,
    caller: tuple[str, str] | None = None,
    waits: bool = True,
    stack: Sequence[str] = (),
    depth: int = 0,
    cause: str = "",
) -> EventRecord:
    """The event of a call: `caller` is the run and token that wait for its end, or only for its beginning.

    `stack` says who called whom until now.
    """
    run, token = caller or ("", "")
    data: dict[str, Json] = {**_BY_NAME, "description": "called by name" if caller else "triggered by hand"}
    data |= {"skip_conditions": skip_conditions, "variables": dict(variables)}
    data["call"] = {"run": run, "token": token, "stack": list(stack)}
    if caller and not waits:
        data["call"] = {"run": "", "token": "", "stack": list(stack), "begins": {"run": run, "token": token}}
    return EventRecord(row, program.rule, program.hash, "", "", data, at, "new", depth, cause)


def forbidden(program: Program, event: EventRecord) -> str:
    """Why a rule or script may not be called here, in words; empty where it may."""
    call = event.data.get("call") if event.trigger == "" else None
    stack = call["stack"] if call else []
    if program.rule in stack and program.body.get("mode") in ("queued", "restart"):
        return f"skipped: it calls itself: {' → '.join([*stack, program.rule])}"
    if len(stack) > DEEPEST:
        return f"skipped: more than {DEEPEST} calls in a row: {' → '.join([*stack, program.rule])}"
    return ""


def answer(call: Mapping[str, Json], run: RunRecord, response: Json, row: str) -> InboxRecord:
    """What the caller is told of a run that has ended, as of a request that has been answered.

    What a script cannot do fails its caller; what becomes of a rule is that rule's own affair.
    """
    state = _STATES.get(run.outcome, "accepted") if is_script(run.rule) else "accepted"
    told = {"op_id": run.id, "state": state, "reason": run.reason}
    told["answer"] = {} if response is None else response
    return InboxRecord(row, call["run"], call["token"], "outcome", told)


def begun(call: Mapping[str, Json], run: str, row: str) -> InboxRecord:
    """What the caller is told that does not wait for the end of a run: that there is one."""
    told = {"op_id": run, "state": "accepted", "reason": "it has begun", "answer": {}}
    return InboxRecord(row, call["begins"]["run"], call["begins"]["token"], "outcome", told)


def sees_trigger(program: Mapping[str, Json]) -> bool:
    """Whether templates of a run know `trigger`: a script is started by none."""
    return not is_script(str(program.get("id", "")))
