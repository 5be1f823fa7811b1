from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from engine.cli import Commands, main

OURS = main.list_commands(click.Context(main))

Run = Callable[..., Result]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `things` with the commands `load-all` and `broken`, and a plugin package with the command `extra`."""
    write(tmp_path / "things" / "__init__.py", "")
    write(tmp_path / "things" / "_shared.py", "raise RuntimeError('not a command')")
    write(tmp_path / "things" / "broken.py", "raise RuntimeError('imported')\ndef command(): 'Breaks when imported.'")
    write(tmp_path / "things" / "silent.py", "command = None")
    write(tmp_path / "things" / "load_all.py", LOAD_ALL)
    write(tmp_path / "plugged" / "__init__.py", "")
    write(tmp_path / "plugged" / "commands.py", EXTRA)
    write(tmp_path / "plain" / "__init__.py", "")
    write(tmp_path / "single.py", "")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in {"things", "plugged", "plain"}]:
        del sys.modules[name]


LOAD_ALL = '''
import click
from engine.problem import Problem, ProblemError

@click.command()
@click.option("--fail", is_flag=True)
def command(fail: bool) -> None:
    """Load everything
    there is.

    A second paragraph.
    """
    if fail:
        raise ProblemError(Problem("no-file", "there is no rulewheel.yaml", remedy="Write one: rulewheel init"))
    click.echo("loaded")
'''
EXTRA = '''
import click

@click.command("extra")
def extra() -> None:
    """Comes from a plugin."""
    click.echo("from a plugin")

COMMANDS = (extra,)
'''


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def run(tree: Path) -> Run:
    packages = ["plugged", "plain", "single", "connections_that_is_not_there_yet"]
    plugins = [EntryPoint(name=name, value=name, group="rulewheel.plugins") for name in packages]
    group = Commands(package="things", plugins=plugins, name="rulewheel")
    return lambda *words: CliRunner().invoke(group, list(words), prog_name="rulewheel")


def test_a_file_is_a_command_named_with_dashes(run: Run) -> None:
    assert run("load-all").output == "loaded\n"


def test_help_lists_every_command_with_its_first_paragraph_on_one_line(run: Run) -> None:
    lines = run("--help").output.split("Commands:\n")[1].splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        ["broken", "Breaks when imported"],
        ["extra", "Comes from a plugin."],
        ["load-all", "Load everything there is"],
        ["silent"],
    ]


def test_only_the_command_that_is_asked_for_is_imported(run: Run) -> None:
    assert run("load-all").exit_code == 0
    assert "things.broken" not in sys.modules
    assert "plugged.commands" not in sys.modules


def test_a_plugin_brings_commands_of_its_own(run: Run) -> None:
    assert run("extra").output == "from a plugin\n"


def test_an_unknown_command_is_refused_with_the_nearest_name(run: Run) -> None:
    result = run("lod-all")
    assert result.exit_code == 2
    assert 'There is no command "lod-all"; did you mean "load-all"? See: rulewheel --help' in result.output


def test_an_unknown_command_far_from_all_others_gets_no_guess(run: Run) -> None:
    assert 'There is no command "zzz". See: rulewheel --help' in run("zzz").output


def test_an_unknown_option_is_told_by_click(run: Run) -> None:
    assert "No such option" in run("--zzz").output


def test_problems_that_end_a_command_are_printed_without_a_traceback_and_exit_2(run: Run) -> None:
    result = run("load-all", "--fail")
    assert result.exit_code == 2
    assert result.stderr == ("error[no-file]: there is no rulewheel.yaml\n  = help: Write one: rulewheel init\n")


def test_a_group_without_commands_has_no_list_of_them(tree: Path) -> None:
    result = CliRunner().invoke(Commands(package="plain", plugins=[], name="rulewheel"), ["--help"])
    assert "Commands:" not in result.output


def test_the_installed_command_tells_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == "rulewheel 0.1.0\n"


def test_help_of_the_installed_command_is_complete_and_imports_no_http_client() -> None:
    code = "import sys, engine.cli as cli; cli.main(['-h'], standalone_mode=False); print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert all(f"  {name}" in done.stdout for name in OURS)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("name", OURS)
def test_each_command_says_what_it_does_and_shows_an_example(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"], prog_name="rulewheel")
    assert shown.exit_code == 0, shown.output
    example = [line for line in shown.output.splitlines()[1:] if f"rulewheel {name}" in line]
    assert example, f"the docstring of `{name}` shows no example of `rulewheel {name} ...`"


def test_commands_of_plugins_are_found_through_the_entry_points() -> None:
    if find_spec("connections.chakra.commands") is None:
        assert "simulate" not in OURS
    else:
        assert "simulate" in OURS
