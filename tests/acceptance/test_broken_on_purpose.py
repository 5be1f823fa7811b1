"""Without its defence each promise is broken, and the judge of the kill loop says so."""

from __future__ import annotations

import sys

import pytest

from tests.acceptance.chakra import Chakra
from tests.acceptance.imports import WATCH_RULE, failed_import, import_rule
from tests.acceptance.installation import RUN, Installation
from tests.acceptance.patience import until
from tests.acceptance.verdict import Taken, Verdict, judge


def without(switch: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.acceptance.broken", switch)


def taken(chakra: Chakra, job: str) -> list[Taken]:
    return [Taken(each["op_id"], f"errors of {job}") for each in chakra.messages() if job in each["rendered"]]


async def killed_between_acceptance_and_answer(
    chakra: Chakra, installation: Installation, run: tuple[str, ...]
) -> Verdict:
    """Kills a daemon whose message was taken in and not answered, lets the next one finish, and judges."""
    chakra.fault({"kind": "latency", "match": "messages", "min_ms": 60_000, "at": "before_answer", "times": 1})
    installation.rule(import_rule(job=(job := failed_import(chakra))))

    async def is_taken() -> bool:
        return bool(taken(chakra, job))

    async with installation.daemon(run):
        await until(is_taken)
    async with installation.daemon(run), installation.journal() as journal:
        await until(installation.is_idle)
        return await judge(journal, [], taken(chakra, job))


async def test_a_kill_between_acceptance_and_answer_is_settled_by_a_look(
    chakra: Chakra, installation: Installation
) -> None:
    verdict = await killed_between_acceptance_and_answer(chakra, installation, RUN)
    assert (verdict.faults, dict(verdict.states)) == ([], {"accepted": 1})


@pytest.mark.parametrize("switch", ["no_intent", "sends_again"])
async def test_without_intents_or_their_recovery_the_judge_sees_what_was_sent_twice(
    chakra: Chakra, installation: Installation, switch: str
) -> None:
    verdict = await killed_between_acceptance_and_answer(chakra, installation, without(switch))
    assert [fault.partition(":")[0] for fault in verdict.faults] == ["sent twice"]


async def test_with_an_answer_before_the_commit_the_judge_sees_what_was_lost(installation: Installation) -> None:
    installation.rule(WATCH_RULE)
    async with installation.daemon(without("answers_first")) as daemon:
        assert (await daemon.post("import_started", event="import-1")).status_code == 200
    async with installation.daemon(), installation.journal() as journal:
        verdict = await judge(journal, ["import-1"], [])
    assert verdict.faults == ["accepted and lost: import-1"]


@pytest.mark.parametrize(("above", "found"), [(25, []), (100_000, ["failed import that nobody was told of"])])
async def test_with_a_rule_that_never_fires_the_judge_sees_whose_message_is_missing(
    chakra: Chakra, installation: Installation, above: int, found: list[str]
) -> None:
    job = failed_import(chakra)
    installation.rule(WATCH_RULE + import_rule(above=above))

    async def is_looked_at() -> bool:
        looked_at = await installation.state_of(f"job.{job}") not in ("", "watched")
        return looked_at and await installation.is_idle()

    async with installation.daemon() as daemon, installation.journal() as journal:
        assert (await daemon.post("import_started", event=job)).status_code == 200
        await until(is_looked_at)
        verdict = await judge(journal, [job], taken(chakra, job))
    assert verdict.faults == [f"{fault}: {job}" for fault in found]
