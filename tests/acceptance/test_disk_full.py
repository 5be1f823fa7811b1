"""A disk without room: nothing is taken in, nothing is sent, and it goes on by itself when there is room again."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.chakra import Chakra
from tests.acceptance.imports import WATCH_RULE, failed_import, import_rule
from tests.acceptance.installation import Daemon, Installation
from tests.acceptance.patience import until


@contextmanager
def no_room(daemon: Daemon) -> Iterator[None]:
    """The daemon's writes to files fail meanwhile, as they do on a full disk."""
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    yield
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def test_without_room_a_webhook_is_turned_away_and_taken_when_there_is_room_again(
    chakra: Chakra, installation: Installation
) -> None:
    installation.rule(import_rule() + WATCH_RULE)
    job = failed_import(chakra)
    async with installation.daemon() as daemon:
        with no_room(daemon):
            answer = await daemon.post("import_started", event=job)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            await daemon.process.says("problem.*disk")
        assert (await daemon.post("import_started", event=job)).status_code == 200
        await until(lambda: installation.sends("accepted"))
        await until(lambda: installation.cleared("disk-error"))
    assert len([each for each in chakra.messages() if job in each["rendered"]]) == 1
    assert "Traceback" not in daemon.process.output


async def test_without_room_for_the_intent_nothing_is_sent_until_there_is_room_again(
    chakra: Chakra, installation: Installation
) -> None:
    job = failed_import(chakra, errors=3)
    installation.rule(import_rule(job=job))
    async with installation.daemon() as daemon:
        await until(lambda: installation.state_of(f"job.{job}"))
        with no_room(daemon):
            chakra.job(id=job, counts={"ERROR": 30, "SUCCESS": 700, "NOT_STARTED": 40})
            await daemon.process.says("problem.*disk")
            assert not [each for each in chakra.messages() if job in each["rendered"]]
        (effect,) = await until(lambda: installation.sends("accepted"))
        await until(lambda: installation.cleared("disk-error"))
    assert [each["op_id"] for each in chakra.messages() if job in each["rendered"]] == [effect.op_id]
    assert "Traceback" not in daemon.process.output
