from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from connections.chakra.errors import code_in, reason, shy, wait
from connections.pool.answer import Answer
from engine.plugin import Json

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def answer(body: Json, headers: dict[str, str] | None = None) -> Answer:
    return Answer(400, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": 132000}}, 132000),
        ({"error": {"code": "131047"}}, 131047),
        ({"error": {"code": 4}}, 4),
        ({"error": {"code": 9999999, "message": "(#100) Invalid"}}, 100),
        ({"_errors": ["(#131047) Re-engagement message"]}, 131047),
        ({"_errors": ["Meta said code: 190"]}, 190),
        ({"_errors": ["failed with 130429 today"]}, 130429),
        ({"message": "error code 230"}, 230),
        (b"upstream said 131056.", 131056),
        ({"_errors": ["call +131047131047 or 4 of us"]}, None),
        ({"_errors": ["order 123456 failed"]}, None),
        ({"_errors": []}, None),
        (b"<html>131047</html>", 131047),
    ],
)
def test_a_code_is_found_wherever_it_is_and_nothing_else_is_taken_for_one(body: Json, code: int | None) -> None:
    assert code_in(answer(body)) == code


def test_a_known_code_is_told_in_words() -> None:
    assert (
        reason(answer({"error": {"code": 132000}}))
        == "Meta code 132000: the number of values does not match the template"
    )
    assert reason(answer({"error": {"code": 250}})) == "Meta code 250: the token may not do this"


def test_other_refusals_are_told_in_their_own_words_without_phones_and_token() -> None:
    said = reason(answer({"_errors": ["no  such\nnumber +91 98765-43210 for tok-secret"]}), "tok-secret")
    assert said == "Chakra says: no such number +9198…210 for … (status 400)"
    assert reason(answer(b"<html>")) == "Chakra answered with status 400"


def test_a_reason_is_one_short_line() -> None:
    assert len(shy("word\x00\x1b[31m " * 100_000)) == 200
    assert "\x1b" not in shy("\x1b[31m red")


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({}, {"retry-after": "9"}, 9),
        ({"retry_after_ms": 1500}, {"retry-after": "later"}, 1.5),
        ({"retryAfterMs": 1500}, {}, 1.5),
        ({"retry_after": 3}, {}, 3),
        ({"retryAfter": 3.5}, {}, 3.5),
        ({"retryAfter": 1e11}, {}, 86400),
        ({"retry_after": True, "message": "Retry after 250 ms"}, {}, 0.25),
        ({"error": "please retry after 2000ms"}, {}, 2),
        ({"error": {"code": 131056}}, {}, 6),
        ({"error": {"code": 130429}}, {}, None),
        ({"retry_after": -1}, {}, None),
        (b"garbage", {}, None),
    ],
)
def test_the_wait_is_what_header_body_or_code_ask_for(
    body: Json, headers: dict[str, str], seconds: float | None
) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert wait(answer(body, headers), NOW) == expected


def test_a_pair_limit_waits_longer_each_time_up_to_an_hour() -> None:
    refusal = answer({"error": {"code": 131056}})
    found = [wait(refusal, NOW, attempt) for attempt in (1, 2, 3, 5, 50)]
    assert found == [timedelta(seconds=seconds) for seconds in (6, 16, 64, 1024, 3600)]
