from __future__ import annotations

import ast
import inspect
import re
import textwrap
from datetime import timedelta
from typing import Any

import pytest

import engine.plugin as contract
from engine.plugin import Accepted, Action, Connection, Fact, Operation, Outcome, Request, Tools, Trigger
from tests.examples import come_true, undocumented
from tests.snapshot import NOW, Snapshot


def classes_of_the_manual() -> dict[str, type[Any]]:
    """The example classes in the module's text, as a plugin author would copy them."""
    blocks = re.findall(r"\n\n((?:    .*\n|\n)*?    class .*\n(?:    .*\n|\n)*)", inspect.getdoc(contract) or "")
    names: dict[str, Any] = {**vars(contract), "timedelta": timedelta}
    for block in blocks:
        exec(textwrap.dedent(block), names)
    return {name: value for name, value in names.items() if isinstance(value, type) and name in ("Ping", "Tide")}


MANUAL = classes_of_the_manual()


@pytest.mark.parametrize("name", ["Ping", "Tide"])
def test_the_examples_of_the_manual_are_true(name: str) -> None:
    for example in MANUAL[name].examples:
        come_true(MANUAL[name], example)


def test_the_manual_keeps_to_its_own_advice() -> None:
    for plugin in MANUAL.values():
        assert set(undocumented(plugin)) <= {f"{plugin.__name__} has fewer than 2 examples"}


def test_all_that_a_plugin_may_import_is_listed_in_order() -> None:
    assert list(contract.__all__) == sorted(
        contract.__all__, key=lambda name: (not name.isupper(), name.islower(), name)
    )
    assert all(hasattr(contract, name) for name in contract.__all__)


def test_every_name_of_the_engine_that_is_taken_in_is_handed_on() -> None:
    tree = ast.parse(inspect.getsource(contract))
    taken = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engine")
        for alias in node.names
    }
    own = {"Clock", "SystemClock"}
    assert taken - own <= set(contract.__all__)


def test_a_plugin_that_forgot_its_method_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Action({}).plan(Snapshot())
    assert Action.forbidden({}, {}) == []
    with pytest.raises(NotImplementedError):
        Trigger({}).watches(Snapshot())
    with pytest.raises(NotImplementedError):
        Trigger({}).decide(None, Fact("start", "", {}, NOW), Snapshot())


async def test_a_connection_that_forgot_how_to_perform_says_so() -> None:
    with pytest.raises(NotImplementedError):
        await Connection({}).perform(Request("a", "b", {}), Operation("0" * 32))


class Harbour(Connection):
    """A connection that does the least."""

    name = "harbour"

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        return Accepted(3)


async def test_a_connection_needs_no_more_than_to_perform() -> None:
    harbour = Harbour({})
    request = Request("harbour", "tide", {})
    await harbour.open(Tools())
    assert harbour.redirected(request, "+14155550123") is request
    assert await harbour.perform(request, Operation("0" * 32)) == Accepted(3)
    assert await harbour.doctor() == []
    await harbour.close()
