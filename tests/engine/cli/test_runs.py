from __future__ import annotations

from datetime import timedelta

from engine.records import EntityRecord
from tests.engine.cli.home import Home, data, said, told
from tests.engine.journal.records import NOON, event, run, step


def filled(home: Home) -> None:
    ended = NOON + timedelta(seconds=2)
    first = run("r1", "ended")._replace(
        event="e1", outcome="finished", reason="all done for +919876543210", ended=ended
    )
    steps = [
        step("r1", 1)._replace(detail={"to": "+919876543210", "count": 26, "empty": ""}),
        step("r1", 2)._replace(path="actions[1]", reason="", detail=None),
        step("r1", 3)._replace(path="actions[2]", detail="only\x1b[2J words"),
    ]
    trigger = event("e1", "done")._replace(data={"count": 26, "phone": 919876543210, "name": "नमस्ते\x1b]0;x\ud800"})
    home.keep(trigger, first, *steps, run("r2", rule="other")._replace(event="gone"))


def test_runs_are_listed_newest_first_with_outcome_and_reason_in_the_zone_of_the_rules(home: Home) -> None:
    home.settings("sending: live\ntime_zone: Asia/Kolkata\n")
    filled(home)
    head, newest, oldest = told("runs").splitlines()
    assert head.split() == ["started", "rule", "outcome", "run", "reason"]
    assert newest.split() == ["2026-03-29", "17:30:00", "other", "running", "r2"]
    assert oldest.endswith("welcome  finished  r1   all done for +9198…210")


def test_runs_of_one_rule_and_no_more_than_asked_for(home: Home) -> None:
    filled(home)
    assert [each["id"] for each in data("runs")] == ["r2", "r1"]
    assert [each["id"] for each in data("runs", "--limit", "1")] == ["r2"]
    assert [each["id"] for each in data("runs", "--rule", "welcome")] == ["r1"]


def test_a_run_is_told_step_by_step_and_nothing_in_it_commands_the_terminal(home: Home) -> None:
    filled(home)
    text = told("runs", "r1")
    assert "rule     welcome" in text
    assert "outcome  finished: all done for +9198…210" in text
    assert '"count": 26' in text
    assert "12:00:00  actions[0]  action: sent, because\n    to: +9198…210\n    count: 26\n" in text
    assert "actions[1]  action: sent\n\n" in text
    assert text.endswith("    only [2J words\n")
    assert "\x1b" not in text
    assert "9876543210" not in text


def test_a_run_as_data_has_its_trigger_and_steps(home: Home) -> None:
    filled(home)
    found = data("runs", "r1")
    assert (found["outcome"], found["ended"]) == ("finished", "2026-03-29T12:00:02.123456+00:00")
    assert found["trigger"]["phone"] == "9198…210"
    assert [each["path"] for each in found["steps"]] == ["actions[0]", "actions[1]", "actions[2]"]


def test_a_run_that_is_under_way_and_whose_event_is_gone_is_told_as_far_as_known(home: Home) -> None:
    filled(home)
    text = told("runs", "r2")
    assert "ended    not yet" in text
    assert "trigger  null" in text


def test_an_unknown_run_says_where_ids_are_found(home: Home) -> None:
    filled(home)
    result = said("runs", "r9")
    assert result.exit_code == 2
    assert 'there is no run "r9"' in result.stderr
    assert "rulewheel runs" in result.stderr


def test_an_empty_journal_says_so(home: Home) -> None:
    home.keep()
    assert told("runs") == "No rule has run yet.\n"
    assert told("runs", "--rule", "welcome") == 'The rule "welcome" has not run yet.\n'
    assert data("runs") == []


def test_without_a_state_one_is_told_what_makes_it(home: Home) -> None:
    result = said("runs")
    assert result.exit_code == 2
    assert "There is no state at" in result.stderr
    assert "Start `rulewheel run` once" in result.stderr


def test_it_is_said_that_older_runs_were_removed(home: Home) -> None:
    filled(home)
    told_of = {"runs": 3, "runs_before": "2026-02-27T12:00:00+00:00"}
    home.keep(EntityRecord("rulewheel.pruned", NOON.isoformat(), told_of, NOON, NOON))
    last = told("runs").splitlines()[-1]
    assert last == "Older runs were removed on 2026-03-29 12:00:00: those that ended well before 2026-02-27 12:00:00."
