"""A simulated world from a seed: a story is played undisturbed, then with a death at every place there is.

`python -m tests.promises.world SEED` plays one story again and tells what went wrong in it.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random

from connections.chakra.simulator import Linear
from engine.journal.memory import MemoryJournal
from engine.plugin import Request
from engine.records import Changes, Drop, DueRecord, EffectRecord, EventRecord, RunRecord
from engine.settings import Settings
from engine.testing import STUBS, World
from engine.values import Json
from tests.promises.disk import PerilousDisk
from tests.promises.mortal import Mortal
from tests.promises.peril import Death, Door, PerilousJournal, Power, points
from tests.promises.programs import Deed, Story, story

ENDED_BY_ITSELF = ("finished", "aborted", "error", "cancelled", "unsure", "expired")
OUTCOMES = {*ENDED_BY_ITSELF, "failed_conditions", "failed_single", "failed_max_runs"}
IN_CIRCLES = "disallowed_recursion_detected"
OPEN = ("queued", "intent", "waiting")
MORE = 10
"""How often to wait five minutes more for what a time without rulewheel has made late."""
CALM = ("queued", "parallel")
ANYHOW = "by "
KEPT = ("counter.", "input_")
"""Entities that are as often changed as something is done."""

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a run came to: its outcome, whether a death left an effect of it unsure, and the event it handled."""

    outcome: str
    unsure: bool


@dataclass(slots=True)
class Ending:
    """How a story ended: runs by rule and event, what was done, by op_id and by rule, and what is left open."""

    runs: dict[Name, list[Told]]
    events: Counter[Name]
    performed: Counter[str]
    asked: Counter[tuple[str, str]]
    left: list[str]
    groups: list[int]
    calls: int
    deaths: int
    entities: dict[str, str]


@cache
def settings() -> Settings:
    """The settings of every world here, so that plugins are looked for once."""
    return World().settings


class Player:
    """Plays one story in one world, through every death."""

    def __init__(
        self, told: Story, deaths: Sequence[Death] = (), *, remembers: bool = True, disk: Path | None = None
    ) -> None:
        self.story = told
        self.power = Power()
        self.deaths = deaths
        self.remembers = remembers
        journal = PerilousJournal(MemoryJournal(), self.power)
        self.front = PerilousDisk(disk, self.power, Random(f"{told.seed}/{deaths}")) if disk else journal
        self.performed: list[tuple[str, Request]] = []
        self._tries: Counter[str] = Counter()

    async def play(self) -> Ending:
        """The whole story, and how it ended."""
        world = World(settings=replace(settings()), journal=self.front, seed=self.story.seed)
        async with world:
            self._furnish(world)
            mortal = Mortal(world, self.front, *(() if self.remembers else (self._forget,)))
            self.power.arm(self.deaths)
            self._simulator = world.simulator
            await mortal.surely(lambda: world.load({"rules.yaml": self.story.text}))
            assert not world.problems, [problem.text for problem in world.problems]
            for deed in self.story.deeds:
                await self._do(world, mortal, deed)
            ending = await self._ending()
            for _ in range(MORE if self.power.times_off else 0):
                if ending.left:
                    await mortal.pass_time(world.now + timedelta(minutes=5))
                    ending = await self._ending()
        await self.front.inner.close()
        return ending

    def _furnish(self, world: World) -> None:
        world.stub("test.ok", response={"well": True})
        world.stub("test.slow", takes=20)
        world.stub("test.refuse", refuses="never")
        world.stub("test.flaky", refuses=self._at_first)
        world.stub("test.crash", crashes=True)
        world.stub("test.set", sets={"sensor.test": "set"})
        for name, connection in list(world.connections.items()):
            world.connections[name] = Door(connection, self.power, self.performed)

    def _at_first(self, data: Json) -> str | None:
        key = f"{data['step']} {data['n']}"
        self._tries[key] += 1
        return "not yet" if self._tries[key] < 2 else None

    async def _do(self, world: World, mortal: Mortal, deed: Deed) -> None:
        name, data = deed.name, deed.data
        if deed.kind == "advance":
            await mortal.pass_time(world.now + timedelta(seconds=data))
        elif deed.kind == "fire":
            await mortal.once(data["n"], lambda: world.fire(name, data))
        elif deed.kind == "webhook":
            await mortal.once(data["n"], lambda: self._post(world, name, data))
        elif deed.kind == "job":
            world.simulator.jobs.add(name, 10, Linear(seconds=data, errors=0.5))
            await mortal.surely(lambda: self._watch(world, f"job.{name}"))
        elif deed.kind == "state":
            await mortal.surely(lambda: world.set_state(name, data))
        elif deed.kind == "fault":
            world.simulator.faults.add(data)
        elif deed.kind == "switch":
            await mortal.surely(lambda: world.turn_off(name))
            await mortal.surely(lambda: world.turn_on(name))

    async def _post(self, world: World, webhook: str, data: Json) -> None:
        """A rule that another has switched off hears nothing, and nobody may be left who listens."""
        try:
            await world.webhook(webhook, json=data)
        except LookupError:
            if not self.story.raced:
                raise

    async def _watch(self, world: World, job: str) -> None:
        """Once is enough: a job that has been asked for since then is not forgotten again."""
        if world.state(job) is None:
            await world.set_state(job, "watched")

    async def _forget(self) -> None:
        """What a rulewheel would lose whose delays are timers in memory."""
        rows = [row for row in await self.front.inner.dues("") if row.kind in ("run", "hold")]
        await self.front.inner.commit(Changes(drop=[Drop(DueRecord, (row.key,)) for row in rows]))

    async def _ending(self) -> Ending:
        runs: dict[Name, list[Told]] = {}
        events: Counter[Name] = Counter()
        effects: dict[str, list[EffectRecord]] = {}
        begun = {op_id for op_id, _ in self.performed}
        for effect in await self.front.inner.sends(limit=1_000_000):
            effects.setdefault(effect.run, []).append(effect)
        left = [f"effect {e.operation} {e.state}" for each in effects.values() for e in each if e.state in OPEN]
        for run in reversed(await self.front.inner.runs(limit=1_000_000)):
            names = [_numbered(name, runs) for name in await self._names(run)]
            unsure = [e for e in effects.get(run.id, []) if e.state == "unsure"]
            crashed = any(e.operation != "test.crash" or e.op_id not in begun for e in unsure)
            for name in names:
                runs.setdefault(name, []).append(Told(run.outcome, crashed))
                events[name] += 1
            left += [f"run of {names} is {run.state}"] if run.state != "done" else []
        left += [f"event for {event.rule}" for event in await self.front.inner.new_events(1000)]
        left += [f"message for {row.run}" for row in await self.front.inner.inbox(1000)]
        left += [row.key for row in await self.front.inner.dues("") if row.kind not in ("schedule", "settle")]
        accepted = [(each.op_id, f"{each.to}: {each.rendered}") for each in self._simulator.messages]
        done = [(op_id, f"{request.operation}: {_asked(request)}") for op_id, request in self._stubbed()]
        performed = Counter(op_id for op_id, _ in [*done, *accepted])
        rules = {effect.op_id: effect.rule for each in effects.values() for effect in each}
        asked = Counter((rules[op_id], what) for op_id, what in [*done, *accepted])
        power = self.power
        own = {row.entity: row.state for row in await self.front.inner.entities() if row.entity.startswith(KEPT)}
        return Ending(runs, events, performed, asked, left, power.groups, power.calls, power.times_off, own)

    def _stubbed(self) -> list[tuple[str, Request]]:
        return [(op_id, request) for op_id, request in self.performed if request.connection == STUBS]

    async def _names(self, run: RunRecord) -> list[Name]:
        """What is the same in every play: the rule, and what each event was about that the run handled."""
        event = await self.front.inner.get(EventRecord, (run.event,))
        assert event is not None
        steps = await self.front.inner.steps(run.id)
        gathered = [step.detail for step in steps if step.result == "gathered"]
        return [(run.rule, _named(data)) for data in gathered or [event.data]]


def _named(data: Json) -> str:
    told = (data.get("event") or {}).get("data") or data.get("json") or data.get("variables") or {}
    job = (data.get("job") or {}).get("id")
    known = told.get("n") or job or data.get("now") or (data.get("to_state") or {}).get("state")
    return str(known) if known else f"{ANYHOW}{told.get('entity_id') or data.get('platform')}"


def _numbered(name: Name, runs: dict[Name, list[Told]]) -> Name:
    """Of events that say nothing of their own the first, second, … are told apart by their order."""
    rule, event = name
    if not event.startswith(ANYHOW) and not event.replace(".", "").isdigit():
        return name
    number = 1
    while (rule, f"{event}/{number}") in runs:
        number += 1
    return rule, f"{event}/{number}"


def _asked(request: Request) -> Json:
    return dict(sorted(request.body.items()))


class Comparison:
    """What is wrong with an ending, beside the undisturbed one.

    After a time without rulewheel (`late`) runs may rightly end otherwise; all else must hold.
    """

    def __init__(self, told: Story, calm: Ending, struck: Ending, *, late: bool = False) -> None:
        self._late = late
        self._story = told
        self._calm = calm
        self._struck = struck
        self._tainted = self._taint()
        self._unsteady = self._swayed()

    def faults(self) -> Iterator[str]:
        """One sentence for each promise that was broken."""
        for op_id, count in self._struck.performed.items():
            if count > 1:
                yield f"the operation {op_id[-6:]} was done {count} times"
        yield from (f"left open: {each}" for each in self._struck.left)
        for name, runs in self._struck.runs.items():
            if len(runs) > 1:
                yield f"{name} was handled {len(runs)} times"
            if runs[0].outcome not in OUTCOMES and not self._goes_in_circles(name[0], runs[0]):
                yield f"{name} ended as {runs[0].outcome!r}"
        for name in self._calm.runs:
            yield from self._of_run(name)
        if not self._late:
            yield from self._of_calls()
            yield from self._of_entities()

    def _goes_in_circles(self, rule: str, run: Told) -> bool:
        """A story may set itself off; the guard then ends it, undisturbed too."""
        calm = {told.outcome for (name, _), runs in self._calm.runs.items() if name == rule for told in runs}
        return run.outcome == IN_CIRCLES and IN_CIRCLES in calm

    def _of_run(self, name: Name) -> Iterator[str]:
        rule, event = name
        if self._late and not (event[0] == "n" and event[1:].isdecimal()):
            return
        calm, struck = self._calm.runs[name][0], self._struck.runs.get(name)
        if struck is None:
            is_off = rule in self._story.raced  # perhaps, just then
            if not is_off and ("/" not in event or not self._tainted | self._unsteady):
                yield f"{name} was never handled"
        elif self._late or rule in self._unsteady or struck[0].unsure:
            return
        elif rule in self._tainted & self._story.callers:
            return  # what it called for became unsure
        elif struck[0].outcome != calm.outcome:
            yield f"{name} ended as {struck[0].outcome}, undisturbed as {calm.outcome}"

    def _of_calls(self) -> Iterator[str]:
        """Nothing is done more often than undisturbed; nor less often, unless something became unsure."""
        for key in self._calm.asked.keys() | self._struck.asked.keys():
            calm, struck = self._calm.asked[key], self._struck.asked[key]
            if key[0] in self._unsteady:
                continue
            if key[0] in self._tainted and (struck <= calm or not calm):
                continue
            if struck != calm:
                yield f"{key} was done {struck} times, undisturbed {calm} times"

    def _of_entities(self) -> Iterator[str]:
        """Whatever a rule does to entities of its own is done once."""
        for entity, state in self._calm.entities.items():
            rule = entity.partition(".")[2]
            is_clear = self._story.rules[rule]["mode"] == "queued" and rule not in self._tainted | self._unsteady
            if is_clear and self._struck.entities.get(entity) != state:
                yield f"{entity} is {self._struck.entities.get(entity)}, undisturbed {state}"

    def _taint(self) -> set[str]:
        """Rules of which a death left a send unsure, and those that hear their events."""
        return self._with_hearers(
            {rule for (rule, _), runs in self._struck.runs.items() if any(run.unsure for run in runs)}
        )

    def _swayed(self) -> set[str]:
        """Rules that refuse or replace runs, where chance, or a send that took its time, says which comes first."""
        found = set()
        for rule, body in self._story.rules.items():
            is_calm = body["mode"] in CALM and "max" not in body
            triggers = str(body["triggers"])
            if rule in self._story.raced or (
                not is_calm and (rule in self._tainted or "chain" in triggers or "job.entries" in triggers)
            ):
                found.add(rule)
        return self._with_hearers(found)

    def _with_hearers(self, rules: set[str]) -> set[str]:
        """These, and whoever hears of them or is called by them, until there is nobody more."""
        coming = list(rules)
        while coming:
            more = self._story.chains.get(coming.pop(), set()) - rules
            rules |= more
            coming += more
        return rules


@dataclass(slots=True)
class Verdict:
    """What came of one story: in how many plays, and each fault with the deaths that led to it."""

    seed: int
    plays: int
    calls: int
    faults: list[str]
    constructs: frozenset[str]


async def enumerate_deaths(
    seed: int, *, most: int | None = None, remembers: bool = True, disk: Path | None = None
) -> Verdict:
    """Plays the story of the seed undisturbed, then once for every death (`most` of them, chosen by the seed).

    With `disk`, a folder, the journal is a file, and a death leaves of what was not synced any part.
    """
    told = story(seed)
    calm = await Player(told).play()
    faults = [f"undisturbed: {each}" for each in calm.left]
    random = Random(f"deaths/{seed}")
    deaths = points(calm.groups, calm.calls, random)
    if most is not None and len(deaths) > most:
        deaths = random.sample(deaths, most)
    for number, each in enumerate(deaths):
        folder = disk / f"{seed}-{number}" if disk else None
        try:
            struck = await Player(told, each, remembers=remembers, disk=folder).play()
        except Exception as error:
            faults.append(f"{each}: {error!r}")
            continue
        faults += [f"{each}: {fault}" for fault in Comparison(told, calm, struck, late=_is_late(each)).faults()]
    return Verdict(seed, len(deaths) + 1, calm.calls, faults, told.constructs)


def _is_late(deaths: Sequence[Death]) -> bool:
    return any(death.down for death in deaths)


def main() -> None:
    verdict = asyncio.run(enumerate_deaths(int(sys.argv[1])))
    print(story(verdict.seed).text)
    print(*story(verdict.seed).deeds, sep="\n")
    print(f"{verdict.plays} plays, {len(verdict.faults)} faults", *verdict.faults[:40], sep="\n")


if __name__ == "__main__":
    main()
