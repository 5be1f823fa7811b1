from __future__ import annotations

import asyncio

import pytest

from engine.journal.sqlite import SqliteJournal
from engine.records import CommandRecord
from tests.engine.cli.home import Home, said, told
from tests.engine.cli.test_sends import message


def commands(home: Home) -> list[CommandRecord]:
    async def read() -> list[CommandRecord]:
        journal = SqliteJournal.look(home.folder / "state" / "journal.db")
        found = await journal.commands()
        await journal.close()
        return found

    return asyncio.run(read())


@pytest.mark.parametrize("verdict", ["arrived", "send-again", "drop"])
def test_what_a_person_says_is_left_for_the_daemon(home: Home, verdict: str) -> None:
    home.keep(message("abcdef01", "unsure"), message("abcdef02"))
    says = told("settle", "ABCDEF", f"--{verdict}")
    assert says.startswith("The send abcdef01 to +9198…210 ")
    assert "No daemon runs now" in says
    (command,) = commands(home)
    assert (command.kind, command.data) == ("settle", {"op_id": "abcdef01", "verdict": verdict})


@pytest.mark.parametrize(
    ("op_id", "says"),
    [
        ("abcd", "is the beginning of 2 unsure sends"),
        ("abcdef03", "the send abcdef03 is accepted, not unsure: message id wamid.1"),
        ("abcdxx", "did you mean abcdef01?"),
        ("abc", "did you mean abcdef01?"),
        ("ffff", "rulewheel sends --unsure"),
    ],
)
def test_what_is_not_one_unsure_send_is_refused_with_what_to_do(home: Home, op_id: str, says: str) -> None:
    home.keep(message("abcdef01", "unsure"), message("abcdef02", "unsure"), message("abcdef03"))
    result = said("settle", op_id, "--drop")
    assert result.exit_code == 2
    assert says in result.output
    assert commands(home) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Say what became of it with one of --arrived, --send-again, --drop."),
        (("--arrived", "--drop"), "--arrived and --drop do not go together."),
        (("--drop", "--send-again"), "--send-again and --drop do not go together."),
    ],
)
def test_exactly_one_verdict_is_needed(home: Home, options: tuple[str, ...], says: str) -> None:
    home.keep(message("abcdef01", "unsure"))
    result = said("settle", "abcdef01", *options)
    assert result.exit_code == 2
    assert says in result.output
    assert commands(home) == []
