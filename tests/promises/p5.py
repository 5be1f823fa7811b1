"""P5, a bad rule file never stops the good ones: broken trees, restarts upon them, and editors that save in pieces."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from engine.records import ProgramRecord
from engine.testing import World
from tests.acceptance.installation import Daemon, Installation
from tests.acceptance.patience import until
from tests.promises.figure import Figure, Stopwatch, new_seed
from tests.rules.test_bad import BAD
from tests.rules.test_mutations import with_mistakes

TREES = 40
"""Broken trees in one world."""
SHORT = (40, 4)
LONG = (1000, 120)
"""Broken trees in a world, and saves by an editor under a real daemon, which takes half a second for each."""
STEPS = 5
GOOD = """\
- id: good
  mode: parallel
  triggers: [{trigger: webhook, webhook_id: order}, {trigger: event, event_type: go}]
  actions: [{stop: handled}]
"""


def run(long: bool, *, defended: bool = True) -> Figure:
    """Good rules that stopped, rules used that were read in half, and daemons that did not start."""
    watch = Stopwatch()
    seed = new_seed()
    trees, saves = LONG if long else SHORT
    worlds = [asyncio.run(_trees(Random(f"{seed}/{world}"), TREES, defended)) for world in range(trees // TREES)]
    stopped = sum(worlds)
    edits = asyncio.run(_edited(Random(seed), saves)) if defended else 0
    note = f"good rules stopped and rules read in half; {trees} broken trees, {saves} saves under a daemon with kills"
    return Figure("P5", trees + saves, stopped + edits, watch.seconds, seed, note)


async def _trees(random: Random, trees: int, defended: bool) -> int:
    """Broken trees beside a good file, one after another, some of them found at a start."""
    corpus = [path.read_bytes().decode("utf-8", "replace") for path in BAD if path.is_file()]
    stopped = 0
    async with World() as world:
        for number in range(trees):
            sound = {"good.yaml": GOOD, "edited.yaml": version(number)}
            await world.load(sound)
            running = set(world.engine.programs)
            if not defended:
                world._tree._last.clear()
            broken = random.choice(corpus) if random.random() < 0.4 else with_mistakes(random)
            await world.load({**sound, "edited.yaml": _spoilt(random, version(number)), "other.yaml": broken})
            if random.random() < 0.2:
                await world.restart()
            stopped += len(running - set(world.engine.programs))
            runs = len(world.runs("good"))
            await world.fire("go")
            stopped += len(world.runs("good")) == runs
            await world.load(sound)
    return stopped


def version(number: int) -> str:
    """A file with one rule of so many steps, each of which names the version."""
    steps = "".join(f"    - {{action: log.write, data: {{message: v{number}}}}}\n" for _ in range(STEPS))
    return f"- id: edited\n  triggers: [{{trigger: event, event_type: other}}]\n  actions:\n{steps}"


def _spoilt(random: Random, text: str) -> str:
    """A mistake in the rule itself, which has to keep its last good version."""
    return random.choice(
        (text.replace("log.write", "log.wrote", 1), text[:-3] + "]", text.replace("  actions:", "  action"))
    )


class Editor:
    """Saves a file as editors do: at once, truncated and in pieces, or beside it and renamed."""

    def __init__(self, path: Path, random: Random) -> None:
        self._path = path
        self._random = random

    async def save(self, text: str) -> None:
        await self._random.choice((self._at_once, self._in_pieces, self._renamed))(text)

    async def _at_once(self, text: str) -> None:
        self._path.write_text(text, encoding="utf-8")

    async def _renamed(self, text: str) -> None:
        beside = self._path.with_suffix(".yaml~")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self._path)

    async def _in_pieces(self, text: str) -> None:
        with self._path.open("w", encoding="utf-8") as file:
            for piece in _pieces(text, self._random):
                file.write(piece)
                file.flush()
                await asyncio.sleep(self._random.uniform(0, 0.2))


def _pieces(text: str, random: Random) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    cut = random.randint(1, len(lines))
    yield "".join(lines[:cut])
    yield "".join(lines[cut:])


async def _edited(random: Random, saves: int) -> int:
    """What went wrong while an editor saved: rules used in half, good ones that did not answer."""
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        installation = Installation(Path(folder) / "house", "http://127.0.0.1:1", "token")
        installation.rule(GOOD, "good.yaml")
        installation.rule(version(0), "edited.yaml")
        editor = Editor(installation.rules / "edited.yaml", random)
        unanswered = 0
        daemon = await installation.start()
        try:
            for number in range(1, saves + 1):
                text = version(number)
                saving = asyncio.create_task(editor.save(_spoilt(random, text) if random.random() < 0.3 else text))
                daemon = await _meanwhile(daemon, random)
                unanswered += (await daemon.post("order", number=number)).status_code != 200
                await saving
                await asyncio.sleep(random.uniform(0, 0.8))
            await until(installation.is_idle)
        finally:
            daemon.process.kill()
        return unanswered + await _read_in_half(installation) + await _unhandled(installation, saves)


async def _meanwhile(daemon: Daemon, random: Random) -> Daemon:
    """While a file is being written: nothing, a signal to read the rules, or a kill and a new start."""
    await asyncio.sleep(random.uniform(0, 0.1))
    chance = random.random()
    if chance < 0.2:
        daemon.process.signal(signal.SIGHUP)
    elif chance < 0.4:
        daemon.process.kill()
        return await daemon.installation.start()
    return daemon


async def _read_in_half(installation: Installation) -> int:
    async with installation.journal() as journal:
        programs = await journal.page(ProgramRecord, None, 100_000)
    return sum(program.rule == "edited" and len(program.body["actions"]) != STEPS for program in programs)


async def _unhandled(installation: Installation, posted: int) -> int:
    runs = [run for run in await installation.runs() if run.rule == "good" and run.state == "done"]
    return posted - len(runs)
