"""The rules of docs/language/keys.md do what the page says of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connections.chakra.simulator import Linear
from engine.testing import World
from engine.values import Json

PAGE = Path(__file__).parent.parent / "docs" / "language" / "keys.md"
SETTINGS: dict[str, Json] = {"hosts": {"crm.example": {}}}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def rule(name: str) -> str:
    """The rule with this id, as the page shows it."""
    found = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (only,) = (block for block in found if block.startswith(f"- id: {name}\n"))
    return str(only)


class Shown(World):
    """A world with one rule of the page."""

    def __init__(self, name: str) -> None:
        super().__init__(settings=SETTINGS, start=START, time_zone="UTC", seed=1)
        self._name = name

    async def begin(self, *stubs: str) -> None:
        for stub in stubs:
            self.stub(stub)
        await self.load({"rules.yaml": rule(self._name)})

    def told(self, action: str = "log.write", key: str = "message") -> list[str]:
        return [call.data[key] for call in self.calls if call.name == action]


def test_every_rule_of_the_page_is_run_here() -> None:
    shown = re.findall(r"^- id: (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    run = re.findall(r'Shown\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert set(shown) == set(run)


def test_the_head_of_the_page_lists_its_sections() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)", text, re.MULTILINE) == re.findall(r"^- \[(\w+)", text, re.MULTILINE)


async def test_missed_each_makes_a_report_for_every_day() -> None:
    async with Shown("daily_report") as world:
        await world.begin("log.write")
        world.clock.move(timedelta(days=3))
        await world.restart()
        assert world.told() == [f"The report of 2026-03-0{day}" for day in (2, 3, 4)]


@pytest.mark.parametrize("fails", ["/lock", "/export", None])
async def test_finally_unlocks_the_shop_whatever_happens(fails: str | None) -> None:
    async with Shown("export_orders") as world:
        world.stub("http.request", refuses=lambda data: "broken" if fails and data["url"].endswith(fails) else None)
        await world.begin("log.write")
        await world.webhook("export")
        assert world.told("http.request", "url")[-1] == "https://crm.example/unlock"
        well = "The export went well"
        assert world.told() == ["The export failed: http.request: refused: broken" if fails else well]
        assert world.runs()[0].outcome == ("error" if fails else "finished")


async def test_resolved_says_when_the_import_has_caught_up() -> None:
    async with Shown("import_stuck") as world:
        job = world.simulator.jobs.add("j7", 1_000, Linear(seconds=1_200)).id
        await world.begin("log.write")
        await world.set_state(f"job.{job}", "watched")
        await world.advance(1_500)
        assert world.told()[0].startswith(f"Job {job} has ")
        assert world.told()[1:] == [f"Job {job} caught up after 10 minutes"]


async def test_digest_tells_each_shop_once_an_hour() -> None:
    async with Shown("complaints") as world:
        await world.begin("log.write")
        for shop, stars, text in (
            ("Delhi", 1, "late"),
            ("Pune", 2, "cold"),
            ("Delhi", 5, "great"),
            ("Delhi", 2, "rude"),
        ):
            await world.advance(60)
            await world.webhook("complaint", json={"shop": shop, "stars": stars, "text": text})
        assert world.told() == []
        await world.advance(3600)
        assert world.told() == ["2 complaints about Delhi: late; rude", "1 complaints about Pune: cold"]


@pytest.mark.parametrize(("shop", "sent"), [("open", 1), ("closed", 0)])
async def test_quiet_hours_hold_the_message_until_the_morning_of_the_customer(shop: str, sent: int) -> None:
    async with Shown("parcel_packed") as world:
        await world.begin()
        await world.advance(8 * 3600)
        order = {"phone": "+919876543210", "name": "Asha", "order": "A1"}
        await world.webhook("packed", json=order)
        await world.set_state("sensor.shop", shop)
        await world.advance(9.4 * 3600)
        assert world.messages == []
        await world.advance(3600)
        assert len(world.messages) == sent


@pytest.mark.parametrize("word", ["once", "skip"])
async def test_the_other_words_of_missed(word: str) -> None:
    async with World(start=START, time_zone="UTC") as world:
        world.stub("log.write")
        await world.load({"rules.yaml": rule("daily_report").replace("missed: each", f"missed: {word}")})
        world.clock.move(timedelta(days=3))
        await world.restart()
        assert len(world.calls) == (word == "once")
