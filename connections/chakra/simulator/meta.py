"""What Meta takes and what it refuses: a message body is read, and refused with Meta's own code where it would be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connections.chakra.simulator.settings import Settings
from connections.chakra.simulator.templates import Template, Templates, Values, filled, placeholders

CALLBACK = "biz_opaque_callback_data"
_MEDIA = ("image", "video", "audio", "document", "sticker")
_TYPES = ("text", "template", *_MEDIA, "location", "contacts", "reaction", "interactive")
_PHONE = re.compile(r"\+?\d{7,15}")
_ILL_SPACED = re.compile(r"[\n\t]| {5,}")
_INTERACTIVE_LIMITS = {"header": 60, "body": 1024, "footer": 60}

TITLES = {
    2: "Service temporarily unavailable",
    4: "Application request limit reached",
    100: "Invalid parameter",
    190: "Access token has expired",
    80007: "Rate limit hit",
    130429: "Rate limit hit",
    131000: "Something went wrong",
    131008: "Required parameter is missing",
    131009: "Parameter value is not valid",
    131016: "Service unavailable",
    131047: "Re-engagement message",
    131056: "(Business Account, Consumer Account) pair rate limit hit",
    132000: "Number of parameters does not match the expected number of params",
    132001: "Template name does not exist in the translation",
    132005: "Translated text too long",
    132012: "Parameter format does not match format in the created template",
    132015: "Template is Paused",
    132016: "Template is Disabled",
    133016: "Account register deregister rate limit exceeded",
}


def error_body(code: int, details: str = "") -> dict[str, Any]:
    """Meta's error object (developers.facebook.com, Cloud API error codes): logic belongs on `code` and `details`."""
    title = TITLES.get(code, "Error")
    return {
        "error": {
            "message": f"(#{code}) {title}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": details or title},
            "fbtrace_id": "Asimulated",
        }
    }


class MetaError(Exception):
    """Meta refuses the message: `code`, `details`, HTTP `status`."""

    def __init__(self, code: int, details: str, status: int = 400) -> None:
        super().__init__(details)
        self.code, self.details, self.status = code, details, status

    def body(self) -> dict[str, Any]:
        return error_body(self.code, self.details)


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as understood: to whom, of which type, and its text; `rendered` with header, footer and buttons."""

    to: str
    type: str
    text: str
    rendered: str
    template: str = ""
    language: str = ""
    callback: str = ""


def read_message(body: Any, templates: Templates, settings: Settings) -> Reading:
    """Understand the body of the messages endpoint. Raises MetaError where Meta would refuse it."""
    if not isinstance(body, dict):
        raise MetaError(100, "The body is not a JSON object.")
    try:
        return _read(body, templates, settings)
    except (AttributeError, KeyError, TypeError, ValueError) as mistake:
        raise MetaError(100, f"A part of the body is not of the documented shape ({mistake}).") from None


def _read(body: Mapping[str, Any], templates: Templates, settings: Settings) -> Reading:
    if settings.strict:
        _check_frame(body)
    to = str(body.get("to") or "").removeprefix("+")
    if not to:
        raise MetaError(100, "The parameter to is required.")
    kind = str(body.get("type") or "text")
    part = _part(body, kind, settings)
    callback = str(body.get(CALLBACK) or "")
    if kind == "template":
        return _read_template(part, to, callback, templates, settings)
    text = _text_of(kind, part, settings)
    return Reading(to, kind, text, text, callback=callback)


def _check_frame(body: Mapping[str, Any]) -> None:
    if body.get("messaging_product") != "whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.")
    to = body.get("to")
    if to and not (isinstance(to, str) and _PHONE.fullmatch(to)):
        raise MetaError(131009, "Param to is not a phone number: digits with the country code.")
    callback = body.get(CALLBACK)
    if callback is not None and not (isinstance(callback, str) and len(callback) <= 512):
        raise MetaError(100, f"Param {CALLBACK} must be at most 512 characters long.")


def _part(body: Mapping[str, Any], kind: str, settings: Settings) -> Any:
    if settings.strict and kind not in _TYPES:
        raise MetaError(100, f"Param type must be one of {{{', '.join(_TYPES).upper()}}} - got {kind!r}.")
    part = body.get(kind)
    if settings.strict and not isinstance(part, list if kind == "contacts" else dict):
        raise MetaError(131008, f"Required parameter is missing: {kind}.")
    return part if isinstance(part, (dict, list)) else {}


def _text_of(kind: str, part: Any, settings: Settings) -> str:
    """What the customer reads of a message that is no template."""
    if kind == "text":
        return _checked_text(str(part.get("body") or ""), settings)
    if kind in _MEDIA:
        return _media_text(kind, part, settings)
    if kind == "interactive":
        return _interactive_text(part, settings)
    if kind == "reaction":
        return f"[reaction: {part.get('emoji', '')}]"
    return f"[{kind}]"


def _checked_text(text: str, settings: Settings) -> str:
    if settings.strict and not text:
        raise MetaError(131008, "Required parameter is missing: text['body'].")
    if settings.strict and len(text) > 4096:
        raise MetaError(100, "Param text['body'] must be at most 4096 characters long.")
    return text


def _media_text(kind: str, part: Mapping[str, Any], settings: Settings) -> str:
    given = [part[key] for key in ("id", "link") if part.get(key)]
    if settings.strict and len(given) != 1:
        raise MetaError(100, f"Param {kind} must have exactly one of id and link.")
    caption = str(part.get("caption") or "")
    if settings.strict and len(caption) > 1024:
        raise MetaError(100, f"Param {kind}['caption'] must be at most 1024 characters long.")
    name = part.get("filename") or (given[0] if given else "")
    return f"[{kind}: {name}]\n{caption}".rstrip()


def _interactive_text(part: Mapping[str, Any], settings: Settings) -> str:
    texts = {key: str((part.get(key) or {}).get("text") or "") for key in _INTERACTIVE_LIMITS}
    for key, limit in _INTERACTIVE_LIMITS.items():
        if settings.strict and len(texts[key]) > limit:
            raise MetaError(131009, f"Param interactive['{key}']['text'] must be at most {limit} characters long.")
    buttons = (part.get("action") or {}).get("buttons") or []
    if settings.strict and len(buttons) > 3:
        raise MetaError(131009, "Param interactive['action']['buttons'] has more than 3 buttons.")
    row = " ".join(f"[{button.get('reply', {}).get('title', '')}]" for button in buttons)
    return "\n".join(line for line in (*texts.values(), row) if line)


def _read_template(
    part: Mapping[str, Any], to: str, callback: str, templates: Templates, settings: Settings
) -> Reading:
    name = str(part.get("name") or "")
    language = str((part.get("language") or {}).get("code") or "")
    template = templates.find(name, language)
    values = template_values(part.get("components") or ())
    if settings.strict:
        template = checked_template(template, name, language)
        check_values(template, values, part.get("components") or (), settings)
    if template is None:
        return Reading(to, "template", f"[{name}]", f"[{name}]", name, language, callback)
    text = filled(template.body, values.body)
    return Reading(to, "template", text, template.render(values), name, language, callback)


def checked_template(template: Template | None, name: str, language: str) -> Template:
    """The template when a message may use it. Raises MetaError (132001, 132015, 132016) when not."""
    if template is None or template.status in ("PENDING", "REJECTED"):
        raise MetaError(132001, f"template name ({name}) does not exist in {language}", status=404)
    if template.status == "PAUSED":
        raise MetaError(132015, f"template ({name}) is paused because of low quality")
    if template.status == "DISABLED":
        raise MetaError(132016, f"template ({name}) is disabled")
    return template


def template_values(components: Sequence[Mapping[str, Any]]) -> Values:
    """The variables of a template message, out of Meta's `components`."""
    body: dict[str, str] = {}
    header: dict[str, str] = {}
    buttons: dict[int, str] = {}
    media = ""
    for component in components:
        parameters = component.get("parameters") or ()
        kind = str(component.get("type", "")).lower()
        if kind == "body":
            body = _named(parameters)
        elif kind == "header":
            media = _media(parameters)
            header = {} if media else _named(parameters)
        elif kind == "button":
            buttons[int(component.get("index", 0))] = "".join(_value(one) for one in parameters)
    return Values(body, header, media, buttons)


def _named(parameters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {str(one.get("parameter_name") or at): _value(one) for at, one in enumerate(parameters, 1)}


def _value(parameter: Mapping[str, Any]) -> str:
    kind = str(parameter.get("type", "text"))
    given = parameter.get(kind, "")
    return str(given.get("fallback_value", "")) if isinstance(given, dict) else str(given)


def _media(parameters: Sequence[Mapping[str, Any]]) -> str:
    for one in parameters:
        given = one.get(str(one.get("type")))
        if isinstance(given, dict) and one.get("type") in ("image", "video", "document", "location"):
            return str(given.get("filename") or given.get("link") or given.get("id") or given.get("name") or "location")
    return ""


def check_values(
    template: Template, values: Values, components: Sequence[Mapping[str, Any]], settings: Settings
) -> None:
    """Whether the values fit the template. Raises MetaError (100, 131008, 132000, 132005, 132012) where not."""
    _check_names("body", placeholders(template.body), values.body)
    _check_names("header", placeholders(template.header), values.header)
    _check_media(template, values, components)
    for at, button in enumerate(template.buttons):
        if placeholders(str(button.get("url", ""))) and not values.buttons.get(at):
            raise MetaError(131008, f"buttons: Button at index {at} of type Url requires a parameter")
    for value in (*values.body.values(), *values.header.values()):
        if _ILL_SPACED.search(value):
            raise MetaError(100, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    if len(filled(template.body, values.body)) > settings.text_limit:
        raise MetaError(132005, f"body: the text is longer than {settings.text_limit} characters with its parameters")


def _check_names(where: str, expected: Sequence[str], given: Mapping[str, str]) -> None:
    if len(given) != len(expected):
        found = f"number of localizable_params ({len(given)})"
        raise MetaError(132000, f"{where}: {found} does not match the expected number of params ({len(expected)})")
    if set(given) != set(expected):
        raise MetaError(132012, f"{where}: expected the parameters {', '.join(expected)}, received {', '.join(given)}")
    empty = [name for name, value in given.items() if not value]
    if empty:
        raise MetaError(131008, f"{where}: Parameter of type text is missing text value ({', '.join(empty)})")


def _check_media(template: Template, values: Values, components: Sequence[Mapping[str, Any]]) -> None:
    wanted = template.header_format if template.header_format not in ("", "TEXT") else ""
    headers = [one for one in components if str(one.get("type", "")).lower() == "header"]
    found = ""
    if headers and values.media:
        found = str((headers[0].get("parameters") or [{}])[0].get("type", "")).upper()
    if found != wanted:
        raise MetaError(132012, f"header: Format mismatch, expected {wanted or 'TEXT'}, received {found or 'UNKNOWN'}")
