"""Keys of a rule that contradict each other, or its triggers: each is right by itself, together they cannot work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.judge import Fault
from engine.plugin import Trigger
from engine.values import Json

Kinds = Mapping[str, type[Trigger]]


def contradictions(body: Mapping[str, Json], triggers: Sequence[Trigger], known: Kinds) -> Iterable[Fault]:
    """What is wrong between the keys of a rule; `triggers` are its own if all could be made, `known` all kinds."""
    yield from _with_digest(body)
    if not triggers:
        return
    if body.get("resolved") and not any(trigger.ends for trigger in triggers):
        message = '"resolved" is for when something is over, and no trigger of this rule ever says that something is'
        ending = [name for name, kind in known.items() if kind.ends is not Trigger.ends]
        expected = f"a trigger that knows an end: {', '.join(sorted(ending))} (of some, only if they wait for a state)"
        remedy = "take resolved out, or use one of these triggers"
        yield Fault(("resolved",), "never-over", message, expected, remedy, at_key=True)
    if "missed" in body and not any(trigger.keeps_time for trigger in triggers):
        message = '"missed" speaks of times that passed, and no trigger of this rule fires at a time'
        remedy = "take it out; what other triggers wait for is not missed, or cannot be known any more"
        timed = sorted(name for name, kind in known.items() if kind.keeps_time)
        yield _warning("missed", message, remedy, f"a trigger that fires at times: {', '.join(timed)}")


def _with_digest(body: Mapping[str, Json]) -> Iterable[Fault]:
    """What cannot stand beside `digest`."""
    if "digest" not in body:
        return
    against = {
        "cooldown": "a rule that rests would throw a whole digest away; digest itself says how often the rule runs",
        "resolved": "a digest is about many events, and nobody could say when it is over",
    }
    for key, why in against.items():
        if key in body:
            remedy = f'take "{key}" or "digest" out: {why}'
            also = ((("digest",), '"digest" is here'),)
            message = f'"{key}" and "digest" do not go together'
            yield Fault((key,), "not-together", message, remedy=remedy, at_key=True, also=also)
    if body.get("mode") == "single":
        message = "with mode: single a digest is thrown away when the rule is still at work on the one before it"
        remedy = "take mode out; digests then wait for their turn"
        yield Fault(("mode",), "not-together", message, remedy=remedy)


def _warning(key: str, message: str, remedy: str, expected: str = "") -> Fault:
    return Fault((key,), "no-effect", message, expected, remedy, at_key=True, severity="warning")
