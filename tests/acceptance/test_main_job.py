"""The main job, from the entries of an import to the message on the customer's phone."""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.acceptance.chakra import Chakra
from tests.acceptance.imports import TEMPLATE, WATCH_RULE, failed_import, import_rule, new_import, says
from tests.acceptance.installation import Daemon, Installation
from tests.acceptance.patience import until


async def watch(daemon: Daemon, *jobs: str) -> None:
    for job in jobs:
        assert (await daemon.post("import_started", event=job)).status_code == 200


def about(chakra: Chakra, job: str) -> list[dict[str, Any]]:
    """The accepted messages that name this job."""
    return [message for message in chakra.messages() if job in message["rendered"]]


async def told(chakra: Chakra, job: str) -> dict[str, Any]:
    """The message about this job, as soon as it is there."""

    async def look() -> list[dict[str, Any]]:
        return about(chakra, job)

    return (await until(look))[0]


async def finished(installation: Installation, *jobs: str) -> None:
    async def look() -> bool:
        states = [await installation.state_of(f"job.{job}") for job in jobs]
        return set(states) == {"finished"} and await installation.is_idle()

    await until(look)


async def test_an_import_with_too_many_errors_is_one_message_as_the_customer_reads_it(
    chakra: Chakra, installation: Installation
) -> None:
    installation.rule(import_rule() + WATCH_RULE)
    async with installation.daemon() as daemon:
        job = new_import(chakra)
        await watch(daemon, job)
        await finished(installation, job)
        assert await daemon.stop() == 0
    (effect,) = await installation.sends("accepted")
    count = int(effect.shown["body"][0])
    (message,) = about(chakra, job)
    assert 25 < count <= 77
    assert (message["to"], message["rendered"]) == ("919876543210", says(count, job))
    assert (message["template"], message["language"], message["op_id"]) == (TEMPLATE, "en", effect.op_id)


async def test_several_imports_at_once_are_one_message_each_and_the_sound_ones_none(
    chakra: Chakra, installation: Installation
) -> None:
    installation.rule(import_rule() + WATCH_RULE)
    async with installation.daemon() as daemon:
        bad = [new_import(chakra, errors=0.05 + n / 50) for n in range(6)]
        sound = [new_import(chakra, errors=0.03) for _ in range(2)]
        await watch(daemon, *bad, *sound)
        await finished(installation, *bad, *sound)
    assert [len(about(chakra, job)) for job in [*bad, *sound]] == [1] * 6 + [0] * 2


async def requests_and_seconds(chakra: Chakra, installation: Installation, rules: int) -> tuple[int, float]:
    """How often one job is asked for while that many rules look at it every second, and over how many seconds."""
    job = new_import(chakra, seconds=600)
    texts = [import_rule(rule=f"r{number}", job=job, above=1000 + number) for number in range(rules)]
    installation.rule("".join(texts))
    path = f"GET /v1/ext/background-job/{job}"

    async def asked(times: int) -> int:
        async def look() -> bool:
            return chakra.requests(path) >= times

        await until(look)
        return chakra.requests(path)

    async with installation.daemon():
        first = await asked(1)
        began = time.monotonic()
        last = await asked(3)
        return last - first, time.monotonic() - began


async def test_a_job_is_asked_for_once_a_tick_however_many_rules_look_at_it(
    chakra: Chakra, installation: Installation, tmp_path: Path
) -> None:
    crowd = Installation(tmp_path / "crowd", chakra.url, chakra.token)
    for house, rules in ((installation, 1), (crowd, 100)):
        requests, seconds = await requests_and_seconds(chakra, house, rules)
        print({"rules": rules, "requests": requests, "seconds": round(seconds, 2)})
        assert requests == 2
        assert seconds > 1


async def programs(installation: Installation) -> dict[str, str]:
    """Which program each rule runs."""
    async with installation.journal() as journal:
        return {record.rule: record.program for record in await journal.rules()}


def changed(installation: Installation, before: dict[str, str]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await programs(installation) != before

    return look


async def test_a_rule_edited_on_disk_is_taken_over_at_once(chakra: Chakra, installation: Installation) -> None:
    installation.rule(import_rule(above=100) + WATCH_RULE)
    async with installation.daemon() as daemon:
        first, second = failed_import(chakra, 50), failed_import(chakra, 60)
        await watch(daemon, first)
        await until(lambda: installation.state_of(f"job.{first}"))
        before = await programs(installation)
        installation.rule(import_rule(above=55) + WATCH_RULE)
        await until(changed(installation, before))
        await watch(daemon, second)
        assert (await told(chakra, second))["rendered"] == says(60, second)
    assert about(chakra, first) == []


async def test_a_broken_edit_keeps_the_last_good_rule_also_over_a_restart(
    chakra: Chakra, installation: Installation
) -> None:
    installation.rule(import_rule() + WATCH_RULE)
    async with installation.daemon() as daemon:
        said = len(daemon.process.output)
        installation.rule(import_rule().replace("above: 25", "abov: 25") + WATCH_RULE)
        await daemon.process.says("last good version", said)
        (problem,) = await installation.problems()
        assert "abov" in problem.text
        assert "rules.yaml:7:" in problem.text
        assert "abov" in await installation.says("problems")
        await watch(daemon, job := failed_import(chakra))
        await told(chakra, job)
    async with installation.daemon() as daemon:
        assert await installation.problems()
        await watch(daemon, job := failed_import(chakra))
        await told(chakra, job)
        installation.rule(import_rule() + WATCH_RULE)
        await daemon.process.says("problem cleared")
    assert await installation.problems() == []


async def test_sigterm_finishes_the_calls_under_way(chakra: Chakra, installation: Installation) -> None:
    chakra.fault({"kind": "latency", "match": "messages", "min_ms": 1000, "at": "before_answer"})
    installation.rule(import_rule(job=(job := failed_import(chakra))))
    async with installation.daemon() as daemon:
        await told(chakra, job)
        assert [effect.state for effect in await installation.sends()] == ["intent"]
        assert await daemon.stop() == 0
    assert [effect.state for effect in await installation.sends()] == ["accepted"]


async def test_sighup_reads_the_rules_again(installation: Installation) -> None:
    installation.rule(WATCH_RULE)
    async with installation.daemon() as daemon:
        at_start = await daemon.process.says("rules read")
        daemon.process.signal(signal.SIGHUP)
        await daemon.process.says("rules read", at_start.end())


async def test_a_second_daemon_on_the_same_state_is_told_who_holds_it(installation: Installation) -> None:
    installation.rule(WATCH_RULE)
    async with installation.daemon() as daemon:
        with installation.launch() as second:
            assert await second.ends() != 0
            assert "already in use by 'rulewheel run'" in second.output
            assert f"process {daemon.process.pid} on" in second.output
            assert "Traceback" not in second.output
        assert daemon.process.running
    async with installation.daemon():
        """The killed owner's state is free again."""
