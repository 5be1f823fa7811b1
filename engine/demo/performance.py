"""One performance of the demo, from the first process to the summary."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.demo.screen import Screen
from engine.demo.stage import SCENE, Stage, shown_rule

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def perform(seconds: float | None, port: int, screen: Screen, scene: Path = SCENE) -> None:
    """Plays until the time is up or a signal comes. Raises ProblemError when one of the processes fails."""
    begin = asyncio.get_running_loop().time()

    def passed() -> float:
        return asyncio.get_running_loop().time() - begin

    with TemporaryDirectory(prefix="rulewheel-demo-") as folder, _signals() as stopped:
        stage = Stage(Path(folder), port, screen.story, passed, scene)
        try:
            with screen.shown(shown_rule(scene)):
                await _until_over(asyncio.create_task(stage.play(lambda: screen.draw(passed()))), stopped, seconds)
        finally:
            await stage.close()
    screen.end(passed())


async def _until_over(playing: asyncio.Task[None], stopped: asyncio.Event, seconds: float | None) -> None:
    stopping = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait({playing, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in (playing, stopping):
        task.cancel()
    await asyncio.gather(playing, stopping, return_exceptions=True)
    if playing in done:
        playing.result()


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Set when somebody wants it to end: Ctrl-C, a kill, a closed terminal."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDS:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)
