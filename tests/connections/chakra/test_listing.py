from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connections.chakra.connection import ChakraConnection
from connections.chakra.listing import Listed, Look, Sent
from connections.chakra.requests import fetch_job, send_template_message
from connections.chakra.simulator import Settings, Simulator
from engine.plugin import Arrived, CannotTell, Json, NotFound, Operation, Request, Settlement, Tools
from tests.connections.chakra.test_connection import NOW, NUMBER, SETTINGS, connected, told
from tests.connections.pool.trap import Do, Trap

AT = NOW - timedelta(minutes=10)
LAG = timedelta(seconds=120)
OP, OTHER = "0f" * 16, "ee" * 16


def message(*values: str, template: str = "order_update") -> dict[str, Json]:
    return dict(send_template_message(NUMBER, template, "en", list(values)).body)


def sent(op_id: str = OTHER, state: str = "accepted", wamid: str = "", seconds: float = 0, *values: str) -> Sent:
    return Sent(op_id, message(*(values or ("Asha", "26"))), state, AT + timedelta(seconds=seconds), wamid)


def item(text: Json = "Hello Asha, your order 26 is paid.", wamid: str = "wamid.1", **more: Json) -> dict[str, Json]:
    at = int((AT + timedelta(seconds=2)).timestamp() * 1000)
    context = {"messageTemplateId": "order_update"}
    return {"externalId": wamid, "direction": "OUTBOUND", "text": text, "timestamp": at, "context": context, **more}


def look(items: list[Any], *others: Sent, values: tuple[str, ...] = ("Asha", "26")) -> Settlement:
    mine = Sent(OP, message(*values), "unsure", AT)
    return Look(mine, others, [Listed.read(each) for each in items], NOW, LAG).settle()


def test_our_op_id_is_proof_whatever_else_the_item_says() -> None:
    found = look([{"biz_opaque_callback_data": f"rw1:{OP}", "externalId": "wamid.7"}, item()])
    assert found == Arrived("the listing shows it with our op_id", {"id": "wamid.7"})


def test_one_message_like_it_is_proof_where_one_was_sent() -> None:
    assert look([item()]) == Arrived("the listing shows one message like it, as many as were sent", {"id": "wamid.1"})


def test_nothing_like_it_is_proof_that_it_did_not_arrive() -> None:
    assert look([]) == look([item("Hello Asha, your order 126 is paid.")]) == NotFound("the listing does not show it")


@pytest.mark.parametrize(
    "other",
    [
        item(direction="INBOUND"),
        item(context={"messageTemplateId": "goodbye"}),
        item(templateName="goodbye"),
        item(timestamp=int((AT - timedelta(minutes=6)).timestamp() * 1000)),
        item(timestamp=int((AT + timedelta(minutes=8)).timestamp())),
        item("Hello Ravi, your order 26 is paid."),
    ],
)
def test_other_messages_are_not_taken_for_it(other: Json) -> None:
    assert isinstance(look([other]), NotFound)


@pytest.mark.parametrize(
    "unclear",
    [
        None,
        "text",
        {},
        item(timestamp=None),
        item(timestamp="yesterday"),
        item(timestamp=True),
        item(timestamp=1e30),
        item(text=""),
        item(text=None, body=None),
    ],
)
def test_what_cannot_be_read_proves_nothing(unclear: Json) -> None:
    assert isinstance(look([unclear]), CannotTell)


@pytest.mark.parametrize(
    "readable",
    [
        item(context=None),
        item(context={"messageTemplateId": "9f2b8f3e-2f6f-4a7e-9d3c-0a1b2c3d4e5f"}),
        item(template={"name": "order_update"}, context=None),
        item(text=None, body={"body": "Asha 26"}),
        item(text={"body": "Asha 26"}),
        item(timestamp=AT.isoformat()),
        item(timestamp=AT.replace(tzinfo=None).isoformat()),
        item(timestamp=str(int(AT.timestamp()))),
        item(timestamp=None, createdAt=AT.timestamp()),
    ],
)
def test_it_is_read_in_any_of_the_forms_that_it_may_have(readable: Json) -> None:
    assert isinstance(look([readable]), Arrived)


def test_of_two_equal_ones_the_accepted_one_is_told_by_its_id() -> None:
    accepted = sent(wamid="wamid.1")
    assert look([item()], accepted) == NotFound("the listing does not show it")
    assert isinstance(look([item(), item(wamid="wamid.2")], accepted), Arrived)


def test_an_accepted_one_that_is_not_listed_yet_keeps_the_number_from_proving() -> None:
    accepted = sent(wamid="wamid.1")
    assert isinstance(look([item(wamid="wamid.2")], accepted), CannotTell)
    assert isinstance(look([], accepted), CannotTell)


def test_without_ids_only_the_numbers_count() -> None:
    accepted = sent(wamid="wamid.1")
    assert isinstance(look([item(wamid="")], accepted), NotFound)
    assert isinstance(look([item(wamid=""), item(wamid="")], accepted), Arrived)
    assert isinstance(look([item(wamid="")] * 3, accepted), CannotTell)


@pytest.mark.parametrize("state", ["unsure", "intent", "dropped"])
def test_of_two_in_doubt_both_must_be_listed(state: str) -> None:
    doubtful = sent(state=state)
    assert isinstance(look([item()], doubtful), CannotTell)
    assert isinstance(look([], doubtful), NotFound)
    assert look([item(), item(wamid="wamid.2")], doubtful) == Arrived(
        "the listing shows 2 messages like it, as many as were sent", None
    )


@pytest.mark.parametrize("state", ["refused", "expired", "waiting", "queued"])
def test_what_was_surely_not_sent_is_not_counted(state: str) -> None:
    assert isinstance(look([item()], sent(state=state)), Arrived)


def test_a_like_message_of_long_ago_has_no_part_in_it() -> None:
    assert isinstance(look([item()], sent(seconds=-3600)), Arrived)


def test_like_messages_one_after_the_other_are_counted_all_together() -> None:
    chain = [sent(f"{n:032}", "unsure", "", 400.0 * n) for n in range(1, 4)]
    assert isinstance(look([item()], *chain), CannotTell)


def test_a_like_message_sent_just_now_may_still_be_missing() -> None:
    chain = [sent("cc" * 16, "unsure", "", 300), sent("dd" * 16, "accepted", "wamid.3", 595)]
    assert isinstance(look([item(wamid="wamid.3")], *chain), CannotTell)
    assert isinstance(look([item(wamid="wamid.3")], *chain[:1], sent("dd" * 16, "accepted", "wamid.3", 350)), NotFound)


def test_a_message_that_another_send_could_be_proves_nothing() -> None:
    other = Sent(OTHER, message("Asha"), "unsure", AT, "")
    assert isinstance(look([item()], other), CannotTell)
    assert isinstance(look([item()], Sent(OTHER, message("Asha"), "accepted", AT, "wamid.1")), NotFound)


def test_where_the_listing_shows_op_ids_one_without_is_not_ours_for_sure() -> None:
    shown = item(wamid="wamid.9", biz_opaque_callback_data=f"rw1:{OTHER}")
    assert isinstance(look([shown], sent()), NotFound)
    assert isinstance(look([shown, item()], sent()), CannotTell)


def test_a_template_without_values_is_told_by_its_name_only() -> None:
    assert isinstance(look([item()], values=()), Arrived)
    assert isinstance(look([item(context=None)], values=()), CannotTell)


def test_a_message_that_is_no_template_is_never_settled_by_likeness() -> None:
    mine = Sent(OP, {"type": "text", "text": {"body": "Hi"}}, "unsure", AT)
    assert isinstance(Look(mine, (), [Listed.read(item())], NOW, LAG).settle(), CannotTell)


async def asked(body: Json, status: int = 200, request: Request | None = None) -> Settlement:
    async with Trap(lambda _: Do(told(body, status))).listening() as trap, connected(trap.url) as chakra:
        return await chakra.settle(request or send_template_message(NUMBER, "order_update", "en"), Operation(OP), AT)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ([], 200),
        ({"_data": {}}, 200),
        ({"_data": [], "_errors": ["no"]}, 200),
        ({"_errors": ["slow down"]}, 429),
        ({"_data": [{"id": "the same page"}]}, 200),
    ],
)
async def test_a_listing_that_is_none_proves_nothing(body: Json, status: int) -> None:
    found = await asked(body, status)
    assert isinstance(found, CannotTell)
    assert found.again


async def test_a_listing_that_does_not_come_proves_nothing() -> None:
    async with connected("http://127.0.0.1:9") as chakra:
        found = await chakra.settle(send_template_message(NUMBER, "hello", "en"), Operation(OP), AT)
    assert isinstance(found, CannotTell)


async def test_what_is_no_message_is_not_looked_up() -> None:
    assert await asked({}, request=fetch_job("j1")) == CannotTell("Chakra does not list this", again=False)


@pytest.mark.parametrize("shown", [True, False])
async def test_all_pages_of_the_simulators_listing_are_read(shown: bool) -> None:
    settings = Settings(listing_shows_callback=shown)
    request = send_template_message(NUMBER, "import_failed", "en", ["26", "job"])
    async with Simulator.serve(settings=settings) as simulator:
        chakra = ChakraConnection({**SETTINGS, "token": simulator.token, "base_url": simulator.url})
        await chakra.open(Tools())
        await chakra.perform(request, Operation(OP))
        for n in range(230):
            body = send_template_message(NUMBER, "import_failed", "en", [str(n + 100), "other"])
            await chakra.perform(body, Operation(f"{n:032x}"))
        found = await chakra.settle(request, Operation(OP), simulator.clock.now())
        await chakra.close()
    assert isinstance(found, Arrived)
    assert found.answer == {"id": next(iter(simulator.messages)).wamid}
    assert simulator.operations["list_messages 200"] == 3


def test_what_is_listed_may_be_any_json() -> None:
    for text in ("1", '"a"', "[[]]", '{"text": {"body": 7}, "context": 3, "direction": 4}', '{"id": {"a": 1}}'):
        Listed.read(json.loads(text))
