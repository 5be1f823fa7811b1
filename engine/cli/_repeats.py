"""What was under way when a backup was made, by name: each of it may have gone on since, and would happen again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from engine.cli._shown import columns, moment
from engine.runs.course import due_key
from engine.runs.frames import shown_path
from engine.values import Json, masked

if TYPE_CHECKING:
    from engine.journal.backup import Repeats
    from engine.records import DueRecord, EffectRecord, EntityRecord, RunRecord

LISTED = 50
MEANS = {
    "queued": "not sent when the backup was made; may have been sent since",
    "waiting": "waited to be tried again; may have been sent since",
    "intent": "was being sent; it will be unsure",
    "unsure": "nobody knew whether it arrived",
}
WAITS = {"outcome": "for an answer", "delay": "for its delay", "retry": "to try again"}


def tell_repeats(found: Repeats, zone: tzinfo) -> None:
    """Prints them, a table a kind; a long one is cut short, and says so."""
    if not any(each.total for each in found):
        click.echo("Nothing was under way in it.")
        return
    click.echo("What was done since is not in the backup. This was under way, and may happen a second time:")
    sends = [_send(each, zone) for each in found.sends.rows]
    ends = {each.key: each for each in found.waits.rows}
    runs = [_run(each, ends, zone) for each in found.runs.rows]
    events = [(moment(each.at, zone), each.rule, each.key) for each in found.events.rows]
    holds = [(moment(each.at, zone), each.data["rule"], each.data["key"]) for each in found.holds.rows]
    late = [(moment(each.at, zone), each.key.split("/")[1]) for each in found.late.rows]
    jobs = [_job(each, found, zone) for each in found.jobs.rows]
    _table("Sends", found.sends.total, ("made", "rule", "to", "op_id", "what is known"), sends)
    _table("Runs that had not ended", found.runs.total, ("since", "rule", "run", "step", "waits"), runs)
    _table("Events not handled yet", found.events.total, ("taken in", "rule", "of"), events)
    _table("Holds (for:)", found.holds.total, ("end", "rule", "of"), holds)
    _table("Schedules due since", found.late.total, ("was due", "rule"), late)
    _table("Jobs that had not ended", found.jobs.total, ("since", "job", "state", "rules that looked at it"), jobs)
    click.echo("")


def _table(title: str, count: int, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if count:
        click.echo(f"\n{title}: {count:,}")
        columns(head, rows[:LISTED])
    if count > LISTED:
        click.echo(f"… and {count - LISTED:,} more")


def _send(send: EffectRecord, zone: tzinfo) -> tuple[str, ...]:
    to = masked(send.recipient) if send.recipient else send.connection
    return moment(send.created, zone), send.rule, to, send.op_id, MEANS[send.state]


def _run(run: RunRecord, ends: Mapping[str, DueRecord], zone: tzinfo) -> tuple[str, ...]:
    """The run with the steps at which it waits; one that was queued behind another has not begun."""
    leaves = [frame for frame in run.body["frames"] if frame["wait"]]
    steps = ", ".join(shown_path(f"{leaf['path']}/{leaf['at']}") for leaf in leaves)
    waits = ", ".join(_wait(run.id, leaf["wait"], ends, zone) for leaf in leaves)
    return moment(run.started, zone), run.rule, run.id, steps, waits or run.state


def _wait(run: str, wait: Json, ends: Mapping[str, DueRecord], zone: tzinfo) -> str:
    end = ends.get(due_key(run, wait["token"]))
    return WAITS.get(wait["kind"], str(wait["kind"])) + (f", until {moment(end.at, zone)}" if end else "")


def _job(job: EntityRecord, found: Repeats, zone: tzinfo) -> tuple[str, ...]:
    name = job.entity.removeprefix("job.")
    rules = dict.fromkeys(watch.rule for watch in found.watches.rows if watch.subject == name)
    return moment(job.changed, zone), name, job.state, ", ".join(rules) or "none yet"
