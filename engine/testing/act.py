"""An action that somebody calls by its name alone, as a program of one step."""

from __future__ import annotations

from engine.plugin import Action
from engine.rules.model import Program, content_hash
from engine.values import Json

DATA, ANSWER = "data", "answer"


def act(kind: type[Action]) -> Program:
    """The program, named as the action is: it takes its variable `data` for the step and gives the action's answer."""
    steps: list[Json] = [{"do": "action", "action": kind.name, "data": f"{{{{ {DATA} }}}}"}]
    if kind.responds:
        steps[0]["response_variable"] = ANSWER
        steps.append({"do": "stop", "stop": "", "response_variable": ANSWER})
    body: dict[str, Json] = {"id": kind.name, "alias": kind.name, "mode": "parallel", "variables": {}}
    body |= {"triggers": [], "conditions": [], "actions": steps}
    return Program(content_hash(body), kind.name, kind.name, body, ())
