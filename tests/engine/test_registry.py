from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from engine import registry
from engine.plugin import Action, Connection, Trigger
from engine.problem import ProblemError
from engine.registry import Registry, scan

PLUGIN = """
from engine.plugin import Action, Trigger, Connection

class {name}(Action):
    name = "{word}"
    aliases = ("{word}_old",)

class Base(Action):
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "strangers_plugins"
    for below in ("", "deeper", "simulator"):
        (folder / below).mkdir()
        (folder / below / "__init__.py").write_text("")
    (folder / "ping.py").write_text(PLUGIN.format(name="Ping", word="page.ping"))
    (folder / "again.py").write_text("from strangers_plugins.ping import Ping")
    (folder / "deeper" / "pong.py").write_text(PLUGIN.format(name="Pong", word="page.pong"))
    (folder / "commands.py").write_text("raise RuntimeError('commands are not imported')")
    (folder / "simulator" / "server.py").write_text("raise RuntimeError('simulators are not imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    entries = EntryPoints(
        [
            EntryPoint("strangers", "strangers_plugins", registry.GROUP),
            EntryPoint("gone", "no_such_package_here", registry.GROUP),
        ]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    yield "strangers"
    for name in [name for name in sys.modules if name.startswith("strangers_plugins")]:
        del sys.modules[name]


def test_every_module_of_a_named_package_is_looked_through(package: str) -> None:
    found = Registry.discover([package])

    assert sorted(found.actions) == ["page.ping", "page.ping_old", "page.pong", "page.pong_old"]
    assert found.actions["page.ping_old"] is found.actions["page.ping"]


def test_only_packages_that_are_named_are_imported(package: str) -> None:
    assert Registry.discover([]) == Registry()
    assert "strangers_plugins" not in sys.modules


def test_a_plugin_package_that_is_not_installed_is_named_with_the_nearest(package: str) -> None:
    with pytest.raises(ProblemError, match='named "stranger"') as raised:
        Registry.discover(["stranger"])

    assert raised.value.problems[0].remedy == 'did you mean "strangers"?'


def test_a_plugin_package_that_cannot_be_imported_is_a_problem(package: str) -> None:
    with pytest.raises(ProblemError, match="no_such_package_here"):
        Registry.discover(["gone"])


def test_two_plugins_of_one_name_are_refused_and_both_are_named() -> None:
    class One(Trigger):
        name = "same"

    class Two(Trigger):
        name = "other"
        aliases = ("same",)

    with pytest.raises(ProblemError, match=r"One.*Two"):
        Registry.of(One, Two)


def test_kinds_of_plugins_do_not_meet() -> None:
    class Act(Action):
        name = "same"

    class Connect(Connection):
        name = "same"

    found = Registry.of(Act, Connect)

    assert found.actions == {"same": Act}
    assert found.connections == {"same": Connect}
    assert found.triggers == {}


def test_a_plain_module_is_scanned_too(package: str) -> None:
    assert [plugin.name for plugin in scan(importlib.import_module("strangers_plugins.ping"))] == ["page.ping"]
