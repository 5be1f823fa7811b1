from __future__ import annotations

import json
import sys
from io import StringIO

import pytest

from engine.log import SilentLog, StreamLog, veiled
from tests.house import TestClock


def test_lines_for_people_name_their_values_and_leave_out_empty_ones() -> None:
    stream = StringIO()
    log = StreamLog(TestClock(), stream)
    log.info("run ended", rule="r", reason="", outcome="finished", run=None)
    assert stream.getvalue().endswith("info    run ended  rule=r  outcome=finished\n")


def test_lines_for_machines_are_json() -> None:
    stream = StringIO()
    log = StreamLog(TestClock(), stream, form="json", level="debug")
    log.debug("poll", subject="j1")
    assert json.loads(stream.getvalue()) == {
        "at": "2026-03-02T09:00:00+00:00",
        "level": "debug",
        "message": "poll",
        "subject": "j1",
    }


def test_what_is_below_the_level_is_not_written() -> None:
    stream = StringIO()
    log = StreamLog(TestClock(), stream, level="warning")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    assert [line.split()[2:] for line in stream.getvalue().splitlines()] == [["warning", "c"], ["error", "d"]]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_is_one_line_without_control_characters(form: str) -> None:
    stream = StringIO()
    StreamLog(TestClock(), stream, form=form).info("a\nb\x1b[31m\r", value="c\u2028d")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to +919876543210 now", "to +9198…210 now"),
        ("to +91 98765 43210 now", "to +9198…210 now"),
        ("919876543210", "9198…210"),
        ('such as "+919876543210", not +919876543210', 'such as "+919876543210", not +9198…210'),
        ("job 19632427-908f-4bf3-a6f5-69b9a0bbfc63", "job 19632427-908f-4bf3-a6f5-69b9a0bbfc63"),
        ("42 of 770", "42 of 770"),
    ],
)
def test_phone_numbers_are_masked_wherever_they_stand(text: str, shown: str) -> None:
    assert veiled(text) == shown


def test_without_a_stream_the_log_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    StreamLog(TestClock()).info("hello")
    assert "hello" in capsys.readouterr().err
    assert sys.stderr is not None


def test_the_silent_log_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = SilentLog()
    log.debug("a")
    log.info("a")
    log.warning("a")
    log.error("a")
    assert capsys.readouterr() == ("", "")
