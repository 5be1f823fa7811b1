"""Dates and times in templates. One without a zone stands for that time in the rule's zone.

The clock and the zone are those handed to the render; nothing here asks the machine.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from engine.template.budget import TemplateProblem, current, kind
from engine.template.moments import moment_in, parsed, zoned
from engine.template.numbers import short
from engine.template.operators import date_text

_REQUIRED: Any = object()
_CLOCK = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?,? ?)?)?(?P<sign>[-+]?)(?:(?P<hours>\d+):(?=\d+:\d+))?(?:(?P<minutes>\d+):)?"
    r"(?P<seconds>\d+(?:[.,]\d+)?)"
)
_PERIOD = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+(?:[.,]\d+)?)D)?(?:T(?:(?P<hours>\d+(?:[.,]\d+)?)H)?"
    r"(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?"
)
_DAYS = re.compile(r"(?P<days>-?\d+) days?")
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


def today_at(clock: str = "") -> datetime:
    """Today at this time of day in the rule's zone, as in `today_at('18:30')`."""
    try:
        hour, minute, *second = [int(part) for part in clock.split(":")] if clock else [0, 0]
        moment = time(hour, minute, second[0] if second else 0)
    except (ValueError, TypeError, AttributeError):
        raise TemplateProblem("`today_at` needs a time of day", expected="for example `today_at('18:30')`") from None
    return datetime.combine(now().date(), moment, current().zone)


def as_datetime(value: Any, default: Any = _REQUIRED) -> Any:
    """The date that a text or a number of seconds since 1970 means; none for other text, unless there is a default."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return _from_seconds(value)
    except (ValueError, TypeError, OverflowError, OSError):
        pass
    try:
        return parsed(value)
    except (ValueError, TypeError, AttributeError):
        if default is _REQUIRED and isinstance(value, str):
            return None
        return _otherwise("as_datetime", value, default, "text such as `2026-03-01 18:30`")


def _from_seconds(value: Any) -> datetime:
    return datetime.fromtimestamp(float(short(value)), UTC)


def _moment(value: Any) -> datetime | None:
    """The moment that a date, a text or a number of seconds means, with a zone."""
    found = as_datetime(value, None)
    return zoned(found) if found is not None else None


def as_local(value: Any, default: Any = _REQUIRED) -> Any:
    """The same moment in the rule's zone."""
    found = _moment(value)
    return found.astimezone(current().zone) if found is not None else _otherwise("as_local", value, default, "a date")


def as_timestamp(value: Any, default: Any = _REQUIRED) -> Any:
    """The seconds since 1970 of a date, an ISO text or a number."""
    found = _moment(value)
    return found.timestamp() if found is not None else _otherwise("as_timestamp", value, default, "a date")


def _otherwise(name: str, value: Any, default: Any, expected: str) -> Any:
    if default is not _REQUIRED:
        return default
    raise TemplateProblem(f"`{name}` cannot read {kind(value)} as a date", expected=expected, subject=name)


def as_timedelta(value: Any) -> timedelta | None:
    """The duration that a text means ("01:30:00", "5:00" for five minutes, "2 days", "PT5M"), or none."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, (int, float)):
        return timedelta(seconds=value)
    given = value.strip()[:60]
    found = _CLOCK.fullmatch(given) or _PERIOD.fullmatch(given) or _DAYS.fullmatch(given)
    if not found:
        return None
    parts = {name: part.replace(",", ".") for name, part in found.groupdict().items() if part}
    sign = -1 if parts.pop("sign", "") == "-" else 1
    days = timedelta(days=float(parts.pop("days", 0))) * (sign if found.re is _PERIOD else 1)
    return days + sign * timedelta(**{name: float(part) for name, part in parts.items()})


def duration_of(*values: float, **parts: float) -> timedelta:
    """A duration, as in `timedelta(hours=2, minutes=30)`."""
    return timedelta(*values, **parts)


def strptime(value: Any, form: str, default: Any = _REQUIRED) -> Any:
    """The date in a text of a stated form, as in `strptime('24.12.2026', '%d.%m.%Y')`."""
    if len(form) > 100:
        raise TemplateProblem("this date format is too long", expected="at most 100 characters")
    try:
        found = datetime.strptime(value[:200], form)
    except (ValueError, TypeError, re.error):
        return _otherwise("strptime", value, default, f"text of the form `{form}`")
    return found


def timestamp_custom(value: Any, form: str = "%Y-%m-%d %H:%M:%S", local: bool = True, default: Any = _REQUIRED) -> Any:
    """A timestamp in a form of one's own, in the rule's zone unless `local` is false."""
    found = _from_timestamp(value)
    if found is None:
        return _otherwise("timestamp_custom", value, default, "seconds since 1970")
    return date_text(found.astimezone(current().zone if local else UTC), form)


def timestamp_local(value: Any, default: Any = _REQUIRED) -> Any:
    """A timestamp as ISO text in the rule's zone."""
    found = _from_timestamp(value)
    if found is None:
        return _otherwise("timestamp_local", value, default, "seconds since 1970")
    return found.astimezone(current().zone).isoformat()


def timestamp_utc(value: Any, default: Any = _REQUIRED) -> Any:
    """A timestamp as ISO text in UTC."""
    found = _from_timestamp(value)
    return found.isoformat() if found else _otherwise("timestamp_utc", value, default, "seconds since 1970")


def _from_timestamp(value: Any) -> datetime | None:
    """The moment of a date or of seconds since 1970; other text is none, also if it is a date."""
    if isinstance(value, datetime):
        return zoned(value).astimezone(UTC)
    try:
        return _from_seconds(value)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def time_since(value: Any, precision: int = 1) -> Any:
    """How long ago in words ("2 hours"); what is no date, or has not come yet, is handed back."""
    return _span(value, precision, 1)


def time_until(value: Any, precision: int = 1) -> Any:
    """How long until then in words ("2 hours"); what is no date, or has passed, is handed back."""
    return _span(value, precision, -1)


def relative_time(value: Any) -> Any:
    """How long ago, in the largest unit."""
    return _span(value, 1, 1)


def _span(value: Any, precision: int, direction: int) -> Any:
    moment = moment_in(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        return value
    lasting = direction * (current().now - zoned(moment))
    return value if lasting < timedelta(0) else _in_words(round(lasting.total_seconds()), precision)


def timedelta_string(value: Any, precision: int = 1) -> Any:
    """A duration in words ("2 hours"); anything else is handed back."""
    return _in_words(round(abs(value).total_seconds()), precision) if isinstance(value, timedelta) else value


def _in_words(seconds: int, precision: int) -> str:
    """So many units as `precision` says, the last one rounded; all of them for 0."""
    parts: list[str] = []
    for word, length in _UNITS:
        if seconds < length:
            continue
        is_last = len(parts) + 1 == precision
        count = round(seconds / length) if is_last else seconds // length
        parts.append(f"{count} {word}{'' if count == 1 else 's'}")
        seconds -= count * length
        if is_last:
            break
    return " ".join(parts) or "0 seconds"
