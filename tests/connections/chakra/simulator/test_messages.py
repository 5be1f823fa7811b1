"""Messages: what is accepted, on the list and in the listing, and what Meta would refuse with which code."""

from __future__ import annotations

from typing import Any

import pytest

from connections.chakra.simulator import RateLimit, Settings
from connections.chakra.simulator.answers import Request
from connections.chakra.simulator.meta import Reading
from tests.connections.chakra.simulator.conftest import MESSAGES, WHATSAPP, Account, template

LISTING = f"{WHATSAPP}/list-chat-messages-for-phone-number"
SEND = f"{WHATSAPP}/p/phoneNumber/913399113344/send-template-message"


def test_an_accepted_message_is_answered_in_chakras_wrapping_and_kept_with_its_op_id(account: Account) -> None:
    answer = account.send(**template("import_failed", "26", "spring"), biz_opaque_callback_data="rw1:" + "ab" * 16)
    (message,) = account.simulator.messages
    assert answer.json() == {"_data": {"whatsappMessageId": message.wamid}}
    assert (message.op_id, message.to, message.template) == ("ab" * 16, "919876543210", "import_failed")
    assert message.rendered.startswith("Import spring has 26 failed entries.")


def test_an_op_id_accepted_twice_shows_in_the_report(account: Account) -> None:
    for _ in range(2):
        account.send(type="text", text={"body": "Hi"}, biz_opaque_callback_data="rw1:1")
    assert account.simulator.report()["accepted_twice"] == 1


def test_wamids_are_all_different(account: Account) -> None:
    for _ in range(50):
        account.send(type="text", text={"body": "Hi"})
    assert len({message.wamid for message in account.simulator.messages}) == 50


IMAGE = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://a.example/x.png"}}]}


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (100, {"messaging_product": "sms", "type": "text", "text": {"body": "Hi"}}),
        (100, {"to": "", "type": "text", "text": {"body": "Hi"}}),
        (131009, {"to": "+91 98765", "type": "text", "text": {"body": "Hi"}}),
        (100, {"type": "poem", "poem": {}}),
        (131008, {"type": "text"}),
        (131008, {"type": "text", "text": {"body": ""}}),
        (100, {"type": "text", "text": {"body": "x" * 4097}}),
        (100, {"type": "text", "text": {"body": "Hi"}, "biz_opaque_callback_data": "x" * 513}),
        (100, {"type": "image", "image": {"link": "https://a.example", "id": "1"}}),
        (100, {"type": "image", "image": {"id": "1", "caption": "x" * 1025}}),
        (131009, {"type": "interactive", "interactive": {"body": {"text": "x" * 1025}}}),
        (131009, {"type": "interactive", "interactive": {"action": {"buttons": [{}] * 4}}}),
        (132001, template("no_such")),
        (132001, template("import_failed", "1", "2", language="fr")),
        (132000, template("import_failed", "1")),
        (131008, template("import_failed", "1", "")),
        (100, template("import_failed", "1", "two\nlines")),
        (132005, template("import_failed", "1", "x" * 1100)),
        (132012, template("order_update", "a", "b", "c", components=[IMAGE])),
        (132012, template("invoice_ready", "Ann", "7")),
        (132012, template("order_shipped", "a", "b", "c")),
        (131008, template("feedback_request", "Ann")),
    ],
)
def test_what_meta_would_refuse_is_refused_with_its_code(account: Account, code: int, body: dict[str, Any]) -> None:
    answer = account.send(**body)
    error = answer.json()["error"]
    assert (answer.status // 100, error["code"]) == (4, code)
    assert error["message"].startswith(f"(#{code})")
    assert len(account.simulator.messages) == 0


def test_a_body_that_is_no_object_is_refused(account: Account) -> None:
    assert account.post(MESSAGES, b"{").json()["error"]["code"] == 100


@pytest.mark.parametrize(
    "body",
    [
        {"type": "template", "template": {"name": "import_failed", "language": "en"}},
        {"type": "template", "template": {"name": "import_failed", "language": {"code": "en"}, "components": [7]}},
        {"type": "interactive", "interactive": {"body": "Well?"}},
        {"type": "template", "template": {"components": [{"type": "button", "index": "one"}]}},
    ],
)
def test_a_part_of_the_wrong_shape_is_refused_too(account: Account, body: dict[str, Any]) -> None:
    answer = account.send(**body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, 100)


def test_paused_and_disabled_templates_are_refused(account: Account) -> None:
    body = [{"type": "BODY", "text": "Hi"}]
    for status, code in (("PAUSED", 132015), ("DISABLED", 132016), ("PENDING", 132001)):
        account.simulator.templates.add({"name": "old", "language": "en", "status": status, "components": body})
        assert account.send(**template("old")).json()["error"]["code"] == code


def test_refusals_can_come_as_texts_in_the_envelope() -> None:
    answer = Account(Settings(errors_as="envelope")).send(**template("import_failed", "1"))
    assert answer.json()["_errors"][0].startswith("(#132000) body: number of localizable_params (1)")


def test_a_lenient_simulator_takes_anything_that_has_a_recipient() -> None:
    account = Account(Settings(strict=False))
    assert account.send(**template("no_such")).status == 200
    assert account.send(type="poem").status == 200
    assert [message.rendered for message in account.simulator.messages] == ["[no_such]", "[poem]"]


@pytest.mark.parametrize(
    ("body", "rendered"),
    [
        ({"type": "image", "image": {"link": "https://a.example/x.png", "caption": "Ours"}}, None),
        ({"type": "reaction", "reaction": {"emoji": "👍"}}, "[reaction: 👍]"),
        ({"type": "location", "location": {"latitude": 1, "longitude": 2}}, "[location]"),
        ({"type": "contacts", "contacts": []}, "[contacts]"),
        (
            {
                "type": "interactive",
                "interactive": {"body": {"text": "Well?"}, "action": {"buttons": [{"reply": {"title": "Yes"}}]}},
            },
            "Well?\n[Yes]",
        ),
    ],
)
def test_session_messages_read_as_the_customer_sees_them(
    account: Account, body: dict[str, Any], rendered: str | None
) -> None:
    assert account.send(**body).status == 200
    (message,) = account.simulator.messages
    assert message.rendered == (rendered or "[image: https://a.example/x.png]\nOurs")


def test_marking_a_message_as_read_is_no_message(account: Account) -> None:
    answer = account.post(MESSAGES, {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"})
    assert answer.status == 200
    assert len(account.simulator.messages) == 0


def test_a_call_needs_a_token_that_is_taken(account: Account) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "simulator-token"}):
        answer = account.simulator.answer(Request("GET", "/v1/health", headers=headers))
        assert (answer.status, answer.json()) == (401, {"_errors": ["Unauthorized"]})


def test_health_answers_with_a_good_token(account: Account) -> None:
    assert account.get("/v1/health").status == 200


def test_only_the_plugins_and_numbers_of_the_settings_exist() -> None:
    account = Account(Settings(plugins=("p",), phone_numbers=("1",)))
    assert account.send(type="text", text={"body": "Hi"}).json()["_errors"][0].startswith("Plugin d83e1d23")
    body = {"whatsappPhoneNumberId": "2", "templateName": "import_failed"}
    assert account.post(SEND, body).json()["_errors"] == ["Whatsapp phone number 2 not found"]


def test_chakras_own_send_answers_with_its_chat_message(account: Account) -> None:
    mapping = [{"schemaPropertyName": str(at), "schemaPropertyValue": text} for at, text in enumerate("ab", 1)]
    body = {"whatsappPhoneNumberId": "775966265503012", "templateName": "import_failed", "mapping": mapping}
    data = account.post(SEND, body).json()["_data"]
    assert data["text"].startswith("Import b has a failed entries.")
    assert data["context"]["contactIdentifier"] == "913399113344"
    assert data["externalId"] == next(iter(account.simulator.messages)).wamid


def test_chakras_own_send_takes_media_by_url_and_buttons_by_position(account: Account) -> None:
    def pairs(*values: str) -> list[dict[str, str]]:
        return [{"schemaPropertyName": str(at), "schemaPropertyValue": one} for at, one in enumerate(values, 1)]

    body: dict[str, Any] = {"whatsappPhoneNumberId": "1", "templateName": "invoice_ready", "mapping": pairs("Ann", "7")}
    account.post(SEND, body | {"documentUrl": "https://a.example/7.pdf", "filename": "7.pdf"})
    (message,) = account.simulator.messages
    assert message.rendered == "[document: 7.pdf]\nHello Ann, your invoice 7 is attached."


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "whatsappPhoneNumberId or templateName is required"),
        ([], "The body is not a JSON object"),
        ({"whatsappPhoneNumberId": "1", "templateName": "import_failed"}, "(#132000) body: number of"),
    ],
)
def test_chakras_own_send_refuses_in_the_envelope(account: Account, body: Any, error: str) -> None:
    answer = account.post(SEND, body)
    assert answer.status == 400
    assert answer.json()["_errors"][0].startswith(error)


def test_the_listing_pages_by_page_and_by_skip_newest_first(account: Account) -> None:
    for text in "abcde":
        account.send(type="text", text={"body": text})
    by_page = account.post(LISTING, {"customerPhoneNumber": "919876543210", "limit": 2, "page": 2}).json()
    by_skip = account.post(LISTING, {"customerPhoneNumber": "919876543210", "limit": 2, "skip": 2}).json()
    assert [item["text"] for item in by_page["_data"]] == ["c", "b"]
    assert by_page == by_skip
    assert by_page["_meta"] == {"total": 5}


def test_the_listing_shows_a_message_only_after_its_lag(account: Account) -> None:
    account.simulator.accept(Reading("1234567", "text", "Hi", "Hi"), "messages", "p", "n", lag_ms=3000)
    seen = []
    for _ in range(3):
        seen.append(len(account.post(LISTING, {"customerPhoneNumber": "1234567"}).json()["_data"]))
        account.clock.move(1.5)
    assert seen == [0, 0, 1]


@pytest.mark.parametrize("shown", [True, False])
def test_whether_the_listing_shows_our_op_id_is_a_setting(shown: bool) -> None:
    account = Account(Settings(listing_shows_callback=shown))
    account.send(type="text", text={"body": "Hi"}, biz_opaque_callback_data="rw1:1")
    (item,) = account.post(LISTING, {"customerPhoneNumber": "919876543210"}).json()["_data"]
    assert ("biz_opaque_callback_data" in item) is shown


@pytest.mark.parametrize("body", [{}, [], {"customerPhoneNumber": "1", "page": "x"}])
def test_a_listing_without_a_number_or_with_a_bad_page_is_refused(account: Account, body: Any) -> None:
    assert account.post(LISTING, body).status == 400


def test_over_the_rate_limit_comes_429_with_the_seconds_to_wait() -> None:
    account = Account(Settings(rate_limit=RateLimit(per_second=0.5, burst=2)))
    assert [account.get("/v1/health").status for _ in range(3)] == [200, 200, 429]
    assert account.get("/v1/health").headers == {"retry-after": "2"}
    account.clock.move(2)
    assert account.get("/v1/health").status == 200
