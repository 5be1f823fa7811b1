"""Quiet hours: when a message may not leave, in the zone of its contact or of the rule (promise P13).

An effect keeps its rule's quiet hours with its caps, and there also whether they have held it: {"quiet": {"from", "to",
"weekdays", "zone", "then", "held"}}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from engine.calendar import instant_of
from engine.contact import zones_of
from engine.plugin import TIME_OF_DAY, WEEKDAY, WEEKDAYS, many
from engine.records import EffectRecord
from engine.runs.course import Course
from engine.values import Json

QUIET: Final = "quiet"
AGAIN: Final = "again"
"""The kind of the message to a run that quiet hours are over for one of its effects."""
LONGEST: Final = timedelta(days=8)
"""Where a contact's zones leave no common time within this, the first of them alone counts."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """An effect may not leave now: until when, whether it is held or dropped then, and why in words."""

    until: datetime
    drops: bool
    reason: str


def look(effect: EffectRecord, now: datetime, zone: tzinfo) -> Quiet | None:
    """Why an effect may not leave now by its quiet hours; None where it may. `zone` is that of the rules."""
    given = (effect.caps or {}).get(QUIET)
    if given is None:
        return None
    zones: Sequence[tzinfo] = zones_of(effect.recipient) if given["zone"] == "contact" else ()
    until = _free_at(given, now, zones or (zone,))
    if until <= now:
        return None
    seen = (zones or (zone,))[0]
    whose = f" for the contact ({seen})" if zones else ""
    reason = f"quiet hours{whose} until {until.astimezone(seen):%Y-%m-%d %H:%M}"
    return Quiet(until, given["then"] == "drop", reason)


def kept(course: Course) -> dict[str, Json]:
    """The quiet hours of the run's rule, or of its caller, as an effect keeps them. Raises StepFailed."""
    given = course.program.get("quiet_hours")
    if given is None:
        inherited = course.inherited().get(QUIET)
        return {} if inherited is None else {QUIET: inherited}
    found: dict[str, Json] = {"zone": given.get("zone", "contact"), "then": given.get("then", "hold"), "weekdays": None}
    for key in ("from", "to"):
        found[key] = course.setting(f"quiet_hours {key}", given[key], TIME_OF_DAY).isoformat()
    if "weekdays" in given:
        found["weekdays"] = course.setting("quiet_hours weekdays", given["weekdays"], many(WEEKDAY))
    return {QUIET: found}


def was_held(effect: EffectRecord) -> bool:
    """Whether quiet hours have held the effect."""
    return bool((effect.caps or {}).get(QUIET, {}).get("held"))


def held_caps(effect: EffectRecord) -> Json:
    """The effect's caps from now on: quiet hours have held it."""
    return {**effect.caps, QUIET: {**effect.caps[QUIET], "held": True}}


def _free_at(given: Mapping[str, Json], now: datetime, zones: Sequence[tzinfo]) -> datetime:
    """The first instant from now on that is quiet in none of the zones."""
    at = now
    while at < now + LONGEST:
        ends = [end for zone in zones if (end := _end(given, at, zone)) is not None]
        if not ends:
            return at
        at = max(ends)
    return at if len(zones) == 1 else _free_at(given, now, zones[:1])


def _end(given: Mapping[str, Json], at: datetime, zone: tzinfo) -> datetime | None:
    """When the quiet hours end in which this instant lies; None where it lies in none."""
    begin, over = time.fromisoformat(given["from"]), time.fromisoformat(given["to"])
    today = at.astimezone(zone).date()
    for day in (today - DAY, today):
        if given["weekdays"] is not None and WEEKDAYS[day.weekday()] not in given["weekdays"]:
            continue
        end_day = day if over > begin else day + DAY
        start, end = (instant_of(datetime.combine(*each), zone) for each in ((day, begin), (end_day, over)))
        if start <= at < end:
            return end
    return None
