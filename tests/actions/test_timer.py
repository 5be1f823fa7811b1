from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.testing import World
from engine.values import Json
from tests.living import do, rule, state, world

CALL = "timer: {call: {duration: '00:01:00'}}"
ACTIONS = ("timer.start", "timer.pause", "timer.cancel", "timer.finish", "timer.change")
TOLD = ("started", "restarted", "paused", "cancelled", "finished", "changed")


def told(w: World) -> list[tuple[str, int]]:
    """What the timers have told, each with the seconds since the world began."""
    begin = w.events("begin")[0].at if w.events("begin") else datetime.fromisoformat("2026-03-02T09:00:00+00:00")
    events = [event for what in TOLD for event in w.events(f"timer.{what}")]
    events.sort(key=lambda event: event.at)
    return [(event.type.removeprefix("timer."), int((event.at - begin).total_seconds())) for event in events]


async def act(w: World, verb: str, **data: Json) -> tuple[str, str]:
    return await do(w, f"timer.{verb}", {"entity_id": "timer.call", **data})


def attributes(w: World) -> dict[str, Any]:
    found = w.state("timer.call")
    assert found is not None
    return dict(found.attributes)


async def test_a_timer_runs_down_and_says_when_it_is_finished() -> None:
    async with world(CALL, *ACTIONS) as w:
        assert (state(w, "timer.call"), attributes(w)) == ("idle", {"editable": False, "duration": "0:01:00"})
        await act(w, "start")
        assert state(w, "timer.call") == "active"
        assert attributes(w) == {
            "editable": False,
            "duration": "0:01:00",
            "remaining": "0:01:00",
            "finishes_at": "2026-03-02T09:01:00+00:00",
        }
        await w.advance(59)
        assert state(w, "timer.call") == "active"
        await w.advance(1)
        assert (state(w, "timer.call"), attributes(w)) == ("idle", {"editable": False, "duration": "0:01:00"})
        assert told(w) == [("started", 0), ("finished", 60)]
        (event,) = w.events("timer.finished")
        assert event.data == {"entity_id": "timer.call", "finished_at": "2026-03-02T09:01:00+00:00"}
        assert w.events("timer.started")[0].data == {"entity_id": "timer.call"}


async def test_a_timer_can_be_started_for_another_time_and_is_itself_again_afterwards() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start", duration="00:00:10")
        assert (attributes(w)["duration"], attributes(w)["remaining"]) == ("0:00:10", "0:00:10")
        await w.advance(10)
        assert attributes(w)["duration"] == "0:01:00"
        assert told(w) == [("started", 0), ("finished", 10)]


async def test_an_active_timer_that_is_started_begins_anew() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(40)
        await act(w, "start")
        await w.advance(59)
        assert state(w, "timer.call") == "active"
        await w.advance(1)
        assert told(w) == [("started", 0), ("restarted", 40), ("finished", 100)]


async def test_a_timer_that_was_paused_goes_on_with_what_was_left() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(20)
        await act(w, "pause")
        assert (state(w, "timer.call"), attributes(w)["remaining"]) == ("paused", "0:00:40")
        assert "finishes_at" not in attributes(w)
        await w.advance(1000)
        assert state(w, "timer.call") == "paused"
        await act(w, "start")
        await w.advance(39)
        assert state(w, "timer.call") == "active"
        await w.advance(1)
        assert told(w) == [("started", 0), ("paused", 20), ("restarted", 1020), ("finished", 1060)]


async def test_a_timer_that_is_cancelled_never_finishes() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(20)
        await act(w, "cancel")
        assert (state(w, "timer.call"), attributes(w)) == ("idle", {"editable": False, "duration": "0:01:00"})
        await w.advance(1000)
        assert told(w) == [("started", 0), ("cancelled", 20)]


async def test_a_timer_can_be_finished_before_its_time_and_only_once() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(20)
        await act(w, "finish")
        assert state(w, "timer.call") == "idle"
        await w.advance(1000)
        assert told(w) == [("started", 0), ("finished", 20)]
        assert w.events("timer.finished")[0].data["finished_at"] == "2026-03-02T09:01:00+00:00"


async def test_a_timer_that_is_idle_is_neither_paused_nor_finished_but_can_be_cancelled() -> None:
    async with world(CALL, *ACTIONS) as w:
        assert [(await act(w, verb))[0] for verb in ("pause", "finish", "cancel")] == ["finished"] * 3
        assert told(w) == [("cancelled", 0)]


async def test_an_active_timer_is_made_longer_and_shorter() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(20)
        await act(w, "change", duration=15)
        assert attributes(w)["remaining"] == "0:00:55"
        assert attributes(w)["finishes_at"] == "2026-03-02T09:01:15+00:00"
        await act(w, "change", duration="-00:00:45")
        await w.advance(10)
        assert told(w) == [("started", 0), ("changed", 20), ("changed", 20), ("finished", 30)]


@pytest.mark.parametrize(
    ("after", "duration", "reason"),
    [
        (20, 21, "timer.call runs 0:01:00 at most"),
        (20, -41, "timer.call has only 0:00:40 left"),
        (60, 5, "timer.call is idle; only an active timer can be changed"),
        (5, "long", "duration: expected a duration"),
    ],
)
async def test_a_change_that_makes_no_sense_fails_the_step(after: float, duration: Json, reason: str) -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(after)
        outcome, why = await act(w, "change", duration=duration)
        assert (outcome, reason in why) == ("error", True), why


async def test_a_restart_in_the_middle_changes_nothing() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(30)
        await w.restart()
        assert state(w, "timer.call") == "active"
        await w.advance(29)
        assert state(w, "timer.call") == "active"
        await w.advance(1)
        assert len(w.events("timer.finished")) == 1
        assert state(w, "timer.call") == "idle"


async def test_a_timer_that_ran_out_while_rulewheel_was_down_finishes_at_the_start_and_tells_rules() -> None:
    heard = "- {id: heard, triggers: [{trigger: event, event_type: timer.finished}], actions: [{event: heard}]}"
    async with world(CALL, *ACTIONS) as w:
        await w.load({"rules.yaml": rule("timer.start"), "heard.yaml": heard, "entities.yaml": CALL})
        await act(w, "start")
        w.clock.move(timedelta(days=1))
        await w.restart()
        assert state(w, "timer.call") == "idle"
        assert [event.data["finished_at"] for event in w.events("timer.finished")] == ["2026-03-02T09:01:00+00:00"]
        assert len(w.events("heard")) == 1


async def test_a_timer_without_a_duration_is_over_at_once() -> None:
    async with world("timer: {call: }", *ACTIONS) as w:
        await act(w, "start")
        assert (state(w, "timer.call"), told(w)) == ("idle", [("started", 0), ("finished", 0)])


async def test_a_timer_that_is_removed_never_finishes() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.load({"rules.yaml": ""})
        await w.advance(1000)
        assert (w.state("timer.call"), told(w)) == (None, [("started", 0)])


async def test_a_new_declaration_leaves_a_timer_running_and_counts_from_the_next_start() -> None:
    async with world(CALL, *ACTIONS) as w:
        await act(w, "start")
        await w.advance(10)
        await w.load({"entities.yaml": "timer: {call: {duration: 5, name: Call}}"})
        assert (state(w, "timer.call"), attributes(w)["friendly_name"]) == ("active", "Call")
        assert attributes(w)["duration"] == "0:01:00"
        await w.advance(50)
        assert (state(w, "timer.call"), attributes(w)["duration"]) == ("idle", "0:00:05")
        assert len(w.events("timer.finished")) == 1
