"""A real daemon that has nothing to do, on a disk that becomes full: minutes of real time, so only in the long form."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.acceptance.process import Process
from tests.engine.test_daemon import free_port

SETTINGS = """\
sending: live
listen: {health: "127.0.0.1:PORT"}
"""


async def idle_on_a_full_disk(within: int) -> tuple[bool, bool, bool]:
    """Whether it was told, whether `/healthz` said so, and whether both were over by themselves, each in this time."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="rulewheel-") as folder:
        settings = Path(folder) / "rulewheel.yaml"
        settings.write_text(SETTINGS.replace("PORT", str(port)), encoding="utf-8")
        (settings.parent / "rules").mkdir()
        with Process([sys.executable, "-m", "engine.cli", "run", "--settings", str(settings)]) as daemon:
            await daemon.says("ready")
            before = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            unwell = await _until(port, False, within)
            told = "problem" in daemon.output and "disk" in daemon.output
            resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, before)
            return told, unwell, await _until(port, True, within)


async def _until(port: int, well: bool, seconds: int) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if await _healthy(port) is well:
            return True
        await asyncio.sleep(0.5)
    return False


async def _healthy(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    _, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return bool(json.loads(body)["healthy"])
