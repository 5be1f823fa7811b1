from __future__ import annotations

import pytest

from engine.journal.owner import Owner
from engine.records import EffectRecord
from tests.engine.cli.home import Home, data, said, told
from tests.engine.journal.records import effect


def test_it_says_what_was_changed_and_never_the_number(home: Home) -> None:
    home.keep(effect("op1", "waiting")._replace(recipient="+919876543210"))
    text = told("forget", "+91 98765 43210")
    assert text.startswith("Forgotten: +9198…210\n")
    assert text.splitlines()[1:] == ["  ended: 1 send", "  erased: 1 send"]
    assert "9876543210" not in text
    (left,) = home.kept(EffectRecord)
    assert (left.state, left.recipient) == ("cancelled", "forgotten")
    assert told("forget", "+919876543210") == "Nothing was known of +9198…210.\n"


def test_a_send_of_somebody_forgotten_and_older_states_are_told(home: Home) -> None:
    home.keep(effect("op1", "accepted")._replace(recipient="+919876543210"))
    told("backup", home.folder / "copy.db")
    told("restore", home.folder / "copy.db", "--replace")
    older, _ = sorted((home.folder / "state").glob("*.before-*"))
    assert told("forget", "+919876543210").endswith(f"may still hold it; remove them: {older}\n")
    assert data("sends")[0]["to"] == "forgotten"


def test_while_a_daemon_runs_one_is_told_to_stop_it(home: Home) -> None:
    home.keep()
    owner = Owner(home.folder / "state" / "journal.db", "rulewheel run")
    result = said("forget", "+919876543210")
    owner.release()
    assert result.exit_code == 2
    assert "stop the daemon" in result.stderr


@pytest.mark.parametrize(
    ("phone", "says"),
    [
        ("Asha Rao +91", "expected a phone number with country code"),
        ("9812345678", "9812…678 does not say of which country it is"),
        ("919812345678", "does not say of which country it is"),
        ("00919812345678", "write it with + and the country code in front"),
    ],
)
def test_a_number_without_its_plus_is_refused_and_nothing_is_touched(home: Home, phone: str, says: str) -> None:
    home.keep(effect("op1", "waiting")._replace(recipient="+919876543210"))
    result = said("forget", phone)
    assert result.exit_code == 2
    assert "error[bad-phone]" in result.stderr
    assert says in result.stderr
    assert "9812345678" not in result.output
    assert [each.state for each in home.kept(EffectRecord)] == ["waiting"]
