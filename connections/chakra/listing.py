"""Whether a message of ours is among those that Chakra lists for a phone number (promise P9).

By our op_id if the listing shows it; else by likeness (template, values in the text, time), and then only when the
numbers agree: as many listed as we sent, and what we know to be accepted accounted for. What cannot be read proves
nothing. Source of the form: https://apidocs.chakrahq.com/api-22749108, whose items nobody has documented; Chakra's own
client code calls them ChatMessage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from connections.chakra import requests
from engine.plugin import Arrived, CannotTell, Json, NotFound, OtherSend, Settlement

SKEW: Final = timedelta(minutes=5)
"""How far Chakra's clock may be from ours."""
MAY_HAVE_ARRIVED: Final = frozenset({"accepted", "intent", "unsure", "dropped"})

_NAME: Final = re.compile(r"(?=.*[a-z])[a-z0-9_]{1,512}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_SPACES: Final = re.compile(r"\s+")

Likeness = Literal["same", "other", "unclear"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One listed message as far as it can be read: what is empty or None was not there."""

    message_ids: frozenset[str]
    op_id: str
    inbound: bool
    at: datetime | None
    template: str
    text: str

    @classmethod
    def read(cls, item: Json) -> Listed:
        """Any item at all."""
        whole = item if isinstance(item, Mapping) else {}
        context = whole["context"] if isinstance(whole.get("context"), Mapping) else {}
        callback = str(whole.get("biz_opaque_callback_data") or "")
        ids = [whole.get(key) for key in ("externalId", "whatsappMessageId", "messageId", "id")]
        direction = str(whole.get("direction") or "").lower()
        return cls(
            message_ids=frozenset(each for each in ids if isinstance(each, str) and each),
            op_id=callback.removeprefix(requests.OP_ID_MARK) if callback.startswith(requests.OP_ID_MARK) else "",
            inbound=direction.startswith(("in", "receiv")),
            at=_time(whole.get("timestamp")) or _time(whole.get("createdAt")),
            template=_template(whole, context),
            text=_text(whole),
        )

    def likeness(self, body: Mapping[str, Json]) -> Likeness:
        """Whether this could be the message with this body."""
        if self.inbound:
            return "other"
        name, values = _asked(body)
        if not name:
            return "unclear"
        is_named = bool(_NAME.fullmatch(self.template)) and not _UUID.fullmatch(self.template)
        if is_named and self.template != name:
            return "other"
        if not values:
            return "same" if self.template == name else "unclear"
        if not self.text:
            return "unclear"
        return "same" if all(_holds(self.text, value) for value in values) else "other"


@dataclass(frozen=True, slots=True)
class Sent:
    """One send of ours, as the listing may show it; `wamid` where it is known."""

    op_id: str
    body: Mapping[str, Json]
    state: str
    at: datetime
    wamid: str = ""

    @property
    def may_be_listed(self) -> bool:
        """Whether it arrived, for all we know."""
        return self.state in MAY_HAVE_ARRIVED

    @classmethod
    def of(cls, other: OtherSend) -> Sent:
        answer = other.answer if isinstance(other.answer, Mapping) else {}
        return cls(other.op_id, other.body, other.state, other.at, str(answer.get("id") or ""))


@dataclass(frozen=True, slots=True)
class Look:
    """A look for one send: `items` are all that the listing shows back to `since`, `lag` the time they may take."""

    sent: Sent
    others: Sequence[Sent]
    items: Sequence[Listed]
    now: datetime
    lag: timedelta

    def settle(self) -> Settlement:
        """What the listing proves."""
        for item in self.items:
            if item.op_id == self.sent.op_id:
                return Arrived("the listing shows it with our op_id", _answer(item))
        return self._counted()

    def _counted(self) -> Settlement:
        """What the numbers of like messages prove."""
        mates = [other for other in self.others if _alike(other.body, self.sent.body)]
        first, last, group = self._window(mates)
        open_ones = [other for other in group if self._is_open(other)]
        absent = [other for other in open_ones if other.state == "accepted"]
        sought = len(open_ones) + 1
        like = [(item, item.likeness(self.sent.body)) for item in self._nobodys()]
        near = [(item, how) for item, how in like if item.at is None or first <= item.at <= last]
        if any(how == "unclear" or (how == "same" and item.at is None) for item, how in near):
            return CannotTell("the listing shows messages that cannot be told from it")
        found = [item for item, how in near if how == "same"]
        if any(self._fits_another(item) for item in found):
            return CannotTell("the listing shows messages that another send of ours could be as well")
        if found and any(item.op_id for item in self.items):
            return CannotTell("the listing shows op_ids, but not of a message like it")
        if found and len(found) == sought:
            answer = _answer(found[0]) if sought == 1 else None
            return Arrived(f"the listing shows {_count(found)} like it, as many as were sent", answer)
        if len(found) != len(absent) or not _may_be(found, absent):
            return CannotTell(f"the listing shows {len(found)} of {sought} messages like it; which, it does not say")
        if any(self.now - other.at < self.lag for other in group if other.state == "accepted"):
            return CannotTell("another message like it was sent just now")
        return NotFound("the listing does not show it")

    def _nobodys(self) -> list[Listed]:
        """What is listed and not known to be another send of ours."""
        known = {other.wamid for other in self.others if other.wamid}
        return [item for item in self.items if not item.op_id and not item.message_ids & known]

    def _window(self, mates: Sequence[Sent]) -> tuple[datetime, datetime, list[Sent]]:
        """The time in which it must be listed, and the like sends whose own time touches that, one by one."""
        first, last, group = self.sent.at - SKEW, self.sent.at + self.lag + SKEW, list[Sent]()
        rest = [mate for mate in mates if mate.may_be_listed]
        while touching := [m for m in rest if m.at - SKEW <= last and m.at + self.lag + SKEW >= first]:
            group += touching
            rest = [mate for mate in rest if mate not in touching]
            first = min([first, *(mate.at - SKEW for mate in touching)])
            last = max([last, *(mate.at + self.lag + SKEW for mate in touching)])
        return first, last, group

    def _fits_another(self, item: Listed) -> bool:
        """Whether a listed message could also be a send of ours with other words."""
        others = (other for other in self.others if other.may_be_listed and not _alike(other.body, self.sent.body))
        return any(item.likeness(other.body) == "same" for other in others if self._is_open(other))

    def _is_open(self, other: Sent) -> bool:
        """Whether no listed message is known to be this send."""
        return not any(other.op_id == item.op_id or other.wamid in item.message_ids for item in self.items)


def _answer(item: Listed) -> Json:
    found = sorted(each for each in item.message_ids if each.startswith("wamid."))
    return {"id": found[0]} if found else None


def _may_be(found: Sequence[Listed], absent: Sequence[Sent]) -> bool:
    """Whether the listed messages could be these accepted sends: their ids, where both sides have any, differ."""
    return _ids_unknown(found) or not any(other.wamid for other in absent)


def _ids_unknown(found: Sequence[Listed]) -> bool:
    return not any(each.startswith("wamid.") for item in found for each in item.message_ids)


def _count(found: Sequence[Listed]) -> str:
    return "one message" if len(found) == 1 else f"{len(found)} messages"


def _asked(body: Mapping[str, Json]) -> tuple[str, list[str]]:
    """The template's name and the values that fill its text."""
    template = body.get("template") or {}
    parts = template.get("components") or []
    values = [each["text"] for part in parts if part["type"] == "body" for each in part["parameters"]]
    return str(template.get("name", "")), [_plain(str(value)) for value in values if str(value).strip()]


def _alike(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """Whether two messages look the same in a listing, which shows neither header nor buttons for sure."""
    return _asked(one) == _asked(other)


def _holds(text: str, value: str) -> bool:
    """Whether a text holds a value as a word of its own: 26 is not in 126."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _template(whole: Mapping[str, Json], context: Mapping[str, Json]) -> str:
    template = whole.get("template")
    named = template.get("name") if isinstance(template, Mapping) else template
    places = (named, whole.get("templateName"), context.get("templateName"), context.get("messageTemplateId"))
    return next((place for place in places if isinstance(place, str) and place), "")


def _text(whole: Mapping[str, Json]) -> str:
    return next((_plain(text) for text in _texts(whole) if isinstance(text, str) and text.strip()), "")


def _texts(whole: Mapping[str, Json]) -> Iterator[Json]:
    yield whole.get("text")
    for key in ("body", "text"):
        inner = whole.get(key)
        yield inner.get("body") if isinstance(inner, Mapping) else inner


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _time(value: Json) -> datetime | None:
    """A time as milliseconds or seconds since 1970, or as ISO text."""
    try:
        if isinstance(value, str) and not value.strip().isdigit():
            found = datetime.fromisoformat(value)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
