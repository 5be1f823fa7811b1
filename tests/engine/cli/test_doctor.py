from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.cli import doctor
from engine.field import TEXT, required
from engine.journal.owner import Owner
from engine.plugin import Connection, Finding, Tools
from engine.records import EntityRecord, ProblemRecord
from engine.registry import Registry
from tests.engine.cli.home import HOOK, Home, said, told
from tests.engine.journal.records import NOON, event


class Harbour(Connection):
    """A connection whose health the test decides by its key."""

    name = "harbour"
    key = required(TEXT, "The key", secret=True)

    def check(self) -> list[tuple[str, str]]:
        return [("key", "the key is rusty")] if self.key == "rusty" else []

    async def open(self, tools: Tools) -> None:
        if self.key == "broken":
            raise RuntimeError("the crane fell")

    async def doctor(self) -> list[Finding]:
        well = self.key == "well"
        return [Finding("Harbour", well, "open" if well else "closed for +919876543210", "" if well else "wait")]


HARBOUR = "sending: live\nplugins: [harbour]\nconnections: {harbour: {key: !secret key}}\n"


@pytest.fixture
def harbour(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with that connection, and no rules."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, plugins=None: Registry.of(Harbour)))
    home.settings(HARBOUR)
    home.rule("[]")
    secret(home, "well")
    return home


def secret(home: Home, key: str, mode: int = 0o600) -> None:
    path = home.folder / "secrets.yaml"
    path.write_text(f"key: {key}\n", encoding="utf-8")
    path.chmod(mode)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield int(listener.getsockname()[1])


def test_what_is_well_gets_a_tick_and_all_well_exits_0(harbour: Home) -> None:
    lines = told("doctor").splitlines()
    assert all(line.startswith("✓ ") for line in lines), lines
    assert [line.split()[1] for line in lines] == [
        "Settings", "Secrets", "Rules", "State", "Disk", "Daemon", "Harbour", "Webhooks",
    ]  # fmt: skip
    assert "secrets.yaml: 1 secret, mode 0600" in lines[1]
    assert lines[3].endswith("state will be made")


def test_what_is_not_well_gets_a_cross_with_a_remedy_and_exits_1(harbour: Home) -> None:
    secret(harbour, "ill")
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Harbour         closed for +9198…210\n                  → wait\n" in result.output


def test_a_connection_that_cannot_even_be_looked_at_is_one_cross_more(harbour: Home) -> None:
    secret(harbour, "broken")
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ harbour         it cannot be looked at: RuntimeError: the crane fell" in result.output


def test_a_secret_with_which_a_connection_cannot_be_made_ends_it_and_is_told_where_it_stands(harbour: Home) -> None:
    secret(harbour, "rusty")
    result = said("doctor")
    assert result.exit_code == 2
    assert 'secrets.yaml:1:1: error[bad-secret]: the secret "key" cannot be used: the key is rusty' in result.output


def test_whom_messages_reach_is_said_and_the_number_of_the_example_is_not_ones_own(home: Home) -> None:
    home.settings('sending: test\ntest_to: "+919876543210"\n')
    assert "test, every message goes to +9198…210" in told("doctor")
    home.settings(f'sending: test\ntest_to: "{doctor.STARTER_NUMBER}"\n')
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Settings        test_to is still the number of the example" in result.output


def test_secrets_that_others_can_read_are_not_well_and_none_are_no_fault(harbour: Home) -> None:
    secret(harbour, "well", 0o640)
    result = said("doctor")
    assert result.exit_code == 1
    assert "run: chmod 600" in result.output
    harbour.settings("sending: live\n")
    (harbour.folder / "secrets.yaml").unlink()
    assert "there is no secrets.yaml" in told("doctor")


def test_rules_with_problems_are_counted(home: Home) -> None:
    home.rule("- id: broken\n")
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Rules" in result.output
    assert "run: rulewheel check" in result.output


def test_a_running_daemon_is_named(home: Home) -> None:
    (home.folder / "state").mkdir()
    owner = Owner(home.folder / "state" / "journal.db", "rulewheel run")
    try:
        text = told("doctor")
    finally:
        owner.release()
    assert f"runs: 'rulewheel run' (process {os.getpid()} on " in text
    assert "can be written" in text
    assert "does not run now" in told("doctor")


def test_problems_of_the_daemon_and_a_damaged_journal_are_not_well(home: Home) -> None:
    home.keep()
    assert "✓ Journal         nothing needs mending" in told("doctor")
    home.keep(ProblemRecord("k", "token-refused", "Chakra refuses the token", NOON, None))
    assert "✗ Journal         1 problem to mend" in said("doctor").output
    home.settings("sending: live\nstate: damaged.db\n")
    (home.folder / "damaged.db").write_text("no database" * 100, encoding="utf-8")
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Journal         The state file is damaged" in result.output


def test_that_sending_is_stopped_is_told(home: Home) -> None:
    home.keep(EntityRecord("rulewheel.sending", "stopped", {}, NOON, NOON))
    output = said("doctor").output
    assert "✗ Switch          sending is stopped: nothing leaves" in output
    assert "rulewheel resume-sending" in output


def test_a_full_disk_is_not_well(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 0))
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Disk            0.0 GB free" in result.output


def test_a_state_that_cannot_be_written_is_not_well(home: Home) -> None:
    (home.folder / "state").write_text("a file", encoding="utf-8")
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ State" in result.output


def test_the_listener_and_the_paths_of_all_webhooks_are_shown(home: Home) -> None:
    home.settings("sending: live\nlisten: {webhooks: 127.0.0.1:0}\n")
    home.rule(HOOK)
    text = told("doctor")
    assert "✓ Webhooks        will listen at 127.0.0.1:0, 1 webhook" in text
    assert "import_started: /hook/" in text
    owner = Owner(home.folder / "state" / "journal.db", "rulewheel run")
    try:
        assert "✓ Webhooks        listens at 127.0.0.1:0" in told("doctor")
    finally:
        owner.release()


def test_a_port_that_somebody_else_has_is_not_well(home: Home, taken: int) -> None:
    home.settings(f"sending: live\nlisten: {{webhooks: 127.0.0.1:{taken}}}\n")
    result = said("doctor")
    assert result.exit_code == 1
    assert f"✗ Webhooks        127.0.0.1:{taken} cannot be used: Address already in use" in result.output


def test_rules_that_wait_for_webhooks_which_nothing_listens_for_are_not_well(home: Home) -> None:
    home.rule(HOOK)
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Webhooks        rules wait for 1 webhook, but nothing listens" in result.output


def test_a_key_that_cannot_be_made_is_not_well(home: Home) -> None:
    home.rule(HOOK)
    (home.folder / "state").mkdir()
    (home.folder / "state" / "webhook.key").mkdir()
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Webhooks        the key of the webhooks" in result.output


def test_broken_settings_exit_2(home: Home, tmp_path: Path) -> None:
    home.settings("sending: [\n")
    assert said("doctor").exit_code == 2


def test_rows_that_somebody_changed_are_named_and_a_missing_key_is_said(home: Home) -> None:
    home.keep(*(event(f"e{n}") for n in range(9)))
    assert "✓ Rows            9 rows, each as it was written" in told("doctor")
    state = home.folder / "state" / "journal.db"
    with closing(sqlite3.connect(state)) as other:
        other.execute("UPDATE event SET data = '{}' WHERE id < 'e6'")
        other.commit()
    result = said("doctor")
    assert result.exit_code == 1
    named = "event/e0, event/e1, event/e2, event/e3, event/e4, ..."
    assert f"✗ Rows            6 of 9 rows changed outside rulewheel: {named}\n" in result.output
    assert "→ put back what was changed" in result.output
    state.with_name("journal.db.key").unlink()
    result = said("doctor")
    assert result.exit_code == 1
    assert "✗ Rows            the key of their codes is not beside the state" in result.output
