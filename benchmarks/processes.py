"""Processes that benchmarks measure: started, waited for, looked at (Linux: in /proc) and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from engine.web.key import webhook_key
from engine.web.webhooks import hook_path

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Modules are kept compiled, as in daily use: what is started for the first time is not what is measured."""
_TICK = os.sysconf("SC_CLK_TCK")


class Child:
    """A process whose output goes to a file; use it in a `with`."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._began = time.monotonic()
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, word: str, seconds: float = 20) -> float:
        """Seconds from its start until it has written the word. Raises RuntimeError when it does not."""
        while word not in self.output:
            if self.process.poll() is not None or time.monotonic() > self._began + seconds:
                raise RuntimeError(f"no {word!r} from {self.process.args!r}:\n{self.output}")
            time.sleep(0.002)
        return time.monotonic() - self._began

    def memory_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """Computing time used so far, in user and kernel."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


def python(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this repository."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def rulewheel(*arguments: object) -> list[str]:
    """A command of rulewheel, as users type it."""
    return [str(Path(sys.executable).with_name("rulewheel")), *map(str, arguments)]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Workshop:
    """A folder with settings and rules, ready for `rulewheel run`."""

    def __init__(self, folder: Path, rules: Mapping[str, str], settings: Mapping[str, object] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "rules").mkdir(parents=True)
        for name, text in rules.items():
            (folder / "rules" / name).write_text(text, encoding="utf-8")
        listen = {"webhooks": f"127.0.0.1:{self.port}"}
        hosts = {"127.0.0.1": {"http": True, "loopback": True}}
        whole = {"sending": "live", "listen": listen, "hosts": hosts, **(settings or {})}
        self.settings = folder / "rulewheel.yaml"
        self.settings.write_text(yaml.safe_dump(whole), encoding="utf-8")

    def daemon(self) -> Child:
        """The daemon as users start it; wait for "ready"."""
        return Child(rulewheel("run", "--settings", self.settings), self.folder / "log.txt")

    def hook(self, webhook_id: str) -> str:
        """The address of a webhook of this daemon."""
        return f"http://127.0.0.1:{self.port}{hook_path(webhook_key(self.folder / 'state'), webhook_id)}"
