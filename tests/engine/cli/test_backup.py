from __future__ import annotations

import stat

from engine.records import CommandRecord
from tests.engine.cli.home import Home, said, told
from tests.engine.journal.records import effect, run


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
    assert "1 run had not ended" in text
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
    assert "state:" in result.stderr


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
