"""The plugins there are: actions, triggers and connections by name, found in the packages that entry points name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType
from typing import TypeVar

from engine.plugin import Action, Connection, Trigger
from engine.problem import Problem, ProblemError, near

GROUP = "rulewheel.plugins"
OURS = ("actions", "chakra", "http", "mail", "triggers")
_SKIPPED = frozenset({"commands", "simulator"})

P = TypeVar("P", bound=Action | Trigger | Connection)


@dataclass(frozen=True, slots=True)
class Registry:
    """Actions, triggers and connections by name; the aliases of each stand beside its name."""

    actions: Mapping[str, type[Action]] = field(default_factory=dict)
    triggers: Mapping[str, type[Trigger]] = field(default_factory=dict)
    connections: Mapping[str, type[Connection]] = field(default_factory=dict)

    @classmethod
    def of(cls, *plugins: type[Action | Trigger | Connection]) -> Registry:
        """A registry of these classes. Raises ProblemError when two have the same name."""
        return cls(
            actions=_by_name([each for each in plugins if issubclass(each, Action)]),
            triggers=_by_name([each for each in plugins if issubclass(each, Trigger)]),
            connections=_by_name([each for each in plugins if issubclass(each, Connection)]),
        )

    @classmethod
    def discover(cls, plugins: Iterable[str] | None = None) -> Registry:
        """The plugins of the entry points with these names, or of our own.

        Raises ProblemError when one is not installed, cannot be imported, or two plugins have the same name.
        """
        known = {entry.name: entry for entry in entry_points(group=GROUP)}
        found: list[type[Action | Trigger | Connection]] = []
        for name in OURS if plugins is None else plugins:
            if name not in known:
                raise ProblemError(_not_installed(name, known))
            found += _plugins_of(known[name])
        return cls.of(*found)


def scan(package: ModuleType) -> Iterator[type[Action | Trigger | Connection]]:
    """The plugins that a package and the modules below it define; simulators and commands are left alone."""
    yield from _defined_in(package)
    for info in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if info.name not in _SKIPPED:
            yield from scan(importlib.import_module(f"{package.__name__}.{info.name}"))


def _defined_in(module: ModuleType) -> Iterator[type[Action | Trigger | Connection]]:
    for value in vars(module).values():
        if (
            inspect.isclass(value)
            and issubclass(value, Action | Trigger | Connection)
            and value.__module__ == module.__name__
            and value.__dict__.get("name")
        ):
            yield value


def _plugins_of(entry: EntryPoint) -> list[type[Action | Trigger | Connection]]:
    try:
        return list(scan(importlib.import_module(entry.module)))
    except Exception as fault:  # a stranger's module may raise anything when it is imported
        raise ProblemError(
            Problem(
                "plugin-broken",
                f'the plugin package "{entry.name}" cannot be loaded: {fault}',
                remedy="install it again, or take it out of plugins: in the settings",
            )
        ) from fault


def _not_installed(name: str, known: Iterable[str]) -> Problem:
    return Problem(
        "unknown-plugin",
        f'no installed package brings plugins named "{name}"',
        expected=f"one of {', '.join(sorted(known))}",
        remedy=near(name, known) or "install the package, or take the name out of plugins: in the settings",
    )


def _by_name(plugins: Iterable[type[P]]) -> Mapping[str, type[P]]:
    found: dict[str, type[P]] = {}
    for plugin in plugins:
        names: tuple[str, ...] = (plugin.name, *getattr(plugin, "aliases", ()))
        for name in names:
            first = found.setdefault(name, plugin)
            if first is not plugin:
                raise ProblemError(_named_twice(name, first, plugin))
    return MappingProxyType(found)


def _named_twice(name: str, first: type, second: type) -> Problem:
    return Problem(
        "plugin-named-twice",
        f'two plugins have the name "{name}": {first.__module__}.{first.__qualname__} '
        f"and {second.__module__}.{second.__qualname__}",
        remedy="take one of their packages out of plugins: in the settings, or give one plugin another name",
    )
