from __future__ import annotations

import pytest

from engine.contact import zones_of


@pytest.mark.parametrize(
    ("phone", "zones"),
    [
        ("+919876543210", ["Asia/Kolkata"]),
        ("+4915112345678", ["Europe/Berlin", "Europe/Busingen"]),
        ("+442079460000", ["Europe/London"]),
        ("+999123456", []),
        ("nobody", []),
    ],
)
def test_a_number_tells_the_zones_of_its_country(phone: str, zones: list[str]) -> None:
    assert [zone.key for zone in zones_of(phone)] == zones


def test_a_country_may_have_many_and_countries_that_share_a_prefix_are_told_apart() -> None:
    american = {zone.key for zone in zones_of("+12125550104")}
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu"} <= american
    assert "America/Toronto" in {zone.key for zone in zones_of("+14165550104")}
