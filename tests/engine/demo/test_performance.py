"""The demo with its real processes, on imports that go wrong at once."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from engine.demo.performance import perform
from engine.demo.screen import Screen
from engine.demo.stage import SCENE
from engine.demo.story import Story
from engine.problem import ProblemError
from tests.acceptance.patience import until

JOBS = """\
- {id: spring-customers, counts: {ERROR: 30, SUCCESS: 700, NOT_STARTED: 40}}
- {id: spring-orders, counts: {SUCCESS: 420}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    made = tmp_path / "scene"
    shutil.copytree(SCENE, made)
    (made / "jobs.yaml").write_text(JOBS, encoding="utf-8")
    return made


def screen() -> Screen:
    return Screen(Story(), Console(file=io.StringIO(), width=100), live=False)


def processes() -> str:
    """The command lines of all that runs on this machine."""
    return subprocess.run(["ps", "-Ao", "args"], capture_output=True, text=True, check=True).stdout


async def test_each_import_that_goes_wrong_is_one_message_and_ctrl_c_leaves_nothing_behind(
    place: Path, scene: Path
) -> None:
    seen = screen()
    playing = asyncio.create_task(perform(None, 0, seen, scene))

    async def messages() -> bool:
        return playing.done() or bool(seen.story.messages)

    await until(messages)
    os.kill(os.getpid(), signal.SIGINT)
    await playing
    assert seen.story.fired == {"spring-customers": 30}
    assert [message.text for message in seen.story.messages] == [
        "Import spring-customers has 30 failed entries. Please have a look before the next import starts.\n"
        "Sent by rulewheel"
    ]
    assert seen.story.requests >= 2
    assert list(place.iterdir()) == []
    assert str(place) not in processes()


async def test_it_ends_by_itself_when_the_time_is_up(place: Path, scene: Path) -> None:
    seen = screen()
    await perform(0.05, 0, seen, scene)
    assert seen.story.messages == []
    assert list(place.iterdir()) == []


async def test_a_simulator_that_cannot_start_says_why(place: Path, scene: Path) -> None:
    (scene / "jobs.yaml").write_text("- {id: spring}\n", encoding="utf-8")
    with pytest.raises(ProblemError, match="the simulator ended by itself; it said:\n    error"):
        await perform(None, 0, screen(), scene)
    assert list(place.iterdir()) == []


async def test_a_daemon_that_cannot_start_says_why(place: Path, scene: Path) -> None:
    (scene / "rulewheel.yaml").write_text("sendin: live\n", encoding="utf-8")
    with pytest.raises(ProblemError, match="the daemon ended by itself; it said:") as error:
        await perform(None, 0, screen(), scene)
    assert "unknown-key" in str(error.value)


async def test_a_screen_that_breaks_leaves_nothing_behind(place: Path, scene: Path) -> None:
    class Broken(Screen):
        def draw(self, seconds: float) -> None:
            raise BrokenPipeError("nobody reads any more")

    with pytest.raises(BrokenPipeError):
        await perform(None, 0, Broken(Story(), Console(file=io.StringIO()), live=False), scene)
    assert list(place.iterdir()) == []
    assert str(scene) not in processes()
