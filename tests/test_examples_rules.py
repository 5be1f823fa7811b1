"""The rules in examples/: each is found right, and does what its comments say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from connections.chakra.simulator.meta import read_message
from connections.chakra.simulator.settings import Settings as SimulatorSettings
from connections.chakra.simulator.templates import Templates
from engine.plugin import Accepted, Outcome, Refused, Request
from engine.problem import render
from engine.rules.book import Shelf, make_book, read_tree
from engine.rules.known import Known
from engine.rules.model import Book
from engine.settings import Settings, load_settings
from engine.values import Fact, Json
from tests.house import House, Outside, TestClock

EXAMPLES = Path(__file__).parent.parent / "examples"
JOB = "19632427-908f-4bf3-a6f5-69b9a0bbfc63"
MONDAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # 08:30 in Asia/Kolkata
TEAM = "14155550104"

Answers = dict[str, Callable[[Request], Outcome]]
Opened = Callable[..., Awaitable["Business"]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The examples as their first lines say to set them up."""
    folder = tmp_path_factory.mktemp("clone") / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("secrets.yaml", "state"))
    secrets = folder / "secrets.yaml"
    shutil.copy(EXAMPLES / "secrets.example.yaml", secrets)
    secrets.chmod(0o600)
    loaded = load_settings(folder / "rulewheel.yaml")
    assert not loaded.problems, [render(problem, loaded.sources) for problem in loaded.problems]
    assert loaded.settings is not None
    return loaded.settings


@pytest.fixture(scope="module")
def book(settings: Settings) -> Book:
    return make_book(read_tree(settings.rules), Shelf(Known.of(settings)), {})


class Business(House):
    """An example at work, with a Chakra and other systems that answer as a test says."""

    def __init__(self, zone: tzinfo, answers: Answers) -> None:
        self.answers = answers
        super().__init__(clock=TestClock(MONDAY), outside=Outside(self._answer), zone=zone)

    def _answer(self, request: Request) -> Outcome:
        kind = request.operation.replace(".", "_")
        return self.answers[kind](request) if kind in self.answers else Accepted({"id": "wamid.1"}, "taken")

    async def call(self, webhook: str, **told: Json) -> None:
        """Another system calls a webhook."""
        data = {"method": "POST", "json": told, "data": None, "query": {}, "headers": {}}
        await self.engine.intake.take(("webhook", webhook), Fact("webhook", webhook, data, self.clock.now()))
        await self.engine.work()

    @property
    def read(self) -> list[tuple[str, str]]:
        """Who got which message, as it reads on the phone."""
        templates, strict = Templates(), SimulatorSettings()
        messages = [request for request, _ in self.outside.performed if request.operation == "message.template"]
        readings = [read_message(dict(message.body), templates, strict) for message in messages]
        return [(reading.to, reading.rendered) for reading in readings]

    @property
    def called(self) -> list[Json]:
        """What other systems were asked."""
        return [dict(request.body) for request, _ in self.outside.performed if request.connection == "http"]


@pytest.fixture
def business(settings: Settings, book: Book) -> Opened:
    """Opens a business with the rules of some examples, and the answers of others by operation."""

    async def open_with(*examples: str, **answers: Callable[[Request], Outcome]) -> Business:
        opened = Business(settings.zone, answers)
        await opened.start(*[each for each in book.programs.values() if Path(each.file).stem in examples])
        return opened

    return open_with


def counts(state: str = "running", **numbers: int) -> Outcome:
    return Accepted({"id": JOB, "counts": numbers, "total": sum(numbers.values()), "state": state}, "status 200")


def answered(**body: Json) -> Outcome:
    return Accepted({"status": 200, "headers": {}, "json": body}, "status 200")


def test_every_example_is_found_right_and_there_are_seven(book: Book) -> None:
    assert not book.problems, [render(problem, book.sources) for problem in book.problems]
    assert len(list((EXAMPLES / "rules").glob("*.yaml"))) == 7


def test_every_example_begins_with_what_it_does_and_says_what_to_change() -> None:
    for path in (EXAMPLES / "rules").glob("*.yaml"):
        opening = path.read_text(encoding="utf-8").split("\n- id:")[0]
        assert all(line.startswith("#") for line in opening.splitlines() if line), path.name
        assert "Change for yourself:" in opening, path.name


def test_phone_numbers_of_the_examples_belong_to_nobody() -> None:
    for path in EXAMPLES.rglob("*.yaml"):
        for number in re.findall(r"\+\d{8,}", path.read_text(encoding="utf-8")):
            assert number == "+919876543210" or re.fullmatch(r"\+141555501\d\d", number), f"{path.name}: {number}"


async def test_import_errors_tells_each_of_the_team_once_when_more_than_25_entries_failed(business: Opened) -> None:
    failed = iter([25, 26, 40, 60])
    house = await business("import_errors", job_counts=lambda request: counts(ERROR=next(failed), NOT_STARTED=9))
    await house.call("import_started", job=JOB)
    assert house.read == []
    await house.advance(90)
    text = f"Import {JOB} has 26 failed entries. Please have a look before the next import starts.\nSent by rulewheel"
    assert house.read == [("14155550101", text), ("14155550102", text)]


async def test_import_finished_tells_the_numbers_and_every_reason_once(business: Opened) -> None:
    entries = [
        {"id": str(number), "message": ["no phone number", "no phone number", "too old"][number]} for number in range(3)
    ]
    house = await business(
        "import_errors",
        "import_finished",
        job_counts=lambda request: counts("finished", SUCCESS=97, ERROR=3, INVALID=1),
        job_entries=lambda request: Accepted({"id": JOB, "entries": entries, "total": 3, "next": None}, "status 200"),
    )
    await house.call("import_started", job=JOB)
    told = f"Import {JOB} has finished: 97 entries are in, 4 (no phone number; too old) failed."
    assert house.read == [("14155550101", told)]


@pytest.mark.parametrize(("errors", "asked"), [(0, 0), (3, 1)])
async def test_import_finished_asks_for_reasons_only_where_entries_failed_and_does_without_them(
    business: Opened, errors: int, asked: int
) -> None:
    house = await business(
        "import_errors",
        "import_finished",
        job_counts=lambda request: counts("finished", SUCCESS=7, ERROR=errors),
        job_entries=lambda request: Refused("Chakra knows no such job"),
    )
    await house.call("import_started", job=JOB)
    assert [request.operation for request, _ in house.outside.performed].count("job.entries") == asked
    told = f"Import {JOB} has finished: 7 entries are in, {errors} failed."
    assert house.read == [("14155550101", told)]


FORM: dict[str, Json] = {"form_id": "f-1", "name": "Asha", "phone": "+91 98765 43210", "whatsapp_ok": True}
LEAD = ("14155550103", "New lead: Asha, phone +91 98765 43210. Please call within the hour.")
WELCOME = ("919876543210", "Hello Asha, thank you for your message. Somebody will call you today.")


async def test_website_form_tells_sales_and_welcomes_the_visitor_once_for_each_form(business: Opened) -> None:
    house = await business("website_form")
    await house.call("website_form", **FORM)
    await house.call("website_form", **FORM)
    assert house.read == [LEAD, WELCOME]
    await house.call("website_form", **{**FORM, "form_id": "f-2"})
    assert len(house.read) == 4


async def test_website_form_does_nothing_without_a_phone_number_and_says_why(business: Opened) -> None:
    house = await business("website_form")
    await house.call("website_form", **{**FORM, "phone": "later"})
    run = (await house.runs())[0]
    assert (run.outcome, house.read) == ("failed_conditions", [])
    assert run.reason == 'the phone number is complete: "later" is not a match for "^\\+[0-9 ()-]{8,20}$"'


@pytest.mark.parametrize("answer", [{"whatsapp_ok": False}, {}])
async def test_website_form_welcomes_nobody_who_did_not_agree(business: Opened, answer: dict[str, Json]) -> None:
    house = await business("website_form")
    form = {key: value for key, value in FORM.items() if key != "whatsapp_ok"}
    await house.call("website_form", **form, **answer)
    assert house.read == [LEAD]
    assert (await house.runs())[0].reason.endswith("False is not equal to True")


async def test_website_form_welcomes_the_visitor_even_if_sales_cannot_be_told(business: Opened) -> None:
    def refuses_sales(request: Request) -> Outcome:
        return Refused("no") if request.recipient == "+14155550103" else Accepted({"id": "wamid.1"}, "taken")

    house = await business("website_form", message_template=refuses_sales)
    await house.call("website_form", **FORM)
    assert [effect.state for effect in await house.sends()] == ["refused", "accepted"]


ORDER: dict[str, Json] = {
    "order": "A1027",
    "customer": "Asha",
    "phone": "+919876543210",
    "arrives": "2026-03-05",
    "tracking": "PX77",
}


async def test_order_shipped_fills_the_template_by_name_once_for_each_order(business: Opened) -> None:
    house = await business("order_shipped")
    await house.call("order_shipped", **ORDER)
    await house.call("order_shipped", **ORDER)
    text = "Hello Asha, order A1027 is on its way and should arrive on 05 March."
    assert house.read == [("919876543210", f"{text}\n[Track parcel: https://shop.example/track/PX77]")]


async def test_order_shipped_tells_a_colleague_what_went_wrong(business: Opened) -> None:
    def refuses_customers(request: Request) -> Outcome:
        return Accepted({"id": "x"}, "taken") if request.recipient == f"+{TEAM}" else Refused("Meta code 131026: no")

    house = await business("order_shipped", message_template=refuses_customers)
    await house.call("order_shipped", **ORDER)
    happened = "whatsapp.send_template: refused: Meta code 131026: no"
    told = f"Please look at order A1027. What happened: {happened}. This message was sent by rulewheel."
    assert house.read[-1] == (TEAM, told)


async def test_daily_report_comes_at_nine_on_working_days_with_the_numbers_of_the_shop(business: Opened) -> None:
    house = await business("daily_report", request=lambda request: answered(orders=41, open=3))
    await house.advance(29 * 60)
    assert house.called == []
    await house.advance(60)
    text = "Report for 2026-03-01\n41 orders came in, 3 are still open."
    assert house.read == [("14155550105", text), ("14155550106", text)]
    assert house.called[0]["url"] == "https://shop.example/reports?day=2026-03-01"
    assert "shop_key" in str(house.called[0]["headers"])
    await house.advance(7 * 86_400 - 3600)
    assert len(house.called) == 5


async def test_daily_report_asks_three_times_and_then_tells_a_colleague(business: Opened) -> None:
    house = await business("daily_report", request=lambda request: Refused("shop.example: status 404"))
    await house.advance(45 * 60)
    assert len(house.called) == 3
    assert [to for to, _ in house.read] == [TEAM]
    assert "the daily report of 2026-03-01. What happened: http.request: refused" in house.read[0][1]


APPOINTMENT: dict[str, Json] = {"id": "ap 88", "name": "Asha", "phone": "+919876543210"}
DAY = 86_400


async def test_appointment_reminder_waits_until_the_day_before_and_asks_whether_it_still_stands(
    business: Opened,
) -> None:
    house = await business("appointment_reminder", request=lambda request: answered(status="confirmed"))
    await house.call("appointment_made", **APPOINTMENT, starts="2026-03-09T10:30:00+05:30")
    await house.call("appointment_made", **APPOINTMENT | {"id": "soon"}, starts="2026-03-02T12:00:00+05:30")
    assert [url["url"].rpartition("/")[2] for url in house.called] == ["soon"]
    await house.advance(6 * DAY)
    assert len(house.read) == 1
    await house.advance(2 * 3600)
    assert house.called[1]["url"] == "https://calendar.example/appointments/ap%2088"
    told = "Hello Asha, see you on Monday, 09 March at 10:30. Please reply if you cannot come."
    assert house.read[1] == ("919876543210", told)


@pytest.mark.parametrize(("hours", "outcome"), [(1.9, "finished"), (2.1, "expired")])
async def test_appointment_reminder_is_not_sent_when_rulewheel_was_off_for_too_long(
    business: Opened, hours: float, outcome: str
) -> None:
    house = await business("appointment_reminder", request=lambda request: answered(status="confirmed"))
    await house.call("appointment_made", **APPOINTMENT, starts="2026-03-04T08:30:00+05:30")
    house.clock.move(timedelta(hours=24 + hours))
    await house.advance(1)
    assert await house.outcomes() == [outcome]
    assert len(house.read) == (outcome == "finished")


async def test_appointment_reminder_is_silent_about_what_was_called_off(business: Opened) -> None:
    house = await business("appointment_reminder", request=lambda request: answered(status="cancelled"))
    await house.call("appointment_made", **APPOINTMENT, starts="2026-03-04T10:30:00+05:30")
    await house.advance(3 * DAY)
    run = (await house.runs("appointment_reminder"))[0]
    assert house.read == []
    assert run.reason.endswith('"cancelled" is not equal to "confirmed"')


PAYMENT: dict[str, Json] = {
    "id": "pay-5",
    "customer": "Asha",
    "phone": "+919876543210",
    "invoice": "R-81",
    "pdf": "https://shop.example/invoices/R-81.pdf",
}


async def test_payments_sends_the_invoice_of_what_was_paid_once(business: Opened) -> None:
    house = await business("payments")
    await house.call("payment", **PAYMENT, status="failed", amount=12)
    await house.call("payment", **PAYMENT, status="paid", amount=12)
    await house.call("payment", **PAYMENT, status="paid", amount=12)
    text = "Hello Asha, your invoice R-81 is attached."
    assert [(to, read.splitlines()[-1]) for to, read in house.read] == [("919876543210", text)]
    assert "https://shop.example/invoices/R-81.pdf" in str(house.outside.performed[0][0].body)


async def test_payments_makes_a_task_of_a_large_one_that_failed_and_tells_the_manager(business: Opened) -> None:
    refusals: list[Any] = [Refused("crm.example: status 409"), Refused("crm.example: status 409")]
    house = await business("payments", request=lambda request: refusals.pop() if refusals else answered(task=1))
    await house.call("payment", **PAYMENT, status="failed", amount="1200.5")
    await house.advance(300)
    assert [call["json"] for call in house.called] == [{"title": "Payment pay-5 failed", "amount": 1200.5}] * 3
    told = (
        "Please look at payment pay-5. What happened: Asha could not pay 1200.50. This message was sent by rulewheel."
    )
    assert house.read == [("14155550107", told)]


async def test_payments_only_notes_a_small_one_that_failed(business: Opened) -> None:
    house = await business("payments")
    await house.call("payment", **PAYMENT, status="failed", amount=500)
    assert (house.read, house.called) == ([], [])
    steps = {step.kind: step for step in await house.steps()}
    assert steps["choose"].result == "default"
    assert "500.0 is not above 500" in steps["choose"].reason


async def test_rules_of_blueprints_do_what_their_blueprints_say(business: Opened) -> None:
    house = await business("shop")
    await house.call("complaint", customer="Asha", text="too late")
    told = "Please look at the complaint of Asha. What happened: too late. This message was sent by rulewheel."
    assert house.read == [("14155550101", told), ("14155550102", told)]


async def test_a_blueprint_counts_failed_entries_and_another_sums_them_up(business: Opened) -> None:
    failed = iter([10, 11, 12])
    state = iter(["running", "running", "finished"])
    house = await business("import_errors", "shop", job_counts=lambda request: counts(next(state), ERROR=next(failed)))
    await house.call("import_started", job=JOB)
    await house.advance(60)
    assert [text.split(" Please")[0] for _, text in house.read] == [
        f"Import {JOB} has 11 failed entries.",
        f"Import {JOB} has finished: 0 entries are in, 12 failed.",
    ]


async def test_a_blueprint_passes_on_what_its_conditions_let_through(business: Opened) -> None:
    house = await business("shop", request=lambda request: answered())
    await house.call("payment_received", customer="Ravi", amount=500)
    await house.call("payment_received", customer="Asha", amount=501)
    assert [call["json"] for call in house.called] == [{"title": "Thank Asha", "amount": 501}]


async def test_a_blueprint_reminds_so_many_hours_before(business: Opened) -> None:
    house = await business("shop")
    await house.call("fitting_booked", name="Asha", phone="+919876543210", at="2026-03-02T14:00:00+05:30")
    await house.advance(2.4 * 3600)
    assert house.read == []
    await house.advance(0.2 * 3600)
    told = "Hello Asha, see you on Monday, 02 March at 14:00. Please reply if you cannot come."
    assert house.read == [("919876543210", told)]


async def test_a_blueprint_speaks_at_its_time_on_its_days(business: Opened) -> None:
    house = await business("shop")
    await house.advance(7 * DAY)
    told = "Please look at the stock. What happened: it is time. This message was sent by rulewheel."
    assert house.read == [("14155550103", told)] * 2


@pytest.mark.parametrize(("status", "seconds"), [("open", 1), ("done", 0)])
async def test_a_blueprint_tells_a_second_person_if_nothing_was_done(
    business: Opened, status: str, seconds: int
) -> None:
    house = await business("shop", request=lambda request: answered(status=status))
    await house.call("urgent_call", customer="Asha", id="c 1")
    assert [to for to, _ in house.read] == ["14155550101"]
    await house.advance(1800)
    assert [to for to, _ in house.read[1:]] == ["14155550102"] * seconds
    assert house.called[0]["url"] == "https://crm.example/calls/c%201"


async def test_a_blueprint_tells_somebody_when_a_step_fails(business: Opened) -> None:
    house = await business("shop", request=lambda request: Refused("crm.example: status 409"))
    await house.call("order_paid", order="A1")
    assert [to for to, _ in house.read] == [TEAM]
    assert "Please look at order_paid. What happened: http.request: refused: crm.example" in house.read[0][1]
