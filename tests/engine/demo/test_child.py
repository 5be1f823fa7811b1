from __future__ import annotations

import sys

import pytest

from engine.demo import child
from engine.demo.child import Child
from engine.problem import ProblemError

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


async def started(code: str) -> Child:
    made = Child("the daemon")
    await made.start(sys.executable, "-c", code)
    return made


async def test_what_it_says_is_heard_once() -> None:
    daemon = await started("print('one'); print('two'); import time; time.sleep(60)")
    assert await daemon.says("two") == "two"
    assert daemon.heard() == []
    daemon.must_run()
    await daemon.end()


async def test_one_that_ends_by_itself_is_told_with_its_last_words() -> None:
    daemon = await started("print('the disk is full'); raise SystemExit(2)")
    with pytest.raises(ProblemError, match="the daemon ended by itself; it said:\n    the disk is full"):
        await daemon.says("ready")
    with pytest.raises(ProblemError):
        daemon.must_run()
    await daemon.end()


async def test_one_that_is_never_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "PATIENCE", 0.01)
    daemon = await started("import time; time.sleep(60)")
    with pytest.raises(ProblemError, match="was not ready after 0 seconds; it said:\n    nothing"):
        await daemon.says("ready")
    await daemon.end()


async def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GOODBYE", 0.05)
    daemon = await started(DEAF)
    await daemon.says("deaf")
    await daemon.end()
    with pytest.raises(ProblemError):
        daemon.must_run()


async def test_one_that_was_never_started_needs_no_end() -> None:
    await Child("the daemon").end()
