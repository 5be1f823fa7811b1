from __future__ import annotations

import pytest

from actions.log import LogWrite
from engine.plugin import FieldError, Say
from tests.snapshot import Snapshot


def test_a_line_is_said_at_its_level() -> None:
    assert LogWrite({"message": "hello"}).plan(Snapshot()) == [Say("hello", "info")]
    assert LogWrite({"message": 30, "level": "error"}).plan(Snapshot()) == [Say("30", "error")]


def test_a_level_that_there_is_not_is_refused_with_a_near_one() -> None:
    with pytest.raises(FieldError, match='did you mean "warning"'):
        LogWrite({"message": "hello", "level": "warn"})
