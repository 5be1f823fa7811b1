from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from connections.chakra.requests import fetch_job, job_entries, redirected, send_template_message
from engine.plugin import Json

DATA = Path(__file__).parents[2] / "data" / "meta-template-message.schema.json"
NUMBER = "+919876543210"
HEADERS: list[Json] = [
    None,
    "Summer",
    {"image": {"link": "https://a.example/b.png"}},
    {"video": {"id": "12345"}},
    {"document": {"link": "https://a.example/b.pdf", "filename": "bill.pdf"}},
]


@pytest.fixture(scope="module")
def judge() -> Draft202012Validator:
    schema: dict[str, Any] = json.loads(DATA.read_text())
    # The published pattern of `index` is broken: it leaves out most of the positions 0 to 9 that its own text allows.
    schema["components"]["schemas"]["TemplateComponent"]["properties"]["index"]["pattern"] = "^[0-9]$"
    return Draft202012Validator({**schema, "$ref": "#/components/schemas/TemplateMessage"})


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("body", [None, [], ["Ann", 3, 2.5, True], {"customer": "Ann", "count": 3}])
@pytest.mark.parametrize("buttons", [[], ["abc"], [None, {"payload": "STOP"}, 7]])
def test_a_template_message_is_what_metas_own_description_asks_for(
    judge: Draft202012Validator, header: Json, body: Json, buttons: list[Json]
) -> None:
    request = send_template_message(NUMBER, "import_failed", "en", body, header, buttons)
    assert list(judge.iter_errors(request.body)) == []


def test_a_template_message_has_all_its_parts_in_place() -> None:
    request = send_template_message(
        NUMBER,
        "order",
        "en_US",
        ["Ann", 12],
        {"image": {"id": "1"}},
        ["abc", None, {"payload": "STOP"}, {"code": "X9"}],
    )
    assert request.body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "919876543210",
        "type": "template",
        "template": {
            "name": "order",
            "language": {"policy": "deterministic", "code": "en_US"},
            "components": [
                {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
                {"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "12"}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "abc"}]},
                {
                    "type": "button",
                    "sub_type": "quick_reply",
                    "index": "2",
                    "parameters": [{"type": "payload", "payload": "STOP"}],
                },
                {
                    "type": "button",
                    "sub_type": "copy_code",
                    "index": "3",
                    "parameters": [{"type": "coupon_code", "coupon_code": "X9"}],
                },
            ],
        },
    }
    assert (request.changes_world, request.idempotent, request.recipient) == (True, False, NUMBER)


def test_values_by_name_carry_their_names() -> None:
    body = send_template_message(NUMBER, "order", "en", {"customer": "Ann"}).body
    parameter = {"type": "text", "parameter_name": "customer", "text": "Ann"}
    assert body["template"]["components"] == [{"type": "body", "parameters": [parameter]}]


def test_what_people_see_of_a_message_masks_the_number() -> None:
    request = send_template_message(NUMBER, "order", "en", ["Ann"], "Hi", ["x"])
    assert request.shown["to"] == "+9198…210"
    assert NUMBER[1:] not in json.dumps(request.shown)
    assert (request.shown["body"], request.shown["header"], request.shown["buttons"]) == (["Ann"], "Hi", ["x"])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"to": "+12"}, "7 to 15 digits"),
        ({"header": {"image": {"link": "a", "id": "b"}}}, "either link"),
        ({"header": {"image": {}}}, "either link"),
        ({"header": {"image": "https://a.example"}}, "either link"),
        ({"header": {"image": {"id": "1", "filename": "a"}}}, "only a document has a filename"),
        ({"header": {"image": {"id": "1", "size": 1}}}, "there is no size"),
        ({"header": {"sticker": {"id": "1"}}}, "one of image, video, document"),
        ({"header": {}}, "one of image, video, document"),
        ({"body": [None]}, "text or a number"),
        ({"body": [["a"]]}, "text or a number"),
        ({"buttons": [{"url": "a", "payload": "b"}]}, "a button is text"),
    ],
)
def test_what_cannot_be_a_message_is_refused_in_words(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        send_template_message(**{"to": NUMBER, "template": "order", "language": "en", **given})


def test_a_message_can_be_redirected_and_a_read_cannot() -> None:
    moved = redirected(send_template_message(NUMBER, "order", "en"), "+14155550123")
    assert (moved.body["to"], moved.recipient) == ("14155550123", "+14155550123")
    assert moved.shown["to"] == "+9198…210, sent to your own number +1415…123"
    assert redirected(fetch_job("j"), "+14155550123") == fetch_job("j")


def test_reads_say_that_they_change_nothing() -> None:
    for request in (fetch_job("j"), job_entries("j", "ERROR", 5, 20)):
        assert (request.changes_world, request.idempotent) == (False, True)
    assert job_entries("j", "ERROR", 5, 2000).body == {"job": "j", "status": "ERROR", "skip": 5, "limit": 1000}


@pytest.mark.parametrize("job", ["", ".", ".."])
def test_a_job_needs_an_id(job: str) -> None:
    with pytest.raises(ValueError, match="named by its id"):
        fetch_job(job)


def test_entries_need_sensible_bounds() -> None:
    with pytest.raises(ValueError, match="skip is 0 or more"):
        job_entries("j", skip=-1)


@pytest.mark.parametrize("module", ["connections.chakra.requests", "connections.chakra.connection", "connections.http"])
def test_what_rules_are_checked_with_is_imported_without_the_machinery_that_calls(module: str) -> None:
    code = f"import sys, {module}\nprint([n for n in ('httpx', 'httptools') if n in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
