from __future__ import annotations

from datetime import timedelta

from engine.records import ProblemRecord
from tests.engine.cli.home import Home, data, told
from tests.engine.journal.records import NOON

OPEN = ProblemRecord("connection/chakra/token-refused", "token-refused", "Chakra refuses the token", NOON, None)
OVER = OPEN._replace(key="other", code="poll-failed", text="no answer", cleared=NOON + timedelta(hours=1))


def test_open_problems_are_listed_and_with_all_those_that_are_over(home: Home) -> None:
    home.keep(OVER, OPEN)
    head, only = told("problems").splitlines()
    assert head.split()[:3] == ["since", "until", "code"]
    assert only.split()[:4] == ["2026-03-29", "12:00:00", "now", "token-refused"]
    assert only.endswith("Chakra refuses the token → mend the token in secrets.yaml and restart rulewheel")
    assert data("problems")[0]["remedy"] == "mend the token in secrets.yaml and restart rulewheel"
    assert "12:00:00  2026-03-29 13:00:00  poll-failed    no answer" in told("problems", "--all")
    assert [problem["code"] for problem in data("problems", "--all")] == ["poll-failed", "token-refused"]


def test_no_problem_says_so(home: Home) -> None:
    home.keep(OVER)
    assert told("problems") == "Nothing needs mending.\n"
