"""P8 with each of its defences taken away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.promises.figure import new_seed
from tests.promises.p8 import DEFENCES, SHORT, lost


@pytest.mark.parametrize("meddling", DEFENCES)
def test_without_each_of_its_defences_p8_is_seen_to_break(meddling: Callable[[], AbstractContextManager[None]]) -> None:
    figure = lost(SHORT, new_seed(), meddling)
    print(figure.to_json())
    assert figure.figure > 0, figure.note
