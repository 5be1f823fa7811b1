"""The command `problems`."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import as_json, columns, form_option, moment

if TYPE_CHECKING:
    from engine.records import ProblemRecord


@click.command(
    epilog="""\b
Examples:
  rulewheel problems
  rulewheel problems --all
"""
)
@click.option("--all", "every", is_flag=True, help="Also those that are over.")
@settings_option
@form_option
def command(every: bool, settings_path: Path | None, form: str) -> None:
    """Show what a person should mend, as the daemon found it.

    Each goes away by itself when it is mended. It may be asked while the daemon runs.
    """
    settings = settings_at(settings_path)
    found = looked(settings, lambda journal: journal.problems(open_only=not every))
    if form == "json":
        click.echo(as_json([{**problem._asdict(), "remedy": _remedy(problem)} for problem in found]))
    elif found:
        head = ("since", "until", "code", "what, and what to do")
        columns(head, [(*_times(problem, settings.zone), problem.code, _what(problem)) for problem in reversed(found)])
    else:
        click.echo("Nothing needs mending.")


def _times(problem: ProblemRecord, zone: tzinfo) -> tuple[str, str]:
    return moment(problem.since, zone), moment(problem.cleared, zone) or "now"


def _what(problem: ProblemRecord) -> str:
    remedy = "" if problem.cleared else _remedy(problem)
    return problem.text if remedy in problem.text else f"{problem.text} → {remedy}"


def _remedy(problem: ProblemRecord) -> str:
    from engine.remedies import remedy_of

    return remedy_of(problem.key, problem.code)
