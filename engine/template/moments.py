"""Moments that come as text or without a zone: what they mean where a date is wanted.

What is written down is text, so `trigger.to_state.last_changed` is too; it can be used as the date that it is. A date
without a zone is in the rule's zone.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any

from engine.template.budget import current

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_WRITTEN = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})"
    r"(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?(Z|[+-]\d{2}(?::?\d{2})?)?"
)


def moment_in(text: Any) -> datetime | None:
    """The date and time that a text is and nothing else, or None."""
    if not isinstance(text, str) or len(text) > 40 or not _ISO.match(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def parsed(text: str) -> datetime:
    """The date of a text as people write it: ISO, or with single digits. Raises ValueError."""
    text = text.strip()[:60]
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise
    *numbers, fraction, zone = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    bare = datetime(year, month, day, hour, minute, second, int((fraction or "0").ljust(6, "0")))
    return bare.replace(tzinfo=_zone(zone)) if zone else bare


def _zone(text: str) -> tzinfo | None:
    return datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo


def zoned(value: datetime) -> datetime:
    """The date with a zone: its own, or the rule's."""
    return value if value.tzinfo else value.replace(tzinfo=current().zone)


def alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Two values so that they can be subtracted or ordered, where one is a date and the other stands for one."""
    if isinstance(right, datetime) and isinstance(left, str):
        left = moment_in(left) or left
    elif isinstance(left, datetime) and isinstance(right, str):
        right = moment_in(right) or right
    return with_zones(left, right)


def with_zones(left: Any, right: Any) -> tuple[Any, Any]:
    """Two dates of which one has a zone, both with one."""
    if isinstance(left, datetime) and isinstance(right, datetime) and (left.tzinfo is None) != (right.tzinfo is None):
        return zoned(left), zoned(right)
    return left, right
