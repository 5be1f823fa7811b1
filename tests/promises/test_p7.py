"""P7 with each of its defences taken away: the settle time, and the look before a second time."""

from __future__ import annotations

import pytest

from tests.promises.figure import new_seed
from tests.promises.p7 import Switch, blind, hasty, undefended


@pytest.mark.parametrize("switch", [hasty, blind])
def test_without_the_settle_time_or_the_look_up_messages_are_seen_to_be_sent_twice(switch: Switch) -> None:
    figure = undefended(switch, new_seed())
    print(figure.to_json())
    assert figure.figure > 0, figure.note
