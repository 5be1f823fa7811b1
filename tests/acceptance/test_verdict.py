"""The judge of the kill loop sees every way in which a send may be told of wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, ProblemRecord
from tests.acceptance.verdict import Taken, judge
from tests.engine.journal.records import NOON, effect

UNSURE = ProblemRecord("sends/unsure", "sends-unsure", "1 send is unsure", NOON, None)


@pytest.mark.parametrize(
    ("state", "if_unsure", "taken", "shown", "faults"),
    [
        ("accepted", "hold", 1, False, []),
        ("accepted", "hold", 2, False, ["sent twice"]),
        ("accepted", "hold", 0, False, ["shown as accepted, but never taken"]),
        ("refused", "hold", 1, False, ["taken, but shown as not sent"]),
        ("unsure", "hold", 0, True, []),
        ("unsure", "hold", 0, False, ["unsure, but no problem"]),
        ("unsure", "hold", 1, True, ["taken, but never found"]),
        ("unsure", "send_again", 0, True, ["unsure under send_again"]),
        ("dropped", "drop", 0, False, []),
        ("dropped", "drop", 1, False, ["taken, but never found"]),
    ],
)
async def test_a_send_is_judged_by_what_was_taken(
    tmp_path: Path, state: str, if_unsure: str, taken: int, shown: bool, faults: list[str]
) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db", owner="test")
    send = effect("1", state)._replace(if_unsure=if_unsure)
    await journal.commit(Changes(put=[send, *([UNSURE] if shown else [])]))
    verdict = await judge(journal, [], [Taken("1", "order 1")] * taken)
    await journal.close()
    assert [fault.partition(":")[0] for fault in verdict.faults] == faults
