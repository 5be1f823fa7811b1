"""The command `doctor`."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli._hooks import book_of, hooks
from engine.cli._journal import looked
from engine.cli._settings import settings_at, settings_option
from engine.cli._shown import counted
from engine.log import veiled
from engine.problem import ProblemError
from engine.values import masked

if TYPE_CHECKING:
    from engine.journal.sqlite import SqliteJournal
    from engine.plugin import Finding
    from engine.rules.model import Book
    from engine.settings import Settings

NOT_WELL = 1
SHOWN = 5
"""Changed rows named."""
LITTLE_ROOM = 200 * 1024**2
STARTER_NUMBER = "+14155550100"


@click.command(
    epilog="""\b
Example:
  rulewheel doctor
  rulewheel doctor --prove-listing
"""
)
@click.option("--prove-listing", is_flag=True, help="Also look for a message of ours in what Chakra lists.")
@settings_option
def command(prove_listing: bool, settings_path: Path | None) -> None:
    """Look whether everything that rulewheel needs is well, and say what to do where it is not.

    It looks at settings, secrets, rules, state, disk, clock, every connection and its token, and webhooks. Nothing is
    sent. `--prove-listing` looks up a message that arrived, as if that were not known; once it was found, rules with
    `if_unsure: send_again` may rely on such a look. Exits 0 when all is well, 1 when something is not, 2 when it could
    not look.
    """
    settings = settings_at(settings_path)
    well = True
    found = chain(_findings(settings), _listings(settings) if prove_listing else ())
    for finding in found:
        _tell(finding)
        well = well and finding.well
    if not well:
        raise click.exceptions.Exit(NOT_WELL)


def _tell(finding: Finding) -> None:
    mark = click.style("✓", fg="green") if finding.well else click.style("✗", fg="red", bold=True)
    click.echo(f"{mark} {click.style(finding.subject.ljust(16), bold=True)}{veiled(finding.says)}")
    if finding.remedy:
        click.echo(f"{' ' * 18}{click.style('→ ' + veiled(finding.remedy), fg='cyan')}")


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _settings(settings)
    yield _secrets(settings)
    book = book_of(settings)
    yield _rules(settings, book)
    yield from _state(settings)
    yield from asyncio.run(_connections(settings))
    yield _webhooks(settings, book)


def _settings(settings: Settings) -> Finding:
    from engine.plugin import Finding

    if settings.sending == "live":
        return Finding("Settings", True, f"{settings.file}: live, messages go to whom the rules say")
    if settings.test_to == STARTER_NUMBER:
        return Finding("Settings", False, "test_to is still the number of the example", f"fill it in: {settings.file}")
    return Finding("Settings", True, f"{settings.file}: test, every message goes to {masked(settings.test_to or '')}")


def _secrets(settings: Settings) -> Finding:
    from engine.plugin import Finding

    path = Path(settings.secrets.file)
    if not path.exists():
        return Finding("Secrets", True, f"there is no {path.name}")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding("Secrets", False, f"others can read or change {path.name}", f"run: chmod 600 {path}")
    return Finding("Secrets", True, f"{path.name}: {counted(len(settings.secrets.names), 'secret')}, mode {mode:04o}")


def _rules(settings: Settings, book: Book) -> Finding:
    from engine.plugin import Finding
    from engine.rules.model import count_rules

    errors = sum(problem.severity == "error" for problem in book.problems)
    if errors:
        return Finding("Rules", False, f"{counted(errors, 'problem')} in {settings.rules}", "run: rulewheel check")
    return Finding("Rules", True, f"{counted(count_rules(book.programs), 'rule')} in {settings.rules}")


def _state(settings: Settings) -> Iterator[Finding]:
    from engine.journal.owner import holder
    from engine.plugin import Finding

    folder = settings.state_file.parent
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("State", False, f"{there} cannot be written", "look at its owner, and at state: in the settings")
        return
    yield Finding("State", True, f"{folder} can be written" if there == folder else f"{folder} will be made")
    free = shutil.disk_usage(there).free
    room = f"{free / 1024**3:.1f} GB free"
    yield Finding("Disk", free >= LITTLE_ROOM, room, "" if free >= LITTLE_ROOM else "make room on this disk")
    owner = holder(settings.state_file)
    yield Finding("Daemon", True, f"runs: {owner}" if owner else "does not run now")
    if settings.state_file.exists():
        yield from _journal(settings)


def _journal(settings: Settings) -> Iterator[Finding]:
    from engine.plugin import Finding
    from engine.records import EntityRecord
    from engine.runs.gate import SENDING

    try:
        open_ones = looked(settings, lambda journal: journal.problems())
        switch = looked(settings, lambda journal: journal.get(EntityRecord, (SENDING,)))
    except ProblemError as error:
        problem = error.problems[0]
        yield Finding("Journal", False, problem.message, problem.remedy or "look at state: in the settings")
        return
    if open_ones:
        yield Finding("Journal", False, f"{counted(len(open_ones), 'problem')} to mend", "see: rulewheel problems")
    else:
        yield Finding("Journal", True, "nothing needs mending")
    yield _rows(settings)
    if switch is not None and switch.state == "stopped":
        yield Finding("Switch", False, "sending is stopped: nothing leaves", "let it go on: rulewheel resume-sending")


def _rows(settings: Settings) -> Finding:
    from engine.plugin import Finding
    from engine.remedies import REMEDIES
    from engine.scrub import CODE, LOST, audits, named

    async def look(journal: SqliteJournal) -> tuple[int, list[str], bool]:
        looks = [audit async for audit in audits(journal)]
        changed = [named(each.record, each.key) for audit in looks for each in audit.changed]
        return sum(audit.rows for audit in looks), changed, journal.key_was_lost

    count, changed, has_no_key = looked(settings, look)
    if has_no_key:
        return Finding("Rows", False, "the key of their codes is not beside the state", REMEDIES[LOST])
    if changed:
        first = ", ".join(changed[:SHOWN]) + (", ..." if len(changed) > SHOWN else "")
        return Finding(
            "Rows",
            False,
            f"{len(changed)} of {counted(count, 'row')} changed outside rulewheel: {first}",
            REMEDIES[CODE],
        )
    return Finding("Rows", True, f"{counted(count, 'row')}, each as it was written")


async def _connections(settings: Settings) -> list[Finding]:
    found = [await _connection(settings, name) for name in settings.connections]
    return [finding for findings in found for finding in findings]


async def _connection(settings: Settings, name: str) -> list[Finding]:
    from engine.clock import SystemClock
    from engine.plugin import Finding, Tools

    remedy = f"look at connections: {name}: in the settings"
    try:
        connection = settings.connection(name)
        await connection.open(Tools(SystemClock(), settings.secrets.value, settings.hosts))
        try:
            return await connection.doctor()
        finally:
            await connection.close()
    except ProblemError as error:
        return [Finding(name, False, problem.message, problem.remedy) for problem in error.problems]
    except Exception as error:  # a stranger's plugin may raise anything
        return [Finding(name, False, f"it cannot be looked at: {type(error).__name__}: {error}", remedy)]


def _webhooks(settings: Settings, book: Book) -> Finding:
    from engine.plugin import Finding

    try:
        waiting = hooks(settings, book.programs)
    except ProblemError as error:
        return Finding("Webhooks", False, error.problems[0].message, error.problems[0].remedy)
    count = counted(len(waiting), "webhook")
    if settings.webhooks is None and not any(hook.of_a_rule for hook in waiting):
        return Finding("Webhooks", True, "no rule waits for one")
    if settings.webhooks is None:
        remedy = "add listen: with webhooks: 127.0.0.1:8321 to the settings"
        return Finding("Webhooks", False, f"rules wait for {count}, but nothing listens", remedy)
    host, port = settings.webhooks
    at = f"{host}:{port}, {count}" + "".join(f"\n{' ' * 20}{hook.id}: {hook.path}" for hook in waiting)
    return Finding("Webhooks", *_listener(settings, host, port, at))


def _listener(settings: Settings, host: str, port: int, at: str) -> tuple[bool, str, str]:
    """Whether somebody else has the port: only while no daemon of ours runs does that tell."""
    from engine.journal.owner import holder

    if holder(settings.state_file):
        return True, f"listens at {at}", ""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as fault:
        return False, f"{host}:{port} cannot be used: {fault.strerror}", "choose another port for listen.webhooks"
    return True, f"will listen at {at}", ""


def _listings(settings: Settings) -> Iterator[Finding]:
    """Whether each connection finds a send of ours again; where it does, that is noted for the daemon."""
    from engine.cli._command import leave
    from engine.cli._listing import proof_of
    from engine.plugin import Finding

    for name in settings.connections:
        kind = settings.registry.connections.get(name)
        if kind is None or not kind.receives:
            continue
        try:
            finding = proof_of(settings, name)
            if finding.well:
                leave(settings, "listing-proven", {"connection": name})
        except ProblemError as error:
            finding = Finding("Listing", False, error.problems[0].message, error.problems[0].remedy)
        yield finding
