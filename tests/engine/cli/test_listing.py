from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from engine.journal.sqlite import SqliteJournal
from engine.plugin import Arrived, CannotTell, Connection, NotFound, Operation, OtherSend, Request, Settlement
from engine.records import CommandRecord
from engine.registry import Registry
from tests.engine.cli.home import Home, said
from tests.engine.cli.test_sends import message


class Harbour(Connection):
    """A connection that finds what the test says."""

    name = "harbour"
    receives = True
    settle_time: Any = timedelta(seconds=120)
    found: ClassVar[Settlement] = CannotTell("fog")
    others: ClassVar[list[int]] = []

    async def settle(
        self, request: Request, operation: Operation, attempted_at: datetime, others: Sequence[OtherSend] = ()
    ) -> Settlement:
        self.others.append(len(others))
        return self.found


@pytest.fixture
def harbour(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with that connection, no rules, and two messages that arrived long ago."""
    monkeypatch.setattr(Registry, "discover", classmethod(lambda cls, plugins=None: Registry.of(Harbour)))
    home.settings("sending: live\nplugins: [harbour]\nconnections: {harbour: {}}\n")
    home.rule("[]")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    sends = [message(name)._replace(connection="harbour", send_by=long_ago, created=long_ago) for name in ("a1", "a2")]
    home.keep(*[send._replace(attempts=1) for send in sends])
    Harbour.others.clear()
    return home


def commands(home: Home) -> list[CommandRecord]:
    async def read() -> list[CommandRecord]:
        journal = SqliteJournal.look(home.folder / "state" / "journal.db")
        found = await journal.commands()
        await journal.close()
        return found

    return asyncio.run(read())


def test_a_message_that_is_found_again_proves_the_listing(harbour: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Harbour, "found", Arrived("the listing shows it with our op_id"))
    assert "proven: the listing shows it with our op_id" in said("doctor", "--prove-listing").output
    (command,) = commands(harbour)
    assert (command.kind, command.data) == ("listing-proven", {"connection": "harbour"})
    assert Harbour.others == [1]


@pytest.mark.parametrize("found", [NotFound("it is not listed"), CannotTell("fog")])
def test_one_that_is_not_found_proves_nothing(
    harbour: Home, monkeypatch: pytest.MonkeyPatch, found: Settlement
) -> None:
    monkeypatch.setattr(Harbour, "found", found)
    result = said("doctor", "--prove-listing")
    assert result.exit_code == 1
    assert "a message that arrived was not found" in result.output
    assert commands(harbour) == []
    assert Harbour.others == [1, 1]


def test_without_a_message_there_is_nothing_to_prove_by(harbour: Home) -> None:
    harbour.keep(message("a1"), message("a2"))
    assert "no message went through harbour" in said("doctor", "--prove-listing").output


def test_without_being_asked_doctor_looks_nothing_up(harbour: Home) -> None:
    assert "Listing" not in said("doctor").output
    assert Harbour.others == []
