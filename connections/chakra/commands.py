"""Commands that the Chakra connection brings to `rulewheel`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.problem import Problem, ProblemError

if TYPE_CHECKING:
    from connections.chakra.simulator import Settings, Simulator

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
@click.option("--port", default=0, show_default=True, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option("--jobs", type=_FILE, help="YAML or JSON list of background jobs to begin with.")
@click.option("--faults", type=_FILE, help="YAML or JSON list of faults: what goes wrong, and when.")
@click.option("--templates", type=_FILE, help="YAML or JSON list of further templates, in Meta's form.")
@click.option("--seed", default=0, show_default=True, help="Decides ids and the chance of faults.")
@click.option("--token", multiple=True, help="Bearer token that is taken; may be given more than once.")
@click.option("--rate-limit", metavar="PER_SECOND:BURST", help="Answer 429 over this rate per token, such as 20:40.")
@click.option("--errors-as", type=click.Choice(["meta", "envelope"]), default="meta", help="Form of Meta's refusals.")
@click.option("--entries-total", type=click.Choice(["filtered", "all"]), default="filtered", help="What `total` is of.")
@click.option("--listing-shows-callback", is_flag=True, help="Listed messages carry biz_opaque_callback_data.")
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


def _settings(token: tuple[str, ...], rate_limit: str | None, lenient: bool, **others: Any) -> Settings:
    from connections.chakra.simulator.settings import TOKEN, RateLimit, Settings

    limit = None
    if rate_limit:
        per_second, _, burst = rate_limit.partition(":")
        try:
            limit = RateLimit(float(per_second), int(burst))
        except ValueError:
            raise click.BadParameter(f"{rate_limit!r} is not PER_SECOND:BURST, such as 20:40") from None
    return Settings(tokens=token or (TOKEN,), rate_limit=limit, strict=not lenient, **others)


def _items(path: Path | None) -> list[Any]:
    """The list in a file; nothing when there is no file."""
    import yaml

    if path is None:
        return []
    try:
        items = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as mistake:
        raise ProblemError(Problem("bad-file", f"{path} cannot be read as YAML or JSON: {mistake}")) from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ProblemError(
            Problem("bad-file", f"{path} is not a list of mappings", remedy="Examples: rulewheel simulate -h")
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


COMMANDS = (simulate,)
