"""P25, it says when it is unwell: staged faults, each told within a minute and gone by itself once it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connections.chakra.requests import COUNTS
from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.plugin import Request
from engine.records import Changes, Conflict, Done
from engine.testing import World
from engine.values import Operation, Outcome
from tests.promises.figure import Figure, Stopwatch

TOLD_WITHIN = 60
GONE_WITHIN = 900
"""Seconds after it was mended: what was tried again and again is by then tried after ten minutes."""
DAY = 24 * 3600
RULES = """\
- id: watch
  triggers: [{trigger: job.entries, job: j1, status: ERROR, above: 1000, every: 10}]
  actions: [{stop: never}]
- id: tell
  mode: parallel
  triggers: [{trigger: time_pattern, seconds: "/20"}]
  actions:
    - action: whatsapp.send_template
      data: {to: "+919876543210", template: order_update, body: [Asha, A1, paid]}
"""
JOB = {"id": "j1", "counts": {"SUCCESS": 700, "NOT_STARTED": 1000}}


class Disk(MemoryJournal):
    """A journal whose disk can fail."""

    fault: JournalError | None = None

    async def commit(self, changes: Changes) -> Done | Conflict:
        if self.fault is not None:
            raise self.fault
        return await super().commit(changes)


@dataclass(frozen=True, slots=True)
class Stage:
    """A world to break; `files` are its rules."""

    world: World
    disk: Disk
    files: dict[str, str]

    async def rules(self, **more: str) -> None:
        """The rules with these files beside them, or in their place."""
        await self.world.load({**self.files, **{f"{name}.yaml": text for name, text in more.items()}})


Break = Callable[[Stage], Any]


def outside(match: str, **fault: Any) -> Break:
    """The simulated Chakra does this from now on."""
    return lambda stage: stage.world.simulator.faults.add({"match": match, **fault})


def no_disk(code: str, says: str) -> Break:
    """Nothing can be written."""

    def fails(stage: Stage) -> None:
        stage.disk.fault = JournalError(code, says)

    return fails


def file(text: str) -> Break:
    """A rule file beside the good ones."""
    return lambda stage: stage.rules(other=text)


def crashes(name: str) -> Break:
    """The connection itself has a mistake in this operation."""

    def plant(stage: Stage) -> None:
        connection = stage.world.connections["chakra"]
        perform = connection.perform

        async def crashing(request: Request, operation: Operation) -> Outcome:
            if request.operation == name:
                raise ZeroDivisionError
            return await perform(request, operation)

        setattr(connection, "perform", crashing)  # noqa: B010

    return plant


FAULTS: Mapping[str, Break] = {
    "polls: key refused": outside("job", kind="status", status=401),
    "polls: key may not": outside("job", kind="status", status=403),
    "polls: too many": outside("job", kind="status", status=429),
    "polls: server fails": outside("job", kind="status", status=503),
    "polls: no answer in time": outside("job", kind="latency", min_ms=60_000, max_ms=60_000),
    "polls: connection cut": outside("job", kind="cut"),
    "polls: answer lost": outside("job", kind="answer_lost"),
    "polls: a web page instead": outside("job", kind="malformed", form="html"),
    "polls: half an answer": outside("job", kind="malformed", form="truncated"),
    "polls: an empty answer": outside("job", kind="malformed", form="empty"),
    "polls: not JSON": outside("job", kind="malformed", form="not_json"),
    "polls: errors within a 200": outside("job", kind="malformed", form="errors"),
    "polls: the plugin crashes": crashes(COUNTS),
    "unreachable": outside("*", kind="refuse", seconds=DAY),
    "sends: key refused": outside("messages", kind="status", status=401),
    "sends: key may not": outside("messages", kind="status", status=403),
    "sends: too many": outside("messages", kind="status", status=429),
    "sends: limit of the account": outside("messages", kind="status", status=400, code=80007),
    # Its listing settles it; where that finds nothing, a person must look, and nothing clears by itself.
    "sends: answer lost": outside("messages", kind="answer_lost"),
    "disk full": no_disk("disk-full", "there is no room"),
    "disk read-only": no_disk("read-only", "the disk is read-only"),
    "disk failing": no_disk("disk-error", "the disk fails"),
    "rules: no YAML": file("- id: [\n"),
    "rules: unknown action": file(
        "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{action: no.such}]\n"
    ),
    "rules: the same id twice": file(RULES),
    "rules: no such template": file(
        "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{delay: '{{ 1 +'}]\n"
    ),
}


def run(long: bool, *, defended: bool = True) -> Figure:
    """Faults that were not told within a minute or not gone afterwards, and problems told of a day without any."""
    return asyncio.run(_all(DAY if long else 3600, defended))


async def _all(quiet: int, defended: bool) -> Figure:
    watch = Stopwatch()
    untold, stayed = [], []
    for name, fault in FAULTS.items():
        told, gone = await _staged(fault, defended)
        untold += [] if told else [name]
        stayed += [] if gone else [name]
    alarms = await _quiet(quiet)
    count = len(FAULTS)
    note = f"shown {count - len(untold)}/{count}, cleared {count - len(stayed)}/{count}, {alarms} false alarms in "
    note += f"{quiet // 3600} h simulated" + "".join(f"; not shown: {name}" for name in untold)
    note += "".join(f"; not cleared: {name}" for name in stayed)
    return Figure("P25", count, len(untold) + len(stayed) + alarms, watch.seconds, note=note)


async def _staged(fault: Break, defended: bool) -> tuple[bool, bool]:
    """Whether it was told in time, and whether it was gone in time after it was mended."""
    disk = Disk()
    async with World(journal=disk) as world:
        stage = Stage(world, disk, {"rules.yaml": RULES})
        world.simulator.jobs.load(JOB)
        await stage.rules()
        await world.advance(30)
        assert not world.problems, world.problems
        if not defended:
            setattr(world.engine.notices, "report", _silence)  # noqa: B010
        outcome = fault(stage)
        if outcome is not None:
            await outcome
        told = await _until(stage, lambda: bool(world.problems), TOLD_WITHIN)
        await _mend(stage)
        return told, await _until(stage, lambda: not world.problems, GONE_WITHIN)


async def _silence(*told: object) -> None:
    """Nobody hears of it."""


async def _mend(stage: Stage) -> None:
    stage.disk.fault = None
    stage.world.simulator.faults.clear()
    stage.world.simulator.refuse(0)
    vars(stage.world.connections["chakra"]).pop("perform", None)
    await stage.rules()


async def _until(stage: Stage, holds: Callable[[], bool], seconds: int) -> bool:
    """Lets time pass until it holds; a part that fails is told of and tries again, as in the daemon."""
    for _ in range(seconds):
        try:
            await stage.world.advance(1)
        except JournalError as error:
            await stage.world.engine.notices.journal_failed(error)
        await stage.world.engine.notices.try_journal()
        if holds():
            return True
    return False


async def _quiet(seconds: int) -> int:
    """Problems told of while nothing was wrong."""
    async with World() as world:
        world.simulator.jobs.load(JOB)
        await world.load({"rules.yaml": RULES})
        told = 0
        for _ in range(seconds // 60):
            await world.advance(60)
            told += len(world.problems)
        return told
