"""The command `init`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from string import Template

import click

from engine.cli.schema import schema_text
from engine.problem import Problem, ProblemError

STARTER = Path(__file__).parent / "starter"
FILES = {
    "rulewheel.yaml": "rulewheel.yaml",
    "secrets.yaml": "secrets.yaml",
    "rules/import_errors.yaml": "rules/import_errors.yaml",
    "rules/README.md": "rules/README.md",
    "rules/.gitignore": "rules/gitignore",
    "rules/.gitattributes": "rules/gitattributes",
    "rules/.vscode/settings.json": "rules/vscode-settings.json",
    "rules/.vscode/extensions.json": "rules/vscode-extensions.json",
}
SCHEMA = "rules/.rulewheel/schema.json"
PRIVATE = "secrets.yaml"


@click.command(
    epilog="""\b
Examples:
  rulewheel init
  rulewheel init /srv/automations --time-zone Asia/Kolkata
"""
)
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--time-zone", help="The zone in which rules name times; without it this machine's.")
def command(folder: Path, time_zone: str | None) -> None:
    """Make a folder to begin with: settings, secrets, and a rules folder for git with a first rule.

    Nothing that is there already is touched; nobody gets a message until the settings say so.
    """
    texts = _texts(_known_zone(time_zone) if time_zone else _zone_of_machine())
    _refuse_what_is_there(folder, texts)
    for name, text in texts.items():
        _make(folder / name, text, 0o600 if name == PRIVATE else 0o644)
    _say_next(folder, _git(folder / "rules"))


def _texts(zone: str) -> dict[str, str]:
    """What goes into each file."""
    texts = {name: (STARTER / source).read_text(encoding="utf-8") for name, source in FILES.items()}
    texts["rulewheel.yaml"] = Template(texts["rulewheel.yaml"]).substitute(time_zone=zone.ljust(10))
    return {**texts, SCHEMA: schema_text()}


def _known_zone(name: str) -> str:
    from engine.settings import ZONE

    try:
        return ZONE.read(name)
    except ValueError as fault:
        problem = Problem("unknown-zone", f'there is no time zone "{name}"', remedy=str(fault))
        raise ProblemError(problem) from None


def _zone_of_machine(link: Path = Path("/etc/localtime")) -> str:
    _, found, name = str(link.resolve()).partition("/zoneinfo/")
    try:
        return _known_zone(name) if found else "UTC"
    except ProblemError:
        return "UTC"


def _refuse_what_is_there(folder: Path, names: dict[str, str]) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there:
        found = f"{folder / there[0]} is there already" + (f", and {len(there) - 1} more" if len(there) > 1 else "")
        remedy = "nothing was changed; name a folder that is new: rulewheel init FOLDER"
        raise ProblemError(Problem("already-there", found, remedy=remedy))


def _make(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as fault:
        problem = Problem("cannot-write", f"{path} cannot be written: {fault.strerror}", remedy="name another folder")
        raise ProblemError(problem) from None


def _git(rules: Path) -> bool:
    """Whether the rules folder is a git repository now."""
    if (rules / ".git").exists():
        return True
    git = shutil.which("git")
    if git is None:
        return False
    made = subprocess.run([git, "init", "--quiet", str(rules)], capture_output=True, check=False)
    return made.returncode == 0


def _say_next(folder: Path, git: bool) -> None:
    rules = "the rules, with a first one to look at" + (" (a git repository)" if git else "")
    made = [("rulewheel.yaml", "the settings"), ("secrets.yaml", "passwords; only you can read it"), ("rules/", rules)]
    click.secho(f"Made in {folder.resolve()}:", bold=True)
    for name, says in made:
        click.echo(f"  {click.style(name.ljust(16), fg='green')}{says}")
    click.secho("\nNext:", bold=True)
    if folder != Path():
        click.echo(f"  cd {folder}")
    click.echo(
        "  an editor         fill in rulewheel.yaml (the lines with FILL IN) and secrets.yaml\n"
        "  rulewheel check   are the rules right?\n"
        "  rulewheel doctor  is all the rest well?\n"
        "  rulewheel run     run them; every message goes to your own number until you change that"
    )
