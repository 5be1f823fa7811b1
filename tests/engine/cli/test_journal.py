"""A state that cannot be used is told in words by every command that opens it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from engine.journal import file
from tests.engine.cli.home import Home, said
from tests.engine.journal.records import effect

COMMANDS = {
    "run": (),
    "runs": (),
    "sends": (),
    "problems": (),
    "settle": ("abcdef01", "--drop"),
    "stop-sending": (),
    "resume-sending": (),
    "watch-job": ("j7",),
    "backup": ("{folder}/copy.db",),
    "restore": ("{folder}/state/journal.db", "--replace"),
    "forget": ("+14155550123",),
}
WRONG = {
    "newer-state": "version 99",
    "not-a-state": "belongs to another program",
    "state-damaged": "not a state file",
}


@pytest.fixture
def wrong(home: Home, request: pytest.FixtureRequest) -> str:
    """A state file that is wrong in this way."""
    home.keep(effect("abcdef01", "unsure"))
    state = home.folder / "state" / "journal.db"
    if request.param == "state-damaged":
        state.write_bytes(b"this is a letter to my aunt, and no state at all. " * 100)
    else:
        with closing(sqlite3.connect(state)) as connection:
            pragma = "user_version = 99" if request.param == "newer-state" else "application_id = 1"
            connection.execute(f"PRAGMA {pragma}")
    return str(request.param)


@pytest.mark.parametrize("wrong", WRONG, indirect=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_state_that_cannot_be_used_is_a_problem_in_words(home: Home, wrong: str, command: str) -> None:
    state = home.folder / "state" / "journal.db"
    before = state.read_bytes()
    result = said(command, *[word.format(folder=home.folder) for word in COMMANDS[command]])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert f"error[{wrong}]: " in result.stderr
    assert WRONG[wrong] in result.stderr
    assert "  = help: " in result.stderr
    assert "Traceback" not in result.output
    assert state.read_bytes() == before


@pytest.mark.parametrize("wrong", WRONG, indirect=True)
def test_the_doctor_says_it_too_and_looks_on(home: Home, wrong: str) -> None:
    result = said("doctor")
    assert result.exit_code == 1
    assert WRONG[wrong] in result.output
    assert "Webhooks" in result.output


def test_a_state_whose_tables_are_not_as_they_should_be_ends_the_daemon_with_a_sentence(home: Home) -> None:
    home.keep()
    with closing(sqlite3.connect(home.folder / "state" / "journal.db")) as connection:
        connection.execute("ALTER TABLE entity DROP COLUMN updated")
    result = said("run")
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2
    assert "error[state-error]: The state file could not be used. (SQLite says: no such column" in result.stderr


def test_a_state_that_was_not_brought_up_to_date_takes_no_command_and_is_left_as_it_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.keep()
    newest = file.migrations()[-1].number
    step = file.Migration(newest + 1, "CREATE TABLE more (x);\n")
    monkeypatch.setattr(file, "migrations", lambda: (step,))
    result = said("stop-sending")
    assert result.exit_code == 2
    assert "error[older-state]" in result.stderr
    assert "Start `rulewheel run` once" in result.stderr
