"""Records with every field filled, for tests that change only what they speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from engine.records import CommandRecord, DueRecord, EffectRecord, EventRecord, RunRecord, StepRecord

NOON = datetime(2026, 3, 29, 12, 0, 0, 123_456, tzinfo=UTC)


def event(id: str, state: str = "new") -> EventRecord:  # noqa: A002
    return EventRecord(id, "welcome", "p1", "t1", "+91", {"count": 26, "text": "नमस्ते \ud800"}, NOON, state)


def run(id: str, state: str = "running", rule: str = "welcome") -> RunRecord:  # noqa: A002
    return RunRecord(id, "e1", rule, "p1", "+91", state, "", "", NOON, None, 1, {"frames": []})


def step(run_id: str, seq: int) -> StepRecord:
    return StepRecord(run_id, seq, "actions[0]", "action", NOON, "sent", "because", {"seen": [1, None, True]})


def effect(op_id: str, state: str = "queued", run_id: str = "r1") -> EffectRecord:
    return EffectRecord(
        op_id, run_id, "tok", "welcome", "chakra", "send", {"to": "x"}, {}, "x", True, False, 2.5, state,
        NOON, NOON + timedelta(seconds=10), None, None, 0, "", None, None,
    )  # fmt: skip


def due(key: str, seconds: float) -> DueRecord:
    return DueRecord(key, "delay", NOON + timedelta(seconds=seconds), None)


def command(id: str) -> CommandRecord:  # noqa: A002
    return CommandRecord(id, "watch-job", {"job": "j1"}, NOON)
