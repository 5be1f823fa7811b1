from __future__ import annotations

import pytest

from engine.plugin import Fact, FactKind, Facts, FieldError, Fire
from tests.snapshot import NOW, Snapshot
from tests.triggers.listening import heard, listening, rule
from triggers.homeassistant import HomeAssistant


@pytest.mark.parametrize("event", ["start", "shutdown"])
def test_it_watches_for_start_or_shutdown_and_says_which_it_was(event: FactKind) -> None:
    trigger = HomeAssistant({"event": event})
    assert trigger.watches(Snapshot()) == [Facts(event)]
    assert trigger.decide(None, Fact(event, "", {}, NOW), Snapshot()).verdict == Fire({"event": event})


def test_another_event_is_refused_with_a_near_one() -> None:
    with pytest.raises(FieldError, match='did you mean "start"'):
        HomeAssistant({"event": "started"})


async def test_start_comes_once_when_rulewheel_has_started_and_never_because_rules_were_read_again() -> None:
    trigger = "{trigger: homeassistant, event: start}"
    async with listening(trigger) as w:
        assert [told["event"] for told in heard(w)] == ["start"]
        await w.load({"a.yaml": rule(trigger, "  variables: {x: 1}\n")})
        assert len(heard(w)) == 1
        await w.restart()
        assert len(heard(w)) == 2


async def test_shutdown_comes_when_rulewheel_is_about_to_stop() -> None:
    async with listening("{trigger: homeassistant, event: shutdown}") as w:
        assert heard(w) == []
        await w.engine.intake.take(("shutdown", "shutdown"), Fact("shutdown", "shutdown", {}, w.now))
        await w.advance(0)
        assert [told["event"] for told in heard(w)] == ["shutdown"]
