"""The command `runs`."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option, in_short, limit_option, moment
from engine.problem import Problem, ProblemError
from engine.values import Json

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.records import RunRecord, StepRecord


class Trace(NamedTuple):
    """One run, what its rule saw as `trigger`, and its steps."""

    run: RunRecord
    trigger: Json
    steps: list[StepRecord]


@click.command(
    epilog="""\b
Examples:
  rulewheel runs
  rulewheel runs --rule import_errors --limit 5
  rulewheel runs 0649f2c31a7e0051b2c3d4e5f6
"""
)
@click.argument("run_id", required=False)
@click.option("--rule", help="Only runs of this rule.")
@limit_option
@settings_option
@form_option
def command(run_id: str | None, rule: str | None, limit: int, settings_path: Path | None, form: str) -> None:
    """Show what happened: which rules ran, how it ended and why.

    With the id of a run: what set it off, and every step of it. It may be asked while the daemon runs.
    """
    settings = settings_at(settings_path)
    if run_id:
        trace = looked(settings, lambda journal: _trace(journal, run_id))
        click.echo(as_json(_trace_data(trace))) if form == "json" else _tell_trace(trace, settings.zone)
        return
    runs = looked(settings, lambda journal: journal.runs(rule=rule, limit=limit))
    pruned = "" if form == "json" else looked(settings, lambda journal: _pruned(journal, settings.zone))
    if form == "json":
        click.echo(as_json([_run_data(run) for run in runs]))
    elif runs:
        rows = [(moment(run.started, settings.zone), run.rule, _outcome(run), run.id, run.reason) for run in runs]
        columns(("started", "rule", "outcome", "run", "reason"), rows)
    else:
        click.echo(f'The rule "{rule}" has not run yet.' if rule else "No rule has run yet.")
    if pruned:
        click.echo(pruned)


async def _pruned(journal: SqliteJournal, zone: tzinfo) -> str:
    """What was removed because it was old enough, in words; empty when nothing was."""
    from engine.prune import PRUNED
    from engine.records import EntityRecord

    record = await journal.get(EntityRecord, (PRUNED,))
    if record is None or not record.attributes.get("runs"):
        return ""
    before = moment(datetime.fromisoformat(record.attributes["runs_before"]), zone)
    return f"Older runs were removed on {moment(record.updated, zone)}: those that ended well before {before}."


async def _trace(journal: SqliteJournal, run_id: str) -> Trace:
    from engine.records import EventRecord, RunRecord

    run = await journal.get(RunRecord, (run_id,))
    if run is None:
        remedy = "look for its id in: rulewheel runs"
        raise ProblemError(Problem("unknown-run", f'there is no run "{run_id}"', remedy=remedy))
    event = await journal.get(EventRecord, (run.event,))
    return Trace(run, event.data if event else None, await journal.steps(run.id))


def _outcome(run: RunRecord) -> str:
    return run.outcome or run.state


def _run_data(run: RunRecord) -> dict[str, Json]:
    names = ("id", "rule", "key", "started", "ended", "reason")
    return {"outcome": _outcome(run), **{name: getattr(run, name) for name in names}}


def _trace_data(trace: Trace) -> dict[str, Json]:
    names = ("path", "kind", "at", "result", "reason", "detail")
    steps = [{name: getattr(step, name) for name in names} for step in trace.steps]
    return {**_run_data(trace.run), "trigger": trace.trigger, "steps": steps}


def _tell_trace(trace: Trace, zone: tzinfo) -> None:
    run = trace.run
    heads = {
        "run": run.id,
        "rule": run.rule,
        "started": moment(run.started, zone),
        "ended": moment(run.ended, zone) or "not yet",
        "outcome": _outcome(run) + (f": {run.reason}" if run.reason else ""),
        "trigger": trace.trigger,
    }
    for name, value in heads.items():
        click.echo(f"{click.style(name.ljust(8), bold=True)} {in_short(value)}")
    for step in trace.steps:
        said = in_short(f"{step.kind}: {step.result}" + (f", {step.reason}" if step.reason else ""))
        click.echo(f"\n{moment(step.at, zone)}  {click.style(step.path, bold=True)}  {said}")
        for line in _detail(step.detail):
            click.echo(f"    {line}")


def _detail(detail: Json) -> list[str]:
    if isinstance(detail, dict):
        return [f"{key}: {in_short(value)}" for key, value in detail.items() if value not in (None, "", [], {})]
    return [in_short(detail)] if detail not in (None, "", []) else []
