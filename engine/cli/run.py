"""The command `run`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli._settings import settings_at, settings_option
from engine.log import LEVELS


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
    settings = settings_at(settings_path)
    from engine.clock import SystemClock
    from engine.daemon import serve
    from engine.log import StreamLog

    serve(settings, StreamLog(SystemClock(), form=log_format, level=log_level))
