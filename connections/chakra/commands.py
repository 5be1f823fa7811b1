"""Commands that the Chakra connection brings to `rulewheel`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.problem import Place, Problem, ProblemError

if TYPE_CHECKING:
    from connections.chakra.simulator import Settings, Simulator
    from engine.settings import Settings as RulewheelSettings

_JOB = re.compile(r"[A-Za-z0-9_-]{1,100}")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
Example:
  rulewheel simulate --port 8090 --jobs jobs.yaml --faults faults.yaml --seed 7

\b
jobs.yaml:
  - id: spring-import
    entries: 770
    plan: {linear: {seconds: 60, errors: 0.05}}

\b
faults.yaml:
  - {kind: latency, match: messages, min_ms: 0, max_ms: 8}
  - {kind: answer_lost, match: messages, probability: 0.03}
  - {kind: status, match: job, nth: [3], status: 429, retry_after: 2}
"""
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="On 127.0.0.1; 0 takes a free one."
)
@click.option("--jobs", type=_FILE, help="YAML or JSON list of background jobs to begin with.")
@click.option("--faults", type=_FILE, help="YAML or JSON list of faults: what goes wrong, and when.")
@click.option("--templates", type=_FILE, help="YAML or JSON list of further templates, in Meta's form.")
@click.option("--seed", default=0, show_default=True, help="Decides ids and the chance of faults.")
@click.option("--token", multiple=True, help="Bearer token that is taken; may be given more than once.")
@click.option("--rate-limit", metavar="PER_SECOND:BURST", help="Answer 429 over this rate per token, such as 20:40.")
@click.option("--errors-as", type=click.Choice(["meta", "envelope"]), default="meta", help="Form of Meta's refusals.")
@click.option("--entries-total", type=click.Choice(["filtered", "all"]), default="filtered", help="What `total` is of.")
@click.option("--listing-shows-callback", is_flag=True, help="Listed messages carry biz_opaque_callback_data.")
@click.option("--statuses-to", metavar="URL", help="Where status webhooks go, such as rulewheel webhooks shows it.")
@click.option("--statuses-secret", metavar="TEXT", help="Signs the status webhooks; see webhook_secret.")
@click.option("--statuses-as", type=click.Choice(["meta", "chakra", "both"]), default="meta", help="Their format.")
@click.option("--lenient", is_flag=True, help="Take any message that has a recipient.")
def simulate(port: int, jobs: Path | None, faults: Path | None, templates: Path | None, seed: int, **how: Any) -> None:
    """Run a ChakraHQ to try rules against: nothing leaves this machine.

    When it is ready it prints one line of JSON with its address and token. Beside the documented API it answers
    /_simulator/state, messages, requests, report and stream. Ctrl-C ends it.
    """
    import asyncio

    from connections.chakra.simulator import Simulator

    simulator = Simulator(settings=_settings(**how), seed=seed)
    for template in _items(templates):
        simulator.templates.add(template)
    for job in _items(jobs):
        simulator.jobs.load(job)
    simulator.faults.add(*_items(faults))
    asyncio.run(_serve(simulator, port))


def _settings(
    token: tuple[str, ...],
    rate_limit: str | None,
    lenient: bool,
    statuses_to: str | None,
    statuses_secret: str | None,
    statuses_as: str,
    **others: Any,
) -> Settings:
    from connections.chakra.simulator.settings import TOKEN, RateLimit, Settings
    from connections.chakra.simulator.statuses import Format, StatusSettings

    forms: dict[str, tuple[Format, ...]] = {"meta": ("meta",), "chakra": ("chakra",), "both": ("meta", "chakra")}
    if not all(token):
        raise click.BadParameter("a token is not empty; leave --token out to be given one", param_hint="--token")
    statuses = StatusSettings(statuses_to or "", statuses_secret or "", forms[statuses_as])

    limit = None
    if rate_limit:
        per_second, _, burst = rate_limit.partition(":")
        try:
            limit = RateLimit(float(per_second), int(burst))
        except ValueError:
            raise click.BadParameter(f"{rate_limit!r} is not PER_SECOND:BURST, such as 20:40") from None
    return Settings(tokens=token or (TOKEN,), rate_limit=limit, strict=not lenient, statuses=statuses, **others)


def _items(path: Path | None) -> list[Any]:
    """The list in a file; nothing when there is no file."""
    from engine.source import read

    if path is None:
        return []
    try:
        source = read(path.read_bytes(), str(path))
    except OSError as fault:
        raise ProblemError(Problem("cannot-read", f"{path} cannot be read: {fault.strerror}")) from None
    if mistakes := [problem for problem in source.problems if problem.severity == "error"]:
        raise ProblemError(*mistakes)
    items = source.value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        remedy = "begin each with a dash; examples: rulewheel simulate --help"
        raise ProblemError(
            Problem("bad-file", "this is no list of jobs, faults or templates", Place(str(path), 1, 1), remedy=remedy)
        )
    return items


async def _serve(simulator: Simulator, port: int) -> None:
    import asyncio
    import json
    import signal

    from connections.chakra.simulator.server import Server

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        async with Server(simulator, port).listening():
            ready = {"url": simulator.url, "port": int(simulator.url.rpartition(":")[2]), "token": simulator.token}
            click.echo(json.dumps(ready))
            await ended.wait()
    except OSError as mistake:
        problem = Problem("port-taken", f"port {port} cannot be opened: {mistake.strerror}", remedy="Try --port 0.")
        raise ProblemError(problem) from None


@click.command(
    "watch-job",
    epilog="""\b
Example:
  rulewheel watch-job 19632427-908f-4bf3-a6f5-69b9a0bbfc63
""",
)
@click.argument("job_id")
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings; without it rulewheel.yaml in this folder or the nearest one above.",
)
def watch_job(job_id: str, settings_path: Path | None) -> None:
    """Name a background job, so that rules with `job: any` look after it.

    ChakraHQ has no list of its jobs. It does not matter whether the daemon runs.
    """
    from engine.journal.owner import holder

    if not _JOB.fullmatch(job_id) or job_id == "any":
        remedy = "copy the id that Chakra gave when the job was started"
        raise ProblemError(Problem("bad-job-id", f'"{job_id}" is not the id of a background job', remedy=remedy))
    settings = _rulewheel_settings(settings_path)
    _leave(settings.state_file, job_id)
    click.echo(f"Job {job_id} is noted: rules with `job: any` will look after it.")
    if holder(settings.state_file):
        click.echo("The daemon runs and takes it up within a second; then see: rulewheel runs")
    else:
        click.echo("No daemon runs now. It takes the job up when it starts: rulewheel run")


def _rulewheel_settings(path: Path | None) -> RulewheelSettings:
    from engine.settings import SETTINGS_FILE, load_settings, nearest_settings

    loaded = load_settings(path or nearest_settings(Path.cwd()) or Path(SETTINGS_FILE))
    if loaded.settings is None:
        raise ProblemError(*loaded.problems)
    return loaded.settings


def _leave(state: Path, job: str) -> None:
    import asyncio

    from engine.clock import SystemClock, SystemIds
    from engine.journal.api import JournalError
    from engine.journal.sqlite import leave_command
    from engine.records import CommandRecord

    clock = SystemClock()
    record = CommandRecord(SystemIds(clock).row_id(), "watch-job", {"job": job}, clock.now())
    try:
        asyncio.run(leave_command(state, record))
    except JournalError as error:
        raise ProblemError(error.problem()) from None


COMMANDS = (simulate, watch_job)
