"""A simulator for all tests, an installation for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.chakra import Chakra
from tests.acceptance.installation import Installation


@pytest.fixture(scope="session")
def _simulator() -> Iterator[Chakra]:
    chakra = asyncio.run(Chakra.start())
    yield chakra
    chakra.close()


@pytest.fixture
def chakra(_simulator: Chakra) -> Iterator[Chakra]:
    """The simulated ChakraHQ, without faults; messages of earlier tests are still on its list."""
    _simulator.mend()
    yield _simulator
    _simulator.mend()


@pytest.fixture
def installation(tmp_path: Path, chakra: Chakra) -> Iterator[Installation]:
    """A folder with settings for this simulator; what its daemon logged is shown when the test fails."""
    installation = Installation(tmp_path / "house", chakra.url, chakra.token)
    yield installation
    log = installation.folder / "daemon.log"
    print(log.read_text(encoding="utf-8") if log.exists() else "no daemon was started")
