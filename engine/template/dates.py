"""Dates and times in templates. All of them carry a zone: a text without one is in the rule's zone.

The clock and the zone are those handed to the render; nothing here asks the machine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from engine.template.budget import TemplateProblem, current, kind
from engine.template.operators import date_text

_REQUIRED: Any = object()
_PERIOD = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_CLOCK = re.compile(
    r"(?P<sign>[-+]?)(?:(?P<days>\d+)(?: days?,?)? )?"
    r"(?P<hours>\d+):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d+)?))?"
)
_UNITS = (
    ("year", 365 * 86_400),
    ("month", 30 * 86_400),
    ("day", 86_400),
    ("hour", 3600),
    ("minute", 60),
    ("second", 1),
)


def now() -> datetime:
    meter = current()
    return meter.now.astimezone(meter.zone)


def utcnow() -> datetime:
    return current().now.astimezone(UTC)


def today_at(clock: str = "00:00") -> datetime:
    """Today at this time of day in the rule's zone, as in `today_at('18:30')`."""
    try:
        moment = time.fromisoformat(clock.strip().zfill(5))
    except (ValueError, AttributeError):
        raise TemplateProblem("`today_at` needs a time of day", expected="for example `today_at('18:30')`") from None
    return datetime.combine(now().date(), moment.replace(tzinfo=None), current().zone)


def as_datetime(value: Any, default: Any = _REQUIRED) -> Any:
    """The date that an ISO text or a number of seconds since 1970 means."""
    found = _datetime(value)
    return found if found is not None else _otherwise("as_datetime", value, default, "text such as `2026-03-01 18:30`")


def as_local(value: Any, default: Any = _REQUIRED) -> Any:
    """The same moment in the rule's zone."""
    found = _datetime(value)
    return found.astimezone(current().zone) if found is not None else _otherwise("as_local", value, default, "a date")


def as_timestamp(value: Any, default: Any = _REQUIRED) -> Any:
    """The seconds since 1970 of a date, an ISO text or a number."""
    found = _datetime(value)
    return found.timestamp() if found is not None else _otherwise("as_timestamp", value, default, "a date")


def _datetime(value: Any) -> datetime | None:
    zone = current().zone
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            value = _read(value)
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=zone)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _read(value: str) -> datetime:
    """The date of a text: ISO, or seconds since 1970."""
    value = value.strip()
    seconds = re.fullmatch(r"-?\d{9,15}(\.\d{1,9})?", value)
    return datetime.fromtimestamp(float(value), UTC) if seconds else datetime.fromisoformat(value)


def _otherwise(name: str, value: Any, default: Any, expected: str) -> Any:
    if default is not _REQUIRED:
        return default
    raise TemplateProblem(f"`{name}` cannot read {kind(value)} as a date", expected=expected, subject=name)


def as_timedelta(value: Any) -> timedelta | None:
    """The duration that a text means ("01:30:00", "2 12:00", "PT5M"), or none."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)):
        return timedelta(seconds=value)
    found = _PERIOD.fullmatch(value.strip()[:60]) or _CLOCK.fullmatch(value.strip()[:60])
    if not found:
        return None
    parts = {name: float(part) for name, part in found.groupdict().items() if part and name != "sign"}
    return timedelta(**parts) * (-1 if found["sign"] == "-" else 1)


def duration_of(**parts: float) -> timedelta:
    """A duration, as in `timedelta(hours=2, minutes=30)`."""
    return timedelta(**parts)


def strptime(value: Any, form: str, default: Any = _REQUIRED) -> Any:
    """The date in a text of a stated form, as in `strptime('24.12.2026', '%d.%m.%Y')`."""
    if len(form) > 100:
        raise TemplateProblem("this date format is too long", expected="at most 100 characters")
    try:
        found = datetime.strptime(value[:200], form)
    except (ValueError, TypeError, re.error):
        return _otherwise("strptime", value, default, f"text of the form `{form}`")
    return found if found.tzinfo else found.replace(tzinfo=current().zone)


def timestamp_custom(value: Any, form: str = "%Y-%m-%d %H:%M:%S", local: bool = True, default: Any = _REQUIRED) -> Any:
    """A timestamp in a form of one's own, in the rule's zone unless `local` is false."""
    found = _datetime(value)
    if found is None:
        return _otherwise("timestamp_custom", value, default, "seconds since 1970")
    return date_text(found.astimezone(current().zone if local else UTC), form)


def timestamp_local(value: Any, default: Any = _REQUIRED) -> Any:
    found = _datetime(value)
    if found is None:
        return _otherwise("timestamp_local", value, default, "seconds since 1970")
    return found.astimezone(current().zone)


def timestamp_utc(value: Any, default: Any = _REQUIRED) -> Any:
    found = _datetime(value)
    return found.astimezone(UTC) if found else _otherwise("timestamp_utc", value, default, "seconds since 1970")


def time_since(value: Any, precision: int = 1) -> Any:
    """How long ago in words ("2 hours"); a date that has not come yet is handed back."""
    return _span("time_since", value, precision, 1)


def time_until(value: Any, precision: int = 1) -> Any:
    """How long until then in words ("2 hours"); a date that has passed is handed back."""
    return _span("time_until", value, precision, -1)


def _span(name: str, value: Any, precision: int, direction: int) -> Any:
    moment = _datetime(value)
    if moment is None:
        return _otherwise(name, value, _REQUIRED, "a date")
    seconds = direction * (current().now - moment).total_seconds()
    return value if seconds < 0 else _in_words(int(seconds), precision)


def _in_words(seconds: int, precision: int) -> str:
    parts = []
    for word, length in _UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    wanted = precision if precision > 0 else len(_UNITS)
    return " ".join(parts[:wanted]) or "0 seconds"
