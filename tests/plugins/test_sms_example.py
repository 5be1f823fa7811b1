"""A plugin package of a stranger: built and installed as it stands, and used only where the settings name it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.plugin import Action, Trigger
from engine.problem import ProblemError
from engine.registry import Registry
from tests.examples import come_true, undocumented

PROJECT = Path(__file__).parent / "rulewheel-sms-example"
PACKAGE = "rulewheel_sms_example"
SMALL = ["actions", "triggers"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the project, without a network."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(PROJECT, folder / "project")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--no-compile", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", "site", "./project"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return folder / "site"


@pytest.fixture
def _on_the_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(installed))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.usefixtures("_on_the_path")
def test_a_package_that_the_settings_do_not_name_is_not_even_imported() -> None:
    registry = Registry.discover(SMALL)
    assert "sms.send" not in registry.actions
    assert "sms.received" not in registry.triggers
    assert PACKAGE not in sys.modules


@pytest.mark.usefixtures("_on_the_path")
def test_a_package_that_the_settings_name_brings_its_plugins() -> None:
    registry = Registry.discover([*SMALL, "sms-example"])
    assert registry.actions["sms.send"].__module__ == f"{PACKAGE}.sms"
    assert registry.triggers["sms.received"].__module__ == f"{PACKAGE}.sms"
    assert "log.write" in registry.actions


@pytest.mark.usefixtures("_on_the_path")
def test_the_examples_of_a_stranger_are_tests_as_ours_are() -> None:
    registry = Registry.discover(["sms-example"])
    plugins: list[type[Action | Trigger]] = [*registry.actions.values(), *registry.triggers.values()]
    assert len(plugins) == 2
    for plugin in plugins:
        assert not list(undocumented(plugin))
        for example in plugin.examples:
            come_true(plugin, example)


@pytest.mark.usefixtures("_on_the_path")
def test_a_misspelled_package_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(ProblemError, match='did you mean "sms-example"'):
        Registry.discover(["sms-exampel"])


def test_a_package_that_is_not_installed_is_a_problem() -> None:
    with pytest.raises(ProblemError, match="sms-example"):
        Registry.discover(["sms-example"])
