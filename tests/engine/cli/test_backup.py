from __future__ import annotations

import stat
from datetime import timedelta

from engine.records import CommandRecord, DueRecord, EntityRecord, MemoryRecord
from tests.engine.cli.home import Home, said, told
from tests.engine.journal.records import NOON, effect, event, run


def filled(home: Home) -> None:
    home.keep(run("r1"), effect("op1", "waiting")._replace(recipient="+919876543210"), effect("op2", "unsure"))


def test_a_backup_comes_back_with_sending_stopped_and_says_what_may_repeat(home: Home) -> None:
    filled(home)
    key = home.folder / "state" / "webhook.key"
    key.write_bytes(b"a" * 32)
    text = told("backup", home.folder / "copy.db")
    assert "Written and found sound" in text
    assert stat.S_IMODE((home.folder / "copy.db").stat().st_mode) == 0o600
    key.write_bytes(b"b" * 32)
    text = told("restore", home.folder / "copy.db", "--replace")
    assert "Sending is stopped." in text
    assert "Runs that had not ended: 1" in text
    assert "+9198…210  op1    waited to be tried again; may have been sent since" in text
    assert "nobody knew whether it arrived" in text
    assert "9876543210" not in text
    assert key.read_bytes() == b"a" * 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [each.read_bytes() for each in key.parent.glob("webhook.key.before-*")] == [b"b" * 32]
    assert "resume-sending" in told("restore", home.folder / "copy.db", "--replace")


def test_no_backup_is_overwritten_and_no_state_replaced_unasked(home: Home) -> None:
    filled(home)
    told("backup", home.folder / "copy.db")
    again = said("backup", home.folder / "copy.db")
    assert again.exit_code == 2
    assert "no backup is overwritten" in again.stderr
    result = said("restore", home.folder / "copy.db")
    assert result.exit_code == 2
    assert "--replace" in result.stderr


def test_without_a_state_there_is_nothing_to_back_up(home: Home) -> None:
    result = said("backup", home.folder / "copy.db")
    assert result.exit_code == 2
    looked = home.folder / "state" / "journal.db"
    assert f"error[no-state]: There is no state file to back up: {looked} is not there\n" in result.stderr
    assert "  = help: look at state: in " in result.stderr


def test_what_may_repeat_is_listed_by_name(home: Home) -> None:
    waits = {"token": "1.2", "kind": "delay", "data": {}}
    frames = [{"id": 1, "parent": None, "path": "actions", "at": 2, "wait": waits}]
    home.keep(
        run("r1")._replace(body={"frames": frames}),
        run("r2", "queued"),
        DueRecord("run/r1/1.2", "run", NOON + timedelta(hours=1), {"run": "r1", "token": "1.2"}),
        DueRecord("hold/late/t/x", "hold", NOON, {"rule": "late", "key": "+14155550123"}),
        DueRecord("schedule/at_nine/t/09:00:00", "schedule", NOON, {}),
        event("e1"),
        EntityRecord("job.j7", "running", {}, NOON, NOON),
        MemoryRecord("many_errors", "t", "j7", {"inside": False}),
    )
    told("backup", home.folder / "copy.db")
    lines = [" ".join(line.split()) for line in told("restore", home.folder / "copy.db", "--replace").splitlines()]
    assert "2026-03-29 12:00:00 welcome r1 action/2 for its delay, until 2026-03-29 13:00:00" in lines
    assert "2026-03-29 12:00:00 welcome r2 queued" in lines
    assert "2026-03-29 12:00:00 late +1415…123" in lines
    assert "2026-03-29 12:00:00 at_nine" in lines
    assert "2026-03-29 12:00:00 welcome +91" in lines
    assert "2026-03-29 12:00:00 j7 running many_errors" in lines


def test_a_long_list_is_cut_and_says_so(home: Home) -> None:
    home.keep(*[run(f"r{number:03}") for number in range(53)])
    told("backup", home.folder / "copy.db")
    text = told("restore", home.folder / "copy.db", "--replace")
    assert "r049" in text
    assert "r050" not in text
    assert "… and 3 more" in text


def test_where_nothing_was_under_way_that_is_said(home: Home) -> None:
    home.keep(run("r1", "done"))
    told("backup", home.folder / "copy.db")
    assert "Nothing was under way" in told("restore", home.folder / "copy.db", "--replace")


def test_what_is_no_backup_is_refused_with_what_to_do(home: Home) -> None:
    letter = home.folder / "letter.txt"
    letter.write_text("Dear aunt, " * 500)
    result = said("restore", letter)
    assert result.exit_code == 2
    assert "error[state-damaged]" in result.stderr
    assert "  = help: restore another backup" in result.stderr


def test_sending_is_stopped_and_resumed_by_commands_for_the_daemon(home: Home) -> None:
    home.keep()
    assert "Sending is stopped" in told("stop-sending")
    assert [each.kind for each in home.kept(CommandRecord)] == ["stop-sending"]
    assert "No daemon runs now" in told("resume-sending")
    assert [each.kind for each in home.kept(CommandRecord)] == ["resume-sending"]


def test_of_stops_and_resumes_that_nobody_has_taken_up_yet_the_last_one_counts(home: Home) -> None:
    home.keep()
    for kind in ("resume-sending", "stop-sending", "resume-sending", "stop-sending"):
        told(kind)
    assert [each.kind for each in home.kept(CommandRecord)] == ["stop-sending"]
