"""Messages of contacts are read from webhooks of either format."""

from __future__ import annotations

import json

import pytest

from connections.chakra.incoming import messages_in
from engine.plugin import Json

NUMBER = "694794789348887"
ITEM = {"from": "919911223344", "id": "wamid.X", "timestamp": "1756322278"}


def meta(*items: Json, number: str = NUMBER, field: str = "messages", **more: Json) -> bytes:
    value = {
        "metadata": {"phone_number_id": number},
        "contacts": [{"profile": {"name": "John"}, "wa_id": "919911223344"}],
        "messages": list(items),
        **more,
    }
    return json.dumps({"entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]}).encode()


def item(kind: str, content: Json, **more: Json) -> Json:
    return {**ITEM, "type": kind, kind: content, **more}


def test_the_documented_sample_is_read() -> None:
    (found,) = messages_in(meta(item("text", {"body": "Hi, can you please help me out with an issue"})), NUMBER)
    assert (found.message_id, found.sender) == ("wamid.X", "+919911223344")
    assert found.data == {
        "message_id": "wamid.X",
        "from": "+919911223344",
        "name": "John",
        "type": "text",
        "text": "Hi, can you please help me out with an issue",
        "payload": None,
        "file": None,
        "answers": None,
        "at": "2025-08-27T19:17:58+00:00",
        "content": {"body": "Hi, can you please help me out with an issue"},
    }


@pytest.mark.parametrize(
    ("kind", "content", "text", "payload"),
    [
        ("button", {"payload": "Unsubscribe", "text": "Stop it"}, "Stop it", "Unsubscribe"),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}, "Yes", "yes"),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "row1", "title": "Row"}}, "Row", "row1"),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"body": "Sent", "response_json": "{}"}}, "Sent", "{}"),
        ("image", {"id": "1", "mime_type": "image/jpeg", "caption": "Broken"}, "Broken", None),
        ("reaction", {"message_id": "wamid.target", "emoji": "👍"}, "👍", None),
        ("location", {"latitude": 12.9, "longitude": 77.5, "name": "Shop"}, "Shop", None),
        ("order", {"product_items": []}, "", None),
        ("unsupported", None, "", None),
        ("system", {"body": "User A changed"}, "User A changed", None),
    ],
)
def test_each_kind_has_its_words_and_what_its_button_carries(
    kind: str, content: Json, text: str, payload: str | None
) -> None:
    (found,) = messages_in(meta(item(kind, content)), NUMBER)
    assert (found.data["type"], found.data["text"], found.data["payload"]) == (kind, text, payload)
    assert found.data["content"] == (content or {})


def test_a_file_and_what_is_answered_are_told() -> None:
    content = {"id": "7", "mime_type": "application/pdf", "sha256": "x", "filename": "a.pdf"}
    (found,) = messages_in(meta(item("document", content, context={"from": "1", "id": "wamid.q"})), NUMBER)
    assert found.data["file"] == {"id": "7", "mime_type": "application/pdf", "filename": "a.pdf"}
    assert found.data["answers"] == "wamid.q"


@pytest.mark.parametrize("lacking", ["id", "timestamp"])
def test_what_a_message_of_chakras_format_lacks_stands_around_it(lacking: str) -> None:
    message = {key: value for key, value in item("text", {"body": "Hola!"}).items() if key != lacking}
    payload = {"messageId": "wamid.X", "timestamp": 1756322278000, "message": message}
    (found,) = messages_in(json.dumps({"event": "message", "payload": payload}).encode(), NUMBER)
    assert (found.message_id, found.data["at"]) == ("wamid.X", "2025-08-27T19:17:58+00:00")


def test_several_messages_come_in_order() -> None:
    two = [item("text", {"body": "a"}), {**item("text", {"body": "b"}), "id": "wamid.Y"}]
    assert [each.data["text"] for each in messages_in(meta(*two), NUMBER)] == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        meta(item("text", {"body": "a"}), number="other"),
        meta(item("text", {"body": "a"}), field="smb_message_echoes"),
        meta({**item("text", {"body": "a"}), "from": "nobody"}),
        meta({**item("text", {"body": "a"}), "id": ""}),
        meta("text", None, {}),
        b'{"event": "smb_message_echo", "payload": {"message_echoes": [{"from": "1", "id": "x"}]}}',
        b'{"event": "status", "payload": {"id": "wamid.ABC", "deliveryStatus": "read"}}',
        b'{"entry": [{"changes": [{"field": "messages", "value": {"statuses": [{"id": "x"}]}}]}]}',
        b"[]",
        b"null",
    ],
)
def test_what_is_no_message_to_us_is_passed_over(body: bytes) -> None:
    assert messages_in(body, NUMBER) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_json_is_not_believed(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        messages_in(body, NUMBER)


def test_a_message_beyond_all_bounds_keeps_its_head_only() -> None:
    (found,) = messages_in(meta(item("text", {"body": "x" * 200_000})), NUMBER)
    assert (found.data["type"], found.data["text"], found.data["content"]) == ("text", "", {})
