"""Promise P7 when the daemon is frozen at the worst of moments, between its last look and the first byte, or before."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime
from pathlib import Path

import pytest

from engine.records import EffectRecord
from tests.acceptance.chakra import Chakra
from tests.acceptance.frozen import AFTER, BEFORE, SEND_BY, WITHOUT
from tests.acceptance.installation import Daemon, Installation
from tests.acceptance.kill_loop import IF_UNSURE
from tests.acceptance.patience import until

TIMEOUT = 2.0
"""Seconds that a call may take, and after which it is looked up."""
PAST_SEND_BY = SEND_BY.total_seconds() + 0.3
PAST_ALL = TIMEOUT + 0.5
RULE = """\
- id: order
  if_unsure: IF_UNSURE
  triggers: [{trigger: webhook, webhook_id: order_paid}]
  actions:
    - action: whatsapp.send_template
      data: {to: "+919876543210", template: order_update, body: [Asha, "{{ trigger.json.event }}", paid]}
"""


class House:
    """An installation whose daemon freezes, and one order that it sends a message for."""

    def __init__(self, folder: Path, chakra: Chakra, place: str, if_unsure: str = "hold") -> None:
        self.mark = folder / "frozen"
        run = (sys.executable, "-m", "tests.acceptance.frozen", place, str(self.mark))
        self.installation = Installation(folder / "house", chakra.url, chakra.token, run=run, timeout=TIMEOUT)
        self.installation.rule(RULE.replace("IF_UNSURE", if_unsure))
        self.order = f"{place}-{if_unsure}-{folder.name}"
        self._chakra = chakra

    async def freeze(self, daemon: Daemon) -> None:
        """Comes back when the daemon stands still."""
        posted = await daemon.post("order_paid", event=self.order)
        assert posted.status_code == 200
        state = Path(f"/proc/{daemon.process.pid}/stat")

        async def is_stopped() -> bool:
            return self.mark.exists() and state.read_text().rpartition(")")[2].split()[0] == "T"

        await until(is_stopped)

    async def rests(self) -> EffectRecord:
        """The send, once nothing is open any more."""

        async def settled() -> list[EffectRecord]:
            return await self.installation.sends() if await self.installation.is_idle() else []

        (effect,) = await until(settled, 30)
        return effect

    def frozen_until(self, seconds: float) -> datetime:
        """When it went on, having been frozen for so long."""
        return datetime.fromtimestamp(self.mark.stat().st_mtime + seconds).astimezone()

    def arrived(self) -> list[datetime]:
        """When its message was taken."""
        messages = [each for each in self._chakra.messages() if self.order in each["rendered"]]
        return [datetime.fromtimestamp(each["at"] / 1000).astimezone() for each in messages]


async def thawed(house: House, seconds: float) -> EffectRecord:
    """The send of a daemon that was frozen for so long and then went on."""
    async with house.installation.daemon() as daemon:
        await house.freeze(daemon)
        await asyncio.sleep(seconds)
        daemon.process.signal(signal.SIGCONT)
        return await house.rests()


async def test_frozen_before_the_last_look_for_too_long_a_send_does_not_leave_but_is_made_anew(
    tmp_path: Path, chakra: Chakra
) -> None:
    house = House(tmp_path, chakra, BEFORE)
    effect = await thawed(house, PAST_SEND_BY)
    (arrived,) = house.arrived()
    assert effect.state == "accepted"
    assert effect.send_by is not None
    assert house.frozen_until(PAST_SEND_BY) < arrived <= effect.send_by


async def test_without_the_last_look_it_is_seen_to_leave_too_late(tmp_path: Path, chakra: Chakra) -> None:
    house = House(tmp_path, chakra, WITHOUT)
    effect = await thawed(house, PAST_SEND_BY)
    (arrived,) = house.arrived()
    assert effect.send_by is not None
    assert arrived > effect.send_by


@pytest.mark.parametrize("if_unsure", IF_UNSURE.values())
async def test_frozen_between_look_and_write_a_send_leaves_late_and_once(
    tmp_path: Path, chakra: Chakra, if_unsure: str
) -> None:
    house = House(tmp_path, chakra, AFTER, if_unsure)
    effect = await thawed(house, PAST_ALL)
    assert (effect.state, effect.attempts, len(house.arrived())) == ("accepted", 1, 1)


async def test_while_it_is_frozen_nobody_takes_its_place_and_killed_then_it_has_sent_nothing(
    tmp_path: Path, chakra: Chakra
) -> None:
    house = House(tmp_path, chakra, AFTER)
    async with house.installation.daemon() as daemon:
        await house.freeze(daemon)
        with house.installation.launch() as second:
            assert await second.ends() != 0
            assert "already in use" in second.output
    async with house.installation.daemon():
        effect = await house.rests()
    assert (effect.state, house.arrived()) == ("unsure", [])
