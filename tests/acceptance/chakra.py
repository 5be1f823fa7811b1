"""The simulated ChakraHQ as a process, and its control API: what it accepted is the truth."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.process import Process

SIMULATE = [sys.executable, "-m", "engine.cli", "simulate"]


class Chakra:
    """Use as `async with Chakra.started(...)`, or start and close it."""

    def __init__(self, process: Process, url: str, token: str) -> None:
        self.process = process
        self.url = url
        self.token = token
        self._client = httpx.Client(base_url=url, trust_env=False, verify=False, timeout=10)

    @classmethod
    async def start(cls, *arguments: str, log: Path | None = None) -> Chakra:
        """A simulator on a free port; arguments are those of `rulewheel simulate`."""
        process = Process([*SIMULATE, *arguments], log)
        try:
            ready = json.loads((await process.says(r"(?m)^\{\"url\".*\}$"))[0])
        except BaseException:
            process.kill()
            raise
        return cls(process, ready["url"], ready["token"])

    def close(self) -> None:
        self._client.close()
        self.process.kill()

    def messages(self, since: int = 0) -> list[dict[str, Any]]:
        """The accepted messages after the one of this number, in the order of acceptance."""
        found: list[dict[str, Any]] = self._call("GET", f"messages?since={since}")["messages"]
        return found

    def requests(self, path: str) -> int:
        """How often this was asked, such as "GET /v1/ext/background-job/j1"."""
        return int(self._call("GET", "requests").get(path, 0))

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = self._call("GET", "report")
        return found

    def job(self, **job: Any) -> None:
        """A background job in the form of the simulator's job files."""
        self._call("POST", "jobs", job)

    def fault(self, *faults: Mapping[str, Any]) -> None:
        """What goes wrong from now on, in the form of the simulator's fault files."""
        self._call("POST", "faults", list(faults))

    def mend(self) -> None:
        """Nothing goes wrong from now on."""
        self._call("DELETE", "faults")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, f"/_simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
