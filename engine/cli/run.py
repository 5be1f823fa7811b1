"""The command `run`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli import COULD_NOT_RUN
from engine.cli._settings import loaded_at, settings_option
from engine.clock import SystemClock
from engine.log import LEVELS, Log, StreamLog
from engine.problem import Problem


@click.command(
    epilog="""\b
Examples:
  rulewheel run
  rulewheel run --settings /etc/rulewheel/rulewheel.yaml --log-format json
"""
)
@settings_option
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Its form.")
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="The least to log.")
def command(settings_path: Path | None, log_format: str, log_level: str) -> None:
    """Run the rules until it is told to stop.

    It stays in the foreground and logs to standard error. Rules are read again when their files change. Ctrl-C or
    SIGTERM ends it when the calls under way are done; SIGHUP reads the rules at once.
    """
    log = StreamLog(SystemClock(), form=log_format, level=log_level)
    loaded = loaded_at(settings_path)
    for problem in loaded.problems:
        _log(log, problem)
    if loaded.settings is None:
        raise click.exceptions.Exit(COULD_NOT_RUN)
    from engine.daemon import serve

    serve(loaded.settings, log)


def _log(log: Log, problem: Problem) -> None:
    """What is wrong with the settings, in the log and in its form: whoever reads it by machine reads this too."""
    say = log.error if problem.severity == "error" else log.warning
    named = {"expected": problem.expected, "remedy": problem.remedy}
    say("settings", code=problem.code, place=problem.place or "", text=problem.message, **named)
