"""What docs/language/ours.md shows does what the page says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from engine.testing import World

PAGE = Path(__file__).parent.parent / "docs" / "language" / "ours.md"


def shown(rule: str) -> str:
    """The rule of the page with this id."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(f"- id: {rule}\n"))
    return str(found)


@asynccontextmanager
async def showing(rule: str) -> AsyncIterator[World]:
    async with World() as w:
        w.stub("log.write")
        await w.load({"ours.yaml": shown(rule)})
        assert rule in w.engine.programs, w.problems
        yield w


def said(w: World) -> list[str]:
    return [call.data["message"] for call in w.calls]


async def test_absence() -> None:
    async with showing("shop_is_silent") as w:
        await w.advance(7200)
        assert said(w) == ["No order for 2:00:00; the last one came never"]
        await w.webhook("orders", json={})
        await w.advance(7200)
        assert len(said(w)) == 2
        assert said(w)[1].startswith("No order for 2:00:00; the last one came 20")


async def test_count() -> None:
    async with showing("unhappy_customer") as w:
        for ticket, customer, about in (
            (1, "Asha", "size"),
            (1, "Asha", "size"),
            (2, "Ravi", "x"),
            (3, "Asha", "colour"),
        ):
            await w.webhook("complaint", json={"ticket": ticket, "customer": customer, "about": about})
        assert not said(w)
        await w.webhook("complaint", json={"ticket": 4, "customer": "Asha", "about": "delivery"})
        assert said(w) == ["Asha complained of size, colour, delivery"]


async def test_sequence() -> None:
    async with showing("paid_and_cancelled") as w:
        await w.webhook("cancelled", json={"order": "A2"})
        await w.webhook("paid", json={"order": "A1"})
        await w.webhook("cancelled", json={"order": "A2"})
        assert not said(w)
        await w.webhook("cancelled", json={"order": "A1"})
        assert len(said(w)) == 1
        assert said(w)[0].startswith("Pay back order A1, paid at 20")


async def test_rule() -> None:
    async with showing("tell_of_failures") as w:
        other = """
- id: other
  triggers: {trigger: event, event_type: go}
  actions: [{stop: no stock, error: true}]
"""
        await w.load({"ours.yaml": shown("tell_of_failures"), "other.yaml": other})
        await w.fire("go")
        assert said(w) == ["other failed: no stock"]


async def test_whatsapp_message() -> None:
    async with showing("unsubscribe") as w:
        for payload in ("more_offers", "stop_offers"):
            body = w.simulator.contacts.write("+919876543210", "Stop", button=payload, name="Asha")
            await w.webhook("connection/chakra", json=body)
        assert said(w) == ["No more offers for Asha, who pressed Stop"]


async def test_wait_for_reply() -> None:
    async with showing("confirm_visit") as w:
        body = {"type": "BODY", "text": "Your visit is planned. Does it suit you?"}
        w.simulator.templates.add({"name": "visit_planned", "language": "en", "components": [body]})
        for phone in ("+919876543210", "+919876500000"):
            await w.webhook("visit_planned", json={"phone": phone, "name": "Ravi"})
        await w.webhook("connection/chakra", json=w.simulator.contacts.write("+919876543210", "Yes"))
        await w.advance(4 * 3600)
        assert said(w) == ["The customer says: Yes", "No answer; call Ravi"]


async def test_holiday() -> None:
    async with World(start=datetime(2026, 1, 25, tzinfo=UTC), time_zone="Asia/Kolkata") as w:
        w.stub("log.write")
        await w.load({"ours.yaml": shown("remind_on_working_days")})
        await w.advance(3 * 86_400)
        runs = [(run.outcome, run.reason) for run in w.runs("remind_on_working_days")]
        assert [outcome for outcome, _ in runs] == ["failed_conditions", "finished"]
        assert "it must not hold that 2026-01-26 is a holiday in IN-KA: Republic Day" in runs[0][1]
