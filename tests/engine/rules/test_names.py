from __future__ import annotations

from engine.rules.names import Names
from tests.engine.rules.plugins import Entries, Fragile

NAMES = Names.of_triggers([Entries, Fragile])


def said(names: Names, path: str) -> str:
    complaint = names.complaint(path)
    return f"{complaint.severity}: {complaint.message}; {complaint.remedy}" if complaint else ""


def test_what_triggers_give_may_be_read() -> None:
    for path in ("trigger", "trigger.count", "trigger.job.id", "trigger.counts.ERROR.x", "trigger.id", "this.state"):
        assert said(NAMES, path) == ""


def test_a_misspelled_field_of_trigger_is_an_error_with_the_nearest() -> None:
    assert said(NAMES, "trigger.cout") == "error: `trigger.cout` is not defined; did you mean `trigger.count`?"
    assert said(NAMES, "trigger.job.nam") == "error: `trigger.job.nam` is not defined; did you mean `trigger.job.name`?"


def test_an_unknown_name_is_a_warning() -> None:
    names = NAMES.with_names("customer")

    assert said(names, "customer.name") == ""
    assert said(names, "custmer") == "warning: `custmer` is not defined; did you mean `customer`?"
    assert said(NAMES, "zzz") == (
        "warning: `zzz` is not defined; give it a value in variables before it is used, "
        "or put quotes around it if it is text"
    )


def test_names_are_known_from_where_they_are_set() -> None:
    names = NAMES.with_names()
    assert said(names, "answer")
    names.add("answer")
    assert not said(names, "answer")
    assert said(NAMES, "answer")


def test_a_trigger_sees_nothing() -> None:
    assert said(NAMES.limited(), "trigger.id").startswith("error: `trigger` is not known here")


def test_without_known_triggers_no_field_is_judged() -> None:
    assert said(Names.of_triggers([]), "trigger.anything") == ""
