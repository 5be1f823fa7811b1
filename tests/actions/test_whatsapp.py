from __future__ import annotations

from datetime import timedelta

import pytest

from actions.whatsapp import SendTemplate
from connections.chakra.requests import send_template_message
from engine.plugin import FieldError, Json, Request
from tests.snapshot import Snapshot

PHONE = "+919876543210"


def planned(**fields: Json) -> list[Request]:
    plans = SendTemplate({"to": PHONE, "template": "import_failed", **fields}).plan(Snapshot())
    return [plan for plan in plans if isinstance(plan, Request)]


def components(**fields: Json) -> Json:
    (request,) = planned(**fields)
    return request.body["template"].get("components")


def test_each_recipient_gets_one_request_of_its_own_however_often_it_is_named() -> None:
    requests = planned(to=[PHONE, "+1 415 555 0123", "91 98765 43210"], body=["30"])
    assert requests == [
        send_template_message(phone, "import_failed", "en", ["30"]) for phone in (PHONE, "+14155550123")
    ]
    assert [request.recipient for request in requests] == [PHONE, "+14155550123"]
    assert all(request.changes_world for request in requests)


def test_a_message_is_worth_sending_for_an_hour() -> None:
    assert SendTemplate.valid_for == timedelta(hours=1)


def test_a_template_without_values_has_no_components() -> None:
    assert components() is None


def test_values_go_in_order_or_by_name_and_numbers_become_text() -> None:
    assert components(body=[30, "Asha", 1.5])[0]["parameters"] == [
        {"type": "text", "text": "30"},
        {"type": "text", "text": "Asha"},
        {"type": "text", "text": "1.5"},
    ]
    assert components(body={"count": 30})[0]["parameters"] == [
        {"type": "text", "parameter_name": "count", "text": "30"}
    ]


@pytest.mark.parametrize(
    ("header", "parameter"),
    [
        ("Order 7", {"type": "text", "text": "Order 7"}),
        (
            {"image": {"link": "https://a.example/x.png"}},
            {"type": "image", "image": {"link": "https://a.example/x.png"}},
        ),
        ({"video": {"id": 123}}, {"type": "video", "video": {"id": "123"}}),
        (
            {"document": {"id": "1", "filename": "a.pdf"}},
            {"type": "document", "document": {"id": "1", "filename": "a.pdf"}},
        ),
    ],
)
def test_a_header_is_text_or_one_medium(header: Json, parameter: Json) -> None:
    assert components(header=header) == [{"type": "header", "parameters": [parameter]}]


def test_buttons_go_by_position_and_an_empty_place_is_left_alone() -> None:
    buttons = components(buttons=[None, "A1", {"payload": "STOP"}, {"code": "SAVE20"}])
    assert [(button["index"], button["sub_type"]) for button in buttons] == [
        ("1", "url"),
        ("2", "quick_reply"),
        ("3", "copy_code"),
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"to": "98765"}, "to: expected a phone number with country code"),
        ({"to": [PHONE, "Asha"]}, "in quotes (at item 2)"),
        ({"to": []}, "to: expected a phone number with country code, in quotes"),
        ({"template": " "}, "template: the template is left empty"),
        ({"language": ""}, "language: the language is left empty"),
        ({"body": "hello"}, "body: expected a list of values, or a mapping of names to values"),
        ({"body": [None]}, "body: expected text (at item 1)"),
        ({"body": ["a\nb"]}, "WhatsApp refuses a line break (at item 1)"),
        ({"body": ["a\rb"]}, "WhatsApp refuses a line break (at item 1)"),
        ({"body": {"name": "a\tb"}}, 'WhatsApp refuses a tab (at "name")'),
        ({"body": ["a", "a     b"]}, "WhatsApp refuses five spaces (at item 2)"),
        ({"header": "a\nb"}, "header: expected text on one line"),
        ({"header": {}}, "header: expected a mapping with one of image, video, document"),
        ({"header": {"audio": {"id": 1}}}, "header: expected a mapping with one of image, video, document"),
        ({"header": {"image": {}}}, 'header: expected a mapping with either link or id (at "image")'),
        ({"header": {"image": {"id": 1, "link": "https://a.example"}}}, 'either link or id (at "image")'),
        ({"header": {"image": {"id": 1, "filename": "a"}}}, 'either link or id (at "image")'),
        ({"header": {"image": {"link": "a.png"}}}, '(at "image", "link")'),
        ({"buttons": [{"text": "x"}]}, "buttons: expected a mapping with payload or code (at item 1)"),
        ({"buttons": ["a", ["b"]]}, "buttons: expected text (at item 2)"),
        ({"buttons": "a"}, "buttons: expected a list of text, or a mapping with payload or code"),
    ],
)
def test_a_message_that_whatsapp_would_refuse_is_refused_before_in_words(
    fields: dict[str, Json], sentence: str
) -> None:
    with pytest.raises(FieldError) as refused:
        planned(**fields)
    assert sentence in str(refused.value)


def test_four_spaces_in_a_row_are_fine() -> None:
    assert components(body=["a    b"])[0]["parameters"][0]["text"] == "a    b"


def test_no_phone_number_is_shown_in_clear() -> None:
    (request,) = planned(body=["30"])
    assert PHONE.lstrip("+") not in str(request.shown)


def test_a_header_must_be_text_where_nothing_may_not_stand() -> None:
    with pytest.raises(FieldError, match="header: expected text"):
        planned(header=None)
