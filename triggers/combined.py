"""Triggers made of others: what does not come, what comes too often, and what comes in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine.plugin import (
    DURATION,
    Combined,
    Decision,
    Example,
    Fact,
    Fire,
    Hold,
    Json,
    Nothing,
    View,
    integer,
    required,
)

_ROOM = 64_000
"""Characters of JSON that the events of one key may fill together in memory; beyond, the oldest lose their data."""
_ALWAYS_TOLD = ("id", "idx", "alias", "platform", "description")
_MOST_STEPS = 10
_KEY = {"key": "The value of `per`; empty without it"}
_EVENT = "each is its `trigger`, with `at`, the time; of very large ones only the newest keep their data"


class Absence(Combined):
    """Fires when nothing of its triggers has come for so long: since the last time, or since the rule was loaded.

    It fires once, and again only after something came. With `per` each value is waited for by itself, from the first
    time that it comes; one that never came is not missed. The time goes on while rulewheel is restarted.
    """

    name = "absence"
    gives = {
        **_KEY,
        "last": "What came last: its `trigger`, with `last.at`, the time; null where nothing came yet",
        "for": "How long nothing came, such as 2:00:00",
    }
    for_ = required(DURATION, "How long nothing has to come")
    examples = (
        Example(
            "When the shop has been silent for two hours",
            "of:\n  - trigger: webhook\n    webhook_id: orders\nfor: {hours: 2}\n",
            gives=[
                (
                    {"idx": "0", "json": {"order": "A1"}},
                    {
                        "key": "",
                        "last": {"idx": "0", "json": {"order": "A1"}, "at": "2026-03-02T10:00:00+05:30"},
                        "for": "2:00:00",
                    },
                )
            ],
        ),
        Example(
            "When a till does not report for ten minutes, each for itself",
            'of:\n  - trigger: webhook\n    webhook_id: alive\nper: "{{ trigger.json.till }}"\nfor: {minutes: 10}\n',
            gives=[
                (
                    {"idx": "0", "json": {"till": 7}},
                    {
                        "key": "7",
                        "last": {"idx": "0", "json": {"till": 7}, "at": "2026-03-02T10:00:00+05:30"},
                        "for": "0:10:00",
                    },
                )
            ],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        return [*super().check(), *_not_zero("for", self.for_)]

    def begins(self, view: View) -> Mapping[str, Hold]:
        return {} if self.per is not None else {"": self._hold("", None)}

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        last = _shown([_entry(fact, view)])[0]
        return Decision(None, self._hold(fact.subject, last), f"it came; it is missed after {self.for_} without")

    def _hold(self, key: str, last: Json) -> Hold:
        return Hold(self.for_, Fire({"key": key, "last": last, "for": str(self.for_)}, key))


class Count(Combined):
    """Fires when its triggers have fired so many times within so long.

    Then it counts anew: the same occasions never count for two firings. With `per` it counts for each value by itself.
    """

    name = "count"
    gives = {**_KEY, "count": "How often: what `times` says", "events": f"What came, oldest first; {_EVENT}"}
    times = required(integer(2, 1000), "How many times")
    within = required(DURATION, "Within how long")
    examples = (
        Example(
            "Two failed payments within a day",
            "of:\n  - trigger: webhook\n    webhook_id: payment_failed\ntimes: 2\nwithin: {days: 1}\n",
            gives=[
                ({"idx": "0", "json": "a"}, None),
                (
                    {"idx": "0", "json": "b"},
                    {
                        "key": "",
                        "count": 2,
                        "events": [
                            {"idx": "0", "json": "a", "at": "2026-03-02T10:00:00+05:30"},
                            {"idx": "0", "json": "b", "at": "2026-03-02T10:00:00+05:30"},
                        ],
                    },
                ),
                ({"idx": "0", "json": "c"}, None),
            ],
        ),
        Example(
            "Three complaints of the same customer within ten minutes",
            "of:\n  - trigger: event\n    event_type: complaint\n"
            'per: "{{ trigger.event.data.customer }}"\ntimes: 3\nwithin: {minutes: 10}\n',
            gives=[({"event": {"data": {"customer": "Asha"}}}, None)],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        return [*super().check(), *_not_zero("within", self.within)]

    def is_outlived(self, memory: Json, view: View) -> bool:
        return not _recent(memory["events"], view.now - self.within)

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        entry = _entry(fact, view)
        known = _recent(memory["events"] if memory else [], view.now - self.within)
        if _is_among(entry, known):
            return Decision({"events": known}, Nothing(), "it came before and is not counted again")
        entries = [*known, entry]
        counted = [each for each in entries if "told" in each]
        if len(counted) < self.times:
            return Decision({"events": _lightened(entries)}, Nothing(), f"it came {len(counted)} of {self.times} times")
        told = {"key": fact.subject, "count": len(counted), "events": _shown(counted)}
        reason = f"it came {len(counted)} times within {self.within}"
        return Decision({"events": _done(entries)}, Fire(told, fact.subject), reason)


class InOrder(Combined):
    """Fires when its triggers have fired in the order in which they are written, all of them within so long.

    What comes in between does not matter. Of several ways the latest counts, and the same occasion never counts for
    two firings. With `per` each value has an order of its own.
    """

    name = "sequence"
    gives = {**_KEY, "events": f"What came, in order; {_EVENT}"}
    within = required(DURATION, "Within how long, from the first to the last")
    examples = (
        Example(
            "A payment that fails right after the order",
            "of:\n  - trigger: webhook\n    webhook_id: ordered\n  - trigger: webhook\n    webhook_id: payment_failed\n"
            'per: "{{ trigger.json.order }}"\nwithin: {minutes: 10}\n',
            gives=[
                ({"idx": "1", "json": {"order": 1}}, None),
                ({"idx": "0", "json": {"order": 1}}, None),
                (
                    {"idx": "1", "json": {"order": 1}},
                    {
                        "key": "1",
                        "events": [
                            {"idx": "0", "json": {"order": 1}, "at": "2026-03-02T10:00:00+05:30"},
                            {"idx": "1", "json": {"order": 1}, "at": "2026-03-02T10:00:00+05:30"},
                        ],
                    },
                ),
            ],
        ),
        Example(
            "Opened, then closed, then opened again within an hour",
            "of:\n  - {trigger: event, event_type: opened}\n  - {trigger: event, event_type: closed}\n"
            "  - {trigger: event, event_type: opened}\nwithin: {hours: 1}\n",
            gives=[({"idx": "0"}, None), ({"idx": "1"}, None)],
        ),
    )

    def check(self) -> list[tuple[str, str]]:
        faults = [*super().check(), *_not_zero("within", self.within)]
        if not faults and not 2 <= len(self.of) <= _MOST_STEPS:
            has = "one trigger is" if len(self.of) == 1 else f"{len(self.of)} triggers are"
            faults.append(("of", f"{has} no order; write from 2 to {_MOST_STEPS} below it"))
        return faults

    def is_outlived(self, memory: Json, view: View) -> bool:
        since = view.now - self.within
        begun = any(_recent(way[:1], since) for way in memory["ways"].values())
        return not begun and not _recent(memory["done"], since)

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        entry, since = _entry(fact, view), view.now - self.within
        ways = {steps: way for steps, way in (memory or {}).get("ways", {}).items() if _recent(way[:1], since)}
        done = _recent((memory or {}).get("done", []), since)
        if _is_among(entry, [*done, *(each for way in ways.values() for each in way)]):
            return Decision({"ways": ways, "done": done}, Nothing(), "it came before and is not counted again")
        step = int(fact.data["idx"])
        if step and str(step) not in ways:
            return Decision({"ways": ways, "done": done}, Nothing(), f"number {step + 1} came before number {step}")
        way = [*ways.get(str(step), []), entry]
        if len(way) < len(self.of):
            ways[str(len(way))] = _lightened(way)
            return Decision({"ways": ways, "done": done}, Nothing(), f"{len(way)} of {len(self.of)} came in order")
        told = {"key": fact.subject, "events": _shown(way)}
        left = {"ways": {}, "done": [*done, *_done([*way, *(each for w in ways.values() for each in w)])]}
        return Decision(left, Fire(told, fact.subject), f"all {len(way)} came in order")


def _entry(fact: Fact, view: View) -> dict[str, Json]:
    """What is remembered of an occasion: when, by what it is known when it comes twice, and what its trigger told."""
    return {"at": view.now.astimezone(view.zone).isoformat(), "key": fact.key, "told": dict(fact.data)}


def _recent(entries: Sequence[Json], since: datetime) -> list[Json]:
    """Those after a time, or right at it."""
    return [each for each in entries if datetime.fromisoformat(each["at"]) >= since]


def _is_among(entry: Json, entries: Sequence[Json]) -> bool:
    return entry["key"] is not None and any(each["key"] == entry["key"] for each in entries)


def _done(entries: Sequence[Json]) -> list[Json]:
    """What is remembered of occasions that have fired: by what they are known."""
    kept = {each["key"]: {"at": each["at"], "key": each["key"]} for each in entries if each["key"] is not None}
    return list(kept.values())


def _lightened(entries: Sequence[Json]) -> list[Json]:
    """The entries, the oldest without their data where all of them together are too large."""
    room, found = _ROOM, []
    for entry in reversed(entries):
        room -= len(json.dumps(entry, ensure_ascii=False))
        found.append(entry if room >= 0 or "told" not in entry else {**entry, "told": _least(entry["told"])})
    return found[::-1]


def _least(told: Json) -> dict[str, Json]:
    return {key: told[key] for key in _ALWAYS_TOLD if key in told}


def _shown(entries: Sequence[Json]) -> list[Json]:
    return [{**each["told"], "at": each["at"]} for each in _lightened(entries)]


def _not_zero(key: str, lasting: timedelta) -> list[tuple[str, str]]:
    return [] if lasting else [(key, "it must be longer than 0 seconds")]
