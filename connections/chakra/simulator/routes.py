"""The documented endpoints: which path is which operation, and what each one answers."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connections.chakra.simulator.answers import Answer, Request, as_errors, as_json, not_found
from connections.chakra.simulator.meta import MetaError, Reading, check_values, checked_template, read_message
from connections.chakra.simulator.plans import STATUSES
from connections.chakra.simulator.templates import Template, Values, filled
from engine.problem import listing

if TYPE_CHECKING:
    from connections.chakra.simulator.simulator import Simulator

_EXT = "/v1/ext"
_WHATSAPP = f"{_EXT}/plugin/whatsapp"

Parts = Mapping[str, str]
Handler = Callable[["Simulator", Request, Parts, int], Answer]


def health(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    return as_json({"_data": {"status": "ok"}})


def job(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    answer = simulator.jobs.job_answer(parts["job"])
    return as_json(answer) if answer else not_found()


def entries(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    settings = simulator.settings
    status = request.query.get("completionStatus")
    if status is not None and status not in STATUSES:
        return as_errors(400, f"completionStatus must be one of {listing(STATUSES)}")
    try:
        skip = int(request.query.get("skip", 0))
        limit = min(int(request.query.get("limit", settings.entries_limit)), settings.entries_limit_most)
    except ValueError:
        return as_errors(400, "skip and limit must be integers")
    if skip < 0 or limit < 1:
        return as_errors(400, "skip must be 0 or more, limit 1 or more")
    whole = settings.entries_total == "all"
    answer = simulator.jobs.entries_answer(parts["job"], skip, limit, status, whole)
    return as_json(answer) if answer else not_found()


def messages(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    refusal = _unknown_sender(simulator, parts["plugin"], parts["number"])
    if refusal:
        return refusal
    body = request.json()
    if isinstance(body, dict) and body.get("status") == "read":
        return as_json({"_data": {"success": True}})
    try:
        reading = read_message(body, simulator.templates, simulator.settings)
    except MetaError as error:
        return _refused(simulator, error)
    message = simulator.accept(reading, "messages", parts["plugin"], parts["number"], lag_ms)
    return as_json({"_data": {"whatsappMessageId": message.wamid}})


def send_template(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    body = request.json()
    if not isinstance(body, dict):
        return as_errors(400, "The body is not a JSON object")
    lacking = [key for key in ("whatsappPhoneNumberId", "templateName") if not body.get(key)]
    if lacking:
        return as_errors(400, f"{listing(lacking)} is required")
    number = str(body["whatsappPhoneNumberId"])
    refusal = _unknown_sender(simulator, parts["plugin"], number)
    if refusal:
        return refusal
    try:
        reading = _read_mapping(simulator, body, parts["to"])
    except MetaError as error:
        return as_errors(error.status, f"(#{error.code}) {error.details}")
    message = simulator.accept(reading, "send_template", parts["plugin"], number, lag_ms)
    return as_json({"_data": message.listed(with_callback=False)})


def list_messages(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    body = request.json()
    if not isinstance(body, dict) or not body.get("customerPhoneNumber"):
        return as_errors(400, "customerPhoneNumber is required")
    try:
        limit = max(1, int(body.get("limit", 10)))
        skip = max(0, int(body["skip"]) if "skip" in body else (int(body.get("page", 1)) - 1) * limit)
    except (TypeError, ValueError):
        return as_errors(400, "limit, page and skip must be integers")
    now: datetime = simulator.clock.now()
    found = simulator.messages.visible(str(body["customerPhoneNumber"]).removeprefix("+"), now)
    page = found[skip : skip + limit]
    data = [message.listed(simulator.settings.listing_shows_callback) for message in page]
    return as_json({"_data": data, "_meta": {"total": len(found)}})


def templates(simulator: Simulator, request: Request, parts: Parts, lag_ms: int) -> Answer:
    wanted = {key: request.query[key] for key in ("name", "status", "category", "language") if key in request.query}
    found = [one for one in map(Template.to_json, simulator.templates) if wanted.items() <= one.items()]
    try:
        limit = max(1, int(request.query.get("limit", 25)))
        start = _cursor(request.query["after"]) + 1 if "after" in request.query else 0
        if "before" in request.query:
            start = max(0, _cursor(request.query["before"]) - limit)
    except ValueError:
        return _refused(simulator, MetaError(100, "limit, after or before cannot be read"))
    page = found[start : start + limit]
    names = request.query.get("fields")
    data = [_only(one, names.split(",")) for one in page] if names else page
    return as_json({"data": data, **_paging(request, parts, start, len(page), len(found))})


def _paging(request: Request, parts: Parts, start: int, shown: int, total: int) -> dict[str, Any]:
    """Meta's cursors; its `next` points at Meta itself, where Chakra's token is worth nothing."""
    if not shown:
        return {}
    after = _as_cursor(start + shown - 1)
    paging: dict[str, Any] = {"cursors": {"before": _as_cursor(start), "after": after}}
    if start + shown < total:
        host = f"https://graph.facebook.com/{parts['version']}/{parts['waba']}"
        paging["next"] = f"{host}/message_templates?limit={request.query.get('limit', 25)}&after={after}"
    return {"paging": paging}


def _cursor(text: str) -> int:
    try:
        return int(b64decode(text, validate=True))
    except Base64Error as mistake:
        raise ValueError(text) from mistake


def _as_cursor(index: int) -> str:
    return b64encode(str(index).encode()).decode()


def _only(template: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {key: value for key, value in template.items() if key in names or key == "id"}


def _unknown_sender(simulator: Simulator, plugin: str, number: str) -> Answer | None:
    plugins, numbers = simulator.settings.plugins, simulator.settings.phone_numbers
    if plugins and plugin not in plugins:
        return as_errors(404, f"Plugin {plugin} not found")
    if numbers and number not in numbers:
        return as_errors(404, f"Whatsapp phone number {number} not found")
    return None


def _refused(simulator: Simulator, error: MetaError) -> Answer:
    if simulator.settings.errors_as == "envelope":
        return as_errors(error.status, f"(#{error.code}) {error.details}")
    return as_json(error.body(), error.status)


def _read_mapping(simulator: Simulator, body: Mapping[str, Any], to: str) -> Reading:
    """Chakra's own form of a template message: variables as MappingType lists, media as `imageUrl` and the like."""
    name = str(body["templateName"])
    languages = simulator.templates.languages(name)
    language = str(body.get("language") or (languages[0] if len(languages) == 1 else "en"))
    values = _mapped_values(body)
    template = simulator.templates.find(name, language)
    if simulator.settings.strict:
        template = checked_template(template, name, language)
        kind = next((kind for kind in ("image", "video", "document") if body.get(f"{kind}Url")), "")
        header = [{"type": "header", "parameters": [{"type": kind}]}] if kind else []
        check_values(template, values, header, simulator.settings)
    text = filled(template.body, values.body) if template else f"[{name}]"
    rendered = template.render(values) if template else text
    return Reading(to, "template", text, rendered, name, language)


def _mapped_values(body: Mapping[str, Any]) -> Values:
    media = next((str(body[key]) for key in ("imageUrl", "videoUrl", "documentUrl") if body.get(key)), "")
    return Values(
        body=_mapped(body.get("mapping")),
        header=_mapped(body.get("headerMapping")),
        media=str(body.get("filename") or media) if media else "",
        buttons=dict(enumerate(_mapped(body.get("buttonMapping")).values())),
    )


def _mapped(pairs: Any) -> dict[str, str]:
    given = [one for one in pairs if isinstance(one, dict)] if isinstance(pairs, list) else []
    return {str(one.get("schemaPropertyName")): str(one.get("schemaPropertyValue", "")) for one in given}


_ROUTES: tuple[tuple[str, re.Pattern[str], str, Handler], ...] = tuple(
    (method, re.compile(path), operation, handler)
    for method, path, operation, handler in (
        ("POST", rf"{_WHATSAPP}/(?P<plugin>[^/]+)/api/v[\d.]+/(?P<number>[^/]+)/messages", "messages", messages),
        ("GET", rf"{_EXT}/background-job/(?P<job>[^/]+)", "job", job),
        ("GET", rf"{_EXT}/background-job/(?P<job>[^/]+)/entries", "entries", entries),
        (
            "POST",
            rf"{_WHATSAPP}/(?P<plugin>[^/]+)/phoneNumber/(?P<to>\d+)/send-template-message",
            "send_template",
            send_template,
        ),
        ("POST", rf"{_WHATSAPP}/list-chat-messages-for-phone-number", "list_messages", list_messages),
        ("GET", rf"{_WHATSAPP}/api/(?P<version>v[\d.]+)/(?P<waba>[^/]+)/message_templates", "templates", templates),
        ("GET", "/v1/health", "health", health),
    )
)


def route(method: str, path: str) -> tuple[str, Handler, Parts] | None:
    """Operation, handler and path parts of a call; None for a path that does not exist."""
    for verb, pattern, operation, handler in _ROUTES:
        found = pattern.fullmatch(path) if verb == method else None
        if found:
            return operation, handler, found.groupdict()
    return None
