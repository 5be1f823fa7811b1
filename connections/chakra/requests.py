"""What can be asked of Chakra, as data: used by triggers and actions, done by the connection.

Paths and bodies: https://apidocs.chakrahq.com (job api-11531337, entries api-11531427, messages pass-through
api-11313675); the template body is Meta's own (Cloud API v23.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from engine.plugin import Json, Request, masked

NAME: Final = "chakra"
COUNTS: Final = "job.counts"
ENTRIES: Final = "job.entries"
TEMPLATE: Final = "message.template"

MEDIA: Final = ("image", "video", "document")
MOST_ENTRIES: Final = 1000
OP_ID_MARK: Final = "rw1:"


def fetch_job(job_id: str) -> Request:
    """How many entries of a background job have which status.

    Answer: `{"id", "counts": {status: number}, "total", "state": "running" | "finished"}`.
    """
    body = {"job": _job(job_id)}
    return Request(NAME, COUNTS, body, changes_world=False, shown=body, idempotent=True)


def job_entries(job_id: str, status: str | None = None, skip: int = 0, limit: int = MOST_ENTRIES) -> Request:
    """The entries of a job, at most `limit` of them, after the first `skip`.

    Answer: `{"id", "entries": [{"id", "status", "message", "data", ...}], "total", "next": skip to go on with | None}`.
    """
    if skip < 0 or limit < 1:
        raise ValueError("skip is 0 or more, limit is 1 or more")
    body: dict[str, Json] = {"job": _job(job_id), "skip": skip, "limit": min(limit, MOST_ENTRIES)}
    if status is not None:
        body["status"] = status
    return Request(NAME, ENTRIES, body, changes_world=False, shown=body, idempotent=True)


def send_template_message(
    to: str,
    template: str,
    language: str,
    body: Sequence[Json] | Mapping[str, Json] | None = None,
    header: Json = None,
    buttons: Sequence[Json] = (),
) -> Request:
    """A WhatsApp template message by the pass-through endpoint.

    `to` is a number with country code. `body`: values by position, or by name. `header`: text, or one of `image`,
    `video`, `document` with `link` or `id` (and `filename`). `buttons`, by position: text fills the address of a link
    button, `{payload: …}` answers a quick reply, `{code: …}` is a coupon, None leaves a button as it is.
    Raises ValueError in words for people.
    """
    content: dict[str, Json] = {"name": template, "language": {"policy": "deterministic", "code": language}}
    if components := [*_header(header), *_body(body), *_buttons(buttons)]:
        content["components"] = components
    message = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": digits(to),
        "type": "template",
        "template": content,
    }
    shown: dict[str, Json] = {"to": masked(to), "template": template, "language": language}
    shown |= {key: value for key, value in (("body", body), ("header", header), ("buttons", list(buttons))) if value}
    return Request(NAME, TEMPLATE, message, shown=shown, recipient=f"+{digits(to)}")


def redirected(request: Request, to: str) -> Request:
    """The same message to the user's own number, shown with the one that it was for; reads stay as they are."""
    if request.recipient is None:
        return request
    return Request(
        request.connection,
        request.operation,
        {**request.body, "to": digits(to)},
        request.changes_world,
        {**request.shown, "to": f"{request.shown['to']}, sent to your own number {masked(to)}"},
        f"+{digits(to)}",
        request.idempotent,
        request.limits,
        request.timeout,
    )


def digits(phone: str) -> str:
    """A phone number as Chakra wants it: digits only, with country code, no plus."""
    found = "".join(letter for letter in phone if letter.isdigit())
    if not found.isascii() or not 7 <= len(found) <= 15:
        raise ValueError("a phone number has 7 to 15 digits, with its country code")
    return found


def path_of(part: str) -> str:
    """A value as one part of a path."""
    return quote(part, safe="")


def _job(job_id: str) -> str:
    if not job_id or job_id in (".", ".."):
        raise ValueError("a job is named by its id, such as 19632427-908f-4bf3-a6f5-69b9a0bbfc63")
    return job_id


def _header(header: Json) -> list[Json]:
    if header is None:
        return []
    if not isinstance(header, Mapping):
        return [{"type": "header", "parameters": [{"type": "text", "text": _text(header)}]}]
    if len(header) != 1 or (kind := next(iter(header))) not in MEDIA:
        raise ValueError("a header is text, or one of image, video, document")
    return [{"type": "header", "parameters": [{"type": kind, kind: _media(kind, header[kind])}]}]


def _media(kind: str, media: Json) -> dict[str, str]:
    given = media if isinstance(media, Mapping) else {}
    if len({"link", "id"} & given.keys()) != 1:
        raise ValueError(f"the {kind} of a header needs either link (a public https address) or id")
    if unknown := given.keys() - {"link", "id", "filename"}:
        raise ValueError(f"there is no {min(unknown)} in the {kind} of a header")
    if "filename" in given and kind != "document":
        raise ValueError("only a document has a filename")
    return {key: _text(value) for key, value in given.items()}


def _body(body: Sequence[Json] | Mapping[str, Json] | None) -> list[Json]:
    if not body:
        return []
    if isinstance(body, Mapping):
        named = body.items()
        values = [{"type": "text", "parameter_name": name, "text": _text(value)} for name, value in named]
    else:
        values = [{"type": "text", "text": _text(value)} for value in body]
    return [{"type": "body", "parameters": values}]


def _buttons(buttons: Sequence[Json]) -> list[Json]:
    return [_button(index, value) for index, value in enumerate(buttons) if value is not None]


def _button(index: int, value: Json) -> dict[str, Json]:
    sub_type, parameter = "url", {"type": "text", "text": ""}
    if not isinstance(value, Mapping):
        parameter["text"] = _text(value)
    elif value.keys() == {"payload"}:
        sub_type, parameter = "quick_reply", {"type": "payload", "payload": _text(value["payload"])}
    elif value.keys() == {"code"}:
        sub_type, parameter = "copy_code", {"type": "coupon_code", "coupon_code": _text(value["code"])}
    else:
        raise ValueError("a button is text for its address, or one of {payload: …}, {code: …}")
    return {"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [parameter]}


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, Mapping | list):
        raise ValueError("a value in a message is text or a number")
    return str(value)
