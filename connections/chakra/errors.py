"""What Chakra's and Meta's refusals mean: codes with their words, and how long to wait.

Source of codes and advice: Meta's Cloud API error reference. Chakra does not document how it hands the codes on, so
any body that refuses is searched for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from connections.chakra.envelope import Body, told
from connections.pool.answer import Answer
from connections.pool.outcome import retry_after
from engine.plugin import Json, masked

NUMBER_LIMIT: Final = 130429
PAIR_LIMIT: Final = 131056
NOTHING: Final = timedelta(0)
RATE_LIMITS: Final[Mapping[int, timedelta | None]] = {
    4: timedelta(minutes=5),
    80007: timedelta(minutes=5),
    NUMBER_LIMIT: None,
    PAIR_LIMIT: timedelta(seconds=6),
    133016: timedelta(hours=1),
}

MEANINGS: Final[Mapping[int, str]] = {
    0: "the token is not valid",
    4: "too many calls of this app",
    10: "the token may not do this",
    33: "the sending phone number does not exist any more",
    100: "a value in the request is not valid",
    190: "the token is not valid or has expired",
    368: "the account is restricted for a breach of WhatsApp's policies",
    80007: "too many calls of this WhatsApp business account",
    130429: "too many messages a second",
    130472: "the recipient is part of an experiment of Meta's and gets no marketing messages",
    130497: "messages to this country are restricted",
    131000: "something went wrong at Meta",
    131005: "the token may not do this",
    131008: "a value that the message needs is missing",
    131009: "a value in the message is not valid",
    131016: "Meta's service is not available",
    131021: "sender and recipient are the same number",
    131026: "the message cannot be delivered to this number",
    131031: "the WhatsApp business account is locked",
    131037: "the sender's display name is not approved",
    131042: "there is a problem with the payment method of the WhatsApp account",
    131045: "the sending phone number is not registered correctly",
    131047: "more than 24 hours since the recipient's last message; only templates can be sent",
    131048: "too many messages of this number were reported as spam",
    131049: "Meta held the message back so that the recipient does not get too many",
    131050: "the recipient does not want marketing messages",
    131051: "this type of message is not supported",
    131052: "the media could not be downloaded",
    131053: "the media could not be uploaded",
    131056: "too many messages to this recipient in a short time",
    131057: "the account is in maintenance",
    132000: "the number of values does not match the template",
    132001: "there is no approved template of this name in this language",
    132005: "the filled-in text is too long",
    132007: "the template breaks WhatsApp's policies",
    132012: "the format of a value does not match the template",
    132015: "the template is paused for its low quality",
    132016: "the template is disabled for its low quality",
    132068: "the flow is blocked",
    132069: "the flow is throttled",
    133010: "the sending phone number is not registered",
    133016: "too many attempts to register the number",
    135000: "the message was refused without a reason",
}

_MARKED = re.compile(r"(?:\(#|\bcode\W{1,4})([0-9]{1,6})\b", re.IGNORECASE)
_BARE = re.compile(r"(?<![0-9.+-])([0-9]{5,6})(?![0-9]|[.-][0-9])")
_PHONE = re.compile(r"\+?[0-9](?:[ ().-]{0,2}[0-9]){6,}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_AFTER = re.compile(r"retry after ([0-9]{1,9}) ?ms", re.IGNORECASE)
_LONGEST_PAIR_WAIT: Final = timedelta(hours=1)
_LONGEST_WAIT: Final = timedelta(days=1)
_LONGEST_REASON: Final = 200


def code_in(answer: Answer) -> int | None:
    """The Meta code that an answer carries: as `error.code`, else in its words."""
    try:
        whole = answer.json()
    except ValueError:
        return _code_in_words(answer.text())
    if isinstance(whole, Mapping):
        error = whole.get("error")
        code = error.get("code") if isinstance(error, Mapping) else None
        if isinstance(code, int | str) and str(code).isascii() and str(code).isdigit() and len(str(code)) <= 6:
            return int(code)
    return _code_in_words(told(answer))


def _code_in_words(text: str) -> int | None:
    found = [int(code) for pattern in (_MARKED, _BARE) for code in pattern.findall(text)]
    known = [code for code in found if code in MEANINGS or 200 <= code <= 299]
    return known[0] if known else None


def reason(answer: Answer, token: str = "") -> str:
    """Why an answer refuses, for people: the code with its meaning, else its own words without phones and token."""
    code = code_in(answer)
    if code is not None and (code in MEANINGS or 200 <= code <= 299):
        return f"Meta code {code}: {MEANINGS.get(code, 'the token may not do this')}"
    words = shy(told(answer), token)
    return f"Chakra says: {words} (status {answer.status})" if words else f"Chakra answered with status {answer.status}"


def shy(text: str, token: str = "") -> str:
    """The text in one short line, with phone numbers masked and without the token."""
    if token:
        text = text.replace(token, "…")
    text = _PHONE.sub(lambda phone: masked(re.sub(r"[^0-9+]", "", phone[0])), text[:5000])
    text = _UNSEEN.sub(" ", text).strip()
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def wait(answer: Answer, now: datetime, attempt: int = 1) -> timedelta | None:
    """How long to wait: `Retry-After`, else what the body says, else what the code asks for; None if nothing does."""
    asked = retry_after(answer, now)
    if asked is None:
        asked = _asked_in_body(answer)
    if asked is None and code_in(answer) == PAIR_LIMIT:
        # Meta asks for 4^n seconds after the nth refusal; sooner than the limit's own 6 s is of no use.
        return min(_LONGEST_PAIR_WAIT, max(RATE_LIMITS[PAIR_LIMIT] or NOTHING, timedelta(seconds=4 ** min(attempt, 9))))
    if asked is None:
        return RATE_LIMITS.get(code_in(answer) or -1)
    return min(asked, _LONGEST_WAIT)


def _asked_in_body(answer: Body) -> timedelta | None:
    try:
        whole = answer.json()
    except ValueError:
        whole = None
    if isinstance(whole, Mapping):
        for key, unit in (("retry_after_ms", 0.001), ("retryAfterMs", 0.001), ("retry_after", 1), ("retryAfter", 1)):
            if (seconds := _positive(whole.get(key))) is not None:
                return timedelta(seconds=min(seconds * unit, 86400))
    match = _AFTER.search(told(answer))
    return timedelta(milliseconds=min(int(match[1]), 86_400_000)) if match else None


def _positive(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)
