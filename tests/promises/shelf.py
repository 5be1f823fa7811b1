"""The promises whose tests stand here, found by the names of their files."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import tests.promises
from tests.promises.figure import Figure


def promises() -> list[str]:
    """The names of the modules, in the order of the promises: p1, p2, ... p26."""
    names = [module.name for module in pkgutil.iter_modules(tests.promises.__path__)]
    return sorted((name for name in names if re.fullmatch(r"p\d+", name)), key=lambda name: int(name[1:]))


def run(name: str, *, long: bool) -> Figure:
    """The figure of a promise."""
    figure: Figure = _module(name).run(long)
    return figure


def has_switch(name: str) -> bool:
    """Whether the test can take its promise's defence away."""
    return "defended" in inspect.signature(_module(name).run).parameters


def run_undefended(name: str) -> Figure:
    """The figure of a promise whose defence was taken away."""
    figure: Figure = _module(name).run(False, defended=False)
    return figure


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"tests.promises.{name}")
