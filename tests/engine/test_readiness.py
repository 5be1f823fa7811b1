from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine.readiness import Readiness


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def heard(manager: socket.socket) -> dict[str, str]:
    lines = manager.recv(4096).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_the_manager_hears_every_word(manager: socket.socket) -> None:
    readiness = Readiness(manager.getsockname())
    readiness.ready("3 rules\nand no more")
    assert heard(manager) == {"READY": "1", "STATUS": "3 rules and no more"}
    readiness.reloading()
    reloading = heard(manager)
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    readiness.status("stuck")
    assert heard(manager) == {"STATUS": "stuck"}
    readiness.alive()
    assert heard(manager) == {"WATCHDOG": "1"}
    readiness.stopping("2 calls")
    assert heard(manager) == {"STOPPING": "1", "STATUS": "2 calls"}


def test_a_name_without_a_file_is_reached_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"rulewheel-test-{os.getpid()}"
        manager.bind(f"\0{name}")
        manager.settimeout(5)
        Readiness(f"@{name}").alive()
        assert heard(manager) == {"WATCHDOG": "1"}


def test_without_a_manager_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    Readiness.of({}).ready("well")
    Readiness(str(tmp_path / "nobody")).ready("well")


@pytest.mark.parametrize(
    ("environment", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(seconds=30)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_the_one_that_the_environment_sets_for_this_process(
    environment: dict[str, str], watchdog: timedelta | None
) -> None:
    assert Readiness.of(environment).watchdog == watchdog
