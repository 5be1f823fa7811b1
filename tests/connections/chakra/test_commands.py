"""`rulewheel watch-job`; `simulate` has its own test file beside the simulator."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.journal.owner import Owner
from engine.journal.sqlite import SqliteJournal
from engine.records import CommandRecord

JOB = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rulewheel.yaml").write_text("sending: live\n", encoding="utf-8")
    return tmp_path


def watch_job(*words: str) -> Result:
    return CliRunner().invoke(main, ["watch-job", *words])


def commands(folder: Path) -> list[CommandRecord]:
    async def look() -> list[CommandRecord]:
        journal = SqliteJournal.look(folder / "state" / "journal.db")
        try:
            return await journal.commands()
        finally:
            await journal.close()

    return asyncio.run(look())


def test_a_job_is_noted_for_a_daemon_that_does_not_run_yet(folder: Path) -> None:
    result = watch_job(JOB)
    assert result.exit_code == 0
    assert "No daemon runs now" in result.output
    (command,) = commands(folder)
    assert (command.kind, command.data) == ("watch-job", {"job": JOB})


def test_a_running_daemon_is_left_its_state_and_takes_the_job_up(folder: Path) -> None:
    (folder / "state").mkdir()
    owner = Owner(folder / "state" / "journal.db", "rulewheel run")
    try:
        result = watch_job(JOB)
    finally:
        owner.release()
    assert "The daemon runs and takes it up" in result.output
    assert len(commands(folder)) == 1


@pytest.mark.parametrize("job", ["a b", "any", "", "../x", "é"])
def test_what_is_no_id_of_a_job_is_refused(folder: Path, job: str) -> None:
    result = watch_job(job)
    assert result.exit_code == 2
    assert "is not the id of a background job" in result.output
    assert not (folder / "state").exists()


def test_settings_and_state_that_will_not_do_are_said_plainly(folder: Path) -> None:
    assert "there is no file other.yaml" in watch_job(JOB, "--settings", "other.yaml").output
    (folder / "state").write_text("a file", encoding="utf-8")
    assert "cannot be written" in watch_job(JOB).output
    (folder / "rulewheel.yaml").write_text("sending: live\nstate: kept.db\n", encoding="utf-8")
    (folder / "kept.db").write_text("not a database at all, but long enough to be looked at" * 20, encoding="utf-8")
    result = watch_job(JOB)
    assert result.exit_code == 2
    assert "state" in result.output
