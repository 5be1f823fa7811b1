from __future__ import annotations

import pytest

from engine.plugin import Fact, FactKind, Facts, FieldError, Fire
from tests.snapshot import NOW, Snapshot
from triggers.homeassistant import HomeAssistant


@pytest.mark.parametrize("event", ["start", "shutdown"])
def test_it_watches_for_start_or_shutdown_and_says_which_it_was(event: FactKind) -> None:
    trigger = HomeAssistant({"event": event})
    assert trigger.watches(Snapshot()) == [Facts(event)]
    assert trigger.decide(None, Fact(event, "", {}, NOW), Snapshot()).verdict == Fire({"event": event})


def test_another_event_is_refused_with_a_near_one() -> None:
    with pytest.raises(FieldError, match='did you mean "start"'):
        HomeAssistant({"event": "started"})
