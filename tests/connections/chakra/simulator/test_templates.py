"""Templates: how a message reads, and the raw list of Meta with its cursors."""

from __future__ import annotations

import pytest

from connections.chakra.simulator.templates import Templates, Values
from engine.problem import ProblemError
from tests.connections.chakra.simulator.conftest import WHATSAPP, Account, template

LIST = f"{WHATSAPP}/api/v19.0/83784929738012/message_templates"


def test_a_message_reads_with_header_body_footer_and_buttons() -> None:
    found = Templates().find("feedback_request", "en")
    assert found is not None
    assert found.render(Values(body={"1": "Ann"}, buttons={2: "o-7"})) == (
        "Hello Ann, how did we do?\n"
        "Reply STOP to hear no more from us\n"
        "[Very good] [Not so good] [Tell us more: https://shop.example/feedback/o-7]"
    )


def test_a_text_header_and_named_variables_are_filled(account: Account) -> None:
    header = {"type": "header", "parameters": [{"type": "text", "text": "Monday"}]}
    account.send(**template("daily_report", "12", "3", components=[header]))
    names = {"customer_name": "Ann", "order_id": "A-7", "delivery_date": "Friday"}
    named = [{"type": "text", "parameter_name": name, "text": value} for name, value in names.items()]
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "A-7"}]}
    account.send(**template("order_shipped", components=[{"type": "body", "parameters": named}, button]))
    report, shipped = account.simulator.messages
    assert report.rendered == "Report for Monday\n12 orders came in, 3 are still open."
    assert shipped.rendered.splitlines() == [
        "Hello Ann, order A-7 is on its way and should arrive on Friday.",
        "[Track parcel: https://shop.example/track/A-7]",
    ]


def test_money_and_dates_read_as_their_fallback(account: Account) -> None:
    parameters = [
        {"type": "text", "text": "Ann"},
        {"type": "currency", "currency": {"fallback_value": "$10", "code": "USD", "amount_1000": 10000}},
        {"type": "date_time", "date_time": {"fallback_value": "1 May"}},
    ]
    account.send(**template("order_update", components=[{"type": "body", "parameters": parameters}]))
    assert next(iter(account.simulator.messages)).text == "Hello Ann, your order $10 is now 1 May."


def test_the_list_is_metas_raw_body_and_pages_by_cursor(account: Account) -> None:
    names: list[str] = []
    query = {"limit": "4"}
    while True:
        page = account.get(LIST, **query).json()
        names += [one["name"] for one in page["data"]]
        if "next" not in page["paging"]:
            break
        assert page["paging"]["next"].startswith("https://graph.facebook.com/v19.0/83784929738012/")
        query["after"] = page["paging"]["cursors"]["after"]
    assert names == [one.name for one in account.simulator.templates]
    back = account.get(LIST, limit="4", before=page["paging"]["cursors"]["before"]).json()
    assert [one["name"] for one in back["data"]] == names[4:8]


def test_the_list_can_be_narrowed_to_names_and_fields(account: Account) -> None:
    answer = account.get(LIST, name="import_failed", fields="name,status").json()
    assert answer["data"] == [{"name": "import_failed", "status": "APPROVED", "id": answer["data"][0]["id"]}]
    assert account.get(LIST, name="no_such").json() == {"data": []}


def test_a_cursor_that_cannot_be_read_is_metas_error(account: Account) -> None:
    assert account.get(LIST, after="?").json()["error"]["code"] == 100


def test_a_template_that_lacks_its_parts_is_a_problem() -> None:
    with pytest.raises(ProblemError, match="lacks language, components"):
        Templates().add({"name": "x"})
