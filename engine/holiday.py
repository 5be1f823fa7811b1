"""Which days are public holidays where, from the package `holidays` (decision 16).

It is loaded when it is first asked: it costs a third of a second and about 20 MB.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from engine.problem import near

if TYPE_CHECKING:
    from holidays import HolidayBase

_LANGUAGE: Final = "en_US"
_MOST: Final = 50


def name_of(day: date, country: str, subdivision: str | None) -> str:
    """What is celebrated that day, in English where it is known; empty where it is no public holiday.

    Raises ValueError for a country or subdivision that is not known.
    """
    return str(_calendar(country, subdivision).get(day) or "")


def country_fault(country: str) -> str:
    """What is wrong with the code of a country, with a remedy behind a semicolon; empty where nothing is."""
    known = _countries()
    if country.upper() in known:
        return ""
    names = {name.lower(): code for code, name in known.items()}
    meant = names.get(country.strip().lower().replace(" ", "_"), "")
    remedy = f'write "{meant}"' if meant else near(country.upper(), known)
    expected = 'expected the code of a country, of two letters, such as "IN"'
    return f"{expected}; {remedy}" if remedy else expected


def subdivision_fault(country: str, subdivision: str) -> str:
    """The same for a part of a known country."""
    known = tuple(_countries_subdivisions(country.upper()))
    if subdivision.upper() in known:
        return ""
    if not known:
        return f"{country.upper()} has no parts with holidays of their own; take subdivision out"
    meant = _names_of_subdivisions(country.upper()).get(subdivision.strip().lower(), "")
    remedy = f'write "{meant}"' if meant else near(subdivision.upper(), known)
    expected = f"expected one of {', '.join(known)}"
    return f"{expected}; {remedy}" if remedy else expected


@lru_cache(_MOST)
def _calendar(country: str, subdivision: str | None) -> HolidayBase:
    import holidays

    for fault in (country_fault(country), subdivision and subdivision_fault(country, subdivision)):
        if fault:
            raise ValueError(fault)
    part = subdivision.upper() if subdivision else None
    found = holidays.country_holidays(country.upper(), subdiv=part)
    if _LANGUAGE in (found.supported_languages or ()):
        return holidays.country_holidays(country.upper(), subdiv=part, language=_LANGUAGE)
    return found


@lru_cache(1)
def _countries() -> dict[str, str]:
    """Their codes and names, such as "united_kingdom"."""
    from holidays.registry import COUNTRIES

    return {code: name for name, (_, code, *_) in COUNTRIES.items()}


def _countries_subdivisions(country: str) -> tuple[str, ...]:
    import holidays

    return tuple(holidays.country_holidays(country).subdivisions)


def _names_of_subdivisions(country: str) -> dict[str, str]:
    import holidays

    aliases = getattr(holidays.country_holidays(country), "subdivisions_aliases", {})
    return {name.lower(): code for name, code in aliases.items()}
