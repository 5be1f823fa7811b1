"""P25, it says when it is unwell: staged faults, each told within a minute and gone by itself once it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from connections.chakra.requests import COUNTS
from connections.chakra.simulator.statuses import Statuses, StatusSettings, StatusWebhook
from engine.journal.api import JournalError
from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.plugin import Request
from engine.records import Changes, Conflict, Done, EntityRecord
from engine.silence import LEARNT, Rhythm
from engine.testing import START
from engine.values import Operation, Outcome
from tests.promises.figure import Figure, Stopwatch
from tests.promises.idle import idle_on_a_full_disk
from tests.promises.living import Living

TOLD_WITHIN = 60
UNWELL_WITHIN = 960
"""Seconds until `/healthz` says it too: a problem that stays for 15 minutes makes the whole unwell."""
GONE_WITHIN = 900
"""Seconds after it was mended: what was tried again and again is by then tried after ten minutes."""
RESTARTED_WITHIN = 30
PACE = 5
BEFORE = 60
"""Seconds in which all is well first."""
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
IDLE = """\
- id: hear
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: orders}]
  actions: [{action: log.write, data: {message: heard}}]
"""
JOB = {"id": "j1", "counts": {"SUCCESS": 700, "NOT_STARTED": 1000}}


class Disk(MemoryJournal):
    """A journal whose disk can fail, or never answer again; `asked` is called by each who then waits for ever."""

    fault: JournalError | None = None
    hangs: asyncio.Event | None = None

    def __init__(self) -> None:
        super().__init__()
        self.asked: Callable[[], None] = lambda: None

    async def commit(self, changes: Changes) -> Done | Conflict:
        if self.hangs is not None:
            self.asked()
            await self.hangs.wait()
        if self.fault is not None:
            raise self.fault
        return await super().commit(changes)


@dataclass(slots=True)
class Stage:
    """A world to break; `files` are its rules."""

    world: Living
    disk: Disk
    files: dict[str, str]
    delivers: bool = True
    statuses: list[StatusWebhook] = field(default_factory=list)

    async def rules(self, **more: str) -> None:
        """The rules with these files beside them, or in their place."""
        await self.world.load({**self.files, **{f"{name}.yaml": text for name, text in more.items()}})

    async def seconds(self, count: int) -> None:
        """They pass; statuses of messages are delivered in them."""
        await self.world.advance(count)
        told, self.statuses[:] = list(self.statuses), []
        for status in told if self.delivers else []:
            await self.world.engine.receivers["connection/chakra"](status.headers, status.body)


Break = Callable[[Stage], Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken and how that is mended, in a world with these rules, and after how many seconds it can be seen.

    What `heals` is over by itself before monitoring hears of it.
    """

    breaks: Break
    mends: Break = lambda stage: None
    rules: str = RULES
    shows_after: int = 0
    heals: bool = False


def outside(match: str, **fault: Any) -> Fault:
    """The simulated Chakra does this from now on."""

    def mends(stage: Stage) -> None:
        stage.world.simulator.faults.clear()
        stage.world.simulator.refuse(0)

    return Fault(lambda stage: stage.world.simulator.faults.add({"match": match, **fault}), mends)


def no_disk(code: str, says: str, rules: str = RULES) -> Fault:
    """Nothing can be written."""

    def set_to(fault: JournalError | None) -> Break:
        return lambda stage: setattr(stage.disk, "fault", fault)

    return Fault(set_to(JournalError(code, says)), set_to(None), rules)


def file(text: str) -> Fault:
    """A rule file beside the good ones."""
    return Fault(lambda stage: stage.rules(other=text), lambda stage: stage.rules())


def crashes(name: str) -> Fault:
    """The connection itself has a mistake in this operation."""

    def plant(stage: Stage) -> None:
        connection = stage.world.connections["chakra"]
        perform = connection.perform

        async def crashing(request: Request, operation: Operation) -> Outcome:
            if request.operation == name:
                raise ZeroDivisionError
            return await perform(request, operation)

        setattr(connection, "perform", crashing)  # noqa: B010

    return Fault(plant, lambda stage: vars(stage.world.connections["chakra"]).pop("perform"))


def clock_set(by: timedelta) -> Fault:
    """Somebody sets this machine's clock; that of Chakra stays right."""

    def sets(how: timedelta) -> Break:
        return lambda stage: stage.world.clock.set(how)

    return Fault(sets(by), sets(-by))


def clock_wrong(by: timedelta) -> Fault:
    """This machine's clock has been wrong all along, or has become so bit by bit: Chakra's differs."""

    def differs(how: timedelta) -> Break:
        return lambda stage: setattr(stage.world.simulator, "date", lambda: stage.world.now + how)

    return Fault(differs(by), differs(timedelta(0)))


async def _orders(stage: Stage) -> None:
    await stage.world.webhook("orders", json={})


def _deliver(yes: bool) -> Break:
    return lambda stage: setattr(stage, "delivers", yes)


FAULTS: Mapping[str, Fault] = {
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
    # A status settles it at once; where nothing does, a person must look, and nothing clears by itself.
    "sends: answer lost": replace(outside("messages", kind="answer_lost"), heals=True),
    "disk full": no_disk("disk-full", "there is no room"),
    "disk full while nothing happens": no_disk("disk-full", "there is no room", IDLE),
    "disk read-only": no_disk("read-only", "the disk is read-only"),
    "disk failing": no_disk("disk-error", "the disk fails"),
    "clock set forward": clock_set(timedelta(hours=2)),
    "clock set back": clock_set(-timedelta(minutes=5)),
    "clock wrong": clock_wrong(timedelta(minutes=3)),
    "webhook silent": Fault(lambda stage: None, _orders, IDLE, shows_after=3 * 3600 - BEFORE),
    "status webhook silent": Fault(_deliver(False), _deliver(True), shows_after=900),
    "rules: no YAML": file("- id: [\n"),
    "rules: unknown action": file(
        "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{action: no.such}]\n"
    ),
    "rules: the same id twice": file(RULES),
    "rules: no such template": file(
        "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{delay: '{{ 1 +'}]\n"
    ),
}
AT_ONCE = "disk"
"""Faults whose names begin so make `/healthz` false as soon as they are told."""
PATIENT = ("polls: key refused", "sends: key refused", "clock wrong", "webhook silent")
"""Those of the others whose effect on `/healthz` the short form waits for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a fault."""

    told: bool
    unwell: bool
    gone: bool


def run(long: bool, *, defended: bool = True) -> Figure:
    """Faults that were not told within a minute or not gone afterwards, and problems told of a day without any."""
    return asyncio.run(_all(DAY if long else 3600, defended, long))


async def _all(quiet: int, defended: bool, long: bool) -> Figure:
    watch = Stopwatch()
    seen = {name: await _staged(name, fault, defended, long) for name, fault in FAULTS.items()}
    seen["a hang"] = await _hung()
    if long:
        seen["disk full, a daemon that idles"] = Seen(*await idle_on_a_full_disk(TOLD_WITHIN))
    alarms = await _quiet(quiet)
    lacks = {
        word: [name for name, each in seen.items() if not getattr(each, what)]
        for word, what in (("not shown", "told"), ("well all the same", "unwell"), ("not cleared", "gone"))
    }
    count = len(seen)
    note = f"shown {count - len(lacks['not shown'])}/{count}, cleared {count - len(lacks['not cleared'])}/{count}, "
    note += f"{alarms} false alarms in {quiet // 3600} h simulated"
    note += "".join(f"; {word}: {name}" for word, names in lacks.items() for name in names)
    return Figure("P25", count, sum(map(len, lacks.values())) + alarms, watch.seconds, note=note)


async def _staged(name: str, fault: Fault, defended: bool, long: bool) -> Seen:
    """Whether it was told in time, whether monitoring saw it, and whether all was well in time after it was mended."""
    disk = Disk()
    await disk.commit(Changes(put=[_learnt()]))
    async with Living(journal=disk) as world:
        stage = await _set_up(world, disk, fault.rules)
        with patch.object(Notices, "report", Notices.report if defended else _silence):
            await _do(fault.breaks, stage)
            for _ in range(fault.shows_after // PACE):
                await stage.seconds(PACE)
            assert not (fault.shows_after and world.problems), f"{name}: {world.problems}"
            told = await _until(stage, lambda: bool(world.problems), TOLD_WITHIN)
            at_once = name.startswith(AT_ONCE)
            is_judged = not fault.heals and (long or at_once or name in PATIENT)
            unwell = not is_judged or (told and await _health(stage, False, 0 if at_once else UNWELL_WITHIN))
            await _do(fault.mends, stage)
            gone = await _until(stage, lambda: not world.problems, GONE_WITHIN)
            return Seen(told, unwell, gone and await _health(stage, True, 0))


async def _set_up(world: Living, disk: Disk, rules: str) -> Stage:
    stage = Stage(world, disk, {"rules.yaml": rules})
    world.simulator.jobs.load(JOB)
    world.simulator.date = lambda: START + world.clock.elapsed()
    statuses = Statuses(StatusSettings())
    world.simulator.on_message = lambda message: stage.statuses.extend(statuses.of(message))
    await stage.rules()
    if rules == IDLE:
        await _orders(stage)
    await stage.seconds(BEFORE)
    assert not world.problems, world.problems
    return stage


def _learnt() -> EntityRecord:
    """What a rulewheel has left that ran for ten days, in which orders came every hour."""
    before = START - timedelta(minutes=1)
    days = {(START - timedelta(days=day)).date().isoformat(): 3600 for day in range(1, 11)}
    told = {"webhooks": {"orders": Rhythm(before, days).to_json()}, "receipts": {}}
    return EntityRecord(LEARNT, "known", told, before, before)


async def _do(what: Break, stage: Stage) -> None:
    outcome = what(stage)
    if asyncio.iscoroutine(outcome):
        await outcome


async def _silence(*told: object) -> None:
    """Nobody hears of it."""


async def _until(stage: Stage, holds: Callable[[], bool], seconds: int) -> bool:
    pace = 1 if seconds <= TOLD_WITHIN else PACE
    for _ in range(seconds // pace):
        await stage.seconds(pace)
        if holds():
            return True
    return False


async def _health(stage: Stage, well: bool, seconds: int) -> bool:
    """Whether `/healthz` says so within this time."""
    for _ in range(seconds // PACE):
        if await stage.world.healthy() is well:
            return True
        await stage.seconds(PACE)
    return await stage.world.healthy() is well


async def _hung() -> Seen:
    """A disk that answers no more: the manager kills what hangs, and what it starts then goes on."""
    disk = Disk()
    async with Living(journal=disk) as world:
        stage = await _set_up(world, disk, RULES)
        disk.hangs = asyncio.Event()
        hung: list[datetime] = []
        disk.asked = lambda: hung.append(world.now)
        told = await _until(stage, lambda: world.is_hung, TOLD_WITHIN)
        told = told and world.now - hung[0] <= timedelta(seconds=RESTARTED_WITHIN)
        unwell = not await world.healthy()
        disk.hangs = None
        sent = len(world.simulator.messages)
        await world.restart()
        gone = await _until(stage, lambda: len(world.simulator.messages) > sent + 1, GONE_WITHIN)
        gone = gone and await _until(stage, lambda: not world.problems, GONE_WITHIN)
        return Seen(told, unwell, gone and not world.is_hung and await world.healthy())


async def _quiet(seconds: int) -> int:
    """Problems told of while nothing was wrong, bad health and kills by the manager."""
    async with Living() as world:
        stage = await _set_up(world, Disk(), RULES)
        told = 0
        for _ in range(seconds // 60):
            await world.advance(60)
            for status in stage.statuses:
                await world.engine.receivers["connection/chakra"](status.headers, status.body)
            stage.statuses.clear()
            told += len(world.problems) + world.is_hung + (not await world.healthy())
        return told
