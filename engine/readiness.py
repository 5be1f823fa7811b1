"""What a service manager such as systemd is told: ready, reloading, stopping, in what state, and that all is alive.

One datagram of lines `KEY=value` to the socket that NOTIFY_SOCKET names; without it nothing is said. Source:
sd_notify(3) and sd_watchdog_enabled(3) of systemd.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta


class Readiness:
    """Tells the manager; that it cannot be told is no fault of ours."""

    def __init__(self, address: str = "", watchdog: timedelta | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Readiness:
        """What the environment asks for; a watchdog that is another process's is none of ours."""
        micros = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watchdog = timedelta(microseconds=int(micros)) if micros.isdecimal() and int(micros) and is_ours else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """`ready` is to follow."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        """On the way to the end."""
        self._say("STOPPING=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for people."""
        self._say(f"STATUS={status}")

    def alive(self) -> None:
        """Feeds the watchdog."""
        self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.setblocking(False)
            sending.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)
