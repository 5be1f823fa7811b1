"""What counts as beyond P24's bounds: times only where nothing else runs, memory always."""

from __future__ import annotations

import pytest

from tests.promises.p24 import BOUNDS, SLACK, beyond


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound_is_judged_in_the_long_form_and_no_time_in_the_short_one(name: str) -> None:
    is_time = name != "growth_mb"
    slack = SLACK if is_time else 1
    assert beyond({name: BOUNDS[name] * slack}, timed=True) == []
    assert beyond({name: BOUNDS[name] * slack * 1.1}, timed=True) == [name]
    assert beyond({name: BOUNDS[name] * slack * 1.1}, timed=False) == ([] if is_time else [name])
