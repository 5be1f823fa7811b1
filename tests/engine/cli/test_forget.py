from __future__ import annotations

from engine.journal.owner import Owner
from engine.records import EffectRecord
from tests.engine.cli.home import Home, said, told
from tests.engine.journal.records import effect


def test_it_says_what_was_changed_and_never_the_number(home: Home) -> None:
    home.keep(effect("op1", "waiting")._replace(recipient="+919876543210"))
    text = told("forget", "+91 98765 43210")
    assert text.startswith("Forgotten: +9198…210\n")
    assert "1 open sends ended" in text
    assert "9876543210" not in text
    (left,) = home.kept(EffectRecord)
    assert (left.state, left.recipient) == ("dropped", "forgotten")
    assert told("forget", "+919876543210") == "Nothing was known of +9198…210.\n"


def test_while_a_daemon_runs_one_is_told_to_stop_it(home: Home) -> None:
    home.keep()
    owner = Owner(home.folder / "state" / "journal.db", "rulewheel run")
    result = said("forget", "+919876543210")
    owner.release()
    assert result.exit_code == 2
    assert "stop the daemon" in result.stderr


def test_what_is_no_number_is_refused(home: Home) -> None:
    result = said("forget", "Asha")
    assert result.exit_code == 2
    assert "bad-phone" in result.stderr
