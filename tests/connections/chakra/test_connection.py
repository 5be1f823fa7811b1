from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.chakra.connection import ChakraConnection
from connections.chakra.requests import fetch_job, job_entries, send_template_message
from connections.chakra.simulator import Simulator, Steps
from engine.judge import block_faults
from engine.plugin import (
    Accepted,
    FieldError,
    Json,
    Operation,
    Outcome,
    Refused,
    Request,
    TimeSaid,
    Tools,
    Unsure,
    Waiting,
)
from tests.connections.pool.trap import Do, Seen, Trap, ok

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NUMBER = "+919876543210"
TOKEN = "tok-very-secret"
PLUGIN = "d83e1d23-50b8-4d87-8f92-842a0ac516f6"
OPERATION = Operation("0f" * 16)
SETTINGS: dict[str, Json] = {
    "token": TOKEN,
    "plugin_id": PLUGIN,
    "phone_number_id": "775966265503012",
    "allow_private": True,
}
MESSAGE = send_template_message(NUMBER, "import_failed", "en", ["26", "job"])


class Still:
    def now(self) -> datetime:
        return NOW

    async def sleep_until(self, when: datetime) -> None:
        raise AssertionError("nobody sleeps here")


@asynccontextmanager
async def connected(url: str, **settings: Json) -> AsyncIterator[ChakraConnection]:
    connection = ChakraConnection({**SETTINGS, "base_url": url, **settings})
    await connection.open(Tools(clock=Still()))
    try:
        yield connection
    finally:
        await connection.close()


async def outcome_of(answer: bytes, request: Request = MESSAGE) -> Outcome:
    async with Trap(lambda _: Do(answer)).listening() as trap, connected(trap.url) as chakra:
        return await chakra.perform(request, OPERATION)


def told(body: Json, status: int = 200, headers: str = "") -> bytes:
    return ok(json.dumps(body).encode(), status, headers)


async def test_a_message_goes_to_the_pass_through_endpoint_with_its_op_id() -> None:
    answer = told({"_data": {"whatsappMessageId": "wamid.A"}})
    async with Trap(lambda _: Do(answer)).listening() as trap, connected(trap.url + "/base/") as chakra:
        outcome = await chakra.perform(MESSAGE, OPERATION)
    assert outcome == Accepted({"id": "wamid.A"}, "message id wamid.A")
    (seen,) = trap.seen
    path = f"/base/v1/ext/plugin/whatsapp/{PLUGIN}/api/v19.0/775966265503012/messages"
    assert seen.raw.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert seen.header("authorization") == f"Bearer {TOKEN}"
    assert seen.header("content-type") == "application/json"
    assert json.loads(seen.body) == {**MESSAGE.body, "biz_opaque_callback_data": f"rw1:{OPERATION.op_id}"}


@pytest.mark.parametrize(
    "body",
    [
        {"_data": {"whatsappMessageId": "wamid.A"}, "_errors": []},
        {"messages": [{"id": "wamid.A", "message_status": "accepted"}]},
        {"_data": {"messages": [{"id": "wamid.A"}]}},
    ],
)
async def test_an_id_proves_a_message_wherever_it_stands(body: Json) -> None:
    assert await outcome_of(told(body)) == Accepted({"id": "wamid.A"}, "message id wamid.A")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_data": None},
        {"_data": {"whatsappMessageId": ""}},
        {"_data": {"whatsappMessageId": 7}},
        {"_data": {"whatsappMessageId": "a\nb"}},
        {"messages": []},
        {"messages": ["x"]},
        {"error": {"code": 131000}},
        {"_data": {"whatsappMessageId": "wamid.A"}, "_errors": ["but"]},
        [],
    ],
)
async def test_a_message_without_a_clear_id_is_unsure(body: Json) -> None:
    assert isinstance(await outcome_of(told(body)), Unsure)


async def test_errors_in_a_200_refuse_the_message() -> None:
    outcome = await outcome_of(told({"_errors": [f"(#132000) to {NUMBER}"]}))
    reason = "Meta code 132000: the number of values does not match the template"
    assert outcome == Refused(reason, {"status": 200, "code": 132000})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            told({"error": {"code": 131056}}, 400),
            Waiting(
                "Meta code 131056: too many messages to this recipient in a short time",
                timedelta(seconds=6),
                "rate-limited",
            ),
        ),
        (
            told({"_errors": ["slow down"]}, 429, "Retry-After: 7\r\n"),
            Waiting("Chakra says: slow down (status 429)", timedelta(seconds=7), "rate-limited"),
        ),
        (
            told({"message": "bad token " + TOKEN}, 401),
            Waiting("Chakra refused the token: Chakra says: bad token … (status 401)", problem="token-refused"),
        ),
        (
            told({"error": {"code": 132001}}, 404),
            Refused(
                "Meta code 132001: there is no approved template of this name in this language",
                {"status": 404, "code": 132001},
            ),
        ),
        (told({"error": {"code": 130429}}, 503), Unsure("Meta code 130429: too many messages a second")),
        (told({"error": {"code": 4}}, 408), Unsure("Meta code 4: too many calls of this app")),
    ],
)
async def test_a_refusal_is_told_in_words_and_waits_as_long_as_it_asks(answer: bytes, expected: Outcome) -> None:
    found = await outcome_of(answer)
    assert (replace(found, limit="") if isinstance(found, Waiting) else found) == expected
    assert getattr(found, "answered", True)


async def test_a_pair_limit_closes_the_contact_and_any_other_the_number() -> None:
    pair = await outcome_of(told({"error": {"code": 131056}}, 400))
    number = await outcome_of(told({"error": {"code": 130429}}, 400))
    async with connected("http://127.0.0.1:9") as chakra:
        limits = chakra.limits(MESSAGE)
    assert isinstance(pair, Waiting)
    assert isinstance(number, Waiting)
    assert [pair.limit, number.limit] == [limit.key for limit in limits]
    assert [limit.burst for limit in limits] == [45, 80]
    assert [limit.says for limit in limits] == [
        "1 message in 6 s to this contact",
        "80 messages a second from this number",
    ]


async def test_an_operation_past_its_send_by_is_not_sent() -> None:
    async with Trap().listening() as trap, connected(trap.url) as chakra:
        outcome = await chakra.perform(MESSAGE, Operation("0" * 32, NOW - timedelta(seconds=1)))
    assert isinstance(outcome, Waiting)
    assert trap.received == 0


async def test_an_unknown_operation_is_refused() -> None:
    async with connected("http://127.0.0.1:9") as chakra:
        assert await chakra.perform(Request("chakra", "fly", {}), OPERATION) == Refused('Chakra has no operation "fly"')


@pytest.mark.parametrize(
    ("counts", "total", "state"),
    [
        ({"INVALID": 100, "NOT_STARTED": 120, "SUCCESS": 389, "ERROR": 3}, 612, "running"),
        ({"SUCCESS": 389, "ERROR": 3}, 392, "finished"),
        ({"SUCCESS": 1, "PAUSED": 1}, 2, "running"),
        ({"SUCCESS": 1, "PAUSED": 0}, 1, "finished"),
        ({}, 0, "running"),
        (None, 0, "running"),
    ],
)
async def test_counts_say_whether_a_job_is_finished(counts: Json, total: int, state: str) -> None:
    body = {"_data": {"id": "j"}, "_meta": {"bjEntryCompletionStatusVsCount": counts}}
    outcome = await outcome_of(told(body), fetch_job("j"))
    zero = dict.fromkeys(("INVALID", "NOT_STARTED", "SUCCESS", "ERROR"), 0)
    assert outcome == Accepted({"id": "j", "counts": {**zero, **(counts or {})}, "total": total, "state": state})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"_data": "x"},
        {"_data": {"id": "j"}},
        {"_data": {"id": "j"}, "_meta": {}},
        {"_data": {}, "_meta": {"bjEntryCompletionStatusVsCount": {"ERROR": -1}}},
        {"_data": {}, "_meta": {"bjEntryCompletionStatusVsCount": {"ERROR": "26"}}},
        {"_data": {}, "_meta": {"bjEntryCompletionStatusVsCount": {"ERROR": True}}},
        {"_data": {}, "_meta": {"bjEntryCompletionStatusVsCount": [1]}},
        [],
    ],
)
@pytest.mark.parametrize("request_", [fetch_job("j"), job_entries("j")], ids=["counts", "entries"])
async def test_a_malformed_answer_waits_and_is_a_problem(body: Json, request_: Request) -> None:
    outcome = await outcome_of(told(body), request_)
    assert isinstance(outcome, Waiting)
    assert outcome.problem == "malformed-answer"
    assert outcome.answered


@pytest.mark.parametrize(
    ("answer", "kind", "problem"),
    [
        (ok(b"Not Found", 404), Refused, None),
        (told({"_errors": ["job not found"]}), Refused, None),
        (told({"_errors": ["please wait"]}), Waiting, "failing"),
        (told({"_errors": ["job not found"]}, 400), Waiting, ""),
        (ok(b"<html>", 302, "Location: /login\r\n"), Waiting, ""),
        (ok(b"", 410), Waiting, ""),
        (ok(b"", 502), Waiting, "failing"),
        (ok(b"", 401), Waiting, "token-refused"),
        (ok(b"", 429), Waiting, "rate-limited"),
        (b"garbage\r\n\r\n", Waiting, "failing"),
    ],
)
async def test_a_read_that_failed_is_asked_again_unless_there_is_no_such_job(
    answer: bytes, kind: type, problem: str | None
) -> None:
    outcome = await outcome_of(answer, fetch_job("j"))
    assert type(outcome) is kind
    assert getattr(outcome, "problem", None) == problem


async def test_the_id_of_a_job_cannot_leave_its_place_in_the_path() -> None:
    async with Trap(lambda _: Do(ok(b"", 404))).listening() as trap, connected(trap.url) as chakra:
        await chakra.perform(fetch_job("../users?x=1#\r\n"), OPERATION)
    assert trap.seen[0].raw.startswith(b"GET /v1/ext/background-job/..%2Fusers%3Fx%3D1%23%0D%0A HTTP/1.1\r\n")


async def test_entries_are_read_in_shorter_pages_when_one_is_too_long() -> None:
    asked: list[int] = []

    def script(seen: Seen) -> Do:
        limit = int(seen.raw.split(b"limit=")[1].split()[0])
        asked.append(limit)
        entries = [{"id": str(number), "data": "x" * 100_000} for number in range(limit)]
        return Do(told({"_data": entries, "_meta": {"total": 6}}))

    async with Trap(script).listening() as trap, connected(trap.url) as chakra:
        outcome = await chakra.perform(job_entries("j"), OPERATION)
    assert isinstance(outcome, Accepted)
    assert (asked, len(outcome.answer["entries"])) == ([100, 25, 6], 6)


async def test_the_simulator_takes_the_message_and_shows_the_job() -> None:
    async with (
        Simulator.serve() as simulator,
        connected(simulator.url, token=simulator.token) as chakra,
    ):
        simulator.jobs.add("import", 770, Steps(((0, {"ERROR": 26, "SUCCESS": 244}), (1e9, {}))))
        counted = await chakra.perform(fetch_job("import"), OPERATION)
        listed = await chakra.perform(job_entries("import", "NOT_STARTED", limit=250), OPERATION)
        sent = await chakra.perform(MESSAGE, OPERATION)
    assert isinstance(counted, Accepted)
    assert (counted.answer["total"], counted.answer["counts"]["ERROR"], counted.answer["state"]) == (770, 26, "running")
    assert isinstance(listed, Accepted)
    assert (len(listed.answer["entries"]), listed.answer["next"]) == (250, 250)
    assert isinstance(sent, Accepted), sent


async def test_doctor_finds_a_refused_token_a_wrong_clock_and_odd_ids() -> None:
    answer = ok(b"", 401, "Date: Mon, 02 Mar 2026 09:05:00 GMT\r\n")
    async with (
        Trap(lambda _: Do(answer)).listening() as trap,
        connected(trap.url, plugin_id="x", phone_number_id="FILL IN", waba_id="1") as chakra,
    ):
        findings = await chakra.doctor()
    assert {finding.subject: finding.well for finding in findings} == {
        "Chakra": True,
        "Token": False,
        "Clock": False,
        "plugin_id": False,
        "phone_number_id": False,
    }
    assert all(finding.remedy for finding in findings if not finding.well)


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Date: Mon, 02 Mar 2026 09:05:00 GMT\r\n", TimeSaid(NOW + timedelta(minutes=5), NOW)),
        ("Date: Mon, 02 Mar 2026 09:05:00 -0000\r\n", TimeSaid(NOW + timedelta(minutes=5), NOW)),
        ("Date: today\r\n", None),
        ("", None),
    ],
)
async def test_the_time_that_an_answer_names_is_kept(date: str, said: TimeSaid | None) -> None:
    async with Trap(lambda _: Do(ok(b"{}", 200, date))).listening() as trap, connected(trap.url) as chakra:
        await chakra.doctor()
        assert chakra.time_said == said


@pytest.mark.parametrize("date", ["Date: Mon, 02 Mar 2026 09:00:02 GMT\r\n", "Date: today\r\n"])
async def test_doctor_finds_nothing_where_all_is_well(date: str) -> None:
    async with Trap(lambda _: Do(ok(b"{}", 200, date))).listening() as trap, connected(trap.url) as chakra:
        assert all(finding.well for finding in await chakra.doctor())


async def test_doctor_says_when_chakra_cannot_be_reached_or_the_token_not_be_tried() -> None:
    async with Trap(lambda _: Do(ok(b"", 404))).listening() as trap, connected(trap.url) as chakra:
        assert "could not be tried" in (await chakra.doctor())[1].says
    async with connected(trap.url) as chakra:
        first = (await chakra.doctor())[0]
    assert (first.well, first.subject) == (False, "Chakra")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"base_url": "http://127.0.0.1", "allow_private": False}, "base_url"),
        ({"base_url": "https://u:p@api.chakrahq.com"}, "base_url"),
        ({"api_version": "19"}, "api_version"),
        ({"api_version": "FILL IN"}, "api_version"),
        ({"base_url": "https://api.chakrahq.com/path?query"}, "base_url"),
        ({"plugin_id": "../../x"}, "plugin_id"),
        ({"phone_number_id": "+919876543210"}, "phone_number_id"),
        ({"timeout": 600}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"settle_time": 5}, "settle_time"),
        ({"token": "a\nb"}, "token"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(FieldError) as fault:
        ChakraConnection({**SETTINGS, **settings})
    assert fault.value.faults[0][0] == key
    assert TOKEN not in str(fault.value)
    if "token" not in settings:
        said = block_faults(ChakraConnection, {**SETTINGS, **settings})[0]
        assert said.path == (key,)
        assert not said.at_key
        assert said.remedy


def test_a_timeout_of_nothing_names_the_lower_bound_too() -> None:
    (said,) = block_faults(ChakraConnection, {**SETTINGS, "timeout": 0})
    assert (said.message, said.expected) == ("timeout is 0 seconds", "0.01 to 60 seconds")


def test_a_message_is_redirected_for_testing() -> None:
    chakra = ChakraConnection(SETTINGS)
    assert chakra.redirected(MESSAGE, "+14155550123").recipient == "+14155550123"
