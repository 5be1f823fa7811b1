"""Promises P1, P6, P7 and P8 under kill -9 at random moments; their short forms read the same loop."""

from __future__ import annotations

import json

from tests.promises.kills import loop


def test_after_thirty_kills_nothing_is_lost_nothing_was_sent_twice_and_every_send_is_accounted_for() -> None:
    report = loop(long=False)
    print(json.dumps(report.to_json()))
    assert report.verdict.faults == []
    assert report.accepted > 200
    assert set(report.verdict.states) <= {"accepted", "refused", "unsure", "dropped"}
