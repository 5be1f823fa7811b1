from __future__ import annotations

from datetime import timedelta

import pytest

from engine.pulse import Pulse
from tests.house import TestClock


def test_a_part_that_does_not_end_what_it_began_is_stuck_until_it_does() -> None:
    clock = TestClock()
    pulse = Pulse(clock, timedelta(seconds=15))
    with pulse.beat("executor"):
        clock.move(timedelta(seconds=15))
        assert pulse.stuck() == []
        clock.move(timedelta(seconds=2))
        assert pulse.stuck() == ["executor has not got on for 17 seconds"]
    assert pulse.stuck() == []


def test_a_part_that_fails_gets_on() -> None:
    clock = TestClock()
    pulse = Pulse(clock)
    with pytest.raises(OSError, match="full"), pulse.beat("executor"):
        raise OSError("full")
    clock.move(timedelta(hours=1))
    assert pulse.stuck() == []


def test_what_takes_its_time_is_given_it() -> None:
    clock = TestClock()
    pulse = Pulse(clock, timedelta(seconds=15))
    with pulse.beat("notices", timedelta(minutes=2)), pulse.beat("notices"):
        clock.move(timedelta(minutes=1))
        assert pulse.stuck() == ["notices has not got on for 60 seconds"]
