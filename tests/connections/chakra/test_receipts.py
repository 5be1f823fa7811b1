from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest

from connections.chakra.connection import ChakraConnection
from connections.chakra.receipts import is_signed, receipts_in
from engine.plugin import Json, Receipt
from tests.connections.chakra.test_connection import SETTINGS

OP = "0f" * 16
AT = datetime(2025, 8, 27, 19, 18, tzinfo=UTC)


def meta(*statuses: Json) -> bytes:
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "statuses": list(statuses)}}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def status(state: str = "delivered", **more: Json) -> dict[str, Json]:
    return {"id": "wamid.X", "status": state, "timestamp": "1756322280", "recipient_id": "16505551234", **more}


def signed(body: bytes, secret: str = "s3cret", prefix: str = "") -> dict[str, str]:
    return {"x-chakra-signature-256": prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_metas_format_carries_our_op_id() -> None:
    body = meta(status(biz_opaque_callback_data=f"rw1:{OP}"), status("read"))
    assert receipts_in(body) == [
        Receipt(OP, "wamid.X", "delivered", AT, "no reason was given"),
        Receipt("", "wamid.X", "read", AT, "no reason was given"),
    ]


def test_chakras_format_names_the_message_only() -> None:
    payload = {"wabaId": "8", "id": "wamid.X", "deliveryStatus": "DELIVERED", "timestamp": 1756322280000}
    (found,) = receipts_in(json.dumps({"event": "status", "payload": payload}).encode())
    assert (found.op_id, found.message_id, found.state, found.at) == ("", "wamid.X", "delivered", AT)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": 131047, "title": "Re-engagement message"}, "131047: more than 24 hours"),
        ({"code": 999999, "title": "New to +919876543210"}, "New to +9198…210"),
        ("text", "no reason was given"),
    ],
)
def test_a_failed_status_says_why(error: Json, reason: str) -> None:
    (found,) = receipts_in(meta(status("failed", errors=[error])))
    assert found.failed
    assert reason in found.reason


@pytest.mark.parametrize(
    "callback", ["", "rw1:", "rw1:ABC", f"rw2:{OP}", OP, f"rw1:{OP}0", f"rw1:{'g' * 32}", 7, None, {}]
)
def test_only_our_own_words_are_an_op_id(callback: Json) -> None:
    (found,) = receipts_in(meta(status(biz_opaque_callback_data=callback)))
    assert found.op_id == ""


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b"{}",
        b'{"entry": 3}',
        b'{"entry": [3, {"changes": [{"value": {"statuses": [4, {"id": 3}]}}]}]}',
        b'{"event": "status"}',
        b'{"event": "status", "payload": {"id": "a"}}',
        b'{"event": "message", "payload": {"message": {"id": "wamid.X"}}}',
    ],
)
def test_what_holds_no_status_gives_none(body: bytes) -> None:
    assert receipts_in(body) == []


def test_a_time_that_cannot_be_read_is_no_time() -> None:
    assert [each.at for each in receipts_in(meta(status(timestamp="soon"), status(timestamp=1e30)))] == [None, None]


@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_signature_is_taken_with_and_without_its_prefix(prefix: str) -> None:
    assert is_signed(signed(b"body", prefix=prefix), b"body", "s3cret")


@pytest.mark.parametrize("headers", [{}, signed(b"other"), signed(b"body", "another"), {"x-chakra-signature-256": "é"}])
def test_a_wrong_or_missing_signature_is_refused(headers: dict[str, str]) -> None:
    chakra = ChakraConnection({**SETTINGS, "base_url": "http://127.0.0.1:1", "webhook_secret": "s3cret"})
    assert "signature" in str(chakra.read_receipts(headers, meta(status())))


def test_without_a_secret_no_signature_is_needed_and_bad_json_is_said() -> None:
    chakra = ChakraConnection({**SETTINGS, "base_url": "http://127.0.0.1:1"})
    assert len(chakra.read_receipts({}, meta(status()))) == 1
    for bad in (b"{", b"\xff", b"[" * 100_000):
        assert chakra.read_receipts({}, bad) == "the body is not JSON that can be read"


def test_what_is_signed_is_believed() -> None:
    chakra = ChakraConnection({**SETTINGS, "base_url": "http://127.0.0.1:1", "webhook_secret": "s3cret"})
    body = meta(status())
    assert len(chakra.read_receipts(signed(body), body)) == 1
