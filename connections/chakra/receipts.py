"""Status webhooks: what Chakra and Meta tell later about messages that were sent.

Two formats, either of which may come: Meta's own, passed through, which carries what we sent along as
`biz_opaque_callback_data`, and Chakra's, which names the message id only. Source: https://apidocs.chakrahq.com/doc-919167.
The signature is HMAC-SHA256 over the raw body in lower-case hex, in `X-Chakra-Signature-256`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from connections.chakra.errors import MEANINGS, shy
from connections.chakra.requests import OP_ID_MARK
from engine.plugin import Json, Receipt

SIGNATURE: Final = "x-chakra-signature-256"
_OP_ID: Final = frozenset("0123456789abcdef")


def is_signed(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the body is from who knows the secret; compared in constant time."""
    given = headers.get(SIGNATURE, "").strip().removeprefix("sha256=")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def receipts_in(body: bytes) -> list[Receipt]:
    """Every status in a webhook of either format; other events hold none. Raises ValueError for what is no JSON."""
    try:
        whole = json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(whole, Mapping):
        return []
    if whole.get("event") == "status":
        return [receipt for receipt in [_of_chakra(_mapping(whole.get("payload")))] if receipt is not None]
    return [receipt for status in _statuses(whole) if (receipt := _of_meta(status)) is not None]


def _statuses(whole: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    for entry in _list(whole.get("entry")):
        for change in _list(_mapping(entry).get("changes")):
            for status in _list(_mapping(_mapping(change).get("value")).get("statuses")):
                yield _mapping(status)


def _of_meta(status: Mapping[str, Json]) -> Receipt | None:
    return _receipt(status.get("id"), status.get("status"), status, _op_id(status.get("biz_opaque_callback_data")))


def _of_chakra(payload: Mapping[str, Json]) -> Receipt | None:
    message_id = next((payload[key] for key in ("id", "messageId", "externalId") if payload.get(key)), None)
    op_id = _op_id(payload.get("biz_opaque_callback_data"))
    return _receipt(message_id, payload.get("deliveryStatus"), payload, op_id)


def _receipt(message_id: Json, state: Json, whole: Mapping[str, Json], op_id: str) -> Receipt | None:
    if not isinstance(message_id, str) or not isinstance(state, str) or not 0 < len(message_id) <= 512:
        return None
    return Receipt(op_id, message_id, state.lower()[:32], _time(whole.get("timestamp")), _reason(whole))


def _op_id(callback: Json) -> str:
    """The op_id that we sent along; empty for anybody else's words."""
    found = callback.removeprefix(OP_ID_MARK) if isinstance(callback, str) and callback.startswith(OP_ID_MARK) else ""
    return found if len(found) == 32 and set(found) <= _OP_ID else ""


def _reason(whole: Mapping[str, Json]) -> str:
    error = next((_mapping(each) for each in _list(whole.get("errors"))), {})
    code = error.get("code")
    if isinstance(code, int) and code in MEANINGS:
        return f"Meta code {code}: {MEANINGS[code]}"
    return shy(str(error.get("title") or error.get("message") or "no reason was given"))


def _time(value: Json) -> datetime | None:
    """Seconds since 1970 as Meta writes them, or milliseconds as Chakra does."""
    try:
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
