from __future__ import annotations

from engine.records import EffectRecord
from tests.engine.cli.home import Home, data, said, told
from tests.engine.journal.records import effect

SHOWN = {"to": "+9198…210", "template": "import_failed", "language": "en"}


def message(op_id: str, state: str = "accepted", reason: str = "message id wamid.1") -> EffectRecord:
    return effect(op_id, state)._replace(recipient="+919876543210", shown=SHOWN, reason=reason)


def test_sends_are_listed_with_masked_number_template_state_and_proof(home: Home) -> None:
    call = effect("op2", "refused")._replace(
        connection="http", recipient="", shown={"method": "POST", "url": "https://x"}
    )
    home.keep(message("op1"), call)
    head, newest, oldest = told("sends").splitlines()
    assert head.split("  ")[-1] == "reason or proof"
    assert newest.split()[2:] == ["http", "POST", "https://x", "refused", "op2"]
    assert oldest.split()[2:] == ["+9198…210", "import_failed", "accepted", "op1", "message", "id", "wamid.1"]


def test_a_test_message_says_for_whom_it_was(home: Home) -> None:
    told_to = "+9198…211, sent to your own number +1415…100"
    home.keep(message("op1")._replace(recipient="+14155550100", shown={**SHOWN, "to": told_to}))
    assert told_to in told("sends")
    assert data("sends")[0]["to"] == told_to


def test_only_the_unsure_ones_or_those_in_one_state(home: Home) -> None:
    home.keep(message("op1"), message("op2", "unsure", "the answer was lost"), message("op3", "refused"))
    assert [send["op_id"] for send in data("sends", "--unsure")] == ["op2"]
    assert [send["op_id"] for send in data("sends", "--state", "refused")] == ["op3"]
    assert [send["op_id"] for send in data("sends", "--limit", "2")] == ["op3", "op2"]


def test_unsure_and_a_state_at_once_are_refused(home: Home) -> None:
    result = said("sends", "--unsure", "--state", "refused")
    assert result.exit_code == 2
    assert "not both" in result.output


def test_what_only_reads_is_no_send_however_much_of_it_there_is(home: Home) -> None:
    reads = [effect(f"read{number}", "accepted")._replace(reads=True) for number in range(9)]
    home.keep(message("op1"), *reads)
    assert [send["op_id"] for send in data("sends", "--limit", "1")] == ["op1"]


def test_a_send_of_which_nothing_is_shown_has_the_name_of_its_operation(home: Home) -> None:
    home.keep(message("op1")._replace(shown=None))
    assert data("sends")[0]["what"] == "send"


def test_nothing_sent_says_so(home: Home) -> None:
    home.keep()
    assert told("sends") == "Nothing was sent yet.\n"
    assert told("sends", "--unsure") == "Nothing that was sent is unsure.\n"
