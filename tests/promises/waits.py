"""Every kind of wait, killed before, during and after it: when it ended, beside when it had to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from engine.due import LOOK_UP
from engine.journal.memory import MemoryJournal
from engine.records import Changes, Drop, DueRecord, EffectRecord, Update
from engine.testing import World
from engine.values import Json
from tests.promises.mortal import Mortal
from tests.promises.peril import SYNC, Death, PerilousJournal, Power
from tests.promises.world import settings

DOWN = (1.0, 3_600.0, 3 * 86_400.0)
"""Seconds for which the killed process stays dead: a second, an hour, three days."""
LATE = timedelta(seconds=1)
WAIT = 600.0
POLL = 30.0
REST = 300.0
"""Seconds after which nothing of a wait is under way any more."""
JOB = {"id": "import-7", "counts": {"ERROR": 26, "SUCCESS": 700, "NOT_STARTED": 44}}
SEND = """\
    - action: whatsapp.send_template
      data: {to: "+919876543210", template: order_update, body: [Asha, "{{ n }}", paid]}
"""
AFTER = "    - stop: it has waited\n"
DAYS = "  valid_for: {days: 7}\n"
BY_EVENT = "  triggers: [{trigger: event, event_type: go, variables: {n: '{{ trigger.event.data.n }}'}}]\n"


@dataclass(frozen=True, slots=True)
class Wait:
    """A rule whose run ends when it has waited: which row says until when, and how long it waits in all.

    `worth` is for how long its message is worth sending; a wait that begins only after the kill may be `slow`, until
    what it waits for is noticed again, or end `sooner`, where a call that was cut off needs no time limit any more.
    What was begun when its time was up, and was cut off, is begun `again` after so many seconds.
    """

    name: str
    rule: str
    row: str = "run"
    seconds: float = WAIT
    faults: Sequence[Mapping[str, Json]] = ()
    events: Sequence[int] = (1,)
    worth: float = 0.0
    slow: float = 0.0
    sooner: float = 0.0
    again: float = 0.0


def _rule(actions: str, more: str = "") -> str:
    return f"- id: waits\n{more}{BY_EVENT}  actions:\n{actions}"


WAITS = (
    Wait("delay", _rule(f"    - delay: {WAIT}\n{AFTER}", DAYS)),
    Wait("retry", _rule(f"    - action: test.refused\n      retry: {{attempts: 2, wait: {WAIT}}}\n{AFTER}", DAYS)),
    Wait(
        "timeout",
        _rule(f"{SEND}      timeout: {WAIT}\n      continue_on_error: true\n{AFTER}", DAYS),
        faults=[{"kind": "status", "match": "messages", "status": 429, "retry_after": 20 * WAIT}],
    ),
    Wait(
        "rate limit",
        _rule(SEND + AFTER, DAYS),
        row="effect",
        faults=[{"kind": "status", "match": "messages", "status": 429, "retry_after": WAIT, "times": 1}],
    ),
    Wait(
        "valid_for",
        _rule(SEND + AFTER, "  valid_for: {minutes: 30}\n"),
        row="effect",
        faults=[{"kind": "status", "match": "messages", "status": 429, "retry_after": WAIT, "times": 1}],
        worth=1_800.0,
    ),
    Wait(
        "settling",
        _rule(SEND + AFTER, DAYS),
        row="settle",
        seconds=130.0,
        sooner=10.0,
        again=LOOK_UP.total_seconds(),
        faults=[{"kind": "answer_lost", "match": "messages", "times": 1}],
    ),
    Wait(
        "turn",
        _rule(
            f"    - if: '{{{{ n | int == 1 }}}}'\n      then: [{{delay: {WAIT}}}]\n{AFTER}", DAYS + "  mode: queued\n"
        ),
        events=(1, 2),
    ),
    Wait(
        "hold",
        f"""\
- id: waits
{DAYS}  triggers:
    - {{trigger: job.entries, job: any, status: ERROR, above: 2, every: {POLL}, for: {WAIT}, variables: {{n: 1}}}}
  actions:
{AFTER}""",
        row="hold",
        events=(),
        slow=POLL,
    ),
)
"""Delays, retries, time limits, limits of the other side, what is too late, what is looked up, turns, and `for:`."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a process is killed: at a sync, or so many seconds after its wait began; and for how long it is dead."""

    down: float
    sync: Death | None = None
    after: float = 0.0


@dataclass(slots=True)
class Times:
    """What kills made of waits; each list says which, and is empty when all is well.

    `unsure` and `expired` are runs that rightly ended so: killed during a call, or later than their message was worth.
    """

    kills: int = 0
    unsure: int = 0
    expired: int = 0
    early: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills of {len(WAITS)} kinds of wait, dead for 1 s, 1 h or 3 days: {len(self.early)} early, "
            f"{len(self.late)} late, {len(self.forgotten)} forgotten"
        )

    @property
    def wrong(self) -> list[str]:
        """Every wait that ended at another time than it had to."""
        kinds = {"early": self.early, "late": self.late, "forgotten": self.forgotten}
        return [f"{what}: {each}" for what, found in kinds.items() for each in found]


Meddling = Callable[[DueRecord, datetime], DueRecord | None]
"""What becomes of a row at a start, for an engine that keeps its times worse."""


def as_it_is(row: DueRecord, now: datetime) -> DueRecord | None:
    """The row stays."""
    return row


def forgets(row: DueRecord, now: datetime) -> DueRecord | None:
    """Timers in memory die with their process."""
    return None


def begins_anew(row: DueRecord, now: datetime) -> DueRecord | None:
    """A timer that is set again at the start waits its whole time once more."""
    return row._replace(at=now + timedelta(seconds=WAIT))


def hurries(row: DueRecord, now: datetime) -> DueRecord | None:
    """At the start all that waits is taken for due."""
    return row._replace(at=now)


async def killed(seed: int, most: int | None = None, meddling: Meddling = as_it_is) -> Times:
    """All waits, each killed at every place there is, or at `most` of them, chosen by the seed."""
    random, found = Random(f"waits/{seed}"), Times()
    for wait in WAITS:
        kills = list(_kills(await _Play(wait).syncs(), wait))
        for kill in random.sample(kills, most) if most and most < len(kills) else kills:
            await _Play(wait, kill, meddling).judged(found)
    return found


def _kills(syncs: int, wait: Wait) -> Iterator[Kill]:
    for down in DOWN:
        for share in (0.0, 1.0):
            yield from (Kill(down, Death(SYNC, number, share, down)) for number in range(1, syncs + 1))
        yield from (Kill(down, after=after) for after in (0.0, wait.seconds / 2, wait.seconds - 0.5, wait.seconds + 1))


class _Play:
    """One wait with one kill."""

    def __init__(self, wait: Wait, kill: Kill | None = None, meddling: Meddling = as_it_is) -> None:
        self._wait = wait
        self._kill = kill
        self._meddling = meddling
        self._power = Power()
        self._front = PerilousJournal(MemoryJournal(), self._power)
        self._until: list[datetime] = []

    async def syncs(self) -> int:
        """How often it syncs when it is not killed."""
        await self._played()
        return len(self._power.groups)

    async def judged(self, found: Times) -> None:
        """Plays it, and adds what came of it."""
        world = await self._played()
        effects = await self._front.inner.sends(limit=100)
        ended = [run.ended for run in world.runs("waits")]
        if self._wait.row == "effect" and world.messages:
            ended = [self._sent()]
        due, latest = self._due()
        told = f"{self._wait.name}, {self._kill}: {ended[-1:]} instead of {due} to {latest}"
        found.kills += 1
        if any(effect.state == "unsure" for effect in effects) and not world.messages:
            found.unsure += 1
        elif len(ended) != len(self._wait.events or (1,)) or not all(ended):
            found.forgotten.append(told)
        elif any(effect.state == "expired" for effect in effects):
            found.expired += 1
            found.early += [] if self._worth(effects) <= latest else [f"{told}: expired too soon"]
        elif (ended[-1] or due) < due:
            found.early.append(told)
        elif (ended[-1] or due) > min(latest, self._worth(effects)) + LATE:
            found.late.append(told)

    async def _played(self) -> World:
        world = World(settings=replace(settings()), journal=self._front, seed=0)
        async with world:
            self._world = world
            self._mortal = Mortal(world, self._front, self._on_death)
            self._furnish()
            await world.load({"rules.yaml": self._wait.rule})
            assert not world.problems, [problem.text for problem in world.problems]
            self._power.arm([self._kill.sync] if self._kill and self._kill.sync else [])
            await self._begin()
            if self._kill and not self._kill.sync:
                await self._mortal.pass_time(self._begun + timedelta(seconds=self._kill.after))
                await self._mortal.kill(self._kill.down)
            for _ in range(2):  # the kill may come as late as at the end of the wait
                due = max(self._begun, self._mortal.started) + timedelta(seconds=self._wait.seconds)
                await self._mortal.pass_time(due + timedelta(seconds=REST))
        return world

    def _furnish(self) -> None:
        tried: list[Json] = []

        def at_first(data: Json) -> str | None:
            tried.append(data)
            return "not yet" if len(tried) == 1 else None

        self._world.stub("test.refused", refuses=at_first)
        self._world.simulator.faults.add(*self._wait.faults)

    async def _begin(self) -> None:
        self._begun = self._world.now
        for n in self._wait.events:
            await self._mortal.once(f"n{n}", partial(self._fired, n))
        if not self._wait.events:
            self._world.simulator.jobs.load(JOB)
            await self._mortal.surely(lambda: self._world.set_state(f"job.{JOB['id']}", "watched"))

    async def _fired(self, n: int) -> None:
        if n == self._wait.events[0]:
            self._begun = self._world.now
        await self._world.fire("go", {"n": n, "fact": f"n{n}"})

    async def _on_death(self) -> None:
        """Looks until when it waits, and lets the engine forget as badly as it is to."""
        rows = [row for row in await self._front.inner.dues("") if row.kind == self._wait.row]
        self._until = [row.at for row in rows]
        changes = Changes()
        for row in rows:
            left = self._meddling(row, self._world.now)
            if left is None:
                changes.drop.append(Drop(DueRecord, (row.key,)))
            else:
                changes.update.append(Update(DueRecord, (row.key,), {"at": left.at}))
        await self._front.inner.commit(changes)

    def _worth(self, effects: Sequence[EffectRecord]) -> datetime:
        """Until when its message is worth sending, where the rule says so; counted from the event, not from its run."""
        if not self._wait.worth or not effects:
            return datetime.max.replace(tzinfo=UTC) - LATE
        return self._begun + timedelta(seconds=self._wait.worth)

    def _sent(self) -> datetime:
        """When its message left, which is all that it waited for."""
        return max(datetime.fromtimestamp(message.at / 1000, UTC) for message in self._world.simulator.messages)

    def _due(self) -> tuple[datetime, datetime]:
        """When its time is up, and when it has to go on at the latest; a wait not on disk begins at the start."""
        length = timedelta(seconds=self._wait.seconds)
        due = self._begun + length
        if not self._kept(due):
            due = max(self._begun, self._mortal.started) + length
            return due - timedelta(seconds=self._wait.sooner), due + timedelta(seconds=self._wait.slow)
        if due < self._mortal.died:
            return due, due
        again = self._wait.again if due == self._mortal.died else 0.0
        return due, max(due, self._mortal.started) + timedelta(seconds=again)

    def _kept(self, due: datetime) -> bool:
        return self._kill is None or self._mortal.died >= due or any(at <= due for at in self._until)
