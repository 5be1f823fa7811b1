"""Where a contact may be by its phone number: the time zones of the number's country.

Which zone of a large country it is, a number does not say; who wants to wake nobody looks at all of them. The zones of
countries are those of the tz database's zone.tab, in the order in which it lists them.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_TABLE = "zone.tab"


@cache
def zones_of(phone: str) -> tuple[ZoneInfo, ...]:
    """The time zones in which a number such as +919876543210 may be; none where its country is not known."""
    import phonenumbers  # its metadata costs memory and start-up time

    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(ZoneInfo(name) for name in _by_country().get(country or "", ()))


@cache
def _by_country() -> dict[str, list[str]]:
    """The names of the zones of each country, by its two letters."""
    found: dict[str, list[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / _TABLE).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            countries, _, zone, *_ = line.split("\t")
            for country in countries.split(","):
                found.setdefault(country, []).append(zone)
    return found
