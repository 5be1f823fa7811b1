"""`quiet_hours`: when no message leaves, and what becomes of one that is asked for then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.records import CommandRecord, EffectRecord
from engine.runs import quiet
from engine.testing import World
from engine.values import Json
from tests.engine.journal.records import effect

NIGHT = datetime(2026, 3, 2, 17, tzinfo=UTC)  # 22:30 in India
INDIAN, AMERICAN = "+919876543210", "+12125550104"
RULE = """
- id: r
  mode: parallel
  quiet_hours: {{from: "21:00", to: "08:00"{more}}}
  triggers: [{{trigger: event, event_type: go}}]
{keys}
  actions:
    - action: whatsapp.send_template
      data: {{to: "{to}", template: import_failed, body: ["1", "{{{{ trigger.event.data.n | default(0) }}}}"]}}
    - event: after
"""


def world(start: datetime = NIGHT) -> World:
    return World(start=start, time_zone="Asia/Kolkata", settings={"connections": {"chakra": {}}}, seed=1)


async def begun(w: World, more: str = "", keys: str = "", to: str = INDIAN) -> None:
    await w.load({"rules.yaml": RULE.format(more=more, keys=keys, to=to)})


async def left_at(w: World, until: float = 86_400) -> list[str]:
    """When messages left, in UTC, and how the world went on until then."""
    found: list[str] = []
    end = w.now + timedelta(seconds=until)
    while (at := w.next()) is not None and at <= end:
        await w.advance((at - w.now).total_seconds())
        found += [f"{w.now:%d %H:%M}"] * (len(w.messages) - len(found))
    return found


async def test_a_message_is_held_until_the_contacts_quiet_hours_are_over() -> None:
    async with world() as w:
        await begun(w)
        await w.fire("go")
        assert await left_at(w) == ["03 02:30"]
        (run,) = w.runs("r")
        assert run.outcome == "finished"
        assert "quiet hours are over" in next(step.reason for step in run.steps if step.result == "goes on")


async def test_outside_of_quiet_hours_a_message_leaves_at_once() -> None:
    async with world(NIGHT - timedelta(hours=4)) as w:
        await begun(w)
        await w.fire("go")
        assert len(w.messages) == 1


@pytest.mark.parametrize(("zone", "sent"), [("contact", 0), ("rule", 1)])
async def test_whose_clock_counts(zone: str, sent: int) -> None:
    async with world(datetime(2026, 3, 2, 4, tzinfo=UTC)) as w:  # 09:30 in India, 23:00 in New York
        await begun(w, f", zone: {zone}", to=AMERICAN)
        await w.fire("go")
        assert len(w.messages) == sent


async def test_what_comes_in_quiet_hours_may_be_dropped_and_the_run_goes_on() -> None:
    async with world() as w:
        await begun(w, ", then: drop")
        await w.fire("go")
        (run,) = w.runs("r")
        assert (run.outcome, len(w.messages), len(w.events("after"))) == ("finished", 0, 1)
        (line,) = [step.reason for step in run.steps if step.result == "cancelled"]
        assert line == "not sent: quiet hours for the contact (Asia/Kolkata) until 2026-03-03 08:00"


async def test_conditions_are_looked_at_again_when_quiet_hours_are_over() -> None:
    async with world() as w:
        await w.set_state("sensor.shop", "open")
        await begun(w, keys="  conditions: \"{{ is_state('sensor.shop', 'open') }}\"")
        await w.fire("go")
        await w.set_state("sensor.shop", "closed")
        assert await left_at(w) == []
        (run,) = w.runs("r")
        assert (run.outcome, len(w.events("after"))) == ("finished", 1)
        (line,) = [step.reason for step in run.steps if step.result == "cancelled"]
        assert line.startswith("not sent: when quiet hours were over, the conditions did not hold any more")


@pytest.mark.parametrize("when", [0, 3_600, 34_000])
async def test_a_restart_in_quiet_hours_changes_nothing(when: int) -> None:
    async with world() as w:
        await begun(w)
        await w.fire("go")
        await w.advance(when)
        await w.restart()
        assert await left_at(w) == ["03 02:30"]


async def test_the_time_that_is_held_does_not_count_for_valid_for() -> None:
    async with world() as w:
        await begun(w, keys="  valid_for: 60")
        await w.fire("go")
        assert await left_at(w) == ["03 02:30"]


async def test_what_was_held_is_spread_under_the_caps_of_the_rule() -> None:
    async with world() as w:
        await begun(w, keys="  max_sends: {hour: 2}")
        for n in range(5):
            await w.fire("go", {"n": n})
        found = await left_at(w)
        assert [at[3:5] for at in found] == ["02", "02", "03", "03", "04"]
        assert {run.outcome for run in w.runs("r")} == {"finished"}


async def test_a_rule_that_is_switched_off_in_quiet_hours_sends_nothing_after_them() -> None:
    async with world() as w:
        await begun(w)
        await w.fire("go")
        await w.turn_off("r")
        assert await left_at(w) == []


@pytest.mark.parametrize("goes_on", [False, True])
async def test_what_a_person_sends_again_at_night_leaves_in_the_morning_though_its_run_is_over(goes_on: bool) -> None:
    async with world(NIGHT - timedelta(hours=2)) as w:
        await begun(w, keys="  on_error: [{delay: {days: 1}}]" if goes_on else "")
        w.simulator.faults.add({"kind": "status", "status": 503, "times": 1})
        await w.fire("go")
        await w.advance(2 * 3600)
        (send,) = await w.journal.sends(limit=10)
        assert (send.state, w.running("r")) == ("unsure", int(goes_on))
        settle = CommandRecord("c", "settle", {"op_id": send.op_id, "verdict": "send-again"}, w.now)
        await w.engine.carry_out(settle)
        await w.advance(0)
        await w.restart()
        assert w.messages == []
        assert await left_at(w) == ["03 02:30"]


def effect_at_rest(**values: Any) -> EffectRecord:
    record: EffectRecord = effect("op", "queued")
    return record._replace(**values)


def quiet_until(at: datetime, zone: str, **more: Json) -> datetime:
    given = {"from": "21:00:00", "to": "08:00:00", "weekdays": None, "zone": "rule", "then": "hold", **more}
    found = quiet.look(effect_at_rest(caps={"quiet": given}), at, ZoneInfo(zone))
    return at if found is None else found.until


def test_a_night_is_quiet_from_its_first_minute_to_its_last() -> None:
    at = datetime(2026, 3, 2, 21, tzinfo=UTC)
    over = datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert quiet_until(at - timedelta(seconds=1), "UTC") == at - timedelta(seconds=1)
    assert quiet_until(at, "UTC") == over
    assert quiet_until(over - timedelta(seconds=1), "UTC") == over
    assert quiet_until(over, "UTC") == over


def test_weekdays_are_those_on_which_it_becomes_quiet() -> None:
    sunday = datetime(2026, 3, 1, 23, tzinfo=UTC)
    days = [quiet_until(sunday + timedelta(days=day), "UTC", weekdays=["sun"]).day for day in (0, 1)]
    assert days == [2, 2]
    assert quiet_until(sunday + timedelta(hours=8), "UTC", weekdays=["sun"]).hour == 8


def test_where_clocks_change_it_is_quiet_until_the_clock_shows_the_end() -> None:
    before = datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert quiet_until(before, "Europe/Berlin") == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert quiet_until(before, "Europe/Berlin", to="02:30:00") == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_in_a_country_with_many_zones_it_is_quiet_until_it_is_over_in_all_of_them() -> None:
    given = {"from": "21:00:00", "to": "08:00:00", "weekdays": None, "zone": "contact", "then": "hold"}
    effect = effect_at_rest(caps={"quiet": given}, recipient=AMERICAN)
    found = quiet.look(effect, datetime(2026, 3, 2, 13, 30, tzinfo=UTC), UTC)  # 08:30 in New York, 03:30 in Hawaii
    assert found is not None
    assert found.until == datetime(2026, 3, 2, 18, tzinfo=UTC)


def test_nothing_ever_leaves_at_a_quiet_time_whatever_the_hours_and_the_zone() -> None:
    seed = 7
    random = Random(seed)
    for _ in range(500):
        begin, end = random.sample(range(24 * 60), 2)
        hours = {"from": f"{begin // 60:02}:{begin % 60:02}:00", "to": f"{end // 60:02}:{end % 60:02}:00"}
        zone = random.choice(["Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=random.randrange(365 * 24 * 60))
        until = quiet_until(at, zone, **hours)
        wall = until.astimezone(ZoneInfo(zone))
        minute = wall.hour * 60 + wall.minute
        inside = begin <= minute < end if begin < end else not end <= minute < begin
        assert not inside, (seed, hours, zone, at)
        assert until - at <= timedelta(hours=26)
